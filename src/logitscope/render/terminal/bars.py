"""A ranked list in a terminal: labels, aligned figures, and a bar where there is room for one.

Draws a `view.bars.Bars`. Knows nothing of what is ranked.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import MARGIN, fit, heading, join_wrapped
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.view.bars import Bar, Bars

__all__ = ["render_bars"]

_WIDEST, _BAR, _SHORTEST_BAR = 28, 24, 6
_PALEST, _DEEPEST = 4.8, 13.0
"""Bits; bars paler or deeper than these could not be told from a white or a black terminal."""


def render_bars(view: Bars, screen: Screen) -> Group:
    """The title, a row for each entry, and the notes."""
    room = screen.width - 2 * len(MARGIN)
    widths = [
        max(len(name), *(len(_figure(row.figures[k], screen)) for row in view.rows), 1)
        for k, name in enumerate(view.columns[1:])
    ]
    figures = sum(width + 2 for width in widths)
    label = max([cell_len(view.columns[0]), *(cell_len(row.label) for row in view.rows)])
    label = max(4, min(label, _WIDEST, room - figures))
    bar = min(_BAR, room - label - figures - 2)
    bar = bar if bar >= _SHORTEST_BAR and any(row.length is not None for row in view.rows) else 0
    both = any((row.length or 0) < 0 for row in view.rows)
    parts: list[Text] = [Text(), heading(screen, view.title), Text()]
    head = Text(MARGIN + fit(view.columns[0], label, screen.glyphs.cut), DIM)
    for name, width in zip(view.columns[1:], widths, strict=True):
        head.append(f"  {name:>{width}}")
    parts.append(_unwrapped(head))
    for row in view.rows:
        line = Text(MARGIN).append(fit(row.label, label, screen.glyphs.cut), STRONG if row.strong else Style.null())
        for figure, width in zip(row.figures, widths, strict=True):
            line.append(f"  {_figure(figure, screen):>{width}}", Style.null() if figure is not None else DIM)
        if bar:
            line.append("  ").append_text(_bar(row, bar, both, screen))
        parts.append(_unwrapped(line))
    parts.append(Text())
    parts += [join_wrapped(screen, [Text(note, DIM)]) for note in view.notes]
    if view.caption:
        parts.append(join_wrapped(screen, [Text(part, DIM) for part in view.caption]))
    return Group(*parts, Text())


def _figure(figure: str | None, screen: Screen) -> str:
    return screen.glyphs.missing if figure is None else figure


def _bar(row: Bar, width: int, both: bool, screen: Screen) -> Text:
    """From its left end, or from the middle to either side where there are bars of both kinds."""
    ground = screen.ember(min(_DEEPEST, max(_PALEST, row.bits))).bgcolor
    style = Style.from_color(ground)
    side = width // 2 if both else width
    drawn = "".join(_glyphs(abs(row.length or 0.0), side, screen))
    if not both:
        return Text(drawn, style)
    # A half block fills the left half of its cell, so bars that point to the left are made of whole ones.
    left = screen.glyphs.bar * round(abs(row.length or 0.0) * side) if (row.length or 0.0) < 0 else ""
    return Text(f"{left:>{side}}", style).append("" if left else drawn, style)


def _glyphs(length: float, width: int, screen: Screen) -> Iterator[str]:
    halves = round(min(1.0, length) * width * 2)
    yield screen.glyphs.bar * (halves // 2)
    if halves % 2:
        yield screen.glyphs.half


def _unwrapped(line: Text) -> Text:
    line.no_wrap = True
    line.overflow = "ignore"
    return line
