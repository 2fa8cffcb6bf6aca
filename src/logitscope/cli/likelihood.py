"""`logitscope likelihood`: the text, coloured by what it cost the model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import Request, option, takes
from logitscope.cli.tracing import get_trace
from logitscope.cli.writing import Pager, check_out, only_drawn, show, write_numbers, write_picture
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope

__all__ = ["likelihood"]

_NEEDED = ("next_logprob", "next_rank", "next_logit", "entropy", "logsumexp", "top_ids", "top_logprobs", "top_logits")
"""What the last stage is asked for; nothing else is computed."""

Top = Annotated[
    int | None, option("--top", "List the N most surprising tokens and what would have been likelier.", "-n")
]
ScaleName = Annotated[
    str | None, option("--scale", "bits (the default: absolute, 0 to 16) or relative (to this text alone).")
]
By = Annotated[str | None, option("--by", "What is coloured as one: token (the default), word or line.")]


@takes(Request)
def likelihood(request: Request, top: Top = None, scale: ScaleName = None, by: By = None, pager: Pager = False) -> None:
    """Show how surprised the model was by each token, word or line of a text.

    Surprise is counted in bits: 0 is certain, 1 a coin toss, 16 a one-in-65,536 chance.
    """
    # Before a model is loaded, what the view would refuse after.
    if top is not None and top < 0:
        raise InputError(f"--top {top} was given; it takes 0 or more.")
    for name, given, known in (("--scale", scale, ("bits", "relative")), ("--by", by, ("token", "word", "line"))):
        if given is not None and given not in known:
            raise InputError(f'{name} "{given}" was given; there are {", ".join(known)}.')
    check_out(request.out, pictures=True)
    only_drawn(request, {"--top": top, "--scale": scale, "--by": by})
    if top is not None and request.drawn:
        raise InputError(f"--top lists tokens in the terminal, and {request.out} is a picture; leave one of them out.")
    trace = get_trace(request, _last_stage, needs_model={})
    if write_numbers(trace, request):
        return
    if request.out is not None:
        from logitscope import plot

        write_picture(plot.likelihood(trace, scale or "bits", by or "token"), request.out)  # type: ignore[arg-type]
        return
    from logitscope import view
    from logitscope.render.terminal import render_likelihood, screen

    on = screen(sys.stdout)
    drawn = view.likelihood(trace, scale or "bits", by or "token", top or 0)  # type: ignore[arg-type]
    show(on, render_likelihood(drawn, on), pager=pager)


def _last_stage(scope: Scope) -> Mapping[str, Any]:
    return {"stages": [scope.stages()[-1]], "statistics": _NEEDED}
