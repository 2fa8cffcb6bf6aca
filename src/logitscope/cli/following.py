"""What `evolution` and `histogram` have in common: one position, and the tokens that the model ranks highest there.

Which tokens those are is only known once the text has been read, so it is read twice: first the last stage of the one
position, then every stage of it with those tokens followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import Request, option
from logitscope.cli.tracing import get_trace
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.trace import Trace

__all__ = ["NORMS", "Norm", "Position", "TopK", "follow"]

NORMS = ("final", "plain", "none")

Position = Annotated[
    int,
    option("--position", "Which prediction: of what follows this token; negative from the end.", "-p", default=True),
]
TopK = Annotated[int | None, option("--top-k", "How many of the likeliest tokens to follow; 10 by default.")]
Norm = Annotated[
    str | None,
    option(
        "--norm", "final (the default), plain (without the learned scale and shift) or none (straight to the head)."
    ),
]


def follow(request: Request, position: int, top_k: int | None, norm: str | None, *, histogram: bool) -> Trace:
    """A trace of one position with its likeliest tokens followed; or the saved one.

    Args:
        request: the shared options.
        position: of the text; negative ones count from its end.
        top_k: how many tokens.
        norm: what the stages are read through; which tokens are likeliest is the model's own, final norm's answer.
        histogram: also the histogram of all logits.

    Raises:
        InputError: an option that does not fit.
    """
    if norm is not None and norm not in NORMS:
        raise InputError(f'--norm "{norm}" was given; there are {", ".join(NORMS)}.')
    if top_k is not None and top_k < 1:
        raise InputError(f"--top-k {top_k} was given; it takes 1 or more.")

    def asked(scope: Scope) -> Mapping[str, Any]:
        return {"positions": [position], "norm": norm or "final", "histogram": histogram}

    def make(scope: Scope, text: str, *, norm: str, histogram: bool, progress: Any, **reading: Any) -> Trace:
        last = scope.stages()[-1:]
        first = scope.trace(text, stages=last, statistics=["top_ids"], top_k=top_k, **reading)
        likeliest = first["top_ids"][0, 0].tolist()
        return scope.trace(
            text, subblocks=True, watch=likeliest, norm=norm, histogram=histogram, progress=progress, **reading
        )

    return get_trace(request, asked, needs_model={"--norm": norm}, make=make)
