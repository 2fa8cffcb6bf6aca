"""`logitscope likelihood`: the text, coloured by what it cost the model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import Request, option, takes
from logitscope.cli.tracing import get_trace
from logitscope.cli.writing import Pager, check_out, only_drawn, show, write_numbers, write_page, write_picture
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope

__all__ = ["likelihood"]

_NEEDED = ("next_logprob", "next_rank", "next_logit", "entropy", "logsumexp", "top_ids", "top_logprobs", "top_logits")
"""What a stage is asked for; nothing else is computed."""

_SCALES = ("bits", "relative")
_UNITS = ("token", "word", "line", "sentence")
_VALUES = ("surprisal_bits", "next_rank", "entropy_bits", "excess_bits", "settled_stage")

Top = Annotated[
    int | None, option("--top", "List the N most surprising tokens and what would have been likelier.", "-n")
]
ScaleName = Annotated[
    str | None, option("--scale", "bits (the default: absolute, 0 to 16) or relative (to this text alone).")
]
By = Annotated[str | None, option("--by", "What is coloured as one: token (the default), word, line or sentence.")]
Value = Annotated[
    str | None,
    option(
        "--value",
        "What is coloured: surprisal_bits (the default), next_rank, entropy_bits, excess_bits (surprisal minus "
        "entropy) or settled_stage (from which on the token stayed the top guess).",
        "-v",
    ),
]
Stage = Annotated[
    str | None, option("--stage", "Read the text at this stage, such as 3.mlp; the last one by default.", "-s")
]


@takes(Request)
def likelihood(
    request: Request,
    top: Top = None,
    scale: ScaleName = None,
    by: By = None,
    value: Value = None,
    stage: Stage = None,
    pager: Pager = False,
) -> None:
    """Show how surprised the model was by each token, word, line or sentence of a text.

    Surprise is counted in bits: 0 is certain, 1 a coin toss, 16 a one-in-65,536 chance.
    """
    # Before a model is loaded, what the view would refuse after.
    if top is not None and top < 0:
        raise InputError(f"--top {top} was given; it takes 0 or more.")
    for name, given, known in (("--scale", scale, _SCALES), ("--by", by, _UNITS), ("--value", value, _VALUES)):
        if given is not None and given not in known:
            raise InputError(f'{name} "{given}" was given; there are {", ".join(known)}.')
    if scale == "relative" and value not in (None, "surprisal_bits"):
        raise InputError(f"--scale relative is one of surprisal_bits, and {value} has an axis of its own.")
    check_out(request.out, pictures=True, pages=True)
    only_drawn(request, {"--top": top, "--scale": scale, "--by": by, "--value": value})
    if top is not None and request.drawn:
        raise InputError(f"--top lists tokens in the terminal, and {request.out} has no list; leave one of them out.")

    def asked(scope: Scope) -> Mapping[str, Any]:
        every = value == "settled_stage"
        return {"stages": None if every else [stage or scope.stages()[-1]], "statistics": _NEEDED}

    trace = get_trace(request, asked, needs_model={})
    read: dict[str, Any] = {"value": value or "surprisal_bits", "stage": stage or -1}
    if write_numbers(trace, request):
        return
    if request.out is not None and request.paged:
        place = {"value": value, "scale": scale, "by": by, "s": stage}
        write_page([trace], request.out, "text", place)
        return
    if request.out is not None:
        from logitscope import plot

        figure = plot.likelihood(trace, scale or "bits", by or "token", **read)  # type: ignore[arg-type]
        write_picture(figure, request.out)
        return
    from logitscope import view
    from logitscope.render.terminal import render_likelihood, screen

    on = screen(sys.stdout)
    drawn = view.likelihood(trace, scale or "bits", by or "token", top or 0, **read)  # type: ignore[arg-type]
    show(on, render_likelihood(drawn, on, trace.stages), pager=pager)
