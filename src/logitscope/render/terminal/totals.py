"""What a text cost in all, and by kind of token: two small tables of aligned numbers. Knows a summary, no text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import MARGIN, fit, join_wrapped
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.trace.summary import Summary
from logitscope.view.likelihood import Likelihood
from logitscope.view.words import rounded, total_words

__all__ = ["kinds_table", "totals"]

_NAME = 27
_BAR = 24
_PALEST, _DEEPEST = 4.8, 13.0
"""Bits; bars paler or deeper than these could not be told from a white or a black terminal."""


def totals(screen: Screen, summary: Summary) -> Text:
    """Total bits, then bits per token, byte and word, and perplexity."""
    parts = []
    for number, what in total_words(summary):
        first, second = (Text(f"{what} "), number) if what == "perplexity" else (Text(number, STRONG), f" {what}")
        parts.append(first.append(second, STRONG if what == "perplexity" else "not bold"))
    return join_wrapped(screen, parts)


def kinds_table(screen: Screen, view: Likelihood) -> Iterator[Text]:
    """A row for each kind of token that occurs: how many, bits per token, and its share of the text's bits as a bar."""
    rows = [row for row in view.summary.kinds if row.tokens]
    if not rows:
        return
    room = screen.width - 2 * len(MARGIN) - 21
    name = min(_NAME, max(10, room))
    bar = min(_BAR, room - name - 7)
    head = f"{MARGIN}{'':{name}} {'tokens':>8} {'bits each':>10}"
    yield Text(head + ("  share of bits" if bar > 5 else ""), DIM)
    for row in sorted(rows, key=lambda row: -row.total_bits):
        line = Text(MARGIN + fit(row.kind, name, screen.glyphs.cut))
        line.append(f" {row.tokens:>8,} ").append(f"{rounded(row.mean_bits, 2):>10}", STRONG)
        # Of an infinite total no kind has a share that could be said.
        if bar > 5 and math.isfinite(view.summary.total_bits):
            share = row.total_bits / view.summary.total_bits if view.summary.total_bits else 0.0
            # As deep as a token of that many bits, so that the table and the text speak one language.
            ground = screen.ember(min(_DEEPEST, max(_PALEST, row.mean_bits))).bgcolor
            line.append(f" {100 * share:4.0f}% ", DIM).append_text(_bar(screen, share, bar, Style.from_color(ground)))
        line.no_wrap = True
        yield line


def _bar(screen: Screen, share: float, width: int, colour: Style) -> Text:
    halves = round(share * width * 2)
    glyphs = screen.glyphs.bar * (halves // 2) + (screen.glyphs.half if halves % 2 else "")
    return Text(f"{glyphs:<{width}}", colour)
