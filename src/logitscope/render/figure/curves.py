"""Curves over the stages of a model, each named at its end: light where attention moved it, dark where the MLP did.

No legend has to be matched by colour. Knows moments, scores and colours, and no view spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from logitscope.render.figure.fonts import SANS, Face
from logitscope.render.figure.furniture import SMALL, Mark
from logitscope.render.figure.sheet import QUIET, RULE, Sheet
from logitscope.render.figure.spread import spread
from logitscope.render.figure.strip import plain_axes
from logitscope.view.evolution import Moment, Score

__all__ = ["LABEL", "NORMS", "TICK", "TITLES", "Cell", "Curves", "Line", "plain_number", "rank_axis", "stage_axis"]

LABEL, TICK = 7.2, 6.6
"""Points of a curve's name, and of numbers."""

TITLES = {"logit": "logit", "rank": "rank among all tokens (log scale)", "logprob": "natural-log probability, nats"}
NORMS = {
    "final": "each stage read through the model's final norm and head",
    "plain": "each stage read through the final norm without its scale and shift, and the head",
    "none": "each stage projected straight onto the head, without the final norm",
}

_LEAD, _GAP, _SHAPE = 16.0, 6.0, 8.5
"""Points from the chart to the names, between the columns of a name, and for the shape before it."""

_SHAPES = (("o", "○"), ("s", "□"), ("^", "△"), ("D", "◇"), ("v", "▽"))
"""Of a curve's points, and before its name: where colours are not printed, shapes tell neighbours apart."""

Place = tuple[float, float, float, float]
"""Left, top, width and height, in points."""


@dataclass(frozen=True)
class Cell:
    """A part of a curve's name; those of one kind stand below each other."""

    text: str
    size: float
    colour: str
    face: Face = SANS


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        scores: per stage; None where missing.
        light: `#rrggbb` of what attention did.
        dark: `#rrggbb` of what the MLP did.
        name: what stands at its end.
        strong: drawn thicker.
    """

    scores: Sequence[float | int | None]
    light: str
    dark: str
    name: tuple[Cell, ...]
    strong: bool = False

    @property
    def end(self) -> float | int | None:
        return self.scores[-1] if self.scores else None


@dataclass(frozen=True)
class Curves:
    """The chart of some lines.

    Attributes:
        value: what is drawn; ranks on a log axis with 1 at the top.
        moments: the stages.
        lines: the first on top.
    """

    value: Score
    moments: Sequence[Moment]
    lines: Sequence[Line]

    @property
    def right(self) -> float:
        """Points that the names take beside the chart, the lines that lead to them included."""
        return _LEAD + _SHAPE + sum(self._columns) + _GAP * max(0, len(self._columns) - 1)

    @property
    def _columns(self) -> list[float]:
        rows = [[cell.face.width(cell.text, cell.size) for cell in line.name] for line in self.lines]
        return [max(column) for column in zip(*rows, strict=True)]

    def name(self, sheet: Sheet, place: Place) -> None:
        """Draws the names at the right of the chart, moved apart, each with a line to where its curve ends."""
        x, top, width, height = place
        drawn = [(i, line) for i, line in enumerate(self.lines) if line.end is not None]
        wanted = [top + height * self._share(line.end) for _, line in drawn]
        columns = self._columns
        for (i, line), own, moved in zip(drawn, wanted, spread(wanted, LABEL + 2.4, top, top + height), strict=True):
            sheet.line([(x + width + 2, own), (x + width + 8, moved), (x + width + 14, moved)], line.dark, 0.5)
            at = x + width + _LEAD
            sheet.text(at, moved + LABEL * 0.36, _SHAPES[i % len(_SHAPES)][1], size=TICK, colour=line.dark)
            at += _SHAPE
            for cell, column in zip(line.name, columns, strict=True):
                sheet.text(at, moved + LABEL * 0.36, cell.text, size=cell.size, colour=cell.colour, face=cell.face)
                at += column + _GAP

    def draw(self, axes: Axes) -> None:
        """Draws the curves."""
        n = len(self.moments)
        if self.value == "rank":
            rank_axis(axes)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(7))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda score, _: plain_number(score)))
        axes.set_ylim(*self._limits)
        axes.set_xlim(-0.4, max(n - 1, 0.4) + 0.15)
        for i, line in reversed(list(enumerate(self.lines))):
            self._line(axes, line, 3 + (len(self.lines) - i) / 100, _SHAPES[i % len(_SHAPES)][0])
        stage_axis(axes, self.moments)
        axes.grid(axis="y", color=RULE, linewidth=0.4)
        axes.set_axisbelow(True)
        plain_axes(axes, TICK)

    def marks(self) -> Iterator[Mark]:
        """The key to light and dark: only what occurs."""
        kinds = {moment.by for moment in self.moments}
        light, dark = (self.lines[0].light, self.lines[0].dark) if self.lines else ("#a9c3ee", "#2f4f9a")
        for kind, said, colour in (
            ("attention", "moved by attention", light),
            ("mlp", "moved by the MLP", dark),
            ("block", "moved by a block: attention and MLP", dark),
        ):
            if kind in kinds:

                def draw(sheet: Sheet, x: float, y: float, colour: str = colour) -> None:
                    sheet.line([(x, y - SMALL / 2 + 1), (x + 16, y - SMALL / 2 + 1)], colour, 2.0)

                yield Mark(said, 16, draw)

    def _line(self, axes: Axes, line: Line, level: float, shape: str) -> None:
        thick = 2.3 if line.strong else 1.6
        light: list[list[tuple[float, float]]] = []
        dark: list[list[tuple[float, float]]] = []
        for i in range(1, len(line.scores)):
            before, after = line.scores[i - 1], line.scores[i]
            if before is not None and after is not None:
                segment = [(i - 1.0, float(before)), (float(i), float(after))]
                (light if self.moments[i].by == "attention" else dark).append(segment)
        for segments, colour in ((light, line.light), (dark, line.dark)):
            drawn = LineCollection(segments, colors=[colour], linewidths=[thick], capstyle="round", zorder=level)
            axes.add_collection(drawn, autolim=False)
        known = [(i, score) for i, score in enumerate(line.scores) if score is not None]
        # Points of many stages would touch; then the curve is enough.
        size = 3.0 if len(self.moments) <= 60 else 1.8
        axes.plot([i for i, _ in known], [score for _, score in known], linestyle="none", marker=shape,
                  zorder=level + 0.005, markersize=size, markerfacecolor="white", markeredgecolor=line.dark,
                  markeredgewidth=0.7 * size / 3.0, clip_on=False)  # fmt: skip

    @property
    def _limits(self) -> tuple[float, float]:
        """Of the vertical axis, bottom first."""
        known = [float(score) for line in self.lines for score in line.scores if score is not None]
        if self.value == "rank":
            return max([*known, 10.0]) * 1.3, 0.85
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        room = 0.04 * (high - low) or 0.5
        return low - room, high + room

    def _share(self, score: float | int | None) -> float:
        """How far down the axis a score stands, 0..1."""
        (bottom, top), at = self._limits, float(score or 0.0)
        if self.value == "rank":
            bottom, top, at = log(bottom), log(top), log(at)
        return (top - at) / (top - bottom)


def rank_axis(axes: Axes) -> None:
    """A log axis whose numbers are whole."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:,.0f}"))


def stage_axis(axes: Axes, moments: Sequence[Moment], most: int = 26, title: str = "output of block") -> None:
    """A tick for each block's output, numbered from 0; as many as there is room for, the last among them."""
    outputs = [i for i, moment in enumerate(moments) if moment.by != "attention"]
    every = max(1, -(-len(outputs) // most))
    last = moments[outputs[-1]].block if outputs else 0
    shown = [i for i in outputs if moments[i].block < 0 or (last - moments[i].block) % every == 0]
    # Where ticks are skipped, the first number can stand too close to the word before it.
    if every > 1 and len(shown) > 1 and moments[shown[0]].block < 0 and moments[shown[1]].block < every / 2:
        del shown[1]
    axes.set_xticks(shown, ["embed" if moments[i].block < 0 else str(moments[i].block) for i in shown])
    axes.set_xlabel(title, fontproperties=SANS.properties(TICK), color=QUIET, labelpad=2)
    for i in shown:
        axes.axvline(i, color="#efefec", linewidth=0.5, zorder=0.5)


def plain_number(number: float) -> str:
    """A number with a minus that is as wide as a plus."""
    return f"{number:g}".replace("-", "\u2212")
