"""Two lens grids held against each other: at every stage and position that both have, what changed.

For two models with one tokenizer, or two texts; columns are the tokens that both have. Knows nothing of pixels or
models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.trace import Trace
from logitscope.view.align import align
from logitscope.view.grid import Window, columns_of, every_nth, numbers_of
from logitscope.view.labels import id_label, token_label
from logitscope.view.plain import plain
from logitscope.view.scale import Scale, difference_of, drawable
from logitscope.view.source import Source, source_of

__all__ = ["ChangedCell", "ChangedRow", "GridDifference", "PairedColumn", "grid_difference"]


Readings = tuple[float | int | None, float | int | None, float]
"""Before, now, and what changed; NaN where that is missing."""


@dataclass(frozen=True)
class ChangedCell:
    """One stage's readings at one position.

    Attributes:
        id: the top guess now; None where the trace holds no guesses.
        text: its label.
        id_before: the top guess before; None likewise.
        text_before: its label.
        same: both guesses are the same token.
        after: the statistic now; None where it is missing.
        before: the statistic before; None likewise.
        number: what changed: now less before, of ranks now over before; None where either is missing.
        place: 0..1 along the legend's ramp; None is drawn as missing.
        colour: `#rrggbb`.
        ink: a text colour that reads well on it.
    """

    id: int | None
    text: str
    id_before: int | None
    text_before: str
    same: bool
    after: float | int | None
    before: float | int | None
    number: float | None
    place: float | None
    colour: str
    ink: str


@dataclass(frozen=True)
class PairedColumn:
    """One token that both texts have.

    Attributes:
        position: in the later text, from 0.
        position_before: in the earlier text.
        input: the label of the token.
        next: the label of the token that comes next in the later text; None at its end.
        next_before: the same in the earlier text.
    """

    position: int
    position_before: int
    input: str
    next: str | None
    next_before: str | None


@dataclass(frozen=True)
class ChangedRow:
    """One stage; `stage_before` differs from it only where models of different depth end."""

    stage: str
    stage_before: str
    cells: tuple[ChangedCell, ...]


@dataclass(frozen=True)
class GridDifference:
    """What to draw.

    Attributes:
        value: the statistic whose change is coloured.
        columns: left to right.
        rows: top to bottom.
        top_down: the first stage is at the top; else at the bottom.
        legend: the axis of the changes.
        source: of the later trace, for the caption.
        source_before: of the earlier one.
    """

    value: str
    columns: tuple[PairedColumn, ...]
    rows: tuple[ChangedRow, ...]
    top_down: bool
    legend: Scale
    source: Source
    source_before: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "grid_difference", "version": 1, **plain(self)}


def grid_difference(
    before: Trace,
    after: Trace,
    value: str = "top_prob",
    every: int = 1,
    window: Window | None = None,
    top_down: bool = False,
    embed: bool = True,
) -> GridDifference:
    """Every stage's top guess in two traces, coloured by how a statistic changed.

    Stages are paired by their names, and the one model's output with the other's; tokens by their bytes. A statistic
    of the next token is compared where it is the same token.

    Args:
        before: must hold what `value` needs, as must `after`.
        value: a stored or derived name of the numeric contract that is one number per cell, but none of `watch_*`.
        every: keep each `every`-th block of the later trace, counted from the last one.
        window: positions `a:b` of the later text, None for an open end; all by default.
        top_down: draw `embed` at the top instead of at the bottom.
        embed: keep the `embed` stage.

    Raises:
        InputError: an unknown or absent statistic, an empty window, or traces that share no stage or no token.
    """
    unit = drawable(value).unit
    if value.startswith("watch_"):
        raise InputError(f'"{value}" is of tokens that each trace names for itself; compare another statistic.')
    stages = _stages(before, after, every_nth(after.stages, every, embed=embed))
    columns = _columns(before, after, window)
    was, now = numbers_of(before, value, None), numbers_of(after, value, None)
    follows = value.startswith("next_") or value == "surprisal_bits"
    changes = np.full((len(stages), len(columns)), np.nan)
    for r, (old, new) in enumerate(stages):
        for c, (i, j) in enumerate(columns):
            if not follows or _next_bytes(before, i) == _next_bytes(after, j):
                changes[r, c] = _change(float(was[old, i]), float(now[new, j]), unit)
    legend = difference_of(value, changes)
    rows = []
    for r, (old, new) in enumerate(stages):
        cells = []
        for c, (i, j) in enumerate(columns):
            read = (_plain(was[old, i], unit), _plain(now[new, j], unit), float(changes[r, c]))
            cells.append(_cell(before, after, (old, i), (new, j), read, legend))
        rows.append(ChangedRow(after.stages[new], before.stages[old], tuple(cells)))
    return GridDifference(
        value=value,
        columns=tuple(_column(before, after, i, j) for i, j in columns),
        rows=tuple(rows if top_down else reversed(rows)),
        top_down=top_down,
        legend=legend,
        source=source_of(after),
        source_before=source_of(before),
    )


def _stages(before: Trace, after: Trace, kept: tuple[str, ...]) -> list[tuple[int, int]]:
    """Indices of the stages that are compared, of the earlier and of the later trace."""
    outputs = before.holds_output and after.holds_output
    pairs = []
    for name in kept:
        if outputs and name == after.stages[-1]:
            pairs.append((len(before.stages) - 1, len(after.stages) - 1))
        elif name in (before.stages[:-1] if outputs else before.stages):
            pairs.append((before.stages.index(name), after.stages.index(name)))
    if not pairs:
        raise InputError(
            f"the traces share no stage: one holds {', '.join(before.stages)}, the other {', '.join(kept)}."
        )
    return pairs


def _columns(before: Trace, after: Trace, window: Window | None) -> list[tuple[int, int]]:
    """Columns of both traces' arrays that hold the same token."""
    held = {int(position): column for column, position in enumerate(before.positions)}
    partner = {j: i for i, j in align(before.tokens, after.tokens)}
    pairs = []
    for column in columns_of(after, window).tolist():
        position = partner.get(int(after.positions[column]))
        if position in held:
            pairs.append((held[position], column))
    if not pairs:
        raise InputError("the traces share no token here; compare texts that have some in common.")
    return pairs


def _next_bytes(trace: Trace, column: int) -> bytes | None:
    following = int(trace.positions[column]) + 1
    return trace.tokens.pieces[following] if following < len(trace.ids) else None


def _change(was: float, now: float, unit: str) -> float:
    """NaN where either is missing."""
    if unit != "rank":
        return now - was
    return now / was if was >= 1 and now >= 1 else math.nan


def _cell(
    before: Trace, after: Trace, old: tuple[int, int], new: tuple[int, int], readings: Readings, legend: Scale
) -> ChangedCell:
    was, now, change = readings
    (id_before, text_before), (top, text) = _guess(before, old), _guess(after, new)
    number = None if math.isnan(change) else change
    place = legend.place(number)
    colour = legend.colour(place)
    return ChangedCell(
        id=top,
        text=text,
        id_before=id_before,
        text_before=text_before,
        same=top is not None and (top, text) == (id_before, text_before),
        after=now,
        before=was,
        number=number,
        place=place,
        colour=colour,
        ink=legend.ink(place),
    )


def _guess(trace: Trace, cell: tuple[int, int]) -> tuple[int | None, str]:
    if "top_ids" not in trace:
        return None, ""
    top = int(trace["top_ids"][cell][0])
    return top, id_label(trace.vocabulary, top)


def _plain(number: np.generic, unit: str) -> float | int | None:
    value: float | int = number.item()
    return None if math.isnan(value) or (unit == "rank" and value < 1) else value


def _column(before: Trace, after: Trace, i: int, j: int) -> PairedColumn:
    was, now = int(before.positions[i]), int(after.positions[j])
    return PairedColumn(
        position=now,
        position_before=was,
        input=token_label(after.tokens, now),
        next=token_label(after.tokens, now + 1) if now + 1 < len(after.ids) else None,
        next_before=token_label(before.tokens, was + 1) if was + 1 < len(before.ids) else None,
    )
