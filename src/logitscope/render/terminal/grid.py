"""The lens grid in a terminal: a heat map of words, as many columns as fit, the rest in further panels below.

Draws a `view.Grid`. Knows nothing of traces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import MARGIN, caption, fit, heading, legend
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.view.grid import Cell, Column, Grid
from logitscope.view.words import number_words

__all__ = ["render_grid"]

WIDEST_GUESS = 14
NARROWEST_GUESS = 3
STAR = "*"

_MATCH = Style(bold=True, underline=True)


def render_grid(view: Grid, screen: Screen, numbers: bool | None = None) -> Group:
    """Everything that `logitscope lens` prints.

    Args:
        view: what to draw.
        screen: where.
        numbers: also write the coloured number into each cell; by default only where there are no colours.
    """
    numbers = not screen.coloured if numbers is None else numbers
    figures = _figures(view, screen) if numbers else 0
    gutter = max((len(row.stage) for row in view.rows), default=0)
    gutter = max(gutter, len("input")) + len(MARGIN)
    guess = _guess_width(view, screen, screen.width - len(MARGIN) - gutter - 2 - figures)
    width = guess + figures + 2  # a blank on either side
    per_panel = _balanced(len(view.columns), max(1, (screen.width - len(MARGIN) - gutter - 1) // width))
    parts: list[Text] = [Text(), heading(screen, _title(view))]
    for start in range(0, len(view.columns), per_panel):
        parts += [Text(), *_panel(view, screen, slice(start, start + per_panel), gutter, guess, figures)]
    parts += [Text(), legend(screen, view.legend, _key(view, screen, bool(figures)))]
    parts += [caption(screen, view.source, note=_skipped(view)), Text()]
    return Group(*parts)


def _balanced(columns: int, most: int) -> int:
    """Columns per panel: as few panels as fit, all about as wide, so that none is left with a single column."""
    panels = max(1, math.ceil(columns / most))
    return max(1, math.ceil(columns / panels))


def _title(view: Grid) -> str:
    of = f" of {view.watched}" if view.watched is not None else ""
    return f"Each stage's top guess, coloured by {view.value}{of}"


def _guess_width(view: Grid, screen: Screen, room: int) -> int:
    """As wide as the widest guess, within limits: equal columns make the picture a grid."""
    labels = [cell.text for row in view.rows for cell in row.cells]
    labels += [text for column in view.columns for text in (column.input, _next(column, screen))]
    marks = 0 if screen.coloured else 2
    widest = max((cell_len(label) for label in labels), default=1) + marks
    return max(NARROWEST_GUESS, min(widest, WIDEST_GUESS, room))


def _figures(view: Grid, screen: Screen) -> int:
    texts = [
        number_words(cell.number, view.legend.unit, screen.glyphs.missing) for row in view.rows for cell in row.cells
    ]
    return 1 + max((len(text) for text in texts), default=0)


def _panel(view: Grid, screen: Screen, part: slice, gutter: int, guess: int, figures: int) -> Iterator[Text]:
    columns = view.columns[part]
    width = guess + figures + 2 - len(_lead(screen))
    blank = " " * gutter
    ordinal = Text(MARGIN + blank + " ")
    for column in columns:
        mark = screen.glyphs.seam if column.seam else " "
        ordinal.append(f"{mark:{len(_lead(screen))}}{fit(str(column.position), width)}", DIM)
    yield _unwrapped(ordinal)
    # The tokens stand where they are read: what came next above the last stage, what stands there below the first.
    heads = (_next_row(columns, screen, gutter, width), _input_row(columns, screen, gutter, width))
    yield heads[1] if view.top_down else heads[0]
    for row in view.rows:
        line = Text(MARGIN).append(f"{row.stage:>{gutter - 1}} ", DIM).append(" ")
        for cell in row.cells[part]:
            line.append_text(_cell(view, cell, screen, guess, figures))
        yield _unwrapped(line)
    yield heads[0] if view.top_down else heads[1]


def _cell(view: Grid, cell: Cell, screen: Screen, guess: int, figures: int) -> Text:
    style = screen.paint(view.legend, cell.place)
    cut = screen.glyphs.cut
    text = Text(" ", style, end="")
    text.no_wrap = True
    if screen.coloured:
        shown = fit(cell.text, guess, cut)
        inked = shown.rstrip(" ")
        text.append(inked, _MATCH if cell.matches_final else Style.null()).append(" " * (len(shown) - len(inked)))
    else:
        shown = f"[{fit(cell.text, guess - 2, cut).rstrip()}]" if cell.matches_final else f" {cell.text}"
        text.append(fit(shown, guess, cut), STRONG if cell.matches_final else Style.null())
    if figures:
        text.append(f"{number_words(cell.number, view.legend.unit, screen.glyphs.missing):>{figures}}")
    return text.append(" ")


def _next_row(columns: Sequence[Column], screen: Screen, gutter: int, width: int) -> Text:
    line = Text(MARGIN).append(f"{'next':>{gutter - 1}} ", DIM).append(" ")
    for column in columns:
        shown = fit(_next(column, screen), width - 1, screen.glyphs.cut)
        if column.right and not shown.rstrip().endswith(STAR):  # a star is worth more than a last letter
            cut = fit(column.next or "", width - 2, screen.glyphs.cut).rstrip()
            shown = fit(cut + STAR, width - 1, screen.glyphs.cut)
        line.append(f"{_lead(screen)}{shown} ", STRONG if column.right else Style.null())
    return _unwrapped(line)


def _input_row(columns: Sequence[Column], screen: Screen, gutter: int, width: int) -> Text:
    line = Text(MARGIN).append(f"{'input':>{gutter - 1}} ", DIM).append(" ")
    for column in columns:
        line.append(f"{_lead(screen)}{fit(column.input, width - 1, screen.glyphs.cut)} ")
    return _unwrapped(line)


def _lead(screen: Screen) -> str:
    """What stands before a header, so that it stands above the words: without colours those are in brackets."""
    return " " if screen.coloured else "  "


def _next(column: Column, screen: Screen) -> str:
    if column.next is None:
        return screen.glyphs.missing
    return column.next + (STAR if column.right else "")


def _key(view: Grid, screen: Screen, numbers: bool) -> Iterator[Text]:
    """What the marks mean, and only those that occur."""
    if numbers and not screen.coloured:
        yield Text(f"numbers: {view.legend.title}")
    if any(cell.matches_final for row in view.rows for cell in row.cells):
        sample = Text("guess", _MATCH) if screen.coloured else Text("[guess]")
        yield sample.append(" = the final guess", "not bold not underline")
    if any(column.right for column in view.columns):
        yield Text(STAR, STRONG).append(" the final guess was right", "not bold")
    if any(cell.number is None for row in view.rows for cell in row.cells):
        sample = Text(" ? ", screen.paint(view.legend, None)) if screen.coloured else Text(screen.glyphs.missing)
        yield sample.append(" no number", "default on default" if screen.coloured else "")
    if any(column.seam for column in view.columns):
        yield Text(f"{screen.glyphs.seam} a further window begins")


def _skipped(view: Grid) -> str:
    n = len(view.skipped)
    return f"{n} stage{'' if n == 1 else 's'} not shown" if n else ""


def _unwrapped(line: Text) -> Text:
    line.no_wrap = True
    line.overflow = "ignore"
    return line
