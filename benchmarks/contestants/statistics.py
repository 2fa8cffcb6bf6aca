"""The usual way in torch from one stage's logits to its statistics: what everybody writes who has the logits.

Fresh tensors of the size of the logits wherever they are convenient. Runs in every contestant's own environment.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from benchmarks.tasks import STATISTICS, TOP_K

__all__ = ["Reference", "every_stage", "of_stage"]


class Reference:
    """A distribution that the stages are compared with: log-probabilities, logits and what they come from."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.logprobs = torch.log_softmax(logits, -1)
        self.probs = self.logprobs.exp()


def every_stage(
    stages: Iterable[Tensor], final: Tensor, first: Tensor, ids: list[int], task: str
) -> dict[str, np.ndarray]:
    """Statistics of `[position, vocab]` logits that come one stage at a time.

    Args:
        stages: logits of each stage.
        final: logits of the last stage.
        first: logits of the first stage.
        ids: the text.
        task: which statistics.
    """
    names = STATISTICS[task]
    whole = "kl_from_final" in names
    # Task A and B compare with nothing, so nothing is prepared for them.
    references = {"final": Reference(final), "input": Reference(first)} if whole else {}
    rows = [of_stage(logits, references, ids, names) for logits in stages]
    return {name: torch.stack([row[name] for row in rows]).cpu().numpy() for name in rows[0]}


def of_stage(
    logits: Tensor, references: dict[str, Reference], ids: list[int], names: tuple[str, ...]
) -> dict[str, Tensor]:
    """The named statistics of one stage, `[position, ...]`; the last position has no next token."""
    logprobs = torch.log_softmax(logits, -1)
    top = logprobs.topk(TOP_K, -1)
    found = {"top_ids": top.indices, "top_logprobs": top.values}
    if "entropy" in names:
        found["entropy"] = -(logprobs.exp() * logprobs).sum(-1)
    text = torch.tensor(ids, device=logits.device)
    targets = {"next": torch.cat([text[1:], text[:1]])}
    if references:
        targets |= {"final": references["final"].logits.argmax(-1), "input": text}
        found["top_logits"] = logits.gather(-1, top.indices)
        found["logsumexp"] = torch.logsumexp(logits, -1)
        found["logit_mean"], found["logit_std"] = logits.mean(-1), logits.std(-1, correction=0)
        for kind, reference in references.items():
            found[f"kl_from_{kind}"] = (reference.probs * (reference.logprobs - logprobs)).sum(-1)
            found[f"kl_to_{kind}"] = (logprobs.exp() * (logprobs - reference.logprobs)).sum(-1)
    if "next_rank" in names:
        for kind, target in targets.items():
            own = logits.gather(-1, target.unsqueeze(-1))
            found[f"{kind}_rank"] = (logits > own).sum(-1) + 1
            found[f"{kind}_logprob"] = logprobs.gather(-1, target.unsqueeze(-1)).squeeze(-1)
            found[f"{kind}_logit"] = own.squeeze(-1)
        for what, missing in (("rank", 0), ("logprob", torch.nan), ("logit", torch.nan)):
            found[f"next_{what}"][-1] = missing
    if "histogram" in names:
        found["histogram"] = _histogram(logits)
    return {name: value for name, value in found.items() if name in names}


def _histogram(logits: Tensor) -> Tensor:
    standardised = (logits - logits.mean(-1, keepdim=True)) / logits.std(-1, correction=0, keepdim=True)
    bins = ((standardised + 8) * 4).floor().clamp(0, 63).long()
    return torch.zeros(len(logits), 64, dtype=torch.long, device=logits.device).scatter_add_(
        1, bins, torch.ones_like(bins)
    )
