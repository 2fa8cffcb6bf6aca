"""Numbers beside the text: behind a run where there are no colours, in the margin of a line.

They are those of the reading that was asked for, as its colours would be. Knows neither consoles nor styles.
"""

from __future__ import annotations

from logitscope.render.terminal.screen import Glyphs
from logitscope.view.likelihood import Likelihood, Run
from logitscope.view.readings import has_mean, written

__all__ = ["margin_width", "mark", "marks_key", "number_of_line"]

MARKED_FROM = {"token": 4.0, "word": 8.0}
"""The bits from which on a raised number is written; of sentences always."""

EXCESS_FROM = {"token": 2.0, "word": 4.0}
"""The same for bits beyond the expected, on either side."""

_NARROWEST = 5


def mark(view: Likelihood, run: Run, glyphs: Glyphs, stages: tuple[str, ...] = ()) -> str:
    """What stands behind a run in place of its colour; nothing where the colour would be pale.

    Args:
        view: the text.
        run: one of its runs.
        glyphs: how numbers are raised.
        stages: of the trace; they name what `settled_stage` counts.
    """
    value = _value(view)
    number = run.bits if value == "surprisal_bits" else run.number
    if number is None:
        return glyphs.unscored if run.text else ""
    if value == "surprisal_bits":
        return glyphs.raised(number) if number >= MARKED_FROM.get(view.by, 0.0) else ""
    said = _said(value, number, stages, glyphs)
    if value == "settled_stage":
        return "" if said == "never" else f"[{said}]"
    if value == "next_rank":
        return glyphs.raised(number) if number > 1 else ""
    if has_mean(view.by):
        return f"[{said}]"  # there is no raised decimal point
    if value == "excess_bits":
        return glyphs.raised(number, signed=True) if abs(number) >= EXCESS_FROM[view.by] else ""
    return glyphs.raised(number) if number >= MARKED_FROM[view.by] else ""


def marks_key(view: Likelihood, glyphs: Glyphs) -> str:
    """What these numbers are, and which are left out."""
    value, title = _value(view), view.legend.title
    if value == "surprisal_bits":
        if view.by == "line":
            return "in the margin: mean bits per token of the line"
        cost = f"{glyphs.raised(12)} this {view.by} cost 12 bits"
        return cost + (f"; shown from {MARKED_FROM[view.by]:g} on" if view.by in MARKED_FROM else "")
    if view.by == "line":
        return f"in the margin: {title}"
    if value == "settled_stage":
        return f"[stage]: {title}; never where none is shown"
    if value == "next_rank":
        return f"{glyphs.raised(12)} {title}; 1 where none is shown"
    if has_mean(view.by):
        return f"[number]: {title}"
    if value == "excess_bits":
        return f"{glyphs.raised(5, signed=True)} {title}; shown from {EXCESS_FROM[view.by]:g} on, either way"
    return f"{glyphs.raised(12)} {title}; shown from {MARKED_FROM[view.by]:g} on"


def number_of_line(view: Likelihood, run: Run, glyphs: Glyphs, stages: tuple[str, ...] = ()) -> str:
    """What stands in the margin beside a line; nothing where it has no number.

    On the scale that is relative to the text it is bits all the same, which can be compared with those of others.
    """
    value = _value(view)
    if run.number is None:
        return ""
    if value != "surprisal_bits":
        return _said(value, run.number, stages, glyphs)
    scored = [piece.bits for piece in run.pieces if piece.bits is not None]
    return f"{sum(scored) / len(scored) if scored else 0.0:.1f}"


def margin_width(view: Likelihood, glyphs: Glyphs, stages: tuple[str, ...] = ()) -> int:
    """How many cells the margin takes, its distance from the text included."""
    return 2 + max([_NARROWEST, *(len(number_of_line(view, run, glyphs, stages)) for run in view.runs)])


def _said(value: str, number: float, stages: tuple[str, ...], glyphs: Glyphs) -> str:
    said = written(value, number, stages)
    return said if glyphs.digits else said.replace("−", "-").replace("∞", "inf")


def _value(view: Likelihood) -> str:
    """The reading that is drawn; the relative scale is one of surprisal."""
    return "surprisal_bits" if view.scale == "relative" else view.legend.name
