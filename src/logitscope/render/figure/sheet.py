"""A sheet measured in points, from its top left corner, that becomes a matplotlib figure of that size.

Rectangles, lines and texts are gathered first and drawn together: a grid of 25 × 60 cells is two collections and its
words. Knows no view specs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from logitscope.render.figure.fonts import SANS, Face
from logitscope.render.figure.picture import Picture

__all__ = ["FAINT", "INK", "POINTS", "QUIET", "RULE", "Sheet", "mixed"]

POINTS = 72.0
"""Points in an inch."""

INK, QUIET, FAINT, RULE = "#1b1b1b", "#5c5c5c", "#8a8a8a", "#c9c9c6"

Point = tuple[float, float]


@dataclass
class Sheet:
    """What will be drawn, in points; x to the right, y downwards.

    Attributes:
        width: of the figure.
        height: of the figure; known when all has been laid out, and needed by then.
    """

    width: float
    height: float = 0.0
    _filled: dict[tuple[Any, ...], list[tuple[Sequence[Point], str]]] = field(default_factory=dict)
    _lines: dict[tuple[Any, ...], list[Sequence[Point]]] = field(default_factory=dict)
    _texts: list[dict[str, Any]] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str,
        *,
        hatched: bool = False,
        seamless: bool = False,
    ) -> None:
        """A filled rectangle; `hatched` for what has no number, `seamless` where its neighbour touches it."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self._filled.setdefault((hatched, seamless), []).append((corners, colour))

    def frame(self, x: float, y: float, width: float, height: float, colour: str = INK, thickness: float = 1.0) -> None:
        """An outline that lies inside the rectangle."""
        inset = thickness / 2
        x, y, width, height = x + inset, y + inset, width - thickness, height - thickness
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        self._lines.setdefault((colour, thickness, "solid", "projecting"), []).append(corners)

    def line(self, points: Sequence[Point], colour: str = RULE, thickness: float = 0.6, style: str = "solid") -> None:
        """An open line."""
        self._lines.setdefault((colour, thickness, style, "butt"), []).append(points)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        colour: str = INK,
        face: Face = SANS,
        align: str = "left",
        base: str = "baseline",
        turn: float = 0.0,
    ) -> float:
        """One line of text; returns where it ends if it is aligned to the left.

        Args:
            x: of the point that `align` speaks of.
            y: of the line that `base` speaks of.
            text: drawn as it is: `$` and `\\` mean themselves.
            size: points.
            colour: `#rrggbb`.
            face: its font.
            align: `left`, `center` or `right`.
            base: `baseline`, `center`, `top` or `bottom`.
            turn: degrees against the clock.
        """
        text = face.inked(text)
        if text.strip():
            self._texts.append(
                {
                    "x": x, "y": y, "s": text, "color": colour, "fontproperties": face.properties(size),
                    "ha": align, "va": base, "rotation": turn, "rotation_mode": "anchor",
                }
            )  # fmt: skip
        return x + face.width(text, size)

    def figure(self) -> Figure:
        """The sheet as a figure of its size, with one set of axes over all of it."""
        figure = Picture(figsize=(self.width / POINTS, self.height / POINTS), facecolor="white")
        FigureCanvasAgg(figure)
        self._draw(self.axes(figure, 0, 0, self.width, self.height))
        return figure

    def axes(self, figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
        """Axes over a rectangle of the sheet, of the sheet's own units and without any marks."""
        axes = self.chart(figure, x, y, width, height)
        axes.set_xlim(x, x + width)
        axes.set_ylim(y + height, y)
        axes.axis("off")
        return axes

    def chart(self, figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
        """Axes over a rectangle of the sheet, to be given their own units."""
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return figure.add_axes(place)

    def _draw(self, axes: Axes) -> None:
        for (hatched, seamless), boxes in sorted(self._filled.items()):
            colours = [colour for _, colour in boxes]
            axes.add_collection(
                PolyCollection(
                    [corners for corners, _ in boxes],
                    facecolors=colours,
                    # Neighbours that touch would show the page between them in some viewers.
                    edgecolors=colours if seamless else ("#a9a9a4" if hatched else "none"),
                    linewidths=0.3 if seamless else 0.0,
                    hatch="//////" if hatched else None,
                    zorder=1,
                ),
                autolim=False,
            )
        for (colour, thickness, style, cap), lines in self._lines.items():
            axes.add_collection(
                LineCollection(
                    [list(line) for line in lines],
                    colors=[colour],
                    linewidths=[thickness],
                    linestyles=[style],
                    capstyle=cap,
                    joinstyle="miter",
                    zorder=2,
                ),
                autolim=False,
            )
        for text in self._texts:
            axes.text(**text, parse_math=False, zorder=3, clip_on=False)


def mixed(colour: str, other: str, share: float) -> str:
    """The colour with `share` (0..1) of the other in it."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
