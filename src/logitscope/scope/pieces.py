"""A trace in pieces, useful ones first: the last stage at every position, then what is left, a little at a time.

Knows in what order stages and positions are read and how many at once; knows nothing of how.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import numpy as np
from torch import Tensor

from logitscope.model.model import Model
from logitscope.scope.plan import Plan, whole
from logitscope.scope.reading import Reading, conditions
from logitscope.scope.remembered import Remembered
from logitscope.trace import Trace

__all__ = ["PIECE_SECONDS", "SWEEP_BYTES", "First", "first_of", "read_pieces"]

First = Callable[[], Iterable[int]]
"""Says which positions are wanted before all others, in this order; asked before every piece."""

PIECE_SECONDS = 0.25
"""How long a piece may take if that makes it larger; of a long reading by positions a part of what it took so far."""

_LONGEST = 1.0
_PART = 8

_ROWS = 256
"""Positions times stages that are read in about the time of one, for the output matrix has to be fetched anyway."""

_AT_ONCE = 64
"""Positions times stages that are read so soon that the last one need not come before the others: a token was typed."""

SWEEP_BYTES = 256 << 20
"""Vectors of a text of several windows that are kept at once; stages that do not fit need a further sweep."""


def first_of(positions: Iterable[int] | First | None) -> First | None:
    """Positions, or what says which they are, as what says which they are.

    Raises:
        InputError: one of them is no whole number.
    """
    if positions is None or callable(positions):
        return positions
    fixed = tuple(whole(position, "position") for position in positions)
    return lambda: fixed


def read_pieces(
    model: Model,
    plan: Plan,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    prefix: Remembered | None = None,
    first: First | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Trace]:
    """Pieces, first the last stage asked for at every position.

    Then the stages before it: from the last down to the first at all positions, or, with `first`, all of them at the
    positions that are wanted first, then at those around these.

    Args:
        model: what reads.
        plan: what is to be read.
        progress: called with (done, total) positions times stages.
        cancelled: asked between blocks of the forward pass and between tiles of the readout.
        prefix: what an earlier reading left behind; in use until the last piece was taken.
        first: positions of the text, negative ones from its end; those that are not read are passed over.
        clock: seconds.

    Raises:
        Cancelled: `cancelled` said so.
    """
    with nullcontext() if prefix is None else prefix.in_use(model):
        reading = Reading(model, plan, cancelled, prefix)
        total, done = len(plan.positions) * len(plan.stages), 0
        for piece in _by_stages(reading, clock) if first is None else _by_positions(reading, first, clock):
            done += len(piece.stages) * len(piece.positions)
            if progress is not None:
                progress(done, total)
            yield piece


def _by_stages(reading: Reading, clock: Callable[[], float]) -> Iterator[Trace]:
    plan, size = reading.plan, 1
    for sweep in _sweeps(reading.model, plan):
        captured, vectors = _capture(reading, sweep, plan.positions)
        if _soon(reading, captured):
            size = len(sweep)
        left = sweep
        while left:
            left, some = left[:-size], left[-size:]
            began = clock()
            piece = _piece(reading, some, plan.positions, vectors, captured)
            size = _next_size(size, (clock() - began) / len(some), len(captured))
            yield piece


def _by_positions(reading: Reading, first: First, clock: Callable[[], float]) -> Iterator[Trace]:
    plan, model = reading.plan, reading.model
    earlier, last = plan.stages[:-1], plan.stages[-1:]
    room = len(plan.positions)
    if len(plan.windows) > 1:
        room = max(1, SWEEP_BYTES // (4 * model.anatomy.d_model * len(plan.needed)))
    swept = plan.positions
    stages = plan.stages if len(swept) <= room else last
    captured, vectors = _capture(reading, stages, swept)
    if stages == plan.stages and _soon(reading, captured):
        yield _piece(reading, plan.stages, swept, vectors, captured)
        return
    yield _piece(reading, last, swept, vectors, captured)
    left = plan.positions if earlier else plan.positions[:0]
    least = max(1, _ROWS // max(1, len(earlier)))
    size, start = least, clock()
    while len(left):
        order, n = _in_order(left, first(), len(plan.tokens))
        if stages == last or order[0] not in swept:
            stages, swept = earlier, np.sort(order[:room])
            captured, vectors = _capture(reading, stages, swept)
        # What is remembered costs nothing.
        known = left[np.isin(left, swept) & ~np.isin(left, captured)]
        unknown = order[np.isin(order, captured)][: min(n, size) if n else size]
        began = clock()
        piece = _piece(reading, earlier, np.sort(np.concatenate([known, unknown])), vectors, captured)
        now = clock()
        if len(unknown):
            may = min(_LONGEST, max(PIECE_SECONDS, (now - start) / _PART))
            size = max(least, int(may * len(unknown) / max(now - began, 1e-9)))
        left = left[~np.isin(left, piece.positions)]
        yield piece


def _in_order(left: np.ndarray, first: Iterable[int], length: int) -> tuple[np.ndarray, int]:
    """What is left: the positions that are wanted first, then the others, the nearest first; how many are wanted."""
    places = np.array(list(dict.fromkeys(p + length if p < 0 else p for p in first)), np.int64)
    wanted = places[np.isin(places, left)].astype(left.dtype)
    others = left[~np.isin(left, wanted)]
    if len(places):
        near = np.sort(places)
        after = np.searchsorted(near, others)
        sides = (near[np.maximum(after - 1, 0)], near[np.minimum(after, len(near) - 1)])
        others = others[np.argsort(np.minimum(*(np.abs(others - side) for side in sides)), kind="stable")]
    return np.concatenate([wanted, others]), len(wanted)


def _soon(reading: Reading, captured: np.ndarray) -> bool:
    """Whether so little has to be read that no part of it need come before the others."""
    return reading.prefix is not None and len(captured) * len(reading.plan.stages) <= _AT_ONCE


def _piece(
    reading: Reading,
    stages: Sequence[str],
    positions: np.ndarray,
    vectors: Mapping[str, Tensor],
    captured: np.ndarray,
) -> Trace:
    with conditions(reading.model):
        return reading.trace(stages, reading.complete(stages, vectors, captured, positions), positions)


def _next_size(size: int, seconds: float, n_positions: int) -> int:
    """How many stages the next piece holds.

    Each piece reads again what its stages are compared with, which takes as long as about three of them; so the second
    holds four and every further one twice as many as the one before, or what time allows where that is more.
    """
    grown = 4 if size == 1 else 2 * size
    return max(grown, int(PIECE_SECONDS / max(seconds, 1e-9)), _ROWS // max(1, n_positions))


def _sweeps(model: Model, plan: Plan) -> list[tuple[str, ...]]:
    """Stages that one pass over all windows captures, the last ones first; a text within one window needs one pass."""
    if len(plan.windows) == 1:
        return [plan.stages]
    each = 4 * len(plan.positions) * model.anatomy.d_model
    size = max(1, SWEEP_BYTES // each - len(plan.references))
    stages = plan.stages
    return [stages[max(0, stop - size) : stop] for stop in range(len(stages), 0, -size)]


def _capture(reading: Reading, stages: Sequence[str], positions: np.ndarray) -> tuple[np.ndarray, Mapping[str, Tensor]]:
    """Those of some positions at which a stage has to be read, and what the head reads there, references included."""
    plan = reading.plan
    needed = tuple(dict.fromkeys([*stages, *plan.references]))
    lacking = reading.lacking(stages, positions)
    whole: dict[str, Tensor] = {}
    done = 0
    for one in plan.windows:
        inside = lacking[(lacking >= one.first) & (lacking < one.stop)]
        if not len(inside):
            continue
        with conditions(reading.model):
            part = reading.vectors(one, inside, needed)
        if len(inside) == len(lacking):
            return lacking, part
        for name, stream in part.items():
            whole.setdefault(name, stream.new_empty(len(lacking), stream.shape[-1]))
            whole[name][done : done + len(inside)] = stream
        done += len(inside)
    return lacking, whole
