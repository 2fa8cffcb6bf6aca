"""The lens grid: stages by positions, each cell the stage's own top guess, coloured by any statistic.

Columns are the positions that were read; the token at a position stands below its column and the token that came next
above it. Knows nothing of pixels, terminals or models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.stages import stage_key
from logitscope.trace.trace import Trace
from logitscope.view.labels import id_label, token_label
from logitscope.view.plain import plain
from logitscope.view.scale import Scale, drawable, scale_of
from logitscope.view.source import Source, source_of

__all__ = ["Cell", "Column", "Grid", "Row", "columns_of", "every_nth", "grid", "numbers_of"]

Window = tuple[int | None, int | None]


@dataclass(frozen=True)
class Cell:
    """One stage's reading at one position.

    Attributes:
        id: the stage's top guess; None where this trace holds no guesses.
        text: its label.
        number: the coloured statistic; None where it is missing.
        place: 0..1 along the legend's ramp; None is drawn as missing.
        colour: `#rrggbb`.
        ink: a text colour that reads well on it.
        matches_final: the guess is the one that the model's last stage makes here, as far as this trace knows.
    """

    id: int | None
    text: str
    number: float | int | None
    place: float | None
    colour: str
    ink: str
    matches_final: bool


@dataclass(frozen=True)
class Column:
    """One position of the text.

    Attributes:
        position: from 0.
        input: the label of the token that stands there.
        next: the label of the token that came next; None at the end of the text.
        right: the guess of the model's last stage is that token; never where this trace does not hold that stage.
        seam: a further window of the model begins to be read here.
    """

    position: int
    input: str
    next: str | None
    right: bool
    seam: bool


@dataclass(frozen=True)
class Row:
    """One stage."""

    stage: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """What to draw.

    Attributes:
        value: the statistic that is coloured.
        watched: the label of the followed token, for `watch_*`.
        columns: left to right.
        rows: top to bottom.
        top_down: the first stage is at the top; else at the bottom.
        skipped: names of the stages that the trace holds and `every` left out.
        legend: the axis of the colours.
        source: for the caption.
    """

    value: str
    watched: str | None
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    top_down: bool
    skipped: tuple[str, ...]
    legend: Scale
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "grid", "version": 1, **plain(self)}


def grid(
    trace: Trace,
    value: str = "top_prob",
    every: int = 1,
    window: Window | None = None,
    top_down: bool = False,
    watch: int | None = None,
    embed: bool = True,
) -> Grid:
    """Every stage's top guess at every position, coloured by a statistic.

    Args:
        trace: must hold `top_ids` for the guesses to be written, and whatever `value` needs.
        value: a stored or derived name of the numeric contract that is one number per cell; of top-k arrays, the first.
        every: keep each `every`-th block, counted from the last one, which is always kept, as `embed` is.
        window: positions `a:b` of the text, None for an open end; all by default. See `columns_of`.
        top_down: draw `embed` at the top instead of at the bottom.
        watch: for `watch_*`, which of the watched token ids; the first by default.
        embed: keep the `embed` stage.

    Raises:
        InputError: an unknown or absent statistic, an empty window, `every` below 1, a token that was not watched.
    """
    drawable(value)
    stages = every_nth(trace.stages, every, embed=embed)
    columns = columns_of(trace, window)
    rows = np.array([trace.stage(name) for name in stages], dtype=np.intp)
    numbers = numbers_of(trace, value, watch)[np.ix_(rows, columns)]
    legend = scale_of(value, numbers.astype(np.float64))
    ids = trace["top_ids"][:, columns, 0] if "top_ids" in trace else None
    same = _matches(trace)[:, columns]
    integral = numbers.dtype.kind in "iu"
    drawn = []
    for stage, row, line in zip(stages, rows.tolist(), numbers.tolist(), strict=True):
        cells = [
            _cell(trace, None if ids is None else int(ids[row, i]), number, bool(same[row, i]), legend, integral)
            for i, number in enumerate(line)
        ]
        drawn.append(Row(stage, tuple(cells)))
    watched = trace.watched[_watch_index(trace, watch)] if value.startswith("watch_") else None
    return Grid(
        value=value,
        watched=None if watched is None else id_label(trace.vocabulary, watched),
        columns=tuple(_column(trace, int(trace.positions[i]), i) for i in columns),
        rows=tuple(drawn if top_down else reversed(drawn)),
        top_down=top_down,
        skipped=tuple(name for name in trace.stages if name not in stages),
        legend=legend,
        source=source_of(trace),
    )


def every_nth(stages: Sequence[str], every: int, *, embed: bool = True) -> tuple[str, ...]:
    """The stages of each `every`-th block, counted from the last block, and `embed`.

    >>> every_nth(["embed", "0.mlp", "1.mlp", "2.mlp", "3.mlp"], 2)
    ('embed', '1.mlp', '3.mlp')
    """
    if every < 1:
        raise InputError(f"every {every}th block was asked for; it takes 1 (all of them) or more.")
    blocks = [stage_key(name)[0] for name in stages]
    last = max(blocks, default=0)
    kept = tuple(
        name
        for name, block in zip(stages, blocks, strict=True)
        if (embed if block < 0 else (last - block) % every == 0)
    )
    if not kept:
        raise InputError('the embed stage was left out, and this trace holds no other. Leave out "--no-embed".')
    return kept


def columns_of(trace: Trace, window: Window | None) -> np.ndarray:
    """The columns of a trace's arrays whose positions lie in `a:b` of the text.

    Ends are those of a Python slice: negative ones count from the end of the text, and a stop beyond it is its end.

    Raises:
        InputError: it begins outside the text, or this trace holds nothing of it.
    """
    n = len(trace.ids)
    start, stop, _ = slice(*(window or (None, None))).indices(n)
    columns = np.flatnonzero((trace.positions >= start) & (trace.positions < stop))
    outside = window is not None and window[0] is not None and not -n <= window[0] < n
    if outside or not len(columns):
        a, b = ("" if end is None else end for end in window or (None, None))
        raise InputError(
            f"positions {a}:{b} were asked for, but the text's positions are 0 to {n - 1}"
            + (f", of which this trace holds {len(trace.positions)}." if len(trace.positions) < n else ".")
        )
    return columns


def numbers_of(trace: Trace, value: str, watch: int | None) -> np.ndarray:
    """The numbers of a statistic, `[stage, position]`: of top-k arrays the first, of `watch_*` those of one token."""
    array = trace[value]
    if array.ndim == 2:
        return array
    if value.startswith("watch_"):
        return np.asarray(array[..., _watch_index(trace, watch)])
    return np.asarray(array[..., 0])


def _watch_index(trace: Trace, watch: int | None) -> int:
    if not trace.watched:
        raise InputError("this trace watches no token. Name one with watch=.")
    if watch is None:
        return 0
    if watch not in trace.watched:
        raise InputError(f"token {watch} was not watched; this trace watches {', '.join(map(str, trace.watched))}.")
    return trace.watched.index(watch)


def _matches(trace: Trace) -> np.ndarray:
    """Where a stage's top guess is the final one, bool `[stage, position]`; nowhere if that cannot be known."""
    if "final_rank" in trace:  # says so even where the last stage itself is not held
        return np.asarray(trace["final_rank"] == 1)
    if "top_ids" in trace and trace.holds_output:
        return np.asarray(trace["top_ids"][..., 0] == trace["top_ids"][-1:, :, 0])
    return np.zeros((len(trace.stages), len(trace.positions)), dtype=bool)


def _cell(trace: Trace, top: int | None, number: float, same: bool, legend: Scale, integral: bool) -> Cell:
    missing = math.isnan(number) or (legend.unit == "rank" and number < 1)
    place = legend.place(number)
    colour = legend.colour(place)
    return Cell(
        id=top,
        text="" if top is None else id_label(trace.vocabulary, top),
        number=None if missing else (int(number) if integral else float(number)),
        place=place,
        colour=colour,
        ink=legend.ink(place),
        matches_final=same,
    )


def _column(trace: Trace, position: int, column: int) -> Column:
    last = position + 1 >= len(trace.ids)
    guess = int(trace["top_ids"][-1, column, 0]) if "top_ids" in trace and trace.holds_output else None
    return Column(
        position=position,
        input=token_label(trace.tokens, position),
        next=None if last else token_label(trace.tokens, position + 1),
        right=not last and guess == int(trace.ids[position + 1]),
        seam=position in trace.seams,
    )
