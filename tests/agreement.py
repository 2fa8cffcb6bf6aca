"""Whether a readout says the same as the float64 reference, as closely as the numeric contract demands.

Any room whose numbers come from vectors and a head can be measured with it. What is wrong is named: which statistic,
where, by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor

from logitscope.readout import Head, Request, reference_logits, reference_read_out

__all__ = ["assert_agrees", "tolerance"]

Ids = Sequence[int] | np.ndarray | Tensor


def tolerance(logits: np.ndarray) -> np.ndarray:
    """How far apart two fp32 ways to the same logits may be: 1e-6 · max(10, max|logit|), one per distribution."""
    return 1e-6 * np.maximum(10.0, np.abs(logits).max(axis=-1))


def assert_agrees(
    found: Mapping[str, np.ndarray],
    head: Head,
    stages: Sequence[str],
    vectors: Mapping[str, Tensor] | Callable[[str], Tensor],
    *,
    final: str,
    input_stage: str | None,
    input_ids: Ids,
    next_ids: Ids,
    request: Request | None = None,
) -> None:
    """Compare arrays with the reference on the same vectors; the arguments are those of `read_out`."""
    request = request or Request()
    fetch = vectors.__getitem__ if isinstance(vectors, Mapping) else vectors
    expected = reference_read_out(
        head,
        stages,
        vectors,
        final=final,
        input_stage=input_stage,
        input_ids=input_ids,
        next_ids=next_ids,
        request=request,
    )
    assert set(found) == set(expected)
    z = np.stack([reference_logits(head, fetch(stage)) for stage in stages])
    z_final = reference_logits(head, fetch(final))
    eps = tolerance(z)
    eps_of_reference = np.maximum(tolerance(z_final), eps)
    if input_stage is not None:
        eps_of_reference = np.maximum(eps_of_reference, tolerance(reference_logits(head, fetch(input_stage))))
    real = z[..., : head.n_tokens]

    # Where the last stage hesitates between two tokens, either is its guess.
    two = np.sort(z_final[:, : head.n_tokens], axis=-1)[:, -2:]
    clear = (two[:, -1] - two[:, 0] > 2 * tolerance(z_final)) | (two.shape[1] == 1)
    guess = np.argmax(z_final[:, : head.n_tokens], axis=-1)
    targets = {
        "next": np.asarray(next_ids)[:, None],
        "input": np.asarray(input_ids)[:, None],
        "final": np.where(clear, guess, -1)[:, None],
        "watch": np.tile(np.asarray(request.watch, int), (z.shape[1], 1)),
    }

    for name, want in expected.items():
        got = found[name]
        assert got.shape == want.shape, f"{name} has shape {got.shape} instead of {want.shape}"
        kind, _, what = name.partition("_")
        if name in ("top_logits", "top_logprobs"):
            _close(name, got, want, eps[..., None])
        elif name == "top_ids":
            of_found = np.take_along_axis(real, got.astype(int), axis=-1)
            of_wanted = np.take_along_axis(real, want.astype(int), axis=-1)
            _close(name, of_found, of_wanted, eps[..., None])
            assert (np.diff(np.sort(got, axis=-1), axis=-1) > 0).all(), "a token stands in top_ids twice"
        elif name in ("logsumexp", "logit_mean", "logit_std"):
            _close(name, got, want, eps)
        elif name == "entropy":
            _close(name, got, want, 10 * eps)
        elif name.startswith("kl_"):
            _close(name, got, want, 10 * eps_of_reference)
        elif name == "histogram":
            _histograms(got, z, eps)
        elif name == "histogram_samples":
            _samples(got, found.get("histogram"), real, z, eps)
        else:
            ids = targets[kind]
            if what == "rank":
                lowest, highest = _ranks(real, z, ids, eps)
                got_rank = got if kind == "watch" else got[..., None]
                wrong = (ids >= 0) & ~((lowest <= got_rank) & (got_rank <= highest))
                assert not wrong.any(), f"{name}: {got_rank[wrong][:5]} not in {lowest[wrong][:5]}–{highest[wrong][:5]}"
                if kind in ("next", "input"):
                    assert (got[:, ids[:, 0] < 0] == 0).all(), f"{name} ranks a token that is not there"
                continue
            bound = eps[..., None] if kind == "watch" else eps
            if kind == "final":
                got, want, bound = got[:, clear], want[:, clear], eps[:, clear]
            _close(name, got, want, bound)


def _close(name: str, got: np.ndarray, want: np.ndarray, bound: np.ndarray) -> None:
    assert (np.isnan(got) == np.isnan(want)).all(), f"{name} is missing at other places than it should be"
    # What is stored is the nearest fp32 number, and cannot be nearer.
    excess = np.abs(got.astype(np.float64) - want) - bound - 2.0**-24 * np.abs(want)
    worst = np.nanmax(excess, initial=-np.inf)
    assert worst <= 0, (
        f"{name} is off by {worst:.3g} more than {np.max(bound):.3g} at {np.argwhere(excess == worst)[0]}"
    )


def _ranks(real: np.ndarray, z: np.ndarray, ids: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest rank that each target may have, `[stage, position, target]`."""
    lowest, highest = (np.zeros((*z.shape[:2], ids.shape[1]), int) for _ in range(2))
    for stage, position, target in np.ndindex(*lowest.shape):
        token = ids[position, target]
        others = np.delete(real[stage, position], token) if 0 <= token < real.shape[-1] else real[stage, position]
        gap = others - z[stage, position, token]
        lowest[stage, position, target] = 1 + (gap > eps[stage, position]).sum()
        highest[stage, position, target] = 1 + (gap > -eps[stage, position]).sum()
    return lowest, highest


def _standardised(z: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Deviations from the mean, and how far off they may be."""
    mean, std = z.mean(-1, keepdims=True), z.std(-1, keepdims=True)
    flat = std <= 1e-6 * np.maximum(1.0, np.abs(mean))
    safe = np.where(flat, 1.0, std)
    deviations = np.where(flat, 0.0, (z - mean) / safe)
    slack = np.where(flat, 0.0, (2 + np.abs(deviations)) * eps[..., None] / safe)
    return deviations, slack


def _histograms(got: np.ndarray, z: np.ndarray, eps: np.ndarray) -> None:
    assert (got.sum(-1) == z.shape[-1]).all(), "a histogram does not count every entry of the vocabulary once"
    deviations, slack = _standardised(z, eps)
    below = np.cumsum(got, axis=-1)
    for edge in range(63):
        at = (edge + 1) / 4 - 8
        least, most = (deviations + slack < at).sum(-1), (deviations - slack < at).sum(-1)
        assert ((least <= below[..., edge]) & (below[..., edge] <= most)).all(), f"the histogram is wrong below {at}"


def _samples(got: np.ndarray, counts: np.ndarray | None, real: np.ndarray, z: np.ndarray, eps: np.ndarray) -> None:
    deviations, slack = _standardised(z, eps)
    for stage, position in np.ndindex(*z.shape[:2]):
        at, near = deviations[stage, position, : real.shape[-1]], slack[stage, position, : real.shape[-1]]
        low, high = (np.clip(np.floor((at + by + 8) * 4), 0, 63) for by in (-near, near))
        for bin_ in np.union1d(np.r_[low, high], np.flatnonzero(got[stage, position, :, 0] >= 0)).astype(int):
            ids = got[stage, position, bin_]
            sure, possible = (
                np.flatnonzero((low == bin_) & (high == bin_)),
                np.flatnonzero((low <= bin_) & (bin_ <= high)),
            )
            given = ids[ids >= 0]
            assert set(given) <= set(possible), f"bin {bin_} names {ids}, which are not in it"
            assert (np.diff(given) > 0).all(), f"bin {bin_} names {ids} out of order"
            assert len(given) >= min(3, len(sure)), f"bin {bin_} names {ids} of {sure}"
            if len(sure) == len(possible):
                assert list(given) == list(sure[:3]), f"bin {bin_} names {ids}, not the lowest of {sure}"
            if counts is not None:
                assert len(given) <= counts[stage, position, bin_]
