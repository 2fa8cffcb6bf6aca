"""What each sublayer added to each token's score: a row of bars per token, light for attention and dark for the MLP.

All rows have one scale, so that they can be compared; each ends in the score that its bars add up to. Draws a
`view.IncrementBars`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from logitscope.render.figure.curves import TICK, plain_number
from logitscope.render.figure.fonts import SANS, undrawable
from logitscope.render.figure.furniture import BOLD, SMALL, Mark, caption, key, no_font, sample
from logitscope.render.figure.lens import STAR
from logitscope.render.figure.place import draw_place, named
from logitscope.render.figure.sheet import FAINT, INK, QUIET, RULE, Sheet
from logitscope.render.figure.strip import plain_axes
from logitscope.view.increments import IncrementBars, Tally

__all__ = ["draw_increments"]

WIDTH = 504.0
"""Points."""

_MARGIN, _LEFT, _RIGHT = 14.0, 26.0, 86.0
_ROW, _BETWEEN = 33.0, 5.0
_NAME, _NUMBER = 7.2, 5.2
_EMBED, _REST = "#8b8d96", "#c6c7cc"
_NAMED = 2
"""Bars of a row that carry their number: its largest."""


@dataclass(frozen=True)
class _Bar:
    """One bar: where, how far, its colour, and what the average token got."""

    at: float
    height: float
    colour: str
    average: float | None
    hatched: bool = False


def draw_increments(view: IncrementBars, width: float = WIDTH) -> Figure:
    """The bars as a figure.

    Args:
        view: what to draw.
        width: of the figure in points.
    """
    sheet = Sheet(width)
    room = width - 2 * _MARGIN
    y = draw_place(sheet, view.place, "What each sublayer added to the score", _MARGIN, room)
    unit = "logits; a token's bars add up to its score, at the right"
    if view.centred:
        unit = "logits, less what was added to the mean over the vocabulary; bars add up to the number at the right"
    sheet.text(_MARGIN, y + 10, unit, size=TICK, colour=QUIET)
    top, wide = y + 20, room - _LEFT - _RIGHT
    rows = [list(_bars(view, tally)) for tally in view.tallies]
    limits = _limits(rows)
    bottom = top + len(rows) * (_ROW + _BETWEEN)
    # Between the rows of two tokens nothing but the zero line says which row a bar is of.
    for i, tally in enumerate(view.tallies):
        _name(sheet, tally, _MARGIN + _LEFT + wide + 8, top + i * (_ROW + _BETWEEN), limits)
    _axis(sheet, view, _MARGIN + _LEFT, bottom - _BETWEEN, wide)
    y = key(sheet, _marks(view), _MARGIN, bottom + 24, room)
    sheet.height = caption(sheet, view.source, _MARGIN, y, room, _further(view)) + _MARGIN - 6
    figure = sheet.figure()
    for i, bars in enumerate(rows):
        axes = sheet.chart(figure, _MARGIN + _LEFT, top + i * (_ROW + _BETWEEN), wide, _ROW)
        _row(axes, view, bars, limits, wide)
    return figure


def _slots(view: IncrementBars) -> list[str]:
    """What stands after the parts, a slot apart from them."""
    return [*(["constant"] if view.constants else []), *(["rounding"] if view.roundings else [])]


def _bars(view: IncrementBars, tally: Tally) -> Iterator[_Bar]:
    colours = {"start": _EMBED, "attention": tally.light, "mlp": tally.dark}
    for i, (part, added) in enumerate(zip(view.parts, tally.added, strict=True)):
        if added is not None:
            yield _Bar(float(i), added, colours.get(part.by, tally.dark), view.average[i])
    for slot, rest in enumerate(_slots(view)):
        number = tally.constant if rest == "constant" else tally.rounding
        if number is not None:
            average = view.average_constant if rest == "constant" else None
            yield _Bar(len(view.parts) + 0.6 + slot, number, _REST, average, hatched=True)


def _limits(rows: Sequence[Sequence[_Bar]]) -> tuple[float, float]:
    """Of the vertical axis of all rows, with room for the numbers."""
    known = [bar.height for bars in rows for bar in bars] + [bar.average or 0.0 for bars in rows for bar in bars]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    return low - (0.22 * span if low < 0 else 0.04 * span), high + (0.22 * span if high > 0 else 0.04 * span)


def _row(axes: Axes, view: IncrementBars, bars: Sequence[_Bar], limits: tuple[float, float], wide: float) -> None:
    end = len(view.parts) - 0.4 + len(_slots(view)) + (0.6 if _slots(view) else 0.0)
    for hatched in (False, True):
        held = [bar for bar in bars if bar.hatched == hatched]
        boxes = [[(b.at - 0.4, 0), (b.at - 0.4, b.height), (b.at + 0.4, b.height), (b.at + 0.4, 0)] for b in held]
        axes.add_collection(
            PolyCollection(boxes, facecolors=[b.colour for b in held], edgecolors="#77787f" if hatched else "none",
                           linewidths=0.3, hatch="//////" if hatched else None, zorder=2),
            autolim=False,
        )  # fmt: skip
    if not view.centred:
        ticks = [[(b.at - 0.42, b.average), (b.at + 0.42, b.average)] for b in bars if b.average is not None]
        axes.add_collection(LineCollection(ticks, colors=[INK], linewidths=[0.8], zorder=3), autolim=False)
    axes.axhline(0, color=FAINT, linewidth=0.6, zorder=1)
    axes.set_xlim(-0.6, end + 0.2)
    axes.set_ylim(*limits)
    axes.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda added, _: plain_number(added)))
    axes.grid(axis="y", color=RULE, linewidth=0.35)
    axes.set_axisbelow(True)
    plain_axes(axes, TICK - 0.8)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    slot = wide / (end + 0.8)
    reach = 0.06 * (limits[1] - limits[0])
    for bar in _largest(bars, slot):
        said = f"{bar.height:+.1f}".replace("-", "\u2212")
        up = bar.height > 0
        axes.text(bar.at, bar.height + (reach if up else -reach), said, fontproperties=SANS.properties(_NUMBER),
                  color=QUIET, ha="center", va="bottom" if up else "top", parse_math=False, zorder=4,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip


def _largest(bars: Sequence[_Bar], slot: float) -> list[_Bar]:
    """The bars that carry their number, none so near to another that the numbers would touch."""
    chosen: list[_Bar] = []
    needed = SANS.width("+10.0", _NUMBER) + 2
    for bar in sorted(bars, key=lambda bar: -abs(bar.height)):
        clear = all(abs(bar.at - other.at) * slot >= needed or bar.height * other.height < 0 for other in chosen)
        if len(chosen) < _NAMED and clear and abs(bar.height) >= 0.05:
            chosen.append(bar)
    return chosen


def _name(sheet: Sheet, tally: Tally, x: float, top: float, limits: tuple[float, float]) -> None:
    """The token, its score and its rank, at the height of the row's zero line."""
    middle = top + _ROW * min(0.8, max(0.4, limits[1] / (limits[1] - limits[0])))
    face = BOLD if tally.came_next else SANS
    star = f" {STAR}" if tally.came_next else ""
    name = face.fit(face.inked(named(tally.label)), _NAME, _RIGHT - 20) + star
    sheet.text(x, middle, name, size=_NAME, colour=tally.dark, face=face)
    score = "–" if tally.score is None else f"{tally.score:.2f}".replace("-", "\u2212")
    rank = "" if tally.rank is None else f"   rank {tally.rank:,}"
    sheet.text(x, middle + _NAME + 1.4, f"= {score}{rank}", size=TICK - 0.6, colour=QUIET)


def _axis(sheet: Sheet, view: IncrementBars, x: float, y: float, wide: float) -> None:
    """Under the last row: the embedding, each block by its number, and what no part brings."""
    slots = _slots(view)
    span = len(view.parts) - 0.4 + len(slots) + (0.6 if slots else 0.0) + 0.8

    def at(place: float) -> float:
        return x + wide * (place + 0.6) / span

    blocks: dict[int, list[int]] = {}
    for i, part in enumerate(view.parts):
        blocks.setdefault(part.block, []).append(i)
    last = max(blocks)
    every = max(1, -(-len(blocks) * 16 // int(wide)))
    for block, members in blocks.items():
        middle = at(sum(members) / len(members))
        if block < 0:
            sheet.text(middle, y + 9, "embed", size=TICK, colour=QUIET, align="center")
            continue
        sheet.line([(at(members[0] - 0.4), y + 2), (at(members[-1] + 0.4), y + 2)], colour=FAINT, thickness=0.6)
        clear = every == 1 or block >= every / 2  # "embed" stands beside the first
        if (last - block) % every == 0 and clear:
            sheet.text(middle, y + 9, str(block), size=TICK, colour=QUIET, align="center")
    for i, slot in enumerate(slots):
        middle = at(len(view.parts) + 0.6 + i)
        # Lower than the blocks' numbers, which would stand too close to it.
        sheet.text(middle, y + 17 + 7 * (i % 2), slot, size=TICK - 0.8, colour=QUIET, align="center")
    sheet.text(x + wide / 2, y + 18, "block", size=TICK, colour=QUIET, align="center")


def _marks(view: IncrementBars) -> Iterator[Mark]:
    """The key: only what occurs."""
    light, dark = (view.tallies[0].light, view.tallies[0].dark) if view.tallies else ("#a9c3ee", "#2f4f9a")
    yield Mark("the embedding", 7, sample(7, _EMBED))
    yield Mark("attention", 7, sample(7, light))
    yield Mark("the MLP", 7, sample(7, dark))
    if _slots(view):
        said = " and ".join(
            {"constant": "the shift of the final norm and the head's bias", "rounding": "rounding"}[slot]
            for slot in _slots(view)
        )
        yield Mark(said, 10, sample(10, _REST, hatched=True))
    if not view.centred:

        def average(sheet: Sheet, x: float, y: float) -> None:
            sheet.line([(x, y - SMALL / 2 + 1), (x + 9, y - SMALL / 2 + 1)], INK, 0.8)

        yield Mark("added to the mean over the vocabulary", 9, average)
    if any(tally.came_next for tally in view.tallies):

        def star(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, STAR, size=SMALL, face=BOLD)

        yield Mark("came next in the text", 5, star)
    if any(undrawable(tally.label) for tally in view.tallies):
        yield no_font()


def _further(view: IncrementBars) -> list[str]:
    said = ["increments as the sublayers returned them", "final norm frozen at its statistics for the output"]
    if view.softcap is not None:
        said.append(f"scores before the softcap of {view.softcap:g}, which bends the sum")
    return said
