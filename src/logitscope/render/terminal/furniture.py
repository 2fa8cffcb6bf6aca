"""What stands around a picture: captions, legends, rules, and cells of a fixed width.

Everything here is `rich.text.Text`, never markup, so that no text of a user's is ever read as an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.text import Text

from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.view.scale import Scale
from logitscope.view.source import Source
from logitscope.view.words import caption_words

__all__ = ["MARGIN", "caption", "chance", "fit", "heading", "join_wrapped", "legend", "percent"]

MARGIN = " "


def fit(text: str, width: int, cut: str = "…") -> str:
    """The text in exactly `width` cells: padded, or cut off with a mark; wide characters are never halved.

    >>> fit("plasma", 4), fit("of", 4), fit("漢字", 3)
    ('pla…', 'of  ', '漢…')
    """
    length = cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    kept = ""
    for character in text:
        if cell_len(kept + character) > width - cell_len(cut):
            break
        kept += character
    kept += cut
    return kept + " " * (width - cell_len(kept))


def percent(probability: float) -> str:
    """A probability as a person reads it in a list.

    >>> percent(0.5), percent(0.034), percent(0.00012)
    ('50%', '3.4%', '0.01%')
    """
    share = 100 * probability
    if share >= 10 or share == 0:
        return f"{share:.0f}%"
    if share >= 0.1:
        return f"{share:.1f}%"
    return f"{share:.2f}%" if share >= 0.01 else "<0.01%"


def chance(probability: float) -> str:
    """A small probability as one chance in so many.

    >>> chance(0.25), chance(1 / 18446)
    ('25%', '1 in 18,446')
    """
    if probability >= 0.01:
        return percent(probability)
    if probability < 1e-9:
        return f"p = {probability:.1e}"
    return f"1 in {1 / probability:,.0f}"


def caption(screen: Screen, source: Source, *, note: str = "") -> Text:
    """One dim line: model, precision, lens, length."""
    return join_wrapped(screen, [Text(part, DIM) for part in (*caption_words(source), *([note] if note else ()))])


def legend(screen: Screen, scale: Scale, further: Iterable[Text] = ()) -> Text:
    """The ramp as swatches that carry their own numbers, what they mean, and the key to marks.

    Without colours there is nothing to explain but the marks.
    """
    if not screen.coloured:
        return join_wrapped(screen, further, gap="   ")
    meaning = Text(scale.title)
    if scale.unit not in ("rank", "probability", "logit", "stage", "ratio") and "bits" not in scale.title:
        meaning.append(f", {scale.unit}")
    if scale.note:
        meaning.append(f" ({scale.note})", DIM)
    return join_wrapped(screen, [_swatches(screen, scale), meaning, *further], gap="   ")


def _swatches(screen: Screen, scale: Scale) -> Text:
    """Each tick's label on its own colour, a blank swatch between two where there is room."""
    longest = max((len(tick.label) for tick in scale.ticks), default=1)
    room = screen.width - 2 * len(MARGIN)
    width = min(longest + 2, room // max(1, len(scale.ticks)))
    gap = width // 2 if width * len(scale.ticks) + width // 2 * (len(scale.ticks) - 1) <= room else 0
    swatches = Text()
    for i, tick in enumerate(scale.ticks):
        if i:
            between = (scale.ticks[i - 1].place + tick.place) / 2
            swatches.append(" " * gap, screen.paint(scale, between))
        swatches.append(f"{tick.label:^{width}}", screen.paint(scale, tick.place))
    return swatches


def join_wrapped(screen: Screen, parts: Iterable[Text], *, gap: str | None = None, indent: int = 0) -> Text:
    """Parts in a row with a dot or a gap between them; a part that does not fit begins a new line."""
    separator = f" {screen.glyphs.dot} " if gap is None else gap
    room = screen.width - 2 * len(MARGIN) - indent
    start = MARGIN + " " * indent
    whole, used = Text(start), 0
    for part in (row for whole_part in parts for row in _within(screen, whole_part, room)):
        length = cell_len(part.plain)
        if used and used + len(separator) + length > room:
            whole.append("\n" + start)
            used = 0
        elif used:
            whole.append(separator, DIM)
            used += len(separator)
        whole.append_text(part)
        used += length
    return whole


def _within(screen: Screen, part: Text, room: int) -> Iterable[Text]:
    """A part that is wider than a line as several that are not."""
    return [part] if cell_len(part.plain) <= room else part.wrap(screen.console, max(1, room))


def heading(screen: Screen, text: str) -> Text:
    """A small title."""
    return join_wrapped(screen, [Text(text, STRONG)])
