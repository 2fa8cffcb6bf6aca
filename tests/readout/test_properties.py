"""What must hold of any readout, whatever the model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.readout import MatrixHead, Request
from tests.readout.cases import Case, case

ANY = settings(max_examples=12)
SEEDS = st.integers(0, 10_000)
SHAPES = st.fixed_dictionaries(
    {
        "seed": SEEDS,
        "n_vocab": st.integers(12, 80),
        "spread": st.floats(0.1, 100),
        "bias": st.booleans(),
        "softcap": st.none() | st.floats(3, 50),
        "n_positions": st.integers(1, 4),
        "integers": st.booleans(),
    }
)


@ANY
@given(SHAPES)
def test_probabilities_sum_to_one(shape: dict[str, Any]) -> None:
    tried = case(**shape, top_k=shape["n_vocab"])
    np.testing.assert_allclose(np.exp(tried.read()["top_logprobs"].astype(float)).sum(-1), 1, atol=2e-5)


@ANY
@given(SHAPES)
def test_what_is_bounded_stays_within_its_bounds(shape: dict[str, Any]) -> None:
    found = case(**shape).read()
    assert (found["entropy"] >= 0).all()
    assert (found["entropy"] <= math.log(shape["n_vocab"]) + 1e-5).all()
    assert (found["top_logprobs"] <= 0).all()
    assert (found["next_logprob"][:, :-1] <= 0).all()
    for name in ("kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input"):
        assert (found[name] >= 0).all()
        assert not np.signbit(found[name]).any()


@ANY
@given(SHAPES)
def test_the_final_stage_agrees_with_itself_exactly(shape: dict[str, Any]) -> None:
    found = case(**shape).read()
    assert (found["final_rank"][-1] == 1).all()
    assert (found["final_logit"][-1] == found["top_logits"][-1, :, 0]).all()
    assert (found["final_logprob"][-1] == found["top_logprobs"][-1, :, 0]).all()
    assert (found["kl_from_final"][-1] == 0).all()
    assert (found["kl_to_final"][-1] == 0).all()
    assert (found["kl_from_input"][0] == 0).all()
    assert (found["kl_to_input"][0] == 0).all()


@ANY
@given(SHAPES)
def test_divergences_between_the_references_are_told_the_same_from_both_sides(shape: dict[str, Any]) -> None:
    found = case(**shape).read()
    bound = 1e-5 * max(10, np.abs(found["top_logits"]).max(), np.abs(found["logsumexp"]).max()) * 4
    np.testing.assert_allclose(found["kl_from_input"][-1], found["kl_to_final"][0], atol=bound, rtol=1e-5)
    np.testing.assert_allclose(found["kl_from_final"][0], found["kl_to_input"][-1], atol=bound, rtol=1e-5)


@ANY
@given(SHAPES, st.integers(9, 90))
def test_a_tokens_rank_and_its_place_in_the_list_agree(shape: dict[str, Any], vocab_tile: int) -> None:
    found = case(**shape, watch=(0, 5, 11)).read(vocab_tile=vocab_tile)
    ids = {
        "final": found["top_ids"][-1, :, 0][:, None],
        "watch": np.broadcast_to((0, 5, 11), (shape["n_positions"], 3)),
    }
    for kind, wanted in ids.items():
        rank, logit = (found[f"{kind}_{what}"].reshape(4, shape["n_positions"], -1) for what in ("rank", "logit"))
        for stage, position, target in np.ndindex(*rank.shape):
            listed = found["top_ids"][stage, position].tolist()
            logits = found["top_logits"][stage, position]
            token = wanted[position, target]
            if token in listed:
                assert logit[stage, position, target] == logits[listed.index(token)]
                assert rank[stage, position, target] == 1 + (logits > logit[stage, position, target]).sum()
            else:
                assert logit[stage, position, target] <= logits[-1]
                assert rank[stage, position, target] > (logits > logit[stage, position, target]).sum()


@ANY
@given(SEEDS, st.floats(-50, 50))
def test_shifting_all_logits_changes_no_probability_rank_or_divergence(seed: int, shift: float) -> None:
    tried = case(seed=seed, bias=True)
    head = tried.head
    shifted = replace(tried, head=MatrixHead(head.matrix, head.n_tokens, head.offset + shift))
    plain, moved = tried.read(), shifted.read()
    for name, array in plain.items():
        if name.endswith(("_ids", "_rank")):
            # fp32 logits that are moved by 50 keep fewer of their last bits: near ties may fall the other way.
            assert (moved[name] != array).mean() < 0.05, name
        elif name.endswith("logprob") or name.startswith(("kl_", "entropy", "top_logprobs", "logit_std")):
            np.testing.assert_allclose(moved[name], array, atol=5e-4, err_msg=name)
    np.testing.assert_allclose(moved["logsumexp"], plain["logsumexp"] + shift, atol=2e-4)
    shifted.check(moved)


@ANY
@given(SHAPES, st.integers(9, 90), st.integers(1, 12))
def test_tiles_and_blocks_change_nothing_but_last_bits(shape: dict[str, Any], vocab_tile: int, block: int) -> None:
    tried = case(**shape)
    one, other = (
        tried.read(vocab_tile=1000, position_block=1000),
        tried.read(vocab_tile=vocab_tile, position_block=block),
    )
    scale = max(10, np.abs(one["top_logits"]).max(), np.abs(one["logsumexp"]).max()) * 4
    for name, array in one.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(other[name], array, atol=1e-5 * scale, err_msg=name)
    if shape["integers"] and shape["softcap"] is None:
        for name in ("top_ids", "next_rank", "final_rank", "input_rank"):
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)


@ANY
@given(SEEDS, st.integers(1, 12), st.integers(1, 40), st.integers(2, 5))
def test_equal_logits_come_in_the_order_of_their_ids(seed: int, top_k: int, vocab_tile: int, values: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.integers(values, size=(3, 40)).astype(np.float32)
    head = MatrixHead(torch.eye(40), 40)
    ids = torch.zeros(3, dtype=torch.long)
    tried = Case(head, {"last": torch.from_numpy(logits)}, ids, ids, Request(top_k=top_k), input_stage=None)
    want = np.argsort(-logits, axis=-1, kind="stable")[:, :top_k]
    np.testing.assert_array_equal(tried.read(vocab_tile=vocab_tile)["top_ids"][0], want)


def test_equal_logits_beyond_what_is_repaired_at_once_come_in_order_too() -> None:
    ids = torch.zeros(300, dtype=torch.long)
    tried = Case(MatrixHead(torch.zeros(50, 4), 50), {"last": torch.ones(300, 4)}, ids, ids, input_stage=None)
    found = tried.read(vocab_tile=30, position_block=400)
    assert (found["top_ids"] == np.arange(10)).all()
    assert (found["next_rank"] == 1).all()


def test_a_token_is_never_counted_against_itself() -> None:
    # The logit of a single row and that of a tile differ in their last bits here; neither is above itself.
    tried = case(seed=3, n_positions=200, n_vocab=60, d_model=333, top_k=1, watch=tuple(range(60)))
    found = tried.read(vocab_tile=2048, position_block=64)
    rank = np.sort(found["watch_rank"], axis=-1)
    assert (rank == np.arange(1, 61)).all()


@pytest.mark.parametrize("softcap", [None, 20.0])
def test_divergence_of_almost_equal_distributions_is_almost_zero(softcap: float | None) -> None:
    tried = case(spread=20, softcap=softcap, n_vocab=5000)
    nearly = {**tried.vectors, "1.mlp": tried.vectors["last"] + 1e-5 * tried.vectors["embed"]}
    found = replace(tried, vectors=nearly).read(vocab_tile=512)
    for name in ("kl_from_final", "kl_to_final"):
        assert (found[name][2] < 2e-5).all()


def test_a_missing_number_stays_in_its_row() -> None:
    tried = case(histogram=True, watch=(2,))
    whole = tried.read()
    broken = {name: tensor.clone() for name, tensor in tried.vectors.items()}
    broken["1.mlp"][3, 5] = torch.nan
    found = replace(tried, vectors=broken).read()
    for name, array in found.items():
        row = array[2, 3]
        if name == "histogram" or name.endswith("_rank"):
            assert (row == 0).all()
        elif array.dtype == np.int32:
            assert (row == -1).all(), name
        else:
            assert np.isnan(row).all(), name
        array[2, 3] = whole[name][2, 3]
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_without_a_final_distribution_nothing_is_said_about_it() -> None:
    tried = case()
    broken = {**tried.vectors, "last": tried.vectors["last"].clone()}
    broken["last"][2] = torch.nan
    found = replace(tried, vectors=broken).read()
    for name in ("final_logit", "final_logprob", "kl_from_final", "kl_to_final"):
        assert np.isnan(found[name][:, 2]).all(), name
        assert not np.isnan(found[name][:, 1]).any(), name
    assert (found["final_rank"][:, 2] == 0).all()


@pytest.mark.parametrize("vocab_tile", [7, 150])
def test_forbidden_tokens_have_no_probability_and_disturb_no_other(vocab_tile: int) -> None:
    tried = case(bias=True, top_k=150)
    offset = tried.head.offset.clone()
    offset[10:40] = -torch.inf
    found = replace(tried, head=MatrixHead(tried.head.matrix, 150, offset)).read(vocab_tile=vocab_tile)
    assert (found["top_ids"][..., 120:] == np.arange(10, 40)).all()
    assert np.isneginf(found["top_logprobs"][..., 120:]).all()
    np.testing.assert_allclose(np.exp(found["top_logprobs"]).sum(-1), 1, atol=1e-5)
    assert np.isfinite(found["entropy"]).all()
    assert np.isfinite(found["kl_from_final"]).all()
