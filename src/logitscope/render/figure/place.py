"""Two lines above a picture of one position: what it is, and where in the text. Knows a place, and no picture."""

from __future__ import annotations

from logitscope.render.figure.fonts import SANS
from logitscope.render.figure.furniture import BOLD
from logitscope.render.figure.sheet import FAINT, QUIET, Sheet
from logitscope.view.followed import Place
from logitscope.view.labels import visible

__all__ = ["draw_place", "named"]

_TITLE, _TEXT = 8.2, 7.2
_TOP = 14.0


def draw_place(sheet: Sheet, place: Place, title: str, x: float, room: float) -> float:
    """Draws the title, and below it the end of what was read and what came next; returns the y below."""
    baseline = _TOP + _TITLE
    sheet.text(
        x, baseline, f"{title} at position {place.position:,} (0 to {place.n_tokens - 1:,})", size=_TITLE, face=BOLD
    )
    baseline += _TEXT + 5
    before = SANS.inked(visible(place.before, spaces=True)).strip() or SANS.inked(place.input)
    cut = place.cut
    while before and SANS.width(before, _TEXT) > room * 0.6:
        before, cut = before[1:], True
    end = sheet.text(x, baseline, f"…{before}" if cut else before, size=_TEXT, colour=QUIET)
    came = "the end of the text" if place.next is None else SANS.inked(place.next)
    end = sheet.text(end + 6, baseline, "→", size=_TEXT, colour=FAINT)
    sheet.text(
        end + 6, baseline, SANS.fit(came, _TEXT, room * 0.25), size=_TEXT, face=SANS if place.next is None else BOLD
    )
    return baseline + 5


def named(label: str) -> str:
    """A token's label where it stands alone: a comma or a full stop would be taken for a speck without its quotes.

    >>> named(","), named("the")
    ('“,”', 'the')
    """
    return f"“{label}”" if label and all(character in ".,:;'`´-_·^~\"|!" for character in label) else label
