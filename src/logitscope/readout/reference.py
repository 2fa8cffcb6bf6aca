"""Every statistic by its textbook formula, in float64, one distribution at a time: what the fast way is measured by.

Deliberately naive, and shares no code with the readout but the names. It holds the logits of all stages at once, so it
is for tests and self-checks on short texts only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from logitscope.readout.request import Asked, Request

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.head import Head

__all__ = ["reference_logits", "reference_read_out"]


def reference_logits(head: Head, vectors: Tensor) -> Float[np.ndarray, "position vocab"]:
    """All logits of one stage in float64."""
    bias = head.bias(0, head.n_vocab)
    product = vectors.detach().double() @ head.weight(0, head.n_vocab).double().T
    logits = head.multiplier * (product if bias is None else product + bias.double())
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    return np.asarray(logits.cpu().numpy())


def reference_read_out(
    head: Head,
    stages: Sequence[str],
    vectors: Mapping[str, Tensor] | Callable[[str], Tensor],
    *,
    final: str,
    input_stage: str | None,
    input_ids: Sequence[int] | np.ndarray | Tensor,
    next_ids: Sequence[int] | np.ndarray | Tensor,
    request: Request | None = None,
) -> dict[str, np.ndarray]:
    """What `read_out` returns, in float64 where that is float32.

    Args: as for `read_out`.
    """
    request = request or Request()
    names = Asked(request, has_input=input_stage is not None).names
    fetch = vectors.__getitem__ if isinstance(vectors, Mapping) else vectors
    references = {kind: reference_logits(head, fetch(name)) for kind, name in _named(final, input_stage)}
    results: dict[str, list[list[np.ndarray]]] = {name: [] for name in names}
    for stage in stages:
        logits = reference_logits(head, fetch(stage))
        rows = []
        for position, z in enumerate(logits):
            z_references = {kind: of[position] for kind, of in references.items()}
            targets = {
                "next": [int(next_ids[position])],
                "input": [int(input_ids[position])],
                "final": [int(_best_first(z_references["final"], head.n_tokens)[0])],
                "watch": list(request.watch),
            }
            found = _of_one(z, z_references, targets, head.n_tokens, request.top_k)
            if "histogram" in names or "histogram_samples" in names:
                found["histogram"], found["histogram_samples"] = _histogram(z, head.n_tokens)
            rows.append(found)
        for name, so_far in results.items():
            so_far.append([row[name] for row in rows])
    return {name: np.array(values) for name, values in results.items()}


def _named(final: str, input_stage: str | None) -> list[tuple[str, str]]:
    return [("final", final)] + ([] if input_stage is None else [("input", input_stage)])


def _of_one(
    z: Float[np.ndarray, " vocab"],
    references: Mapping[str, Float[np.ndarray, " vocab"]],
    targets: Mapping[str, Sequence[int]],
    n_tokens: int,
    top_k: int,
) -> dict[str, np.ndarray]:
    """Every statistic of one distribution."""
    logprobs = _logprobs(z)
    probs = np.exp(logprobs)
    best = _best_first(z, n_tokens)[:top_k]
    found: dict[str, np.ndarray | float] = {
        "top_ids": best.astype(np.int32),
        "top_logits": z[best],
        "top_logprobs": logprobs[best],
        "logsumexp": z[0] - logprobs[0],
        "logit_mean": np.mean(z),
        "logit_std": np.std(z),
        "entropy": -np.sum(probs * logprobs),
    }
    for kind, ids in targets.items():
        exists = np.array([i >= 0 for i in ids], bool)
        logit = np.where(exists, z[list(ids)], np.nan) if len(ids) else np.zeros(0)
        logprob = np.where(exists, logprobs[list(ids)], np.nan) if len(ids) else np.zeros(0)
        rank = np.array([_rank(z, i, n_tokens) if i >= 0 else 0 for i in ids], np.int32)
        for what, value in (("logit", logit), ("logprob", logprob), ("rank", rank)):
            found[f"{kind}_{what}"] = value if kind == "watch" else value[0]
    for kind, z_reference in references.items():
        of_reference = _logprobs(z_reference)
        found[f"kl_from_{kind}"] = np.sum(np.exp(of_reference) * (of_reference - logprobs))
        found[f"kl_to_{kind}"] = np.sum(probs * (logprobs - of_reference))
    return {name: np.asarray(value) for name, value in found.items()}


def _rank(z: Float[np.ndarray, " vocab"], token: int, n_tokens: int) -> int:
    return 1 + int(np.sum(np.delete(z[:n_tokens], token if token < n_tokens else []) > z[token]))


def _logprobs(z: Float[np.ndarray, " vocab"]) -> Float[np.ndarray, " vocab"]:
    shifted = z - np.max(z)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted))))


def _best_first(z: Float[np.ndarray, " vocab"], n_tokens: int) -> np.ndarray:
    """Token ids by descending logit; equal logits: lowest id first."""
    return np.argsort(-z[:n_tokens], kind="stable")


def _histogram(z: Float[np.ndarray, " vocab"], n_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    std = np.std(z)
    flat = std <= 1e-6 * max(1.0, abs(np.mean(z)))
    standardised = np.zeros_like(z) if flat else (z - np.mean(z)) / std
    bins = np.clip(np.floor((standardised + 8) * 4), 0, 63).astype(int)
    counts, samples = np.zeros(64, np.int32), np.full((64, 3), -1, np.int32)
    for number in np.unique(bins):
        counts[number] = np.sum(bins == number)
        some = np.flatnonzero(bins[:n_tokens] == number)[:3]
        samples[number, : len(some)] = some
    return counts, samples
