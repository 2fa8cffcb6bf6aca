"""The followed tokens' scores in a terminal: a row per stage, a column per token, the rank as the colour.

Draws a `view.Evolution`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.cells import cell_len
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import MARGIN, caption, fit, heading, join_wrapped, legend
from logitscope.render.terminal.screen import DIM, STRONG, Screen
from logitscope.view.evolution import Curve, Evolution
from logitscope.view.labels import visible
from logitscope.view.scale import Scale, scale_of

__all__ = ["render_evolution"]

STAR = "*"
_WIDEST, _NARROWEST = 14, 7


def render_evolution(view: Evolution, screen: Screen) -> Group:
    """Everything that `logitscope evolution` prints."""
    ranks = scale_of("watch_rank", _no_numbers())
    gutter = max((len(moment.stage) for moment in view.moments), default=0) + len(MARGIN)
    width = max([_NARROWEST, *(cell_len(_name(curve)) for curve in view.curves)])
    width = min(width, _WIDEST) + 1
    per_panel = max(1, (screen.width - len(MARGIN) - gutter - 1) // (width + 1))
    parts: list[Text] = [Text(), heading(screen, _title(view)), _where(view, screen)]
    for start in range(0, len(view.curves), per_panel):
        parts += [Text(), *_panel(view, view.curves[start : start + per_panel], screen, ranks, gutter, width)]
    parts += [Text(), legend(screen, ranks, _key(view)), caption(screen, view.source), Text()]
    return Group(*parts)


def _no_numbers() -> np.ndarray:

    return np.zeros((0, 0))


def _title(view: Evolution) -> str:
    what = {"logit": "logits", "rank": "ranks", "logprob": "log-probabilities (nats)"}[view.value]
    return f"The {what} of {len(view.curves)} tokens at position {view.place.position}, stage by stage"


def _where(view: Evolution, screen: Screen) -> Text:
    came = "the end of the text" if view.place.next is None else view.place.next
    before = visible(view.place.before, spaces=True)
    return join_wrapped(screen, [Text(before, DIM), Text(came, STRONG)], gap=" > ")


def _panel(
    view: Evolution, curves: tuple[Curve, ...], screen: Screen, ranks: Scale, gutter: int, width: int
) -> Iterator[Text]:
    head = Text(MARGIN + " " * gutter)
    for curve in curves:
        name = fit(_name(curve), width - 1, screen.glyphs.cut).rstrip()
        head.append(" " * (width - cell_len(name))).append(name, STRONG if curve.came_next else Style.null()).append(
            " "
        )
    yield _unwrapped(head)
    for i in reversed(range(len(view.moments))):  # the model's own output on top, as in the lens
        line = Text(MARGIN).append(f"{view.moments[i].stage:>{gutter - 1}} ", DIM)
        for curve in curves:
            score = curve.scores(view.value)[i]
            shown = screen.glyphs.missing if score is None else f"{score:,}" if view.value == "rank" else f"{score:.2f}"
            line.append(f"{shown:>{width}} ", screen.paint(ranks, ranks.place(curve.ranks[i])))
        yield _unwrapped(line)


def _key(view: Evolution) -> Iterator[Text]:
    if any(curve.came_next for curve in view.curves):
        yield Text(STAR, STRONG).append(" came next in the text", "not bold")


def _name(curve: Curve) -> str:
    return curve.label + (STAR if curve.came_next else "")


def _unwrapped(line: Text) -> Text:
    line.no_wrap = True
    line.overflow = "ignore"
    return line
