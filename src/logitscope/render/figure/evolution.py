"""Curves of the followed tokens' scores from stage to stage: light where attention moved them, dark where the MLP did.

Each curve is named at its end; no legend has to be matched by colour. Draws a `view.Evolution`.
Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from logitscope.render.figure.fonts import SANS, undrawable
from logitscope.render.figure.furniture import BOLD, SMALL, Mark, caption, key, no_font
from logitscope.render.figure.lens import STAR
from logitscope.render.figure.place import draw_place
from logitscope.render.figure.sheet import FAINT, QUIET, RULE, Sheet
from logitscope.render.figure.spread import spread
from logitscope.render.figure.strip import plain_axes
from logitscope.view.evolution import Curve, Evolution

__all__ = ["draw_evolution"]

WIDTH, HEIGHT = 504.0, 280.0
"""Points, of the figure and of the chart in it."""

_MARGIN, _LEFT = 14.0, 34.0
_LABEL, _TICK = 7.2, 6.6
_WIDEST_LABEL = 96.0
_TITLES = {"logit": "logit", "rank": "rank among all tokens (log scale)", "logprob": "natural-log probability, nats"}
_NORMS = {
    "final": "each stage read through the model's final norm and head",
    "plain": "each stage read through the final norm without its scale and shift, and the head",
    "none": "each stage projected straight onto the head, without the final norm",
}


def draw_evolution(view: Evolution, width: float = WIDTH) -> Figure:
    """The curves as a figure.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    ends = [_end(view, curve) for curve in view.curves]
    names = [SANS.fit(SANS.inked(_name(curve)), _LABEL, _WIDEST_LABEL - 34) for curve in view.curves]
    column = max((BOLD.width(name, _LABEL) for name in names), default=0.0)
    right = 16 + column + 6 + max((SANS.width(end, _TICK) for end in ends), default=0.0)
    y = draw_place(sheet, view.place, "Logit evolution" if view.value != "rank" else "Rank evolution", _MARGIN, room)
    top, chart = y + 6, room - _LEFT - right
    # The title of the axis lies along its top, where it can be read.
    sheet.text(_MARGIN, top + 4, _TITLES[view.value], size=_TICK, colour=QUIET)
    top += 12
    y = key(sheet, _marks(view), _MARGIN, top + HEIGHT + 30, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, [_NORMS.get(view.source.norm, "")]) + _MARGIN - 6
    place = (_MARGIN + _LEFT, top, chart, HEIGHT)
    at = _limits(view)
    _labels(sheet, view, names, ends, column, place, at)
    figure = sheet.figure()
    _chart(sheet.chart(figure, *place), view, at)
    return figure


def _labels(
    sheet: Sheet,
    view: Evolution,
    names: Sequence[str],
    ends: Sequence[str],
    column: float,
    place: tuple[float, float, float, float],
    limits: tuple[float, float],
) -> None:
    """Names at the right, moved apart, each with a line to where its curve ends."""
    x, top, width, height = place
    drawn = [i for i, curve in enumerate(view.curves) if curve.scores(view.value)[-1] is not None]
    wanted = [top + height * _share(view, view.curves[i].scores(view.value)[-1], limits) for i in drawn]
    for i, own, moved in zip(drawn, wanted, spread(wanted, _LABEL + 2.4, top, top + height), strict=True):
        curve = view.curves[i]
        sheet.line([(x + width + 2, own), (x + width + 8, moved), (x + width + 14, moved)], curve.dark, 0.5)
        face = BOLD if curve.came_next else SANS
        sheet.text(x + width + 16, moved + _LABEL * 0.36, names[i], size=_LABEL, colour=curve.dark, face=face)
        sheet.text(x + width + 22 + column, moved + _LABEL * 0.36, ends[i], size=_TICK, colour=FAINT)


def _chart(axes: Axes, view: Evolution, limits: tuple[float, float]) -> None:
    n = len(view.moments)
    if view.value == "rank":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(10))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:,.0f}"))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(7))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda score, _: f"{score:g}".replace("-", "\u2212")))
    axes.set_ylim(*limits)
    axes.set_xlim(-0.4, max(n - 1, 0.4) + 0.15)
    for i, curve in reversed(list(enumerate(view.curves))):  # the likeliest on top
        _curve(axes, view, curve, 3 + (len(view.curves) - i) / 100)
    _stages(axes, view)
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    plain_axes(axes, _TICK)


def _curve(axes: Axes, view: Evolution, curve: Curve, level: float) -> None:
    scores = curve.scores(view.value)
    thick = 2.3 if curve.came_next else 1.6
    light: list[list[tuple[float, float]]] = []
    dark: list[list[tuple[float, float]]] = []
    for i in range(1, len(scores)):
        before, after = scores[i - 1], scores[i]
        if before is not None and after is not None:
            segment = [(i - 1.0, float(before)), (float(i), float(after))]
            (light if view.moments[i].by == "attention" else dark).append(segment)
    for segments, colour in ((light, curve.light), (dark, curve.dark)):
        lines = LineCollection(segments, colors=[colour], linewidths=[thick], capstyle="round", zorder=level)
        axes.add_collection(lines, autolim=False)
    known = [(i, score) for i, score in enumerate(scores) if score is not None]
    axes.plot([i for i, _ in known], [score for _, score in known], linestyle="none", marker="o", zorder=level + 0.005,
              markersize=2.6, markerfacecolor="white", markeredgecolor=curve.dark, markeredgewidth=0.7,
              clip_on=False)  # fmt: skip


def _stages(axes: Axes, view: Evolution) -> None:
    """A tick for each block's output, numbered from 0; as many as there is room for."""
    outputs = [i for i, moment in enumerate(view.moments) if moment.by != "attention"]
    every = max(1, -(-len(outputs) // 26))
    shown = [i for i in outputs if view.moments[i].block < 0 or (view.moments[outputs[-1]].block
             - view.moments[i].block) % every == 0]  # fmt: skip
    axes.set_xticks(shown, ["embed" if view.moments[i].block < 0 else str(view.moments[i].block) for i in shown])
    axes.set_xlabel("output of block", fontproperties=SANS.properties(_TICK), color=QUIET, labelpad=2)
    for i in shown:
        axes.axvline(i, color="#efefec", linewidth=0.5, zorder=0.5)


def _limits(view: Evolution) -> tuple[float, float]:
    """Of the vertical axis, bottom first."""
    known = [float(score) for curve in view.curves for score in curve.scores(view.value) if score is not None]
    if view.value == "rank":
        return max([*known, 10.0]) * 1.3, 0.85
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _share(view: Evolution, score: float | int | None, limits: tuple[float, float]) -> float:
    """How far down the axis a score stands, 0..1."""
    bottom, top, at = limits[0], limits[1], float(score or 0.0)
    if view.value == "rank":
        bottom, top, at = log(bottom), log(top), log(at)
    return (top - at) / (top - bottom)


def _name(curve: Curve) -> str:
    return curve.label + (f" {STAR}" if curve.came_next else "")


def _end(view: Evolution, curve: Curve) -> str:
    score = curve.scores(view.value)[-1]
    if score is None:
        return "–"
    return f"{score:,}" if view.value == "rank" else f"{score:.2f}".replace("-", "\u2212")


def _marks(view: Evolution) -> Iterator[Mark]:
    """The key: only what occurs."""
    kinds = {moment.by for moment in view.moments}
    light, dark = ("#a9c3ee", "#2f4f9a") if not view.curves else (view.curves[0].light, view.curves[0].dark)
    for kind, said, colour in (
        ("attention", "moved by attention", light),
        ("mlp", "moved by the MLP", dark),
        ("block", "moved by a block: attention and MLP", dark),
    ):
        if kind in kinds:

            def draw(sheet: Sheet, x: float, y: float, colour: str = colour) -> None:
                sheet.line([(x, y - SMALL / 2 + 1), (x + 16, y - SMALL / 2 + 1)], colour, 2.0)

            yield Mark(said, 16, draw)
    if any(curve.came_next for curve in view.curves):

        def star(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, STAR, size=SMALL, face=BOLD)

        yield Mark("came next in the text", 5, star)
    if any(undrawable(curve.label) for curve in view.curves):
        yield no_font()
