"""Which characters can be drawn, in which fonts, and how wide they come out.

matplotlib's own DejaVu fonts come first, so that pictures look alike everywhere; installed fonts for other scripts
stand behind them. A character that none of them has is written as its code, such as ⟨6F22⟩, never as an empty box.
Knows no pictures.
"""

from __future__ import annotations

import unicodedata
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache

from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.ft2font import FT2Font, LoadFlags

__all__ = ["MONO", "SANS", "Face", "inked_as_codes", "undrawable"]

_FURTHER = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans GB",
    "Hiragino Sans", "Heiti SC", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo",
    "Noto Emoji", "Symbola", "Segoe UI Emoji", "Segoe UI Symbol", "Apple Symbols", "Noto Sans Symbols",
    "Noto Sans Symbols 2", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Tamil", "Noto Sans Thai", "Noto Sans Georgian", "Noto Sans Armenian", "Noto Sans Ethiopic",
    "Arial Unicode MS", "Unifont",
)  # fmt: skip
"""Asked for in this order, where installed. Fonts of coloured bitmaps are not here: matplotlib cannot draw them."""


@dataclass(frozen=True)
class Face:
    """A font and those that stand behind it.

    Attributes:
        name: the family that is looked into first.
        bold: heavier.
    """

    name: str
    bold: bool = False

    @property
    def families(self) -> tuple[str, ...]:
        """Family names for matplotlib, in the order in which a character is looked for."""
        return _families(self.name)

    def properties(self, size: float) -> FontProperties:
        """As matplotlib wants it; `size` in points."""
        return FontProperties(family=list(self.families), size=size, weight="bold" if self.bold else "normal")

    def width(self, text: str, size: float) -> float:
        """How far `text` reaches, in points, were it drawn in this face at `size` points."""
        return size * sum(_advance(character, self.name, self.bold) for character in text)

    def fit(self, text: str, size: float, room: float) -> str:
        """The text, cut off with an ellipsis where it is wider than `room` points."""
        if self.width(text, size) <= room:
            return text
        left = room - self.width("…", size)
        kept = 0
        for kept, character in enumerate(text):  # noqa: B007 - what is kept is what came before
            left -= self.width(character, size)
            if left < 0:
                break
        return text[:kept] + "…"

    def inked(self, text: str) -> str:
        """The text as it can be drawn: characters that no font has are written as their codes."""
        return "".join(_inked(character, self.name) for character in text)


SANS = Face("DejaVu Sans")
MONO = Face("DejaVu Sans Mono")


def undrawable(text: str) -> bool:
    """Whether some character of `text` is in no font here."""
    return any(_inked(character, SANS.name) != character for character in text)


inked_as_codes = SANS.inked


@cache
def _families(name: str) -> tuple[str, ...]:
    installed = {entry.name for entry in fontManager.ttflist}
    wanted = (name, "DejaVu Sans", *_FURTHER)
    return tuple(dict.fromkeys(family for family in wanted if family in installed))


@cache
def _chain(name: str, bold: bool) -> tuple[FT2Font, ...]:
    """The open fonts of a face, with their outlines in thousandths of a point at 1,000 points."""
    opened = []
    for family in _families(name):
        wanted = FontProperties(family=family, weight="bold" if bold else "normal")
        try:
            font = get_font(fontManager.findfont(wanted, fallback_to_default=False))
        except (ValueError, OSError, RuntimeError):  # a font that is listed and not there, or not readable
            continue
        if font.scalable:
            opened.append(font)
    return tuple(opened)


@lru_cache(maxsize=65536)
def _advance(character: str, name: str, bold: bool) -> float:
    """In em."""
    code = ord(character)
    for font in _chain(name, bold):
        if font.get_char_index(code):
            font.set_size(100, 72)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                glyph = font.load_char(code, flags=LoadFlags.NO_HINTING)
            return glyph.linearHoriAdvance / 65536 / 100
    return 0.0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 0.6


@lru_cache(maxsize=65536)
def _inked(character: str, name: str) -> str:
    code = ord(character)
    if any(font.get_char_index(code) for font in _chain(name, False)):
        return character
    if 0xFE00 <= code <= 0xFE0F or code in (0x200C, 0x200D):  # joiners and selectors have no ink to miss
        return ""
    return f"⟨{code:X}⟩"
