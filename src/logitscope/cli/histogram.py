"""`logitscope histogram`: where the likeliest tokens stand among all others, at several stages."""

from __future__ import annotations

from typing import Annotated

from logitscope.cli.following import Norm, Position, TopK, follow
from logitscope.cli.options import Request, option, takes
from logitscope.cli.writing import check_out, only_drawn, write_numbers, write_picture
from logitscope.errors import InputError

__all__ = ["histogram"]

Stage = Annotated[
    list[str] | None,
    option("--stage", "Such as 3.mlp; may be repeated. Six evenly spaced ones by default.", "-s"),
]


@takes(Request)
def histogram(
    request: Request, position: Position = -1, stage: Stage = None, top_k: TopK = None, norm: Norm = None
) -> None:
    """Draw the histogram of all standardised logits at one position, stage by stage, into a picture.

    The tokens that the whole model ranks highest are named where they lie.
    """
    if request.out is None and not request.json:
        raise InputError("a histogram is drawn into a file; give -o FILE (.png, .svg, .pdf), or --json.")
    check_out(request.out, pictures=True)
    only_drawn(request, {"--stage": stage or None})
    trace = follow(request, position, top_k, norm, histogram=True)
    if write_numbers(trace, request) or request.out is None:
        return
    from logitscope import plot

    write_picture(plot.histogram(trace, position, stage, top_k), request.out)
