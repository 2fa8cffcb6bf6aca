"""A whole text over depth in a terminal: a row per stage, a column per figure.

Draws a `view.Depth`. Knows nothing of traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from rich.console import Group
from rich.style import Style
from rich.text import Text

from logitscope.render.terminal.furniture import caption, heading, join_wrapped
from logitscope.render.terminal.screen import Screen
from logitscope.render.terminal.stages import StageColumn, panels
from logitscope.view.depth import Band, Depth, Row
from logitscope.view.scale import Scale, scale_of

__all__ = ["render_depth"]


def render_depth(view: Depth, screen: Screen) -> Group:
    """Everything that `logitscope depth` prints."""
    n = view.n_positions
    further = [Text("KL final, KL input, rank: means; 5-95%: nine tenths of the positions")]
    if view.groups:
        sizes = ", ".join(f"{group.name}: {group.n:,}" for group in view.groups)
        further += [Text(f"last columns: median rank of the input token ({sizes})"), Text(view.rarity_note)]
    return Group(
        Text(),
        heading(screen, f"{n:,} position{'' if n == 1 else 's'} of the text, stage by stage"),
        *panels(screen, [moment.stage for moment in view.moments], list(_columns(view, screen)), even=False),
        Text(),
        join_wrapped(screen, further, gap="   "),
        caption(screen, view.source),
        Text(),
    )


def _columns(view: Depth, screen: Screen) -> Iterator[StageColumn]:
    kl, ranks = _scale("kl_from_final"), _scale("final_rank")
    for name, band in (("KL final", view.kl_from_final), ("KL input", view.kl_from_input)):
        if band is not None:
            yield _column(name, band.mean, screen, kl, _nats)
            yield StageColumn("5-95%", _range(band, screen, _nats))
    if view.final_rank is not None:
        yield _column("rank", view.final_rank.mean, screen, ranks, _rank)
        yield _column("median", view.final_rank.median, screen, ranks, _rank)
        yield StageColumn("5-95%", _range(view.final_rank, screen, _rank))
    share = _scale("final_prob")
    for name, row in (("is final", view.final_share), ("stays", view.settled_share)):
        if row is not None:
            yield _column(name, row, screen, share, lambda number: f"{100 * number:.0f}%")
    for group in view.groups:
        yield _column(group.name, group.ranks.median, screen, _scale("input_rank"), _rank)


def _column(name: str, row: Row, screen: Screen, scale: Scale, shown: Callable[[float], str]) -> StageColumn:
    cells = [
        (screen.glyphs.missing if number is None else shown(number), screen.paint(scale, scale.place(number)))
        for number in row
    ]
    return StageColumn(name, cells)


def _range(band: Band, screen: Screen, shown: Callable[[float], str]) -> list[tuple[str, Style]]:
    ends = zip(band.quantiles[0], band.quantiles[-1], strict=True)
    missing = screen.glyphs.missing
    return [
        (missing if low is None or high is None else f"{shown(low)}..{shown(high)}", Style.null()) for low, high in ends
    ]


def _nats(number: float) -> str:
    return f"{number:.1f}"


def _rank(number: float) -> str:
    return f"{number:.0f}" if number < 100_000 else f"{number / 1000:.0f}k"


def _scale(name: str) -> Scale:
    return scale_of(name, np.zeros((0, 0)))
