"""What stands around a picture: the bar of colours with its numbers, the key to the marks, the caption.

Knows scales and sources, and no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from logitscope.render.figure.fonts import SANS, Face
from logitscope.render.figure.sheet import FAINT, INK, QUIET, RULE, Sheet
from logitscope.view.scale import Scale
from logitscope.view.source import Source
from logitscope.view.words import caption_words

__all__ = [
    "BAR_HEIGHT",
    "BOLD",
    "CAPTION",
    "SMALL",
    "Mark",
    "caption",
    "colour_bar",
    "key",
    "no_font",
    "sample",
    "wrapped",
]

SMALL = 6.8
"""Points of legends."""

CAPTION = 6.2
BOLD = Face(SANS.name, bold=True)

BAR_HEIGHT = 32.0
"""Points that a colour bar takes, its title and numbers included."""

_SLICES = 120


@dataclass(frozen=True)
class Mark:
    """One entry of the key.

    Attributes:
        text: what it means.
        width: points that its sample takes.
        draw: draws the sample with its left end at (x, y), y being the text's baseline.
    """

    text: str
    width: float
    draw: Callable[[Sheet, float, float], None]


def colour_bar(sheet: Sheet, scale: Scale, x: float, y: float, width: float) -> None:
    """The ramp from its pale to its deep end, what it measures above it, its numbers below.

    Args:
        sheet: to draw on.
        scale: what the colours mean.
        x: left end.
        y: top.
        width: of the bar.
    """
    end = sheet.text(x, y + SMALL, scale.title, size=SMALL, face=BOLD)
    # The relative scale is placed in nats and numbered in bits, as its title says.
    if scale.unit not in ("rank", "probability", "logit", "stage", "ratio") and "bits" not in scale.title:
        end = sheet.text(end + 3, y + SMALL, f"in {scale.unit}", size=SMALL)
    if scale.note:
        sheet.text(end + 4, y + SMALL, f"({scale.note})", size=SMALL - 0.6, colour=QUIET)
    top, height, step = y + SMALL + 4, 8.0, width / _SLICES
    for i in range(_SLICES):
        sheet.box(x + i * step, top, step, height, scale.colour((i + 0.5) / _SLICES), seamless=True)
    sheet.frame(x - 0.25, top - 0.25, width + 0.5, height + 0.5, colour=FAINT, thickness=0.5)
    for tick in scale.ticks:
        at = x + tick.place * width
        sheet.line([(at, top + height), (at, top + height + 2.5)], colour=FAINT, thickness=0.6)
        align = "left" if tick.place == 0 else "right" if tick.place == 1 else "center"
        sheet.text(at, top + height + 4, tick.label, size=SMALL - 0.4, colour=QUIET, align=align, base="top")


def key(sheet: Sheet, marks: Iterable[Mark], x: float, y: float, room: float) -> float:
    """The entries of the key in rows; returns the y below the last row."""
    at, baseline, any_row = x, y + SMALL, False
    for mark in marks:
        lead = mark.width + 4 if mark.width else 0.0
        width = lead + SANS.width(mark.text, SMALL)
        if any_row and at > x and at + width > x + room:
            at, baseline = x, baseline + SMALL + 5
        mark.draw(sheet, at, baseline)
        sheet.text(at + lead, baseline, mark.text, size=SMALL, colour=QUIET)
        at += width + 14
        any_row = True
    return baseline + 6 if any_row else y


def sample(width: float, colour: str, *, hatched: bool = False, framed: bool = False) -> Callable[..., None]:
    """A little rectangle for the key."""

    def draw(sheet: Sheet, x: float, y: float) -> None:
        sheet.box(x, y - SMALL + 0.6, width, SMALL, colour, hatched=hatched)
        sheet.frame(x, y - SMALL + 0.6, width, SMALL, INK if framed else RULE, 1.0 if framed else 0.5)

    return draw


def no_font() -> Mark:
    """The entry that explains codes in place of characters."""

    def draw(sheet: Sheet, x: float, y: float) -> None:
        sheet.text(x, y, "⟨6F22⟩", size=SMALL)

    return Mark("the character of that code; no usable font has it", SANS.width("⟨6F22⟩", SMALL), draw)


def caption(sheet: Sheet, source: Source, x: float, y: float, room: float, further: Sequence[str] = ()) -> float:
    """Model, precision, lens and length in small quiet letters; returns the y below."""
    for row in wrapped([*caption_words(source), *further], CAPTION, room):
        y += CAPTION + 2.5
        sheet.text(x, y, row, size=CAPTION, colour=FAINT)
    return y + 3


def wrapped(parts: Sequence[str], size: float, room: float, gap: str = " · ") -> list[str]:
    """Parts joined into rows of at most `room` points; a part that is wider has a row of its own, cut off."""
    rows: list[str] = []
    for part in parts:
        joined = f"{rows[-1]}{gap}{part}" if rows else part
        if rows and SANS.width(joined, size) <= room:
            rows[-1] = joined
        else:
            rows.append(SANS.fit(part, size, room))
    return rows
