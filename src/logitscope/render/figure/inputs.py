"""The input token at chosen positions, stage by stage: a curve per position, named by the token and its context.

Draws a `view.Inputs`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from logitscope.render.figure.curves import LABEL, NORMS, TICK, TITLES, Cell, Curves, Line
from logitscope.render.figure.fonts import SANS, undrawable
from logitscope.render.figure.furniture import BOLD, Mark, caption, key, no_font
from logitscope.render.figure.place import named
from logitscope.render.figure.sheet import FAINT, QUIET, Sheet
from logitscope.view.inputs import InputCurve, Inputs
from logitscope.view.labels import visible

__all__ = ["draw_inputs"]

WIDTH, HEIGHT = 504.0, 260.0
"""Points, of the figure and of the chart in it."""

_MARGIN, _LEFT = 14.0, 34.0
_TITLE, _CONTEXT = 8.2, 6.2
_WIDEST_NAME = 48.0
_LEAST_CHART = 216.0
"""Points that the names leave to the chart; their context is cut off first."""


def draw_inputs(view: Inputs, width: float = WIDTH) -> Figure:
    """The curves as a figure.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    # As tall as its names need, where there are many.
    height = max(HEIGHT, (LABEL + 2.4) * (len(view.curves) - 1))
    bare = Curves(view.value, view.moments, [_line(view, curve, 0.0) for curve in view.curves])
    context = max(0.0, min(130.0, room - _LEFT - bare.right - _LEAST_CHART))
    curves = Curves(view.value, view.moments, [_line(view, curve, context) for curve in view.curves])
    y = _MARGIN + _TITLE
    what = {"rank": "Rank", "logit": "Logit", "logprob": "Log-probability"}[view.value]
    sheet.text(_MARGIN, y, f"{what} of the input token, stage by stage", size=_TITLE, face=BOLD)
    sheet.text(_MARGIN, y + 15, TITLES[view.value], size=TICK, colour=QUIET)
    place = (_MARGIN + _LEFT, y + 23, room - _LEFT - curves.right, height)
    curves.name(sheet, place)
    y = key(sheet, _marks(view, curves), _MARGIN, y + 23 + height + 30, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, [NORMS.get(view.source.norm, "")]) + _MARGIN - 6
    figure = sheet.figure()
    curves.draw(sheet.chart(figure, *place))
    return figure


def _line(view: Inputs, curve: InputCurve, context: float) -> Line:
    name = BOLD.fit(BOLD.inked(named(curve.label)), LABEL, _WIDEST_NAME)
    score = curve.scores(view.value)[-1]
    if score is None:
        end = "–"
    else:
        end = f"rank {score:,}" if view.value == "rank" else f"{score:.2f}".replace("-", "\u2212")
    cells = [
        Cell(name, LABEL, curve.dark, BOLD),
        Cell(f"at {curve.position:,}", TICK, QUIET),
        Cell(end, TICK, FAINT),
        *([Cell(_around(curve, context), _CONTEXT, FAINT)] if context else []),
    ]
    return Line(curve.scores(view.value), curve.light, curve.dark, tuple(cells))


def _around(curve: InputCurve, room: float) -> str:
    """The text around the token, which stands in brackets; cut off at both ends to fit."""
    before, after = (SANS.inked(visible(text, spaces=True)) for text in (curve.before, curve.after))
    token = f"[{SANS.fit(SANS.inked(curve.label), _CONTEXT, room * 0.5)}]"
    cut_before, cut_after = curve.cut_before, curve.cut_after

    def joined() -> str:
        return f"{'…' if cut_before else ''}{before}{token}{after}{'…' if cut_after else ''}"

    while (before or after) and SANS.width(joined(), _CONTEXT) > room:
        if len(after) > len(before) / 2:
            after, cut_after = after[:-1], True
        else:
            before, cut_before = before[1:], True
    return joined()


def _marks(view: Inputs, curves: Curves) -> Iterator[Mark]:
    """The key: only what occurs."""
    yield from curves.marks()
    if any(undrawable(curve.label) for curve in view.curves):
        yield no_font()
