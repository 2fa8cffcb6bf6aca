"""Surprisal along the text as bars, the entropy that the model had before each token as a step behind them.

Draws a `view.Strip` into a part of a sheet. Knows nothing of traces.
"""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from logitscope.render.figure.fonts import SANS
from logitscope.render.figure.sheet import FAINT, INK, QUIET, RULE, Sheet
from logitscope.view.strip import Strip

__all__ = ["STRIP_HEIGHT", "draw_strip", "plain_axes"]

STRIP_HEIGHT = 118.0
"""Points, title and axis included."""

_LEFT, _TOP, _BOTTOM = 26.0, 14.0, 28.0
_SIZE = 6.6
_EXPECTED = "#dcdde2"
_PLAIN = "#97909c"


def draw_strip(sheet: Sheet, figure: Figure, view: Strip, x: float, y: float, width: float, coloured: bool) -> None:
    """Draws the strip over `STRIP_HEIGHT` points below `y`.

    `coloured` is for where the legend above is also that of the bars; else they are grey.
    """
    axes = sheet.chart(figure, x + _LEFT, y + _TOP, width - _LEFT, STRIP_HEIGHT - _TOP - _BOTTOM)
    bars = view.bars
    known = [n for bar in bars for n in (bar.bits, bar.expected_bits) if n is not None and math.isfinite(n)]
    highest = max([*known, 1.0]) * 1.06
    expected = [(bar.position, bar.expected_bits) for bar in bars if bar.expected_bits is not None]
    axes.add_collection(
        PolyCollection([_box(t, bits, 1.0) for t, bits in expected], facecolors=_EXPECTED, edgecolors=_EXPECTED,
                       linewidths=0.3, zorder=1),
        autolim=False,
    )  # fmt: skip
    scored = [
        (bar.position, min(bar.bits, highest), bar.colour if coloured else _PLAIN)
        for bar in bars
        if bar.bits is not None
    ]
    # An outline keeps the palest bars on the page; where bars are thin it would be all that is seen.
    edge = max(0.15, min(0.5, 0.1 * (width - _LEFT) / max(1, len(bars))))
    axes.add_collection(
        PolyCollection([_box(t, bits, 0.62) for t, bits, _ in scored], facecolors=[c for *_, c in scored],
                       edgecolors="#4a3b45", linewidths=edge, zorder=2),
        autolim=False,
    )  # fmt: skip
    for bar in bars:
        if bar.seam:
            axes.axvline(bar.position - 0.5, color=INK, linewidth=0.6, linestyle="dotted", zorder=3)
    axes.set_xlim(-0.5, len(bars) - 0.5)
    axes.set_ylim(0, highest)
    plain_axes(axes, _SIZE)
    axes.set_ylabel("bits", fontproperties=SANS.properties(_SIZE), color=QUIET, labelpad=2)
    axes.set_xlabel("position in the text, in tokens", fontproperties=SANS.properties(_SIZE), color=QUIET, labelpad=2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=RULE, linewidth=0.4, zorder=0)
    axes.set_axisbelow(True)
    _title(axes, bool(expected))


def plain_axes(axes: Axes, size: float) -> None:
    """Two thin spines and small quiet numbers."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
        axes.spines[side].set_linewidth(0.6)
    axes.tick_params(length=2.5, width=0.6, color=FAINT, labelcolor=QUIET, pad=2)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(SANS.properties(size))
    axes.tick_params(labelsize=size, labelfontfamily=SANS.name)


def _title(axes: Axes, expected: bool) -> None:
    """The key stands where a title would."""
    said = "surprisal along the text"
    if expected:
        said += "; grey behind it: the entropy of the prediction, what the model expected to pay"
    axes.set_title(said, loc="left", fontproperties=SANS.properties(_SIZE), color=QUIET, pad=4, parse_math=False)


def _box(position: int, height: float, width: float) -> list[tuple[float, float]]:
    left, right = position - width / 2, position + width / 2
    return [(left, 0), (left, height), (right, height), (right, 0)]
