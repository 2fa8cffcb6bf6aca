"""Increments of one position: the body runs once, the readout gives the scores, and the sums are made in float64.

Knows plans and readings; knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from logitscope.model.decode import Decoder
from logitscope.model.increments import frozen, mean_row, parts_of, require_sums
from logitscope.model.model import Model
from logitscope.readout import MatrixHead, Request, read_out
from logitscope.scope.plan import Plan, plan_trace
from logitscope.scope.reading import Reading, conditions
from logitscope.trace.increments import Increments

__all__ = ["read_increments"]


def read_increments(
    model: Model,
    text: str | None,
    ids: Sequence[int] | None,
    position: int,
    tokens: Sequence[str | int] | str | int,
    *,
    top_k: int | None,
    bos: bool,
    window: int | None,
    stride: int | None,
) -> Increments:
    """What `Scope.increments` is to do, which takes the same arguments.

    Raises:
        InputError: something asked for does not exist, or the model's residual stream is no sum.
    """
    require_sums(model.anatomy)
    plan = plan_trace(
        model, text, ids, stages=[model.anatomy.last_stage], positions=[position], top_k=top_k, watch=tokens, bos=bos,
        window=window, stride=stride,
    )  # fmt: skip
    with conditions(model):
        return _increments(model, plan)


def _increments(model: Model, plan: Plan) -> Increments:
    anatomy, last = model.anatomy, model.anatomy.last_stage
    position = int(plan.positions[0])
    window = next(one for one in plan.windows if len(plan.inside(one)))
    read = plan.tokens.ids
    fed = np.concatenate([read[: window.prefix], read[window.start : window.stop]]).astype(np.int64)
    parts = parts_of(anatomy, torch.from_numpy(fed), window.row(position))
    vectors = {last: Decoder(anatomy, model.n_tokens).normalise(parts.last)}

    def read_last(request: Request, softcap: float | None = anatomy.softcap) -> dict[str, np.ndarray]:
        head = MatrixHead(
            anatomy.weight, n_tokens=model.n_tokens, offset=anatomy.bias, multiplier=anatomy.multiplier, softcap=softcap
        )
        return read_out(
            head, [last], vectors, final=last, input_stage=None, input_ids=read[[position]], next_ids=[-1],
            request=request,
        )  # fmt: skip

    followed = plan.request.watch
    if not followed:
        ranked = read_last(replace(plan.request, statistics=frozenset({"top_ids"})))
        followed = tuple(ranked["top_ids"][0, 0].tolist())
    wanted = Request(top_k=1, watch=followed, statistics=frozenset({"watch_logit", "watch_rank"}))
    final = read_last(wanted)
    # What is taken apart is the score that the softcap reads; what it makes of it is no sum.
    uncapped = final if anatomy.softcap is None else read_last(wanted, softcap=None)
    score = uncapped["watch_logit"][0, 0].astype(np.float64)

    bias = anatomy.bias
    index = torch.tensor(followed, device=anatomy.weight.device)
    offsets = torch.zeros(len(followed)) if bias is None else bias[index.to(bias.device)].cpu()
    own = frozen(anatomy, parts.last, anatomy.weight[index].cpu().double(), offsets.double())
    mean = frozen(anatomy, parts.last, *mean_row(anatomy, model.n_tokens))
    added = (parts.vectors @ own.rows.T).numpy()
    constant = own.constants.numpy()
    return Increments(
        tokens=plan.tokens,
        position=position,
        followed=followed,
        parts=parts.names,
        added=added,
        constant=constant,
        rounding=score - added.sum(0) - constant,
        score=score,
        logit=final["watch_logit"][0, 0],
        rank=final["watch_rank"][0, 0],
        average=(parts.vectors @ mean.rows.T).numpy()[:, 0],
        average_constant=float(mean.constants[0]),
        softcap=anatomy.softcap,
        vocabulary=model.tokeniser.vocabulary(sorted({*followed, *read.tolist()})),
        provenance=Reading(model, plan).provenance,
    )
