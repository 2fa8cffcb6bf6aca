"""Many texts: those of like length are run and read out together, and come back in the order in which they were given.

Knows which texts go together and how many; knows nothing of how they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from logitscope.errors import InputError, LogitscopeError
from logitscope.model.capture import capture, interruptible
from logitscope.model.memory import mapped
from logitscope.model.model import Model
from logitscope.model.padding import pad, together
from logitscope.scope.plan import Keywords, Plan, plan_trace
from logitscope.scope.reading import Reading, conditions, read_whole
from logitscope.trace import Trace

__all__ = ["BATCH_BYTES", "read_many"]

BATCH_BYTES = 128 << 20
"""Captured vectors that a batch may leave; fewer texts go together where their model is large."""

_AHEAD = 8
"""How many batches are put in order of length at once; that many texts' traces wait for their turn at most."""


def read_many(
    model: Model,
    texts: Iterable[str] | None,
    ids: Iterable[Sequence[int]] | None,
    asked: Keywords,
    batch_size: int,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Trace]:
    """Traces of many texts, in their order; see `Scope.trace_many`."""
    if (texts is None) == (ids is None):
        raise InputError("give either texts or ids, one of the two.")
    if isinstance(texts, str):
        raise InputError("one text was given; give several as a list, or call trace.")
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size} was given; it must be at least 1.")
    given: Iterable[str | Sequence[int]] = texts if texts is not None else ids or ()
    total = len(given) if isinstance(given, Sequence) else 0
    return _read_many(model, iter(given), texts is not None, asked, batch_size, total, progress, cancelled)


def _read_many(
    model: Model,
    given: Iterator[str | Sequence[int]],
    are_texts: bool,
    asked: Keywords,
    batch_size: int,
    total: int,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Trace]:
    begun = done = 0
    while some := list(islice(given, _AHEAD * batch_size)):
        plans = [_plan(model, one, are_texts, asked, begun + at) for at, one in enumerate(some)]
        begun += len(plans)
        made: dict[int, Trace] = {}
        for batch in _batches(model, plans, batch_size):
            made |= zip(batch, _read_batch(model, [plans[at] for at in batch], cancelled), strict=True)
            done += len(batch)
            if progress is not None:
                progress(done, max(total, begun))
        for at in range(len(plans)):
            yield made.pop(at)


def _plan(model: Model, one: str | Sequence[int], is_text: bool, asked: Keywords, number: int) -> Plan:
    try:
        return plan_trace(model, one, None, **asked) if is_text else plan_trace(model, None, one, **asked)  # type: ignore[arg-type]
    except LogitscopeError as error:
        raise type(error)(f"text {number} (counted from 0): {error}") from error


def _batches(model: Model, plans: Sequence[Plan], batch_size: int) -> Iterator[list[int]]:
    """Which texts go together, by their places; the longest first, so that want of memory shows at once."""
    way = "one" if any(plan.lens.needs_whole_window for plan in plans) else together(model)
    batch: list[int] = []
    for at in sorted(range(len(plans)), key=lambda at: -len(plans[at].tokens)):
        plan = plans[at]
        if batch:
            longest = plans[batch[0]]
            room = BATCH_BYTES // (4 * len(plan.needed) * model.anatomy.d_model * len(longest.tokens))
            if (
                way == "one"
                or len(batch) >= min(batch_size, max(1, room))
                or len(longest.windows) > 1
                or (way == "equal" and len(longest.tokens) != len(plan.tokens))
            ):
                yield batch
                batch = []
        batch.append(at)
    if batch:
        yield batch


def _read_batch(model: Model, plans: Sequence[Plan], cancelled: Callable[[], bool] | None) -> Iterator[Trace]:
    if len(plans) == 1:
        yield read_whole(model, plans[0], cancelled=cancelled)
        return
    first = plans[0]  # settings are the same for all
    padded = pad([plan.tokens.ids for plan in plans])
    width = padded.shape[1]
    rows = np.concatenate([at * width + plan.positions for at, plan in enumerate(plans)])
    with conditions(model):
        with (
            mapped(4 * len(first.needed) * padded.numel() * model.anatomy.d_model),
            interruptible(model.anatomy, cancelled),
        ):
            vectors = capture(
                model.anatomy, padded, first.needed, torch.from_numpy(rows), store=first.decoder.normalise
            ).vectors
        arrays = Reading(model, first, cancelled).read_ids(
            first.stages,
            vectors,
            np.concatenate([plan.tokens.ids[plan.positions] for plan in plans]),
            np.concatenate([plan.following[plan.positions] for plan in plans]),
        )
    stop = 0
    for plan in plans:
        start, stop = stop, stop + len(plan.positions)
        own = {name: array[:, start:stop].copy() for name, array in arrays.items()}
        yield Reading(model, plan).trace(plan.stages, own)
