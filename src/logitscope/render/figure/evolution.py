"""Curves of the followed tokens' scores from stage to stage. Draws a `view.Evolution`. Knows nothing of traces."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from logitscope.render.figure.curves import LABEL, NORMS, TICK, TITLES, Cell, Curves, Line
from logitscope.render.figure.fonts import SANS, undrawable
from logitscope.render.figure.furniture import BOLD, SMALL, Mark, caption, key, no_font
from logitscope.render.figure.lens import STAR
from logitscope.render.figure.place import draw_place, named
from logitscope.render.figure.sheet import FAINT, QUIET, Sheet
from logitscope.view.evolution import Curve, Evolution

__all__ = ["draw_evolution"]

WIDTH, HEIGHT = 504.0, 280.0
"""Points, of the figure and of the chart in it."""

_MARGIN, _LEFT = 14.0, 34.0
_WIDEST_NAME = 66.0


def draw_evolution(view: Evolution, width: float = WIDTH) -> Figure:
    """The curves as a figure.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    curves = Curves(view.value, view.moments, [_line(view, curve) for curve in view.curves])
    y = draw_place(sheet, view.place, "Logit evolution" if view.value != "rank" else "Rank evolution", _MARGIN, room)
    # The title of the axis lies along its top, where it can be read.
    sheet.text(_MARGIN, y + 10, TITLES[view.value], size=TICK, colour=QUIET)
    place = (_MARGIN + _LEFT, y + 18, room - _LEFT - curves.right, HEIGHT)
    curves.name(sheet, place)
    y = key(sheet, _marks(view, curves), _MARGIN, y + 18 + HEIGHT + 30, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, [NORMS.get(view.source.norm, "")]) + _MARGIN - 6
    figure = sheet.figure()
    curves.draw(sheet.chart(figure, *place))
    return figure


def _line(view: Evolution, curve: Curve) -> Line:
    face = BOLD if curve.came_next else SANS
    name = face.fit(face.inked(named(curve.label)), LABEL, _WIDEST_NAME) + (f" {STAR}" if curve.came_next else "")
    score = curve.scores(view.value)[-1]
    if score is None:
        end = "–"
    else:
        end = f"{score:,}" if view.value == "rank" else f"{score:.2f}".replace("-", "\u2212")
    cells = (Cell(name, LABEL, curve.dark, face), Cell(end, TICK, FAINT))
    return Line(curve.scores(view.value), curve.light, curve.dark, cells, strong=curve.came_next)


def _marks(view: Evolution, curves: Curves) -> Iterator[Mark]:
    """The key: only what occurs."""
    yield from curves.marks()
    if any(curve.came_next for curve in view.curves):

        def star(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, STAR, size=SMALL, face=BOLD)

        yield Mark("came next in the text", 5, star)
    if any(undrawable(curve.label) for curve in view.curves):
        yield no_font()
