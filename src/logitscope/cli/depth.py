"""`logitscope depth`: a whole text over depth, how far each stage is from the answer and from the input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.following import Norm, check_norm
from logitscope.cli.options import Request, option, takes
from logitscope.cli.positions import parse_window
from logitscope.cli.tracing import get_trace
from logitscope.cli.writing import Pager, check_out, show, write_picture, write_values
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.view.depth import Rarity

__all__ = ["depth"]

_RARITIES: tuple[Rarity, ...] = ("text", "surprisal", "id")

_NEEDED = ("kl_from_final", "kl_from_input", "final_rank", "input_rank", "next_logprob")

RarityName = Annotated[
    str | None,
    option(
        "--rarity",
        "What makes an input token rare: text (the default: it stands once there), surprisal (it cost many bits) "
        "or id (its token id is high, a proxy).",
    ),
]
Subblocks = Annotated[bool | None, option("--subblocks", "Also the stages after attention.")]
Lens = Annotated[str | None, option("--lens", "logit (the default), or tail:N, as in logitscope lens.")]
Window = Annotated[str | None, option("--window", "Positions A:B only, of a text that is read whole.")]


@takes(Request)
def depth(
    request: Request,
    rarity: RarityName = None,
    subblocks: Subblocks = None,
    window: Window = None,
    lens: Lens = None,
    norm: Norm = None,
    pager: Pager = False,
) -> None:
    """Sum a text up over depth: divergences, ranks, final guesses and kept inputs at each stage.

    Means come with quantiles: over the positions of the text, half of them and nine tenths of them.
    """
    check_norm(norm)
    how: Rarity | None = next((one for one in _RARITIES if one == (rarity or "text")), None)
    if how is None:
        raise InputError(f'--rarity "{rarity}" was given; there are {", ".join(_RARITIES)}.')
    shown = parse_window(window)
    check_out(request.out, pictures=True, known=(".json",))

    def asked(scope: Scope) -> Mapping[str, Any]:
        wanted: dict[str, Any] = {"subblocks": bool(subblocks), "lens": lens or "logit", "norm": norm or "final"}
        return {**wanted, "statistics": _NEEDED}

    found = get_trace(request, asked, needs_model={"--subblocks": subblocks, "--lens": lens, "--norm": norm})
    from logitscope.view.depth import depth as depth_of
    from logitscope.view.grid import columns_of

    drawn = depth_of(found.select(positions=found.positions[columns_of(found, shown)].tolist()), how)
    if write_values(drawn.to_dict(), request):
        return
    if request.out is not None:
        from logitscope.render.figure import draw_depth

        write_picture(draw_depth(drawn), request.out)
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.depth import render_depth

    on = screen(sys.stdout)
    show(on, render_depth(drawn, on), pager=pager)
