"""The lens grid: stages by tokens, each cell the stage's own top guess on a colour, in stacked panels where it is long.

Input tokens stand at 45 degrees below, the tokens that came next above, starred where the final guess was right; cells
whose guess is the final one are outlined. Draws a `view.Grid`. Knows nothing of traces.

Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from matplotlib.figure import Figure

from logitscope.errors import InputError
from logitscope.render.figure.fonts import SANS, Face, undrawable
from logitscope.render.figure.furniture import (
    BAR_HEIGHT,
    BOLD,
    SMALL,
    Mark,
    caption,
    colour_bar,
    key,
    no_font,
    sample,
)
from logitscope.render.figure.sheet import INK, QUIET, Sheet
from logitscope.view.colour import NOT_SCORED
from logitscope.view.grid import Cell, Column, Grid
from logitscope.view.scale import Scale
from logitscope.view.words import number_words

__all__ = ["COLUMNS", "balanced", "draw_lens"]

COLUMNS = 12
"""Tokens side by side, unless told otherwise; the rest in further panels below."""

STAR = "★"

_GUESS, _NUMBER, _HEAD, _STAGE = 6.4, 5.4, 7.0, 6.4
_ROW, _TALL_ROW = 13.0, 19.5
_NARROWEST, _WIDEST = 30.0, 66.0
_MARGIN = 14.0
_PAD = 2.5
_HEAD_LONGEST = 62.0
"""Points of a tilted label, along its own line."""

_LEAST_WIDTH = 400.0
_SLOPE = math.sqrt(0.5)


@dataclass(frozen=True)
class _Layout:
    """Measures in points."""

    gutter: float
    cell: float
    row: float
    numbers: bool


def draw_lens(view: Grid, columns: int | None = None, numbers: bool | None = None) -> Figure:
    """The grid as a figure.

    Args:
        view: what to draw.
        columns: at most so many tokens side by side; 12 by default. Panels come out equally long.
        numbers: also write the coloured number into each cell; by default for ranks and divergences.

    Raises:
        InputError: fewer than one column.
    """
    if columns is not None and columns < 1:
        raise InputError(f"panels of {columns} columns were asked for; it takes 1 or more.")
    numbers = (view.legend.unit == "rank" or view.value.startswith("kl_")) if numbers is None else numbers
    panels = balanced(len(view.columns), columns or COLUMNS)
    layout = _layout(view, panels, numbers)
    sheet = Sheet(max(_LEAST_WIDTH, _MARGIN + max(_right_edge(view, layout, *panel) for panel in panels)))
    room = sheet.width - 2 * _MARGIN
    sheet.text(_MARGIN, _MARGIN + 8, _title(view), size=8.2, face=BOLD)
    y = _MARGIN + 14
    for start, stop in panels:
        y = _panel(sheet, view, layout, start, stop, y) + 6
    y += 6
    legend = _legend(view)
    colour_bar(sheet, legend, _MARGIN, y, min(240.0, room * 0.6))
    y = key(sheet, _marks(view, legend, numbers), _MARGIN, y + BAR_HEIGHT + 7, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, _skipped(view)) + _MARGIN - 6
    return sheet.figure()


def balanced(length: int, most: int) -> list[tuple[int, int]]:
    """`length` columns cut into as few panels of at most `most` as it takes, alike to one column.

    >>> balanced(25, 12)
    [(0, 9), (9, 17), (17, 25)]
    """
    n = max(1, math.ceil(length / most))
    size, larger = divmod(length, n)
    starts = [i * size + min(i, larger) for i in range(n + 1)]
    return list(pairwise(starts))


def _layout(view: Grid, panels: Sequence[tuple[int, int]], numbers: bool) -> _Layout:
    widths = sorted(SANS.width(SANS.inked(cell.text), _GUESS) for row in view.rows for cell in row.cells)
    # The few longest guesses are cut off rather than setting the width for all.
    wanted = widths[int(0.97 * (len(widths) - 1))] if widths else 0.0
    if numbers:
        texts = [number_words(cell.number, view.legend.unit) for row in view.rows for cell in row.cells]
        wanted = max([wanted, *(SANS.width(text, _NUMBER) for text in texts)])
    longest = max(stop - start for start, stop in panels)
    fill = (_LEAST_WIDTH - 2 * _MARGIN - 40) / longest  # few columns share the width that there is anyway
    cell = min(_WIDEST, max(_NARROWEST, wanted + 2 * _PAD + 1, fill))
    names = max((SANS.width(row.stage, _STAGE) for row in view.rows), default=0.0) + 6
    # A tilted input label begins left of its cell.
    begun = max(_reach(*_below(view, view.columns[start])) - cell / 2 for start, _ in panels)
    return _Layout(max(names, begun), cell, _TALL_ROW if numbers else _ROW, numbers)


def _right_edge(view: Grid, layout: _Layout, start: int, stop: int) -> float:
    """How far right a panel and the tilted labels above it reach."""
    left = _MARGIN + layout.gutter
    heads = [left + (i + 0.5) * layout.cell + _reach(*_above(view, c)) for i, c in enumerate(view.columns[start:stop])]
    return max([left + (stop - start) * layout.cell, *heads])


def _input(column: Column) -> tuple[str, Face]:
    return SANS.fit(SANS.inked(column.input), _HEAD, _HEAD_LONGEST), SANS


def _next(column: Column) -> tuple[str, Face]:
    """What came next, starred where the final guess is that."""
    face = BOLD if column.right else SANS
    star = STAR if column.right else ""
    came = "–" if column.next is None else face.inked(column.next)
    return face.fit(came, _HEAD, _HEAD_LONGEST - face.width(star, _HEAD)) + star, face


# The tokens stand where they are read: what stands there beside the first stage, what came next beside the last.


def _above(view: Grid, column: Column) -> tuple[str, Face]:
    return _input(column) if view.top_down else _next(column)


def _below(view: Grid, column: Column) -> tuple[str, Face]:
    return _next(column) if view.top_down else _input(column)


def _reach(label: str, face: Face) -> float:
    """How far a tilted label reaches, sideways as well as up or down."""
    return _SLOPE * (face.width(label, _HEAD) + _HEAD)


def _panel(sheet: Sheet, view: Grid, layout: _Layout, start: int, stop: int, y: float) -> float:
    """Draws columns `start:stop` below `y`; returns the y below them."""
    columns = view.columns[start:stop]
    left = _MARGIN + layout.gutter
    top = y + max(_reach(*_above(view, column)) for column in columns) + 3
    bottom = top + len(view.rows) * layout.row
    for i, column in enumerate(columns):
        middle = left + (i + 0.5) * layout.cell
        label, face = _above(view, column)
        sheet.text(middle, top - 3, label, size=_HEAD, face=face, turn=45)
        label, face = _below(view, column)
        sheet.text(middle + 2, bottom + 4, label, size=_HEAD, face=face, align="right", base="top", turn=45)
        if column.seam:
            at = left + i * layout.cell
            sheet.line([(at, top - 6), (at, bottom + 6)], colour=INK, thickness=0.9, style="dotted")
    heads = ("input", "next") if view.top_down else ("next", "input")
    sheet.text(left - 5, top - 3.5, heads[0], size=_STAGE - 0.6, colour=QUIET, align="right")
    sheet.text(left - 5, bottom + 7, heads[1], size=_STAGE - 0.6, colour=QUIET, align="right")
    for r, row in enumerate(view.rows):
        at = top + r * layout.row
        sheet.text(left - 5, at + layout.row / 2 + 2.3, row.stage, size=_STAGE, colour=QUIET, align="right")
        for i, cell in enumerate(row.cells[start:stop]):
            _cell(sheet, view, layout, cell, left + i * layout.cell, at)
    return bottom + 4 + max(_reach(*_below(view, column)) for column in columns)


def _cell(sheet: Sheet, view: Grid, layout: _Layout, cell: Cell, x: float, y: float) -> None:
    width, height = layout.cell, layout.row
    missing = cell.place is None
    sheet.box(x + 0.4, y + 0.4, width - 0.8, height - 0.8, cell.colour, hatched=missing)
    if cell.matches_final:
        sheet.frame(x + 0.4, y + 0.4, width - 0.8, height - 0.8, colour=INK, thickness=0.9)
        if cell.ink != "#000000":  # black alone would not be seen on a deep colour
            sheet.frame(x + 1.3, y + 1.3, width - 2.6, height - 2.6, colour="#ffffff", thickness=0.6)
    middle, room = x + width / 2, width - 2 * _PAD
    baseline = y + (height / 2 + 2.2 if not layout.numbers else height * 0.44)
    text = SANS.fit(SANS.inked(cell.text), _GUESS, room)
    sheet.text(middle, baseline, text, size=_GUESS, colour=cell.ink, align="center")
    if layout.numbers:
        number = number_words(cell.number, view.legend.unit)
        sheet.text(middle, y + height * 0.84, number, size=_NUMBER, colour=cell.ink, align="center")


def _title(view: Grid) -> str:
    lens = "Logit lens" if view.source.lens == "logit" else f"Lens {view.source.lens}"
    return f"{lens}: each stage's top guess for the next token"


def _legend(view: Grid) -> Scale:
    """The axis of the colours, a followed token named."""
    if view.watched is None:
        return view.legend
    what = {"watch_logit": "logit", "watch_logprob": "natural-log probability", "watch_rank": "rank"}
    return replace(view.legend, title=f"{what.get(view.value, 'probability')} of {SANS.inked(view.watched)}")


def _marks(view: Grid, legend: Scale, numbers: bool) -> Iterator[Mark]:
    """The key: only what occurs."""
    cells = [cell for row in view.rows for cell in row.cells]
    if any(cell.matches_final for cell in cells):
        yield Mark("the guess is the final one", 14, sample(14, "#ffffff", framed=True))
    if any(column.right for column in view.columns):

        def star(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, STAR, size=SMALL, face=BOLD)

        yield Mark("the final guess was right", 5, star)
    if any(cell.place is None for cell in cells):
        yield Mark("no number", 14, sample(14, NOT_SCORED, hatched=True))
    if numbers:
        yield Mark(f"numbers: {legend.title}", 0, lambda *_: None)
    if any(column.seam for column in view.columns):

        def seam(sheet: Sheet, x: float, y: float) -> None:
            sheet.line([(x + 2, y - SMALL), (x + 2, y + 1)], colour=INK, thickness=0.9, style="dotted")

        yield Mark("a further window begins", 4, seam)
    labels = [*(cell.text for cell in cells), *(c.input for c in view.columns), *(c.next or "" for c in view.columns)]
    if any(undrawable(label) for label in labels):
        yield no_font()


def _skipped(view: Grid) -> tuple[str, ...]:
    n = len(view.skipped)
    return (f"{n} stage{'' if n == 1 else 's'} not shown",) if n else ()
