"""Distributions that no model should predict, and some that models do: every reducer says what float64 says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from logitscope.readout import MatrixHead, Request
from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.torch_reducer import TorchReducer
from tests.readout.cases import Case, case

REDUCERS = pytest.mark.parametrize("reducer", [TorchReducer, NumbaReducer])


def of_logits(*stages: torch.Tensor, **request: Any) -> Case:
    """A case whose stages have exactly these logits, `[position, vocab]` each."""
    n_positions, n_vocab = stages[0].shape
    names = ["embed", *(f"{i}.mlp" for i in range(len(stages) - 2)), "last"][-len(stages) :]
    ids = torch.arange(n_positions) % n_vocab
    head = MatrixHead(torch.eye(n_vocab), n_vocab)
    return Case(head, dict(zip(names, stages, strict=True)), ids, ids, Request(**request), input_stage=names[0])


@REDUCERS
@pytest.mark.parametrize("level", [0.0, 7.25, -300.0])
def test_all_logits_equal(level: float, reducer: type) -> None:
    tried = of_logits(torch.full((3, 500), level), torch.full((3, 500), level), histogram=True)
    found = tried.read(vocab_tile=100, reducer=reducer)
    tried.check(found)
    assert (found["top_ids"] == np.arange(10)).all()
    assert (found["next_rank"] == 1).all()
    assert (found["logit_std"] == 0).all()
    assert (found["kl_from_final"] == 0).all()
    np.testing.assert_allclose(found["entropy"], np.log(500), rtol=1e-6)


@REDUCERS
@pytest.mark.parametrize("token", [0, 250, 499])
def test_one_logit_dominates_by_a_hundred(token: int, reducer: type) -> None:
    logits = torch.randn(2, 500, generator=torch.Generator().manual_seed(0))
    certain = logits.clone()
    certain[:, token] = logits.max() + 100
    tried = of_logits(logits, certain, certain.flip(0), histogram=True)
    found = tried.read(vocab_tile=100, reducer=reducer)
    tried.check(found)
    assert (found["top_ids"][1:, :, 0] == token).all()
    assert (found["entropy"][1:] < 1e-30).all()
    assert (found["top_logprobs"][1:, :, 0] == 0).all()
    assert (found["top_logprobs"][1:, :, 1] < -99).all()


@REDUCERS
@pytest.mark.parametrize("vocab_tile", [64, 130, 600])
def test_padded_rows_of_minus_infinity(vocab_tile: int, reducer: type) -> None:
    tried = case(n_vocab=600, n_padding=100, bias=True, top_k=20)
    offset = tried.head.offset.clone()
    offset[500:] = -torch.inf
    without = replace(tried, head=MatrixHead(tried.head.matrix[:500], 500, offset[:500]))
    padded = replace(tried, head=MatrixHead(tried.head.matrix, 500, offset))
    found, want = padded.read(vocab_tile=vocab_tile, reducer=reducer), without.read(vocab_tile=vocab_tile)
    for name, array in want.items():
        if name not in ("logit_mean", "logit_std"):
            np.testing.assert_allclose(found[name], array, atol=2e-5, rtol=1e-5, err_msg=name)
    assert np.isneginf(found["logit_mean"]).all()
    assert np.isnan(found["logit_std"]).all()


@REDUCERS
def test_a_vocabulary_of_three_and_one_position(reducer: type) -> None:
    tried = case(n_vocab=3, n_positions=1, top_k=3, histogram=True)
    tried.check(tried.read(reducer=reducer))


@REDUCERS
@pytest.mark.parametrize("softcap", [None, 30.0])
def test_a_vocabulary_of_262144(softcap: float | None, reducer: type) -> None:
    tried = case(n_vocab=262_144, d_model=8, n_positions=1, n_stages=2, n_padding=44, softcap=softcap, histogram=True)
    tried.check(tried.read(vocab_tile=None, position_block=None, reducer=reducer))


@REDUCERS
@pytest.mark.parametrize("where", ["vector", "row of the head"])
def test_what_is_not_a_number_is_shown(where: str, reducer: type) -> None:
    tried = case(n_vocab=300, n_positions=4, top_k=5, histogram=True, watch=(7,))
    matrix, vectors = tried.head.matrix.clone(), {name: v.clone() for name, v in tried.vectors.items()}
    if where == "vector":
        vectors["1.mlp"][2, 0] = torch.nan
        broken = np.zeros((4, 4), bool)
        broken[2, 2] = True
    else:
        matrix[200, 3] = torch.nan
        broken = np.ones((4, 4), bool)
    found = replace(tried, head=MatrixHead(matrix, 300), vectors=vectors).read(reducer=reducer)
    for name in ("logsumexp", "logit_mean", "logit_std", "entropy", "kl_to_final", "kl_from_final", "top_logprobs"):
        assert (np.isnan(found[name]).reshape(4, 4, -1).all(-1) == broken).all(), name
    assert (found["histogram"].sum(-1) == np.where(broken, 0, 300)).all()


@REDUCERS
def test_infinite_logits_are_shown_too(reducer: type) -> None:
    logits = torch.zeros(2, 300)
    logits[1, 130] = torch.inf
    found = of_logits(torch.zeros(2, 300), logits).read(reducer=reducer)
    for name in ("logsumexp", "entropy", "kl_to_input"):
        assert np.isfinite(found[name][:, 0]).all(), name
        assert not np.isfinite(found[name][1, 1]), name


@pytest.mark.parametrize("spread", [0.1, 3.0, 60.0])
def test_the_reducers_agree_to_the_last_bits(spread: float) -> None:
    tried = case(n_vocab=3000, n_positions=6, spread=spread, histogram=True, watch=(5,), n_padding=40)
    one, other = (tried.read(vocab_tile=700, reducer=r) for r in (TorchReducer, NumbaReducer))
    scale = max(10.0, float(np.abs(one["top_logits"]).max()))
    for name, array in one.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(other[name], array, atol=1e-6 * scale, rtol=1e-6, err_msg=name)
        else:
            # The logits are the same ones, so nothing may be ranked or binned otherwise, but at a bin's very edge.
            assert (other[name] != array).mean() < (1e-3 if name.startswith("histogram") else 1e-9), name


@REDUCERS
def test_divergences_near_zero_are_near_zero(reducer: type) -> None:
    tried = case(n_vocab=20_000, spread=8, n_positions=3)
    nearly = {**tried.vectors, "1.mlp": tried.vectors["last"] + 1e-6 * tried.vectors["embed"]}
    found = replace(tried, vectors=nearly).read(vocab_tile=512, reducer=reducer)
    for name in ("kl_from_final", "kl_to_final"):
        assert (found[name][2] < 3e-6).all()
        assert (found[name][3] == 0).all()
