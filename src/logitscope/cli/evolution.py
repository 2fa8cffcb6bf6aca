"""`logitscope evolution`: how the model's likeliest tokens got there, stage by stage; or how the input is kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.following import Norm, Position, TopK, check_norm, check_top_k, follow, follow_in_text
from logitscope.cli.options import Request, option, takes
from logitscope.cli.positions import Positions, parse_positions
from logitscope.cli.tracing import get_trace, with_model
from logitscope.cli.watching import Watch, watched
from logitscope.cli.writing import (
    TABLES,
    Pager,
    check_out,
    only_drawn,
    show,
    write_increments,
    write_numbers,
    write_page,
    write_picture,
)
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.trace import Increments, Trace
    from logitscope.view.evolution import Score

__all__ = ["evolution"]

_SCORES: tuple[Score, ...] = ("logit", "rank", "logprob")
_INCREMENTS = "increments"

Value = Annotated[
    str | None,
    option(
        "--value",
        "What is drawn: logit (the default), rank, logprob, or increments: what each sublayer added to the logits.",
        "-v",
    ),
]
Centred = Annotated[
    bool | None, option("--centred", "Of increments: less what was added to the mean over the vocabulary.")
]


@takes(Request)
def evolution(
    request: Request,
    position: Position = None,
    value: Value = None,
    positions: Positions = None,
    watch: Watch = None,
    top_k: TopK = None,
    centred: Centred = None,
    norm: Norm = None,
    pager: Pager = False,
) -> None:
    """Show how the likeliest next tokens rose, sublayer by sublayer, at one position.

    The tokens are those that the whole model ranks highest there, or those named with --watch. With --positions, it is
    the input token that is followed, at several places.
    """
    check_norm(norm)
    check_top_k(top_k)
    if value is not None and value not in (*_SCORES, _INCREMENTS):
        raise InputError(f'--value "{value}" was given; there are {", ".join((*_SCORES, _INCREMENTS))}.')
    if centred and value != _INCREMENTS:
        raise InputError("--centred is for increments; add --value increments, or leave it out.")
    score: Score | None = next((one for one in _SCORES if one == value), None)
    if positions:
        _inputs(request, positions, value, score, _given(position, watch, top_k), norm, pager)
    elif value == _INCREMENTS:
        _increments(request, -1 if position is None else position, watch, top_k, norm, bool(centred), pager)
    else:
        _evolution(request, -1 if position is None else position, watch, top_k, norm, score, pager)


def _evolution(
    request: Request,
    position: int,
    watch: Sequence[str] | None,
    top_k: int | None,
    norm: str | None,
    value: Score | None,
    pager: bool,
) -> None:
    check_out(request.out, pictures=True, pages=True)
    only_drawn(request, {"--value": value})
    if request.out is not None and request.paged:
        traces = follow_in_text(request, position, top_k, norm, watch)
        write_numbers(traces[0], request)
        write_page(traces, request.out, "evolution", {"score": value if value == "logprob" else None})
        return
    trace = follow(request, position, top_k, norm, watch=watch)
    if write_numbers(trace, request):
        return
    from logitscope.view.evolution import evolution as evolution_of

    drawn = evolution_of(trace, position, value or "logit", top_k)
    if request.out is not None:
        from logitscope.render.figure import draw_evolution

        write_picture(draw_evolution(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.evolution import render_evolution

    on = screen(sys.stdout)
    show(on, render_evolution(drawn, on), pager=pager)


def _inputs(
    request: Request,
    positions: Sequence[str],
    value: str | None,
    score: Score | None,
    given: str | None,
    norm: str | None,
    pager: bool,
) -> None:
    """The input token at several positions."""
    if given is not None:
        raise InputError(f"--positions follows the input token of each place; leave {given} out.")
    if value == _INCREMENTS:
        raise InputError("--positions and --value increments were both given; increments are of one --position.")
    named = parse_positions(positions)
    check_out(request.out, pictures=True)
    only_drawn(request, {"--value": value})

    def asked(scope: Scope) -> Mapping[str, Any]:
        wanted: dict[str, Any] = {"subblocks": True, "norm": norm or "final"}
        if not request.numeric:
            wanted["statistics"] = ["input_rank", "input_logit", "input_logprob"]
        return wanted

    from logitscope.view.inputs import inputs as inputs_of
    from logitscope.view.inputs import positions_of

    trace: Trace = get_trace(request, asked, needs_model={"--norm": norm})
    chosen = positions_of(trace.tokens, named)
    if request.numeric and write_numbers(trace.select(positions=chosen), request):
        return
    drawn = inputs_of(trace, chosen, score or "rank")
    if request.out is not None:
        from logitscope.render.figure import draw_inputs

        write_picture(draw_inputs(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.evolution import render_inputs

    on = screen(sys.stdout)
    show(on, render_inputs(drawn, on), pager=pager)


def _increments(
    request: Request,
    position: int,
    watch: Sequence[str] | None,
    top_k: int | None,
    norm: str | None,
    centred: bool,
    pager: bool,
) -> None:
    """What each sublayer added."""
    if norm not in (None, "final"):
        raise InputError(f"increments are measured under the model's own final norm; leave --norm {norm} out.")
    if watch and top_k is not None:
        raise InputError("--top-k and --watch were both given; the likeliest tokens are scored, or those named.")
    if request.saved is not None:
        raise InputError("increments are measured inside the model, and a saved trace does not hold them; give a text.")
    check_out(request.out, pictures=True, known=TABLES)
    only_drawn(request, {"--centred": centred or None})

    def measure(scope: Scope, text: str, *, progress: object, **reading: Any) -> Increments:
        return scope.increments(text, position, tokens=watched(watch), top_k=top_k, **reading)

    found = with_model(request, measure)
    if write_increments(found, request):
        return
    from logitscope.view.increments import increments as increments_of

    drawn = increments_of(found, centred=centred)
    if request.out is not None:
        from logitscope.render.figure import draw_increments

        write_picture(draw_increments(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.increments import render_increments

    on = screen(sys.stdout)
    show(on, render_increments(drawn, on), pager=pager)


def _given(position: int | None, watch: Sequence[str] | None, top_k: int | None) -> str | None:
    """The first of the options that say which tokens are followed at one position."""
    options = {"--position": position, "--watch": watch or None, "--top-k": top_k}
    return next((name for name, value in options.items() if value is not None), None)
