"""`logitscope trace`: every number of one run, into a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import Request, option, takes
from logitscope.cli.tracing import get_trace
from logitscope.cli.watching import Watch, watched
from logitscope.cli.writing import check_out, write_numbers
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope

__all__ = ["trace"]


Subblocks = Annotated[bool | None, option("--subblocks", "Also the stages after attention.")]
NoEmbed = Annotated[bool | None, option("--no-embed", "Leave out what enters the first block.")]
Histogram = Annotated[bool | None, option("--histogram", "Also the histogram of all logits.")]
Lens = Annotated[
    str | None,
    option("--lens", "logit (the default), or tail:N: the model's last blocks from N on run on earlier stages."),
]
Norm = Annotated[
    str | None, option("--norm", "final (the default), plain (without the learned scale and shift) or none.")
]
TopK = Annotated[int | None, option("--top-k", "Likeliest tokens to keep; 10 by default.")]


@takes(Request)
def trace(
    request: Request,
    subblocks: Subblocks = None,
    no_embed: NoEmbed = None,
    watch: Watch = None,
    histogram: Histogram = None,
    lens: Lens = None,
    norm: Norm = None,
    top_k: TopK = None,
) -> None:
    """Write every statistic at every stage and token to a file, or convert a saved trace.

    A .safetensors trace opens again in every command with --trace, and in Python without torch.
    """
    if request.out is None and not request.json:
        raise InputError("a trace needs somewhere to go; give -o FILE (.safetensors, .json, .csv, .parquet) or --json.")
    check_out(request.out)

    def asked(scope: Scope) -> Mapping[str, Any]:
        return {
            "subblocks": bool(subblocks),
            "embed": not no_embed,
            "watch": watched(watch),
            "histogram": bool(histogram),
            "lens": lens or "logit",
            "norm": norm or "final",
            "top_k": top_k,
        }

    own: dict[str, Any] = {"--subblocks": subblocks, "--no-embed": no_embed, "--watch": watch or None}
    own |= {"--histogram": histogram, "--lens": lens, "--norm": norm, "--top-k": top_k}
    write_numbers(get_trace(request, asked, needs_model=own), request)
