"""`logitscope evolution`: how the model's likeliest tokens got there, stage by stage."""

from __future__ import annotations

import sys
from typing import Annotated

from logitscope.cli.following import Norm, Position, TopK, follow
from logitscope.cli.options import Request, option, takes
from logitscope.cli.writing import Pager, check_out, only_drawn, show, write_numbers, write_picture
from logitscope.errors import InputError

__all__ = ["evolution"]

_VALUES = ("logit", "rank", "logprob")

Value = Annotated[str | None, option("--value", "What is drawn: logit (the default), rank or logprob.", "-v")]


@takes(Request)
def evolution(
    request: Request,
    position: Position = -1,
    value: Value = None,
    top_k: TopK = None,
    norm: Norm = None,
    pager: Pager = False,
) -> None:
    """Show how the likeliest next tokens rose, sublayer by sublayer, at one position.

    The tokens are those that the whole model ranks highest there.
    """
    if value is not None and value not in _VALUES:
        raise InputError(f'--value "{value}" was given; there are {", ".join(_VALUES)}.')
    check_out(request.out, pictures=True)
    only_drawn(request, {"--value": value})
    trace = follow(request, position, top_k, norm, histogram=False)
    if write_numbers(trace, request):
        return
    from logitscope.view.evolution import evolution as evolution_of

    drawn = evolution_of(trace, position, value or "logit", top_k)  # type: ignore[arg-type]
    if request.out is not None:
        from logitscope.render.figure import draw_evolution

        write_picture(draw_evolution(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.evolution import render_evolution

    on = screen(sys.stdout)
    show(on, render_evolution(drawn, on), pager=pager)
