"""How far a contestant's numbers are from float64 on what it computed them from: its own vectors and its own head.

Knows the numeric contract, and the reference that Logitscope's own tests are measured by.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from benchmarks.tasks import TOP_K
from logitscope.readout import MatrixHead, Request, reference_logits, reference_read_out

__all__ = ["Judge"]


class Judge:
    """Measures results by the reference for one source of vectors and one head.

    Args:
        source: `vectors` `[stage, position, d_model]` as they go into the head, `weight`, perhaps `bias`.
        ids: the whole text.
        positions: those that the vectors are of.
    """

    def __init__(self, source: Mapping[str, np.ndarray], ids: list[int], positions: list[int]) -> None:
        weight = torch.from_numpy(source["weight"])
        bias = torch.from_numpy(source["bias"]) if "bias" in source else None
        head = MatrixHead(weight, len(weight), bias)
        vectors = {str(i): torch.from_numpy(stage) for i, stage in enumerate(source["vectors"])}
        stages = list(vectors)
        text = [*ids, -1]
        self._expected = reference_read_out(
            head,
            stages,
            vectors,
            final=stages[-1],
            input_stage=stages[0],
            input_ids=[text[i] for i in positions],
            next_ids=[text[i + 1] for i in positions],
            request=Request(top_k=min(TOP_K, len(weight)), histogram=True),
        )
        self._logits = np.stack([reference_logits(head, vectors[stage]) for stage in stages])

    def errors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The worst difference of each statistic `[stage, position, ...]`, in its own unit, over all that is there."""
        found = {name: _worst(name, np.asarray(array), self._expected, self._logits) for name, array in arrays.items()}
        return {name: worst for name, worst in found.items() if worst is not None}


def _worst(name: str, got: np.ndarray, expected: Mapping[str, np.ndarray], logits: np.ndarray) -> float | None:
    if name == "top_prob":
        return _difference(got, np.exp(expected["top_logprobs"][..., 0])[-len(got) :])
    if name not in expected:
        return None
    # Some tools leave out the first stage.
    want, logits = expected[name][-len(got) :], logits[-len(got) :]
    if name == "top_ids":
        named = np.take_along_axis(logits, got.astype(np.int64), -1)
        return _difference(named, np.take_along_axis(logits, want[..., : got.shape[-1]].astype(np.int64), -1))
    if name == "histogram":
        return float(np.abs(got - want).sum(-1).max() / 2)
    return _difference(got, want)


def _difference(got: np.ndarray, want: np.ndarray) -> float:
    got, want = np.broadcast_arrays(got.astype(np.float64), want)
    both = ~(np.isnan(got) & np.isnan(want))
    return float(np.abs(got - want)[both].max(initial=0.0))
