"""The text itself, coloured by what it cost, with its legend, its totals, and surprisal along the text.

Draws a `view.Likelihood`, and below it a `view.Strip` if there is one. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from logitscope.render.figure.flow import NEWLINE, Segment, flow
from logitscope.render.figure.fonts import MONO, SANS, undrawable
from logitscope.render.figure.furniture import (
    BAR_HEIGHT,
    BOLD,
    SMALL,
    Mark,
    caption,
    colour_bar,
    key,
    no_font,
    sample,
)
from logitscope.render.figure.sheet import FAINT, INK, QUIET, RULE, Sheet, mixed
from logitscope.render.figure.strip import STRIP_HEIGHT, draw_strip
from logitscope.view.colour import NOT_SCORED
from logitscope.view.labels import flowing
from logitscope.view.likelihood import Likelihood, Run
from logitscope.view.readings import written
from logitscope.view.strip import Strip
from logitscope.view.words import total_words, unscored_words

__all__ = ["draw_likelihood"]

WIDTH = 504.0
"""Points: seven inches, a paper's two columns."""

MARGIN = 14.0
TEXT, LEADING = 8.4, 14.0
LINE_NUMBERS = 30.0


def draw_likelihood(
    view: Likelihood, strip: Strip | None = None, width: float = WIDTH, stages: tuple[str, ...] = ()
) -> Figure:
    """The coloured text as a figure.

    Args:
        view: what to draw.
        strip: surprisal along the text, drawn below it.
        width: of the figure in points; its height follows from the text.
        stages: of the trace; they name what `settled_stage` counts.
    """
    gutter = LINE_NUMBERS if view.by == "line" else 0.0
    room = width - 2 * MARGIN
    sheet = Sheet(width)
    segments = flow(view.runs, MONO, TEXT, room - gutter - 2)
    y = _text(sheet, view, segments, MARGIN + gutter, MARGIN, stages) + 12
    bar = min(220.0, room * 0.45)
    colour_bar(sheet, view.legend, MARGIN, y, bar)
    below = key(sheet, _marks(view), MARGIN + bar + 26, y + SMALL + 3.5, room - bar - 26)
    y = _totals(sheet, view, max(y + BAR_HEIGHT, below) + 4)
    chart = y
    shown = strip is not None and len(strip.bars) > 1
    y += STRIP_HEIGHT + 4 if shown else 0
    sheet.height = caption(sheet, view.source, MARGIN, y, room, unscored_words(view.summary, view.source)) + MARGIN - 6
    figure = sheet.figure()
    if shown and strip is not None:
        draw_strip(sheet, figure, strip, MARGIN, chart, room, coloured=view.legend.high == strip.legend.high)
    return figure


def _text(
    sheet: Sheet, view: Likelihood, segments: list[Segment], x: float, y: float, stages: tuple[str, ...]
) -> float:
    """Draws the runs; returns the y below the last line."""
    for segment in segments:
        run = view.runs[segment.run]
        top = y + segment.line * LEADING
        missing = run.place is None
        if run.text or run.partial:
            # A hair of paper between neighbours, so that tokens of one colour can be told apart.
            sheet.box(x + segment.x, top, segment.width - 0.35, LEADING - 1.4, run.colour, hatched=missing)
        if run.seam and segment.first:
            sheet.line([(x + segment.x, top - 1), (x + segment.x, top + LEADING)], colour=INK, style="dotted")
        baseline = top + LEADING * 0.68
        quiet = FAINT if not run.text else (QUIET if missing else run.ink)
        for at, letters in segment.letters:
            sheet.text(x + at, baseline, letters, size=TEXT, colour=_faded(letters, quiet, run.colour), face=MONO)
        if view.by == "line" and segment.first and run.number is not None:
            sheet.text(x - 8, baseline, _beside(view, run, stages), size=SMALL, colour=QUIET, align="right")
    return y + LEADING * (1 + max((segment.line for segment in segments), default=0))


def _beside(view: Likelihood, run: Run, stages: tuple[str, ...]) -> str:
    """A line's own number; its mean bits where the scale is relative to the text, so that they can be compared."""
    if view.scale != "relative" and run.number is not None:
        return written(view.legend.name, run.number, stages)
    bits = [piece.bits for piece in run.pieces if piece.bits is not None]
    return f"{sum(bits) / len(bits) if bits else 0.0:.1f}"


def _faded(letters: str, colour: str, ground: str) -> str:
    """A line break's mark is there for its ground; it must not read as a letter of the text."""
    return colour if letters != NEWLINE else mixed(colour, ground, 0.55)


def _totals(sheet: Sheet, view: Likelihood, y: float) -> float:
    x, baseline = MARGIN, y + SMALL + 2
    for number, what in total_words(view.summary):
        first, second = (what, number) if what == "perplexity" else (number, what)
        x = sheet.text(x, baseline, first, size=SMALL + 0.6, face=SANS if what == "perplexity" else BOLD)
        x = sheet.text(x + 3, baseline, second, size=SMALL + 0.6, face=BOLD if what == "perplexity" else SANS) + 14
    sheet.line([(MARGIN, y - 2.5), (sheet.width - MARGIN, y - 2.5)], colour=RULE, thickness=0.5)
    return y + SMALL + 12


def _marks(view: Likelihood) -> Iterator[Mark]:
    """The key: only what occurs."""
    if any(run.place is None and run.text for run in view.runs):
        yield Mark("not scored", 14, sample(14, NOT_SCORED, hatched=True))
    if view.by == "token" and any("\n" in run.text for run in view.runs):

        def newline(sheet: Sheet, x: float, y: float) -> None:
            sheet.text(x, y, NEWLINE, size=SMALL, colour=QUIET, face=MONO)

        yield Mark("line break", 6, newline)
    if view.by == "line":
        of_bits = view.scale == "relative" or view.legend.name == "surprisal_bits"
        yield Mark("in the margin: " + ("mean bits per token" if of_bits else "the line's number"), 0, lambda *_: None)
    if any(run.seam for run in view.runs):

        def seam(sheet: Sheet, x: float, y: float) -> None:
            sheet.line([(x + 2, y - SMALL), (x + 2, y + 1)], colour=INK, style="dotted")

        yield Mark("a further window begins", 4, seam)
    drawn = (run.label if run.partial else flowing(run.text) for run in view.runs)
    if any(undrawable(text.replace("\n", "").replace("\t", "")) for text in drawn):
        yield no_font()
