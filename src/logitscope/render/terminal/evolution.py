"""Scores over the stages in a terminal: a row per stage, a column per token or position, the rank as the colour.

Draws a `view.Evolution` or a `view.Inputs`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import caption, heading, join_wrapped, legend
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.render.terminal.stages import STAR, StageColumn, panels
from logitscope.view.evolution import Curve, Evolution, Score
from logitscope.view.followed import Place
from logitscope.view.inputs import InputCurve, Inputs
from logitscope.view.labels import visible
from logitscope.view.scale import Scale, scale_of

__all__ = ["render_evolution", "render_inputs", "where"]

_WHAT = {"logit": "logits", "rank": "ranks", "logprob": "log-probabilities (nats)"}


def render_evolution(view: Evolution, screen: Screen) -> Group:
    """Everything that `logitscope evolution` prints of one position."""
    n = len(view.curves)
    title = f"The {_WHAT[view.value]} of {n} tokens at position {view.place.position}, stage by stage"
    ranks = _ranks()
    columns = [
        StageColumn(
            curve.label + (STAR if curve.came_next else ""),
            list(_cells(view.value, curve, screen, ranks)),
            curve.came_next,
        )
        for curve in view.curves
    ]
    marks = [Text(STAR, STRONG).append(" came next in the text", "not bold")] * any(c.came_next for c in view.curves)
    return Group(
        Text(),
        heading(screen, title),
        where(view.place, screen),
        *panels(screen, [moment.stage for moment in view.moments], columns),
        Text(),
        legend(screen, ranks, marks),
        caption(screen, view.source),
        Text(),
    )


def render_inputs(view: Inputs, screen: Screen) -> Group:
    """Everything that `logitscope evolution --positions` prints."""
    n = len(view.curves)
    title = f"The {_WHAT[view.value]} of the input token at {n} position{'' if n == 1 else 's'}, stage by stage"
    ranks = _ranks()
    columns = [
        StageColumn(f"{curve.position} {curve.label}", list(_cells(view.value, curve, screen, ranks)))
        for curve in view.curves
    ]
    return Group(
        Text(),
        heading(screen, title),
        *(_around(curve, screen) for curve in view.curves),
        *panels(screen, [moment.stage for moment in view.moments], columns),
        Text(),
        legend(screen, ranks),
        caption(screen, view.source),
        Text(),
    )


def where(place: Place, screen: Screen) -> Text:
    """The end of what was read, and what came next."""
    came = "the end of the text" if place.next is None else place.next
    before = (screen.glyphs.cut if place.cut else "") + visible(place.before, spaces=True)
    return join_wrapped(screen, [Text(before, DIM), Text(came, STRONG)], gap=" > ")


def _around(curve: InputCurve, screen: Screen) -> Text:
    before, after = (visible(text, spaces=True) for text in (curve.before, curve.after))
    cut = screen.glyphs.cut
    line = Text(f"{curve.position}  ", DIM)
    line.append((cut if curve.cut_before else "") + before, "not dim").append(f"[{curve.label}]", STRONG)
    return join_wrapped(screen, [line.append(after + (cut if curve.cut_after else ""), "not dim")])


def _ranks() -> Scale:
    return scale_of("watch_rank", np.zeros((0, 0)))


def _cells(value: Score, curve: Curve | InputCurve, screen: Screen, ranks: Scale) -> Iterator[tuple[str, Style]]:
    for score, rank in zip(curve.scores(value), curve.ranks, strict=True):
        shown = screen.glyphs.missing if score is None else f"{score:,}" if value == "rank" else f"{score:.2f}"
        yield shown, screen.paint(ranks, ranks.place(rank))
