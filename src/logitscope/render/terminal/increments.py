"""What each sublayer added, in a terminal: a row per sublayer, a column per token, deeper the more was added or taken.

Draws a `view.IncrementBars`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.evolution import where
from logitscope.render.terminal.furniture import caption, heading, join_wrapped
from logitscope.render.terminal.screen import STRONG, Screen
from logitscope.render.terminal.stages import STAR, StageColumn, panels, signed
from logitscope.view.colour import EMBER, TIDE
from logitscope.view.increments import IncrementBars, Tally

__all__ = ["render_increments"]


def render_increments(view: IncrementBars, screen: Screen) -> Group:
    """Everything that `logitscope evolution --value increments` prints."""
    largest = max((abs(x) for tally in view.tallies for x in tally.added if x is not None), default=0.0) or 1.0
    rows = [part.stage for part in view.parts]
    rows += ["constant"] * view.constants + ["rounding"] * view.roundings + ["score"]
    columns = [
        StageColumn(
            tally.label + (STAR if tally.came_next else ""), _cells(view, tally, screen, largest), tally.came_next
        )
        for tally in view.tallies
    ]
    less = ", less what was added to the mean over the vocabulary" if view.centred else ""
    title = f"What each sublayer added to the scores of {len(view.tallies)} tokens{less} (logits)"
    return Group(
        Text(),
        heading(screen, title),
        where(view.place, screen),
        *panels(screen, rows, columns),
        Text(),
        join_wrapped(screen, _key(view, screen), gap="   "),
        caption(screen, view.source, note="final norm frozen at its statistics for the output"),
        Text(),
    )


def _cells(view: IncrementBars, tally: Tally, screen: Screen, largest: float) -> list[tuple[str, Style]]:
    missing = screen.glyphs.missing
    cells = [(signed(added, missing), _style(added, screen, largest)) for added in tally.added]
    if view.constants:
        cells.append((signed(tally.constant, missing), Style.null()))
    if view.roundings:
        cells.append((signed(tally.rounding, missing), Style.null()))
    score = missing if tally.score is None else f"{tally.score:.2f}"
    return [*cells, (score, STRONG)]


def _style(added: float | None, screen: Screen, largest: float) -> Style:
    """Sea for what was added, embers for what was taken."""
    if added is None or not screen.coloured:
        return Style.null()
    ramp = TIDE if added >= 0 else EMBER
    place = min(1.0, abs(added) / largest)
    return screen.ground(ramp.name, place, ramp.at(place))


def _key(view: IncrementBars, screen: Screen) -> Sequence[Text]:
    said = []
    if screen.coloured:
        for name, sign, ramp in (("added", "+", TIDE), ("taken", "-", EMBER)):
            sample = Text(f" {sign} ", screen.ground(ramp.name, 0.6, ramp.at(0.6)))
            said.append(sample.append(f" {name}", "default on default"))
    if any(tally.came_next for tally in view.tallies):
        said.append(Text(STAR, STRONG).append(" came next in the text", "not bold"))
    if view.constants:
        said.append(Text("constant: the shift of the final norm and the head's bias"))
    if view.softcap is not None:
        said.append(Text(f"scores before the softcap of {view.softcap:g}"))
    return said
