"""`logitscope histogram`: where the likeliest tokens stand among all others, at several stages."""

from __future__ import annotations

import sys
from typing import Annotated

from logitscope.cli.following import Norm, Position, TopK, follow, follow_in_text
from logitscope.cli.options import Request, option, takes
from logitscope.cli.watching import Watch
from logitscope.cli.writing import Pager, check_out, only_drawn, show, write_numbers, write_page, write_picture

__all__ = ["histogram"]

Stage = Annotated[
    list[str] | None,
    option("--stage", "Such as 3.mlp; may be repeated. Six evenly spaced ones by default.", "-s"),
]


@takes(Request)
def histogram(
    request: Request,
    position: Position = None,
    stage: Stage = None,
    watch: Watch = None,
    top_k: TopK = None,
    norm: Norm = None,
    pager: Pager = False,
) -> None:
    """Show the histogram of all standardised logits at one position, stage by stage.

    The tokens that the whole model ranks highest, or those that are named, are shown where they lie.
    """
    check_out(request.out, pictures=True, pages=True)
    only_drawn(request, {"--stage": stage or None})
    at = -1 if position is None else position
    if request.out is not None and request.paged:
        traces = follow_in_text(request, at, top_k, norm, watch)
        write_numbers(traces[0], request)
        write_page(traces, request.out, "evolution", {"s": stage[0] if stage else None})
        return
    trace = follow(request, at, top_k, norm, histogram=True, watch=watch)
    if write_numbers(trace, request):
        return
    from logitscope.view.histogram import histogram as histogram_of

    drawn = histogram_of(trace, at, stage, top_k)
    if request.out is not None:
        from logitscope.render.figure import draw_histogram

        write_picture(draw_histogram(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.histogram import render_histogram

    on = screen(sys.stdout)
    show(on, render_histogram(drawn, on), pager=pager)
