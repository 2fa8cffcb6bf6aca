"""What a terminal can show: its width, its colours, its characters; and the styles that fit them.

Knows the environment variables that terminals and users set, and rich; knows nothing of what is drawn.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Literal

from rich.color import Color, ColorSystem
from rich.console import Console
from rich.style import Style

from logitscope.view.colour import EMBER, ink_on
from logitscope.view.scale import BITS_END, Scale

__all__ = ["DIM", "STRONG", "Depth", "Glyphs", "Screen", "depth_of", "screen"]

Depth = Literal["truecolor", "256", "16", "none"]

_System = Literal["truecolor", "256", "standard"]

_SYSTEMS: Mapping[Depth, _System] = {"truecolor": "truecolor", "256": "256", "16": "standard"}

STRONG = Style(bold=True)
DIM = Style(dim=True)

_FULL_COLOUR_TERMS = ("kitty", "alacritty", "ghostty", "wezterm", "foot", "-direct")
"""Terminals that can, and of which some do not say so in COLORTERM."""

_SIXTEEN: Mapping[str, tuple[tuple[float, str], ...]] = {
    # Colours by the place at which they begin, pale to deep. Sixteen-colour palettes differ, their order does not.
    "ember": (
        (0.0, "default on default"),
        (0.125, "black on bright_yellow"),
        (0.3, "black on yellow"),
        (0.5, "bright_white on red"),
        (0.75, "bright_white on magenta"),
    ),
    "tide": (
        (0.0, "default on default"),
        (0.2, "black on bright_cyan"),
        (0.45, "black on cyan"),
        (0.7, "bright_white on blue"),
    ),
    "balance": (
        (0.0, "bright_white on blue"),
        (0.15, "black on cyan"),
        (0.3, "black on bright_cyan"),
        (0.45, "default on default"),
        (0.56, "black on bright_yellow"),
        (0.7, "black on yellow"),
        (0.85, "bright_white on red"),
    ),
    "pastel": (
        (0.0, "black on bright_red"),
        (0.25, "black on bright_yellow"),
        (0.55, "black on bright_green"),
        (0.85, "default on default"),
    ),
}


@dataclass(frozen=True)
class Glyphs:
    """The few characters beyond ASCII that the pictures use."""

    digits: str = "⁰¹²³⁴⁵⁶⁷⁸⁹"
    unscored: str = "°"
    seam: str = "┊"
    bar: str = "█"
    half: str = "▌"
    dot: str = "·"
    cut: str = "…"
    before: str = "▸"
    after: str = "◂"
    missing: str = "–"
    newline: str = "⏎"

    def raised(self, number: float, *, signed: bool = False) -> str:
        """A whole number as superscript; ∞ for a token that the model held to be impossible."""
        if math.isinf(number):
            return "∞" if self.digits else "{inf}"
        plain = f"{number:+.0f}" if signed else f"{number:.0f}"
        return plain.translate(str.maketrans("0123456789+-", self.digits + "⁺⁻")) if self.digits else f"{{{plain}}}"


_ASCII = Glyphs(
    digits="",
    unscored="{?}",
    seam="|",
    bar="#",
    half="",
    dot="|",
    cut="~",
    before=">",
    after="<",
    missing="-",
    newline="$",
)


@dataclass(frozen=True)
class Screen:
    """A console and what it can show.

    Attributes:
        console: writes to the terminal, the pipe or the string.
        depth: how many colours.
        glyphs: which marks.
    """

    console: Console
    depth: Depth
    glyphs: Glyphs

    @property
    def coloured(self) -> bool:
        return self.depth != "none"

    @property
    def width(self) -> int:
        """In cells; never less than 20, below which nothing can be laid out."""
        return max(20, self.console.width)

    def paint(self, scale: Scale, place: float | None) -> Style:
        """Ink and ground for a place on a scale; without colours, nothing."""
        return self.ground(scale.ramp, place, scale.colour(place))

    def ground(self, ramp: str, place: float | None, colour: str) -> Style:
        """`#rrggbb` as a ground, with the ink that reads on what the terminal makes of it.

        Sixteen colours are too few to look for the nearest one: there `ramp` and `place` decide.
        """
        if not self.coloured:
            return Style.null()
        if self.depth == "16":
            if place is None:
                return Style.parse("black on white")
            return Style.parse([style for start, style in _SIXTEEN[ramp] if place >= start][-1])
        shown = Color.parse(colour)
        if self.depth == "256":
            shown = shown.downgrade(ColorSystem.EIGHT_BIT)
        return Style.from_color(Color.parse(ink_on(shown.get_truecolor().hex)), shown)

    def ember(self, bits: float) -> Style:
        """The ground of that many absolute bits, for what stands beside the text."""
        place = min(1.0, max(0.0, bits / BITS_END))
        return self.ground(EMBER.name, place, EMBER.at(place))

    @property
    def paper(self) -> Style:
        """What the text is written on where there are colours enough for a sheet of paper."""
        return self.ember(0.0) if self.depth in ("truecolor", "256") else Style.null()


def depth_of(environ: Mapping[str, str], is_terminal: bool) -> Depth:
    """How many colours to use.

    `NO_COLOR` (not empty) means none, whatever else is set. `FORCE_COLOR` (not empty, not 0) means at least 16 where
    output is no terminal too; 2 means at least 256, 3 means 24-bit. Else `COLORTERM` and `TERM` decide.

    Source: no-color.org, force-color.org.
    """
    forced = environ.get("FORCE_COLOR", "")
    if environ.get("NO_COLOR") or forced == "0":
        return "none"
    if not is_terminal and not forced:
        return "none"
    term = environ.get("TERM", "").lower()
    depths: list[Depth] = ["none", "16", "256", "truecolor"]
    able: Depth = "16"
    if term in ("", "dumb", "unknown"):
        able = "none"
    elif environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or any(t in term for t in _FULL_COLOUR_TERMS):
        able = "truecolor"
    elif "256" in term:
        able = "256"
    at_least = {"2": 2, "3": 3}.get(forced, 1) if forced else 0
    return depths[max(depths.index(able), at_least)]


def screen(file: IO[str], environ: Mapping[str, str] = os.environ, width: int | None = None) -> Screen:
    """What `file` can show, `COLUMNS` honoured."""
    is_terminal = bool(getattr(file, "isatty", lambda: False)())
    depth = depth_of(environ, is_terminal)
    # A terminal without colours still has bold and underline; a pipe has neither.
    plain: _System | None = "standard" if is_terminal and environ.get("TERM") != "dumb" else None
    console = Console(
        file=file,
        color_system=_SYSTEMS.get(depth, plain),
        no_color=depth == "none",
        force_terminal=is_terminal or depth != "none",
        force_jupyter=False,
        width=width or _columns(environ),
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        _environ=dict(environ),
    )
    encoding = (getattr(file, "encoding", None) or "utf-8").lower().replace("-", "")
    return Screen(console, depth, Glyphs() if encoding.startswith("utf") else _ASCII)


def _columns(environ: Mapping[str, str]) -> int | None:
    columns = environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else None
