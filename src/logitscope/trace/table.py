"""A trace as a long table: one row per stage and position, plain numpy columns.

pandas, CSV and Parquet all take their columns from here, so that they agree. Knows no file format. Histograms have no
place in a flat table; `Trace.to_xarray` and JSON hold them.

The columns are `stage`, `stage_index`, `position`, `token_id`, `token`, `next_id`, `next_token`, `context_length`
(where recorded), then every statistic and derived value of the numeric contract that is one number per row, under its
name, and then `top_1_id`, `top_1_token`, `top_1_logprob`, `top_1_logit`, `top_2_id`, ... and `watch_1_id`,
`watch_1_token`, `watch_1_logit`, `watch_1_logprob`, `watch_1_rank`, `watch_2_id`, ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from logitscope.trace.statistics import DERIVED, STATISTICS
from logitscope.trace.trace import Trace

if TYPE_CHECKING:
    from jaxtyping import Bool

__all__ = ["Column", "columns", "missing"]


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        name: its header.
        unit: as in the numeric contract; "" for texts and counts of things.
        values: one per row: int32, float32, or str objects.
        missing: which rows hold no value, whatever stands there; None where all do.
    """

    name: str
    unit: str
    values: np.ndarray
    missing: Bool[np.ndarray, " row"] | None = None


def missing(values: np.ndarray, unit: str) -> np.ndarray:
    """Which values stand for nothing: NaN, a rank of 0, an id below 0."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if unit == "rank":
        return np.asarray(values == 0)
    return np.asarray(values < 0) if unit == "id" else np.zeros(values.shape, dtype=bool)


def columns(trace: Trace, rows: slice = slice(None)) -> tuple[Column, ...]:
    """The table's columns for some of the stages.

    Args:
        rows: which stages, by index; the table's rows are these stages times the positions, positions fastest.
    """
    return tuple(_columns(trace, range(len(trace.stages))[rows], rows))


def _columns(trace: Trace, indices: range, rows: slice) -> Iterator[Column]:
    positions, n = trace.positions, len(indices)
    names = np.array(trace.stages, dtype=object)
    texts = np.array(trace.tokens.texts, dtype=object)
    ids = np.append(trace.ids, np.int32(-1))
    next_ids = np.tile(ids[positions + 1], n)
    yield Column("stage", "", np.repeat(names[rows], len(positions)))
    yield Column("stage_index", "", np.repeat(np.array(indices, dtype=np.int32), len(positions)))
    yield Column("position", "", np.tile(positions, n))
    yield Column("token_id", "id", np.tile(ids[positions], n))
    yield Column("token", "", np.tile(texts[positions], n))
    yield Column("next_id", "id", next_ids, next_ids < 0)
    yield Column("next_token", "", np.tile(np.append(texts, "")[positions + 1], n), next_ids < 0)
    if len(trace.context_lengths):
        yield Column("context_length", "", np.tile(trace.context_lengths, n))
    for name in [*STATISTICS, *DERIVED]:
        contract = STATISTICS[name] if name in STATISTICS else DERIVED[name]
        if name in trace and trace[name].ndim == 2:
            yield _column(name, contract.unit, trace[name][rows])
    yield from _per_token(trace, rows, "top", ("logprob", "logit"))
    yield from _per_token(trace, rows, "watch", ("logit", "logprob", "rank"))


def _per_token(trace: Trace, rows: slice, prefix: str, measures: tuple[str, ...]) -> Iterator[Column]:
    """The columns of each likeliest, or each watched, token."""
    ids = _token_ids(trace, rows, prefix)
    if ids is None:
        return
    for j in range(ids.shape[2]):
        column = _column(f"{prefix}_{j + 1}_id", "id", ids[:, :, j])
        texts = {token_id: trace.vocabulary.text(token_id) for token_id in np.unique(column.values).tolist()}
        named = np.array([texts[token_id] for token_id in column.values.tolist()], dtype=object)
        yield column
        yield Column(f"{prefix}_{j + 1}_token", "", named, column.missing)
        for measure in measures:
            stored = STATISTICS[f"{prefix}_{measure}s" if prefix == "top" else f"{prefix}_{measure}"]
            if stored.name in trace.arrays:
                yield _column(f"{prefix}_{j + 1}_{measure}", stored.unit, trace.arrays[stored.name][rows, :, j])


def _token_ids(trace: Trace, rows: slice, prefix: str) -> np.ndarray | None:
    if prefix == "top":
        return trace.arrays["top_ids"][rows] if "top_ids" in trace.arrays else None
    if not trace.watched:
        return None
    shape = (len(range(len(trace.stages))[rows]), len(trace.positions), len(trace.watched))
    return np.broadcast_to(np.array(trace.watched, dtype=np.int32), shape)


def _column(name: str, unit: str, values: np.ndarray) -> Column:
    flat = values.reshape(-1)
    return Column(name, unit, flat, missing(flat, unit))
