"""Histograms of standardised logits in a terminal: bars of blocks, and letters where the followed tokens lie.

Draws a `view.Histogram`. Knows nothing of traces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from string import ascii_lowercase

from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.evolution import where
from logitscope.render.terminal.furniture import MARGIN, caption, heading, join_wrapped
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.render.terminal.stages import STAR, unwrapped
from logitscope.view.histogram import SPAN, Histogram, Panel

__all__ = ["render_histogram"]

ROWS = 4
"""Lines of a panel's bars."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def render_histogram(view: Histogram, screen: Screen) -> Group:
    """Everything that `logitscope histogram` prints."""
    low, high, wide = _cells(view, screen)
    parts: list[Text] = [
        Text(),
        heading(screen, f"Standardised logits at position {view.place.position}, stage by stage"),
        where(view.place, screen),
    ]
    for panel in view.panels:
        parts += [Text(), *_panel(view, panel, screen, low, high, wide)]
    parts += [Text(), join_wrapped(screen, _key(view), gap="   ")]
    axis = "across: (logit - mean) / deviation over the vocabulary; upwards: tokens, log scale"
    return Group(*parts, join_wrapped(screen, [Text(axis, DIM)]), caption(screen, view.source), Text())


def _cells(view: Histogram, screen: Screen) -> tuple[float, float, float]:
    """What the axis spans, and how much of it one cell is: a bin, or as many bins as it takes to fit."""
    edges = [edge for panel in view.panels for b in panel.bins for edge in (b.low, b.high)]
    low, high = math.floor(min([-3.0, *edges])), math.ceil(max([3.0, *edges]))
    width = 0.25
    while (high - low) / width > screen.width - 2 * len(MARGIN):
        width *= 2
    return low, high, width


def _panel(view: Histogram, panel: Panel, screen: Screen, low: float, high: float, wide: float) -> Iterator[Text]:
    n = math.ceil((high - low) / wide)
    counts = [0] * n
    for held in panel.bins:
        counts[min(n - 1, max(0, int((held.low - low) / wide + 1e-9)))] += held.count
    facts = ""
    if panel.mean is not None and panel.deviation is not None:
        facts = f"  mean {panel.mean:.2f}, deviation {panel.deviation:.2f}"
    yield join_wrapped(screen, [Text(panel.stage, STRONG).append(facts, Style(bold=False, dim=True))])
    marks = _marks(panel, low, wide, n)
    full = math.log(max(2.0, 1.0 + max(view.highest, *counts)))
    for row in reversed(range(ROWS)):
        line = Text(MARGIN)
        for count in counts:
            share = math.log(1 + count) / full * ROWS - row
            line.append(_block(share, screen) if count or row else " ")
        yield unwrapped(line)
    for letters in marks:
        yield unwrapped(Text(MARGIN).append("".join(letters), STRONG))
    yield unwrapped(Text(MARGIN).append(_axis(low, wide, n), DIM))


def _block(share: float, screen: Screen) -> str:
    if not screen.glyphs.half:  # a terminal of plain ASCII
        return screen.glyphs.bar if share >= 0.5 else " "
    return _EIGHTHS[min(8, max(0, round(8 * share)))]


def _marks(panel: Panel, low: float, wide: float, n: int) -> list[list[str]]:
    """Letters under the bins of the followed tokens; those of one bin below each other."""
    rows: list[list[str]] = []
    for letter, standing in zip(_letters(), panel.standings, strict=False):
        if standing.deviations is None:
            continue
        at = min(n - 1, max(0, int((min(SPAN, max(-SPAN, standing.deviations)) - low) / wide)))
        row = next((row for row in rows if row[at] == " "), None)
        if row is None:
            row = [" "] * n
            rows.append(row)
        row[at] = letter
    return rows


def _letters() -> Iterator[str]:
    yield from ascii_lowercase
    yield from ascii_lowercase.upper()
    while True:
        yield "+"


def _axis(low: float, wide: float, n: int) -> str:
    """Every second deviation under its place."""
    cells = [" "] * n
    for tick in range(math.ceil(low / 2) * 2, math.floor(low + n * wide) + 1, 2):
        at, said = round((tick - low) / wide), f"{tick:+d}" if tick else "0"
        if at + len(said) <= n and all(c == " " for c in cells[max(0, at - 1) : at + len(said)]):
            cells[at : at + len(said)] = said
    return "".join(cells)


def _key(view: Histogram) -> Iterator[Text]:
    """Which letter is which token, and which of them came next."""
    standings = view.panels[0].standings if view.panels else ()
    for letter, standing in zip(_letters(), standings, strict=False):
        star = STAR if standing.came_next else ""
        yield Text(letter, STRONG).append(f" {standing.label}{star}", "not bold")
    if any(standing.came_next for standing in standings):
        yield Text(STAR, STRONG).append(" came next in the text", "not bold")
