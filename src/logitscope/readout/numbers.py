"""From finished sums to the statistics of the numeric contract.

Everything is float64 until it is stored. A row whose vector held a NaN comes out as NaN, its ranks as 0 and its ids as
−1. Knows nothing of tiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.request import Asked
    from logitscope.readout.state import State, Targets

__all__ = ["Gap", "numbers", "spread"]


@dataclass(frozen=True)
class Gap:
    """How far some stages are from a reference distribution.

    Attributes:
        logsumexp: of the reference.
        toward: E_stage[z_stage − z_reference], if KL(stage ‖ reference) is wanted.
        away: E_reference[z_reference − z_stage], if KL(reference ‖ stage) is wanted.
        itself: which of the stages are the reference.
    """

    logsumexp: Float[Tensor, " position"]
    toward: Float[Tensor, "stage position"] | None
    away: Float[Tensor, "stage position"] | None
    itself: tuple[int, ...] = ()


def numbers(asked: Asked, state: State, targets: Targets, gaps: Mapping[str, Gap], n_vocab: int) -> dict[str, Tensor]:
    """Every statistic that was asked for and does not need a second pass, `[stage, position, ...]`.

    Args:
        asked: what the caller wants.
        state: the sums over the whole vocabulary.
        targets: what tokens the stages were asked about.
        gaps: distances from `final` and `input`.
        n_vocab: entries of the vocabulary, padding included.
    """
    shape = state.maximum.shape
    lse = state.logsumexp
    mean, std = spread(state, n_vocab)
    found: dict[str, Tensor] = {
        "logsumexp": lse,
        # −0.0 and what rounding leaves below a certain outcome's zero are zero.
        "entropy": (state.exp_sum.log() - state.exp_moment / state.exp_sum).clamp_(min=0),
        "logit_mean": mean,
        "logit_std": std,
    }
    if asked.sums.k:
        logits, ids = (a[:, : asked.sums.k].view(*shape, -1) for a in (state.top.logits, state.top.ids))
        found["top_ids"] = ids.masked_fill(logits.isnan(), -1)
        found["top_logits"] = logits
        found["top_logprobs"] = logits - lse.unsqueeze(-1)
    ranks = _ranks(state, targets)
    for kind, (start, stop) in targets.spans.items():
        logit, rank = state.logit[start:stop], ranks[start:stop]
        for name, value in (("logit", logit), ("logprob", logit - lse), ("rank", rank)):
            found[f"{kind}_{name}"] = value.permute(1, 2, 0) if kind == "watch" else value[0]
    for kind, gap in gaps.items():
        if gap.away is not None:
            found[f"kl_from_{kind}"] = _divergence(gap.away + lse - gap.logsumexp, gap)
        if gap.toward is not None:
            found[f"kl_to_{kind}"] = _divergence(gap.toward - lse + gap.logsumexp, gap)
    return {name: value for name, value in found.items() if name in asked.names}


def _divergence(kl: Float[Tensor, "stage position"], gap: Gap) -> Float[Tensor, "stage position"]:
    kl.clamp_(min=0)
    for stage in gap.itself:
        kl[stage] *= 0  # and not = 0: what is NaN stays so
    return kl


def spread(state: State, n_vocab: int) -> tuple[Float[Tensor, "stage position"], Float[Tensor, "stage position"]]:
    """Mean and population standard deviation of the logits."""
    return state.mean, (state.deviations / n_vocab).sqrt()


def _ranks(state: State, targets: Targets) -> Int[Tensor, "target stage position"]:
    """1 + how many tokens have a larger logit, by the list of the likeliest wherever it reaches that far.

    The counts were made against a logit from a product of its own, which may differ in its last bits; the list and
    `state.logit` come from the same product, so a token's rank and its place in the list cannot contradict each other.
    """
    ranks = state.greater + 1
    width = state.top.logits.shape[1]
    if width:
        listed = state.top.logits.view(1, *state.maximum.shape, width)
        above = (listed > state.logit.unsqueeze(-1)).sum(-1, dtype=torch.int32)
        ranks = torch.where(above < width, above + 1, ranks.clamp(min=width + 1))
    missing = (targets.ids < 0).unsqueeze(1) | state.logit.isnan()
    return ranks.masked_fill(missing, 0)
