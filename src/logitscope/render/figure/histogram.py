"""Histograms of standardised logits, one small panel per stage, with the followed tokens where they lie.

The count is on a log scale, so that the few tokens of the tails are seen beside the thousands in the middle. Draws a
`view.Histogram`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullLocator

from logitscope.render.figure.fonts import SANS, undrawable
from logitscope.render.figure.furniture import BOLD, SMALL, Mark, caption, key, no_font
from logitscope.render.figure.lens import STAR
from logitscope.render.figure.place import draw_place, named
from logitscope.render.figure.sheet import FAINT, QUIET, RULE, Sheet
from logitscope.render.figure.spread import spread
from logitscope.render.figure.strip import plain_axes
from logitscope.view.histogram import Histogram, Panel, Standing

__all__ = ["draw_histogram"]

WIDTH = 504.0
"""Points."""

_MARGIN, _LEFT, _GUTTER = 14.0, 30.0, 16.0
_TICK, _NAME, _SAMPLE = 6.4, 6.0, 5.4
_LEADERS = 12.0
"""Points between the bars and the names of the followed tokens."""

_LONGEST = 44.0
_AXES = (
    "horizontal: (logit − mean) / deviation over the vocabulary, ends open; vertical: tokens per bin, log scale; "
    "below the axis: tokens of the bin there"
)
_BARS = "#d3d5dc"
_FLOOR = 0.7
"""Where the axis of counts begins: below one, so that a single token is seen."""


def draw_histogram(view: Histogram, width: float = WIDTH) -> Figure:
    """The panels as a figure: two beside each other, or one over the whole width.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    across = 1 if len(view.panels) == 1 else 2
    tall = 150.0 if across == 1 else 84.0
    wide = (room - (across - 1) * _GUTTER) / across - _LEFT
    low, high = _limits(view)
    y = draw_place(sheet, view.place, "Standardised logits", _MARGIN, room) + 4
    names = [SANS.width(SANS.inked(named(s.label)), _NAME) + 8 for panel in view.panels for s in panel.standings]
    above = min(_LONGEST, max(names)) + _LEADERS if names else 6.0
    step, lines = (1.0, 3) if across == 1 else (2.0, 1)
    each = 13 + above + tall + 15 + lines * (_SAMPLE + 2) + 10
    charts = []
    for i, panel in enumerate(view.panels):
        x = _MARGIN + (i % across) * (wide + _LEFT + _GUTTER) + _LEFT
        top = y + (i // across) * each
        charts.append((panel, (x, top + 13 + above, wide, tall)))
        _names(sheet, panel, x, top + 13, above, wide, low, high)
        _samples(sheet, panel, x, top + 13 + above + tall + 15, (wide, low, high), step, lines)
    y += -(-len(view.panels) // across) * each
    sheet.text(_MARGIN, y + 2, _AXES, size=_TICK - 0.2, colour=QUIET)
    y = key(sheet, _marks(view), _MARGIN, y + 8, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, _skipped(view)) + _MARGIN - 6
    figure = sheet.figure()
    for panel, place in charts:
        _chart(sheet.chart(figure, *place), view, panel, low, high)
    return figure


def _chart(axes: Axes, view: Histogram, panel: Panel, low: float, high: float) -> None:
    boxes = [[(b.low, _FLOOR), (b.low, b.count), (b.high, b.count), (b.high, _FLOOR)] for b in panel.bins]
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(_FLOOR, max(10.0, view.highest * 1.6))
    axes.add_collection(
        PolyCollection(boxes, facecolors=_BARS, edgecolors="#8f93a3", linewidths=0.4, zorder=2), autolim=False
    )
    for standing in _placed(panel):
        # As far up as its bin, and a little more, so that a token that is alone in its bin is seen.
        at = _inside(standing, low, high)
        axes.plot([at, at], [_FLOOR, axes.get_ylim()[1]], color=standing.dark, linewidth=0.7, zorder=3)
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda z, _: f"{z:+.0f}".replace("-", "\u2212") if z else "0"))
    axes.yaxis.set_major_locator(LogLocator(10))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    plain_axes(axes, _TICK)


def _names(
    sheet: Sheet, panel: Panel, x: float, top: float, above: float, width: float, low: float, high: float
) -> None:
    """The stage, and the followed tokens' names upright above their places, moved apart."""
    end = sheet.text(x, top - 4, panel.stage, size=_TICK + 1, face=BOLD)
    if panel.mean is not None and panel.deviation is not None:
        facts = f"mean {panel.mean:.2f}, deviation {panel.deviation:.2f}".replace("-", "\u2212")
        sheet.text(end + 6, top - 4, facts, size=_TICK, colour=FAINT)
    placed = _placed(panel)
    bottom = top + above
    wanted = [x + width * (_inside(standing, low, high) - low) / (high - low) for standing in placed]
    for standing, own, moved in zip(placed, wanted, spread(wanted, _NAME + 1.6, x, x + width), strict=True):
        sheet.line([(own, bottom), (own, bottom - 1), (moved, bottom - 7), (moved, bottom - 9)], standing.dark, 0.5)
        face = BOLD if standing.came_next else SANS
        name = face.fit(face.inked(named(standing.label)), _NAME, _LONGEST - 6) + (STAR if standing.came_next else "")
        sheet.text(moved + _NAME * 0.36, bottom - 10.5, name, size=_NAME, colour=standing.dark, face=face, turn=90)


def _samples(
    sheet: Sheet, panel: Panel, x: float, top: float, axis: tuple[float, float, float], step: float, lines: int
) -> None:
    """Under every `step` deviations, up to `lines` tokens of the bin that begins there."""
    width, low, high = axis
    for b in panel.bins:
        if b.low % step == 0:
            at = x + width * ((b.low + b.high) / 2 - low) / (high - low)
            for i, name in enumerate(b.samples[:lines]):
                text = SANS.fit(SANS.inked(name), _SAMPLE, 0.92 * width * step / (high - low))
                sheet.text(at, top + _SAMPLE + i * (_SAMPLE + 2), text, size=_SAMPLE, colour=FAINT, align="center")


def _limits(view: Histogram) -> tuple[float, float]:
    """Of the horizontal axis, the same for all panels: what is there, and not less than three deviations."""
    edges = [edge for panel in view.panels for b in panel.bins for edge in (b.low, b.high)]
    return min([-3.0, *edges]), max([3.0, *edges])


def _placed(panel: Panel) -> list[Standing]:
    return [standing for standing in panel.standings if standing.deviations is not None]


def _inside(standing: Standing, low: float, high: float) -> float:
    return min(high, max(low, standing.deviations or 0.0))


def _marks(view: Histogram) -> Iterator[Mark]:
    """The key: only what occurs."""
    standings = [standing for panel in view.panels for standing in panel.standings]
    if any(standing.came_next for standing in standings):

        def star(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, STAR, size=SMALL, face=BOLD)

        yield Mark("came next in the text", 5, star)
    labels = [*(s.label for s in standings), *(n for p in view.panels for b in p.bins for n in b.samples[:1])]
    if any(undrawable(label) for label in labels):
        yield no_font()


def _skipped(view: Histogram) -> tuple[str, ...]:
    n = len(view.skipped)
    return (f"{n} stage{'' if n == 1 else 's'} not shown",) if n else ()
