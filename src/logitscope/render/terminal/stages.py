"""A table with a row per stage, the model's own output on top as in the lens, and as many columns as fit.

Further columns follow in panels below. Knows texts and styles, and no view spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import MARGIN, fit
from logitscope.render.terminal.screen import DIM, STRONG, Screen

__all__ = ["STAR", "StageColumn", "panels", "signed", "unwrapped"]

STAR = "*"
WIDEST, NARROWEST = 17, 7
"""Cells of a column."""


@dataclass(frozen=True)
class StageColumn:
    """One column.

    Attributes:
        name: stands above it, cut off where it is too long.
        cells: a text and its style for each stage, in the model's order.
        strong: the name is bold.
    """

    name: str
    cells: Sequence[tuple[str, Style]]
    strong: bool = False


def panels(
    screen: Screen, stages: Sequence[str], columns: Sequence[StageColumn], *, even: bool = True
) -> Iterator[Text]:
    """The table's lines, a blank one before each panel.

    Args:
        screen: where.
        stages: names of the rows.
        columns: left to right.
        even: all columns are as wide as the widest.
    """
    gutter = max((len(stage) for stage in stages), default=0) + len(MARGIN)
    widths = [_width(column) for column in columns]
    if even:
        widths = [max(widths, default=0)] * len(columns)
    room = screen.width - len(MARGIN) - gutter - 1
    start = 0
    while start < len(columns):
        stop, used = start, 0
        while stop < len(columns) and (stop == start or used + widths[stop] + 1 <= room):
            used += widths[stop] + 1
            stop += 1
        yield Text()
        yield from _panel(screen, stages, columns[start:stop], gutter, widths[start:stop])
        start = stop


def _width(column: StageColumn) -> int:
    texts = max((cell_len(text) for text, _ in column.cells), default=0)
    return max(NARROWEST, min(WIDEST, cell_len(column.name)) + 1, texts)


def _panel(
    screen: Screen, stages: Sequence[str], columns: Sequence[StageColumn], gutter: int, widths: Sequence[int]
) -> Iterator[Text]:
    head = Text(MARGIN + " " * gutter)
    for column, width in zip(columns, widths, strict=True):
        name = fit(column.name, width - 1, screen.glyphs.cut).rstrip()
        head.append(" " * (width - cell_len(name))).append(name, STRONG if column.strong else Style.null()).append(" ")
    yield unwrapped(head)
    for i in reversed(range(len(stages))):
        line = Text(MARGIN).append(f"{stages[i]:>{gutter - 1}} ", DIM)
        for column, width in zip(columns, widths, strict=True):
            text, style = column.cells[i]
            line.append(f"{' ' * (width - cell_len(text))}{text} ", style)
        yield unwrapped(line)


def unwrapped(line: Text) -> Text:
    """A line that is cut off rather than broken."""
    line.no_wrap = True
    line.overflow = "ignore"
    return line


def signed(number: float | None, missing: str) -> str:
    """What was added, with its sign."""
    if number is None:
        return missing
    shown = f"{number:+.2f}"
    return shown[1:] if float(shown) == 0 else shown
