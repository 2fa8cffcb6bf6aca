"""What `evolution` and `histogram` have in common: one position, and the tokens that are followed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import Request, option
from logitscope.cli.tracing import get_trace, with_model
from logitscope.cli.watching import watched
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.trace import Trace

__all__ = ["NORMS", "Norm", "Position", "TopK", "check_norm", "check_top_k", "follow", "follow_in_text"]

NORMS = ("final", "plain", "none")

Position = Annotated[
    int | None,
    option("--position", "Which prediction: of what follows this token; negative from the end, -1 by default.", "-p"),
]
TopK = Annotated[int | None, option("--top-k", "How many of the likeliest tokens to follow; 10 by default.")]
Norm = Annotated[
    str | None,
    option(
        "--norm", "final (the default), plain (without the learned scale and shift) or none (straight to the head)."
    ),
]


def check_norm(norm: str | None) -> None:
    """Refuses a norm that does not exist."""
    if norm is not None and norm not in NORMS:
        raise InputError(f'--norm "{norm}" was given; there are {", ".join(NORMS)}.')


def check_top_k(top_k: int | None) -> None:
    """Refuses fewer than one token."""
    if top_k is not None and top_k < 1:
        raise InputError(f"--top-k {top_k} was given; it takes 1 or more.")


def follow(
    request: Request,
    position: int,
    top_k: int | None,
    norm: str | None,
    *,
    histogram: bool = False,
    watch: Sequence[str] | None = None,
) -> Trace:
    """A trace of one position with its likeliest tokens followed, or those that were named; or the saved one.

    Args:
        request: the shared options.
        position: of the text; negative ones count from its end.
        top_k: how many tokens.
        norm: what the stages are read through; which tokens are likeliest is the model's own, final norm's answer.
        histogram: also the histogram of all logits.
        watch: tokens to follow instead of the likeliest.

    Raises:
        InputError: an option that does not fit.
    """
    make = _following(position, top_k, norm, watch)

    def asked(scope: Scope) -> Mapping[str, Any]:
        return {"norm": norm or "final", "histogram": histogram}

    return get_trace(request, asked, needs_model={"--norm": norm, "--watch": watch or None}, make=make)


def follow_in_text(
    request: Request, position: int, top_k: int | None, norm: str | None, watch: Sequence[str] | None
) -> list[Trace]:
    """What a page of one position holds: the trace of `follow`, with histograms, and the likelihoods of the whole text.

    Of a saved trace there is no more than it holds.
    """
    if request.saved is not None:
        return [follow(request, position, top_k, norm, histogram=True, watch=watch)]
    make = _following(position, top_k, norm, watch)

    def read(scope: Scope, text: str, **reading: Any) -> list[Trace]:
        followed = make(scope, text, norm=norm or "final", histogram=True, **reading)
        return [followed, scope.trace(text, stages=scope.stages()[-1:], **reading)]

    return with_model(request, read)


def _following(position: int, top_k: int | None, norm: str | None, watch: Sequence[str] | None) -> Callable[..., Trace]:
    """How a scope follows tokens at a position, as far as the options fit."""
    check_norm(norm)
    check_top_k(top_k)
    if watch and top_k is not None:
        raise InputError("--top-k and --watch were both given; the likeliest tokens are followed, or those named.")

    def make(scope: Scope, text: str, **reading: Any) -> Trace:
        if watch:
            return scope.trace(text, positions=[position], subblocks=True, watch=watched(watch), **reading)
        return scope.follow(text, position, top_k=top_k, **reading)

    return make
