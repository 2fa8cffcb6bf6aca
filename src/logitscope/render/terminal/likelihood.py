"""The text itself, coloured by what it cost, on a sheet of paper; under it what was surprising, and the totals.

Draws a `view.Likelihood`. Newlines and indentation stay, so source code looks like source code. Without colours
numbers stand beside the text (`beside`). Knows nothing of traces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.beside import margin_width, mark, marks_key, number_of_line
from logitscope.render.terminal.furniture import MARGIN, caption, chance, fit, heading, join_wrapped, legend, percent
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.render.terminal.totals import kinds_table, totals
from logitscope.view.labels import flowing, visible
from logitscope.view.likelihood import Likelihood, Run, Surprise
from logitscope.view.words import unscored_words

__all__ = ["render_likelihood"]

WIDEST = 120
"""A text set wider than this is hard to read; narrower terminals are filled."""

TAB = 4

NARROW = 72
"""Below this many columns the facts about a surprising token have a line of their own."""

INDENT = 8
WIDEST_CONTEXT = 56


def render_likelihood(view: Likelihood, screen: Screen, stages: tuple[str, ...] = ()) -> Group:
    """Everything that `logitscope likelihood` prints.

    Args:
        view: what to draw.
        screen: what it is drawn on.
        stages: of the trace; they name what `settled_stage` counts.
    """
    parts: list[Text] = [Text(), *_page(view, screen, stages), Text(), legend(screen, view.legend, _key(view, screen))]
    if view.surprises:
        parts += [Text(), heading(screen, "Most surprising"), *_surprises(view, screen)]
    parts += [Text(), totals(screen, view.summary), *_said_of_prefix(view), Text(), *kinds_table(screen, view)]
    parts += [Text(), caption(screen, view.source), Text()]
    return Group(*parts)


def _page(view: Likelihood, screen: Screen, stages: tuple[str, ...]) -> Iterator[Text]:
    """The text, line by line, each padded so that the page has a straight edge."""
    gutter = margin_width(view, screen.glyphs, stages) if view.by == "line" else 0
    paper = screen.paper
    inset = 1 if paper else 0
    width = max(8, min(screen.width, WIDEST) - 2 * len(MARGIN) - 2 * inset - gutter)
    for number, line in _hard_lines(view, screen, stages):
        line.expand_tabs(TAB)
        margin = f"{number:>{gutter - 2}}{'':2}" if gutter else ""
        for row in line.wrap(screen.console, width, tab_size=TAB) or [Text()]:
            drawn = Text(MARGIN)
            drawn.append(margin, DIM).append(" " * inset, paper).append_text(row)
            drawn.append(" " * (max(0, width - cell_len(row.plain)) + inset) if paper else "", paper)
            drawn.no_wrap = True
            yield drawn
            margin = " " * gutter


def _hard_lines(view: Likelihood, screen: Screen, stages: tuple[str, ...]) -> Iterator[tuple[str, Text]]:
    """The text cut at its own line breaks, with what stands in the margin beside each line."""
    paper = screen.paper
    line, number = Text(style=paper), ""
    for run in view.runs:
        style = _style(view, run, screen)
        if view.by == "line":
            number = number_of_line(view, run, screen.glyphs, stages) or screen.glyphs.missing
        if run.seam and run.start:
            line.append(screen.glyphs.seam, paper + DIM)
        *whole, rest = _drawn(view, run, screen, stages).split("\n")
        for part in whole:
            # A line break that is a token of its own has a cell of its own, so that its colour can be seen.
            line.append(part, style).append(" " if view.by == "token" and screen.coloured else "", style)
            yield number, line
            line = Text(style=paper)
            number = ""
        line.append(rest, style)
    if line.plain:
        yield number, line


def _style(view: Likelihood, run: Run, screen: Screen) -> Style:
    style = screen.paint(view.legend, run.place)
    if run.place is None:
        style += Style(italic=True)
    if not run.text:
        style += DIM  # a prefix is no part of the text
    return style


def _drawn(view: Likelihood, run: Run, screen: Screen, stages: tuple[str, ...]) -> str:
    shown = run.label if run.partial or not run.text else flowing(run.text)
    if screen.coloured or view.by == "line":
        return shown
    beside = mark(view, run, screen.glyphs, stages)
    body = shown.rstrip("\n")
    # A line break's number needs something to stand behind, or it would run into its neighbour's.
    behind = screen.glyphs.newline if beside and not body else ""
    return body + behind + beside + shown[len(body) :]


def _key(view: Likelihood, screen: Screen) -> Iterator[Text]:
    """What the marks in this text mean, and only those that occur."""
    if not screen.coloured:
        yield Text(marks_key(view, screen.glyphs))
    if any(run.place is None and run.text for run in view.runs):
        sample = Text(" not scored ", screen.paint(view.legend, None) + Style(italic=True))
        yield sample if screen.coloured else Text(f"{screen.glyphs.unscored} not scored")
    if any(run.seam for run in view.runs):
        yield Text(f"{screen.glyphs.seam} a further window begins")


def _said_of_prefix(view: Likelihood) -> Iterator[Text]:
    for said in unscored_words(view.summary, view.source):
        yield Text(f"{MARGIN}{said}", DIM)


def _surprises(view: Likelihood, screen: Screen) -> Iterator[Text]:
    narrow = screen.width < NARROW
    for surprise in view.surprises:
        facts = _facts(surprise)
        yield _where(surprise, screen, "" if narrow else "  " + f" {screen.glyphs.dot} ".join(facts))
        if narrow:
            yield join_wrapped(screen, [Text(fact, DIM) for fact in facts], indent=INDENT)
        yield _instead(surprise, screen)


def _facts(surprise: Surprise) -> list[str]:
    facts = [chance(surprise.probability)]
    if surprise.rank is not None:
        facts.append(f"rank {surprise.rank:,}")
    if surprise.expected_bits is not None:
        facts.append(f"expected {surprise.expected_bits:.1f} bits")
    return facts


def _where(surprise: Surprise, screen: Screen, tail: str) -> Text:
    """Bits, then the token within its context, then `tail` at the right edge."""
    swatch = screen.ember(surprise.bits)
    room = max(4, min(WIDEST_CONTEXT, screen.width - 2 * len(MARGIN) - INDENT - cell_len(tail)))
    cut = screen.glyphs.cut
    label = fit(surprise.label, min(cell_len(surprise.label), room - 2), cut)
    spare = room - cell_len(label) - 2
    before = _last(visible(surprise.before, spaces=True), spare * 3 // 5, screen)
    after = visible(surprise.after, spaces=True)
    after = fit(after, min(cell_len(after), spare - cell_len(before)), cut) if spare > 4 else ""
    cost = "∞" if math.isinf(surprise.bits) else f"{surprise.bits:.1f}"
    line = Text(MARGIN).append(f"{cost:>5} ", swatch if screen.coloured else STRONG).append("  ")
    line.append(before, DIM)
    if screen.coloured:
        line.append(f" {label} ", swatch)
    else:
        line.append(f"{screen.glyphs.before}{label}{screen.glyphs.after}", STRONG)
    line.append(after, DIM)
    line.append(" " * (room - cell_len(before) - cell_len(label) - 2 - cell_len(after)) if tail else "")
    return line.append(tail, DIM)


def _last(text: str, width: int, screen: Screen) -> str:
    """The end of a text in at most `width` cells."""
    if cell_len(text) <= width:
        return text
    kept = ""
    for character in reversed(text):
        if cell_len(character + kept) > width - cell_len(screen.glyphs.cut):
            break
        kept = character + kept
    return screen.glyphs.cut + kept if kept else ""


def _instead(surprise: Surprise, screen: Screen) -> Text:
    """What the model would have said, likeliest first, and what is left for all others."""
    parts = []
    for alternative in surprise.alternatives:
        part = Text(alternative.label, STRONG if alternative.actual else Style.null())
        parts.append(part.append(f" {percent(alternative.probability)}", DIM))
    parts.append(Text(f"all others {percent(surprise.rest)}", DIM))
    return join_wrapped(screen, parts, indent=INDENT)
