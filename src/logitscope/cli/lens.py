"""`logitscope lens`: what each stage of the model would have said, at every token."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.following import Norm, check_norm
from logitscope.cli.options import Request, option, takes
from logitscope.cli.positions import parse_window
from logitscope.cli.tracing import get_trace
from logitscope.cli.watching import Watch, watched
from logitscope.cli.writing import Pager, check_out, only_drawn, show, write_numbers, write_page, write_picture
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.trace import Trace

__all__ = ["lens"]

Value = Annotated[
    str | None,
    option(
        "--value",
        "What is coloured: top_prob (the default), final_rank, next_logprob, entropy, kl_from_final, ...",
        "-v",
    ),
]
Every = Annotated[int, option("--every", "Each N-th block only, the last one always.")]
Window = Annotated[str | None, option("--window", "Positions A:B only, as Python slices; either end may be left out.")]
Subblocks = Annotated[bool, option("--subblocks", "Also the stages after attention.")]
NoEmbed = Annotated[bool, option("--no-embed", "Leave out what enters the first block.")]
TopDown = Annotated[bool, option("--top-down", "Draw the first stage at the top.")]
Numbers = Annotated[
    bool | None, option("--numbers/--no-numbers", "The coloured number in each cell; always where there is no colour.")
]
Columns = Annotated[
    int | None, option("--columns", "Tokens side by side in a picture, the rest in panels below; 12 by default.")
]
Lens = Annotated[
    str | None,
    option("--lens", "logit (the default), or tail:N: the model's last blocks from N on run on earlier stages."),
]
TopK = Annotated[int | None, option("--top-k", "Likeliest tokens to keep in files and JSON; 10 by default.")]


@takes(Request)
def lens(
    request: Request,
    value: Value = None,
    every: Every = 1,
    window: Window = None,
    subblocks: Subblocks = False,
    no_embed: NoEmbed = False,
    top_down: TopDown = False,
    numbers: Numbers = None,
    columns: Columns = None,
    watch: Watch = None,
    lens: Lens = None,
    norm: Norm = None,
    top_k: TopK = None,
    pager: Pager = False,
) -> None:
    """Show every layer's best guess at every token, as a grid coloured by any statistic.

    A guess is marked where it is already the final one, and starred where the final one is right.
    """
    from logitscope.view.scale import drawable

    drawing = {"--value": value, "--top-down": top_down or None, "--numbers": numbers, "--columns": columns}
    # A word's influence shows in its rank, long before it has any probability.
    value = value or ("watch_rank" if watch else "top_prob")
    drawable(value)
    if every < 1:
        raise InputError(f"--every {every} was given; it takes 1 (all blocks) or more.")
    check_norm(norm)
    if value.startswith("watch_") and not watch and request.saved is None:
        raise InputError(f"{value} needs a token to follow; name one with --watch TOKEN.")
    shown = parse_window(window)
    if columns is not None and columns < 1:
        raise InputError(f"--columns {columns} was given; it takes 1 or more.")
    check_out(request.out, pictures=True, pages=True)
    if columns is not None and request.paged:
        raise InputError(f"--columns cuts a picture into panels, and {request.out} has one; leave one of them out.")
    only_drawn(request, drawing)

    def asked(scope: Scope) -> Mapping[str, Any]:
        wanted: dict[str, Any] = {"subblocks": subblocks, "embed": not no_embed, "lens": lens or "logit"}
        wanted |= {"norm": norm or "final", "watch": watched(watch), "top_k": top_k}
        if shown is not None:
            wanted["positions"] = slice(*shown)
        if not request.numeric and not request.paged:
            wanted["statistics"] = ["top_ids", "final_rank", value]
        return wanted

    found = get_trace(request, asked, needs_model={"--lens": lens, "--norm": norm, "--top-k": top_k})
    # A trace made just now follows what was named; a saved one is asked whether it does.
    named = _ids(found, watch or ()) if request.saved is not None else list(found.watched)
    found = _stages(found, subblocks)
    if request.numeric and write_numbers(_cut(found, every, shown, embed=not no_embed), request):
        return
    if request.out is not None and request.paged:
        place = _place(value, every, shown, found, named)
        place |= {"down": top_down, "embed": "0" if no_embed else None, "cells": "both" if numbers else None}
        write_page([found], request.out, "lens", place)
        return
    from logitscope import view

    followed: Sequence[int | None] = _followed(found, named) if value.startswith("watch_") else [None]
    grids = [view.grid(found, value, every, shown, top_down, token, embed=not no_embed) for token in followed]
    if request.out is not None:
        from logitscope.render.figure import draw_lens

        if len(grids) > 1:
            raise InputError(f"{len(grids)} tokens are followed, but a picture shows one; name one with --watch.")
        write_picture(draw_lens(grids[0], columns, numbers), request.out)
        return
    from rich.console import Group

    from logitscope.render.terminal import render_grid, screen

    on = screen(sys.stdout)
    show(on, Group(*(render_grid(grid, on, numbers) for grid in grids)), pager=pager)


def _place(
    value: str,
    every: int,
    window: tuple[int | None, int | None] | None,
    trace: Trace,
    named: Sequence[int],
) -> dict[str, object]:
    """The same choices by the names that a page's address has for them."""
    place: dict[str, object] = {"cell": value, "every": None if every == 1 else every}
    if window is not None:
        start, stop, _ = slice(*window).indices(len(trace.ids))
        place["window"] = f"{start}:{stop}"
    if value.startswith("watch_"):
        place["followed"] = f"#{_followed(trace, named)[0]}"
    if any(name.endswith(".attn") for name in trace.stages):
        place["subblocks"] = True
    return place


def _stages(trace: Trace, subblocks: bool) -> Trace:
    """A saved trace shows its stages after attention only where they were asked for, as a text does."""
    outputs = [name for name in trace.stages if not name.endswith(".attn")]
    if not subblocks and not outputs:
        raise InputError("this trace holds stages after attention alone; add --subblocks to see them.")
    return trace if subblocks else trace.select(stages=outputs)


def _cut(trace: Trace, every: int, window: tuple[int | None, int | None] | None, *, embed: bool) -> Trace:
    """The stages and positions that a picture would show."""
    from logitscope.view.grid import columns_of, every_nth

    return trace.select(every_nth(trace.stages, every, embed=embed), trace.positions[columns_of(trace, window)])


def _followed(trace: Trace, named: Sequence[int]) -> list[int]:
    """The ids to draw a grid for: those that were named, or all that are followed; each once."""
    if not trace.watched:
        raise InputError("this trace follows no token. Make one with --watch TOKEN.")
    return list(dict.fromkeys(named or trace.watched))


def _ids(trace: Trace, names: Sequence[str]) -> list[int]:
    """The ids of tokens that a saved trace follows, by their texts or as `#123`."""
    by_text = {trace.vocabulary.text(token): token for token in trace.watched}
    found = []
    for name, token in zip(names, watched(names), strict=True):
        known = token in trace.watched if isinstance(token, int) else token in by_text
        if not known:
            follows = ", ".join(f"{text!r} (#{token})" for text, token in by_text.items()) or "none"
            raise InputError(f"{name!r} is not followed in this trace; it follows {follows}.")
        found.append(token if isinstance(token, int) else by_text[token])
    return found
