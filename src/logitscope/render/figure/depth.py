"""A whole text over depth: divergences, ranks, shares and kept inputs as small charts, each curve named at its end.

The line is the mean (of input ranks the median), the bands hold half and nine tenths of the positions. Draws a
`view.Depth`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from logitscope.render.figure.curves import NORMS, TICK, plain_number, rank_axis, stage_axis
from logitscope.render.figure.fonts import SANS
from logitscope.render.figure.furniture import BOLD, SMALL, Mark, caption, key
from logitscope.render.figure.sheet import RULE, Sheet, mixed
from logitscope.render.figure.spread import spread
from logitscope.render.figure.strip import plain_axes
from logitscope.view.depth import Band, Depth, Row
from logitscope.view.palette import pair

__all__ = ["draw_depth"]

WIDTH = 504.0
"""Points."""

_MARGIN, _LEFT, _GUTTER = 14.0, 30.0, 18.0
_TITLE, _HEAD, _NAME = 8.2, 7.0, 6.4
_TALL = 118.0
_NARROW = 380.0
"""Points of width below which charts stand below each other."""


@dataclass(frozen=True)
class _Line:
    """One curve and its bands."""

    row: Row
    light: str
    dark: str
    name: str
    bands: tuple[tuple[Row, Row, float], ...] = ()
    median: Row | None = None
    thickness: float = 1.6


@dataclass(frozen=True)
class _Chart:
    """One small chart."""

    title: str
    lines: tuple[_Line, ...]
    kind: str

    @property
    def limits(self) -> tuple[float, float]:
        """Of the vertical axis, bottom first."""
        rows = [line.row for line in self.lines]
        rows += [row for line in self.lines for lower, upper, _ in line.bands for row in (lower, upper)]
        known = [number for row in rows for number in row if number is not None]
        if self.kind == "rank":
            return max([*known, 10.0]) * 1.3, 0.85
        return (0.0, 1.04) if self.kind == "share" else (0.0, max([*known, 1.0]) * 1.04)

    def share(self, number: float) -> float:
        """How far down the axis a number stands, 0..1."""
        (bottom, top), at = self.limits, number
        if self.kind == "rank":
            bottom, top, at = log(bottom), log(top), log(max(at, 0.85))
        return (top - at) / (top - bottom)


def draw_depth(view: Depth, width: float = WIDTH) -> Figure:
    """The charts as a figure: two beside each other, or below each other where it is narrow.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    charts = list(_charts(view))
    across = 1 if width < _NARROW or len(charts) == 1 else 2
    each = (room - (across - 1) * _GUTTER) / across
    n = view.n_positions
    title = f"{n:,} position{'' if n == 1 else 's'} of the text, stage by stage"
    sheet.text(_MARGIN, _MARGIN + _TITLE, title, size=_TITLE, face=BOLD)
    y = _MARGIN + _TITLE + 14
    tall = _HEAD + 8 + _TALL + 34
    places = []
    for i, chart in enumerate(charts):
        x, top = _MARGIN + (i % across) * (each + _GUTTER), y + (i // across) * tall
        names = max(SANS.width(part, _NAME) for line in chart.lines for part in line.name.split("\n"))
        place = (x + _LEFT, top + _HEAD + 8, each - _LEFT - names - 10, _TALL)
        sheet.text(x, top + _HEAD, SANS.fit(chart.title, _HEAD, each), size=_HEAD, face=BOLD)
        _names(sheet, chart, place)
        places.append((chart, place))
    y = key(sheet, _marks(charts), _MARGIN, y + -(-len(charts) // across) * tall + 2, room)
    further = [NORMS.get(view.source.norm, ""), *([view.rarity_note] if view.groups else [])]
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, further) + _MARGIN - 6
    figure = sheet.figure()
    for chart, place in places:
        _draw(sheet.chart(figure, *place), view, chart, place[2])
    return figure


def _charts(view: Depth) -> Iterator[_Chart]:
    """What there is to draw, in the order in which it is read."""
    divergences = [
        (view.kl_from_final, "final ‖ stage", 0),
        (view.kl_from_input, "input ‖ stage", 1),
    ]
    lines = tuple(_banded(band, name, *pair(i)) for band, name, i in divergences if band is not None)
    if lines:
        yield _Chart("KL divergence, nats", lines, "kl")
    if view.final_rank is not None:
        yield _Chart("rank of the final guess (log scale)", (_banded(view.final_rank, "mean", *pair(0)),), "rank")
    if view.final_share is not None and view.settled_share is not None:
        now = _Line(view.final_share, *pair(0), "is final")
        stays = _Line(view.settled_share, *pair(3), "stays final", thickness=0.9)
        yield _Chart("share of positions whose top guess is the final one", (now, stays), "share")
    if view.groups:
        kept = tuple(
            _Line(
                group.ranks.median,
                group.light,
                group.dark,
                f"{group.name}\n({group.n:,})",
                ((group.ranks.quantiles[1], group.ranks.quantiles[3], 0.28),),
            )
            for group in view.groups
        )
        yield _Chart("rank of the input token: median, middle half (log)", kept, "rank")


def _banded(band: Band, name: str, light: str, dark: str) -> _Line:
    low, lower, median, upper, high = band.quantiles
    return _Line(band.mean, light, dark, name, ((low, high, 0.25), (lower, upper, 0.5)), median)


def _names(sheet: Sheet, chart: _Chart, place: tuple[float, float, float, float]) -> None:
    """Names at the right, moved apart, each as high as its curve ends."""
    x, top, width, height = place
    drawn = [(line, line.row[-1]) for line in chart.lines if line.row and line.row[-1] is not None]
    wanted = [top + height * min(1.0, max(0.0, chart.share(float(end or 0.0)))) for _, end in drawn]
    rows = max((line.name.count("\n") + 1 for line, _ in drawn), default=1)
    gap = rows * (_NAME + 1.5) + 1
    for (line, _), own, moved in zip(drawn, wanted, spread(wanted, gap, top, top + height - gap / 2), strict=True):
        sheet.line([(x + width + 1, own), (x + width + 6, moved)], line.dark, 0.5)
        for i, part in enumerate(line.name.split("\n")):
            at = moved + _NAME * 0.36 + i * (_NAME + 1.5)
            sheet.text(x + width + 8, at, part, size=_NAME, colour=line.dark)


def _draw(axes: Axes, view: Depth, chart: _Chart, width: float) -> None:
    n = len(view.moments)
    if chart.kind == "rank":
        rank_axis(axes)
    elif chart.kind == "share":
        axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}%"))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda nats, _: plain_number(nats)))
    axes.set_ylim(*chart.limits)
    axes.set_xlim(-0.4, max(n - 1, 0.4) + 0.15)
    for level, line in enumerate(chart.lines):
        for lower, upper, strength in line.bands:
            for start, stop in _runs(lower, upper):
                at = list(range(start, stop))
                low, high = [lower[i] or 0.0 for i in at], [upper[i] or 0.0 for i in at]
                axes.fill_between(at, low, high, color=line.light, alpha=strength, linewidth=0, zorder=2 + level / 10)
    for level, line in enumerate(reversed(chart.lines)):
        if line.median is not None:
            _plot(axes, line.median, color=line.dark, linewidth=0.8, linestyle=(0, (2.5, 1.5)), zorder=3 + level / 10)
        _plot(axes, line.row, color=line.dark, linewidth=line.thickness, zorder=3.05 + level / 10)
    stage_axis(axes, view.moments, most=max(3, int(width // 13)))
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    plain_axes(axes, TICK)


def _plot(axes: Axes, row: Row, **style: object) -> None:
    known = [(i, number) for i, number in enumerate(row) if number is not None]
    # A single stage has no line; it is a point then.
    marker = {"marker": "o", "markersize": 2.6} if len(known) == 1 else {}
    axes.plot([i for i, _ in known], [number for _, number in known], solid_capstyle="round", **style, **marker)  # type: ignore[arg-type]


def _runs(lower: Row, upper: Row) -> Iterator[tuple[int, int]]:
    """Stages beside each other that have both ends of a band."""
    held: Callable[[int], bool] = lambda i: lower[i] is not None and upper[i] is not None  # noqa: E731
    for there, members in groupby(range(len(lower)), held):
        run = list(members)
        if there and len(run) > 1:
            yield run[0], run[-1] + 1


def _marks(charts: Sequence[_Chart]) -> Iterator[Mark]:
    """The key: only what occurs."""
    light, dark = pair(0)
    banded = [line for chart in charts for line in chart.lines if line.median is not None]
    if banded:

        def mean(sheet: Sheet, x: float, y: float) -> None:
            sheet.line([(x, y - SMALL / 2 + 1), (x + 14, y - SMALL / 2 + 1)], dark, 1.6)

        def median(sheet: Sheet, x: float, y: float) -> None:
            sheet.line([(x, y - SMALL / 2 + 1), (x + 14, y - SMALL / 2 + 1)], dark, 0.8, style="dashed")

        yield Mark("mean", 14, mean)
        yield Mark("median", 14, median)
    if any(line.bands for chart in charts for line in chart.lines):

        def half(sheet: Sheet, x: float, y: float) -> None:
            sheet.box(x, y - SMALL + 0.6, 12, SMALL, mixed("#ffffff", light, 0.62))

        yield Mark("half of the positions", 12, half)
    if banded:

        def most(sheet: Sheet, x: float, y: float) -> None:
            sheet.box(x, y - SMALL + 0.6, 12, SMALL, mixed("#ffffff", light, 0.25))

        yield Mark("nine tenths of them", 12, most)
