"""A trace in pieces, useful ones first: the last stage at every position, then earlier ones, a few at a time.

Knows in what order stages are read and how many at once; knows nothing of how.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import numpy as np
from torch import Tensor

from logitscope.model.model import Model
from logitscope.scope.plan import Plan
from logitscope.scope.reading import Reading, conditions
from logitscope.scope.remembered import Remembered
from logitscope.trace import Trace

__all__ = ["PIECE_SECONDS", "SWEEP_BYTES", "read_pieces"]

PIECE_SECONDS = 0.25
"""How long a piece may take if that makes it larger."""

_ROWS = 256
"""Positions times stages that are read in about the time of one, for the output matrix has to be fetched anyway."""

_AT_ONCE = 64
"""Positions times stages that are read so soon that the last one need not come before the others: a token was typed."""

SWEEP_BYTES = 256 << 20
"""Vectors of a text of several windows that are kept at once; stages that do not fit need a further sweep."""


def read_pieces(
    model: Model,
    plan: Plan,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    prefix: Remembered | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Trace]:
    """Pieces over all positions asked for, from the last stage asked for down to the first.

    Args:
        model: what reads.
        plan: what is to be read.
        progress: called with (done, total) positions times stages.
        cancelled: asked between blocks of the forward pass and between tiles of the readout.
        prefix: what an earlier reading left behind; in use until the last piece was taken.
        clock: seconds.

    Raises:
        Cancelled: `cancelled` said so.
    """
    with nullcontext() if prefix is None else prefix.in_use(model):
        reading = Reading(model, plan, cancelled, prefix)
        total = len(plan.positions) * len(plan.stages)
        done, size = 0, 1
        for sweep in _sweeps(model, plan):
            with conditions(model):
                captured, vectors = _capture(reading, sweep)
            if prefix is not None and len(captured) * len(sweep) <= _AT_ONCE:
                size = len(sweep)
            left = sweep
            while left:
                left, some = left[:-size], left[-size:]
                began = clock()
                with conditions(model):
                    piece = reading.trace(some, reading.complete(some, vectors, captured, plan.positions))
                seconds = (clock() - began) / len(some)
                size = _next_size(size, seconds, len(captured))
                done += len(some) * len(plan.positions)
                if progress is not None:
                    progress(done, total)
                yield piece


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


def _capture(reading: Reading, stages: Sequence[str]) -> tuple[np.ndarray, Mapping[str, Tensor]]:
    """The positions at which some of the stages have to be read, and what the head reads there, references included."""
    plan = reading.plan
    needed = tuple(dict.fromkeys([*stages, *plan.references]))
    lacking = reading.lacking(stages, plan.positions)
    whole: dict[str, Tensor] = {}
    done = 0
    for one in plan.windows:
        inside = lacking[(lacking >= one.first) & (lacking < one.stop)]
        if not len(inside):
            continue
        part = reading.vectors(one, inside, needed)
        if len(inside) == len(lacking):
            return lacking, part
        for name, stream in part.items():
            whole.setdefault(name, stream.new_empty(len(lacking), stream.shape[-1]))
            whole[name][done : done + len(inside)] = stream
        done += len(inside)
    return lacking, whole
