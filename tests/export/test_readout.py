"""What the exported readout says is what the float64 reference says of the same vectors, and what a Scope says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.export.readout import OUTPUTS
from logitscope.model.decode import Decoder
from logitscope.readout import MatrixHead, Request
from logitscope.trace.statistics import STATISTICS
from tests.agreement import assert_agrees
from tests.export.exporting import MODELS, made
from tests.families import random_ids

FAMILIES = ("gpt2", "llama", "qwen2", "embedded:sort")


def vectors_of(name: str, ids: Sequence[int]) -> np.ndarray:
    return made(name).exported.forward(ids)


def ids_of(name: str, n: int, seed: int = 0) -> list[int]:
    model = made(name).scope.model
    n = min(n, model.anatomy.context_window)
    return [i % model.n_tokens for i in random_ids(n, seed=seed)[0].tolist()]


def check(name: str, stages: np.ndarray, ids: Sequence[int], norm: str, watch: Sequence[int], top_k: int) -> None:
    """Compares everything that the graphs say with the reference, at the numeric contract's own tolerance."""
    model, exported = made(name).scope.model, made(name).exported
    names = [f"stage {i}" for i in range(len(stages))]
    decoder = Decoder(model.anatomy, model.n_tokens, norm)  # type: ignore[arg-type]
    read = {n: decoder.normalise(torch.from_numpy(v)) for n, v in zip(names, stages, strict=True)}
    found = exported.read(stages, ids, norm=norm, watch=watch, top_k=top_k)
    counts, samples = exported.histogram(stages.reshape(-1, stages.shape[-1]), norm)
    found["histogram"] = counts.reshape(*stages.shape[:2], 64)
    found["histogram_samples"] = samples.reshape(*stages.shape[:2], 64, 3)
    assert_agrees(
        found,
        MatrixHead(model.anatomy.weight, n_tokens=model.n_tokens),
        names,
        read,
        final=names[-1],
        input_stage=names[0],
        input_ids=list(ids),
        next_ids=[*ids[1:], -1],
        request=Request(top_k=top_k, watch=tuple(watch), histogram=True),
    )


@pytest.mark.parametrize("norm", ["final", "plain", "none"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_statistic_is_that_of_the_reference(name: str, norm: str) -> None:
    ids = ids_of(name, 12)
    check(name, vectors_of(name, ids), ids, norm, watch=[0, 2], top_k=min(10, made(name).scope.model.n_tokens))


@given(seed=st.integers(0, 2**31), n=st.integers(1, 6), top_k=st.integers(1, 300), size=st.floats(1e-3, 30))
@settings(max_examples=15, deadline=None)
def test_on_any_vectors(seed: int, n: int, top_k: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    stages = (rng.standard_normal((3, n, 32)) * size).astype(np.float32)
    ids = rng.integers(300, size=n).tolist()
    check("qwen2", stages, ids, "final", watch=[int(rng.integers(300))], top_k=top_k)


def test_on_a_vocabulary_of_thousands() -> None:
    ids = ids_of("embedded:tales", 3)
    check("embedded:tales", vectors_of("embedded:tales", ids)[-4:], ids, "final", watch=[5], top_k=10)


def test_equal_logits_are_listed_by_their_ids_and_rank_alike() -> None:
    model, exported = made("gpt2").scope.model, made("gpt2").exported
    # A vector that the norm makes zero of: every logit is that of the norm's shift, read without it all are 0.
    found = exported.read(np.ones((1, 2, 32), np.float32), [5, 7], norm="plain", watch=[11])
    assert found["top_ids"][0, 0].tolist() == list(range(10))
    assert found["next_rank"].tolist() == [[1, 0]]
    assert found["watch_rank"].tolist() == [[[1], [1]]]
    assert found["input_rank"].tolist() == [[1, 1]]
    np.testing.assert_allclose(found["entropy"], np.log(model.n_tokens), rtol=1e-6)


def test_nothing_lies_between_a_stage_and_itself() -> None:
    stages = vectors_of("llama", ids_of("llama", 9))
    found = made("llama").exported.read(stages, ids_of("llama", 9))
    for name in ("kl_from_final", "kl_to_final"):
        assert not found[name][-1].any()
        assert (found[name] >= 0).all()
    for name in ("kl_from_input", "kl_to_input"):
        assert not found[name][0].any()
    assert (found["final_rank"][-1] == 1).all()


def test_the_last_stage_alone_or_first_says_the_same() -> None:
    ids = ids_of("qwen2", 6)
    stages, exported = vectors_of("qwen2", ids), made("qwen2").exported
    whole = exported.read(stages, ids)

    def read(vectors: np.ndarray) -> list[np.ndarray]:
        fed = {
            "vectors": vectors, "last": stages[-1], "embed": stages[0], "next_ids": np.array([*ids[1:], -1]),
            "input_ids": np.array(ids), "watch": np.array([0]), "k": np.array([10]), "norm": np.array(0),
        }  # fmt: skip
        return exported._readout.run(list(OUTPUTS), fed)

    for order in ([-1], [-1, 2, 0], [0, -1], [3]):
        for name, found in zip(OUTPUTS, read(np.ascontiguousarray(stages[order])), strict=True):
            if name in whole:
                np.testing.assert_allclose(found, whole[name][order], rtol=0, atol=2e-5, err_msg=name)


def test_the_token_after_the_last_is_missing_and_not_zero() -> None:
    found = made("gpt2").exported.read(vectors_of("gpt2", ids_of("gpt2", 4)), ids_of("gpt2", 4))
    assert np.isnan(found["next_logprob"][:, -1]).all()
    assert np.isnan(found["next_logit"][:, -1]).all()
    assert not np.isnan(found["next_logprob"][:, :-1]).any()
    assert (found["next_rank"][:, -1] == 0).all()


def test_how_positions_are_cut_changes_no_number() -> None:
    ids = ids_of("gpt2", 16)
    stages, exported = vectors_of("gpt2", ids), made("gpt2").exported
    whole = exported.read(stages, ids)
    for start, stop in ((0, 1), (3, 8), (8, 16)):
        part = exported.read(stages[:, start:stop], ids[start:stop])
        for name, values in part.items():
            kept = slice(start, stop - 1)  # the last of a part has no next token there
            np.testing.assert_allclose(values[:, : stop - start - 1], whole[name][:, kept], rtol=0, atol=2e-5)


def test_the_next_tokens_logits_are_the_models_own_padding_included() -> None:
    ids = ids_of("qwen2", 7)
    model = made("qwen2").scope.model
    with torch.no_grad():
        wanted = model.hf(input_ids=torch.tensor([ids])).logits[0].numpy()
    found = made("qwen2").exported.next(vectors_of("qwen2", ids)[-1])
    assert found.shape[1] == model.anatomy.n_vocab > model.n_tokens
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", [*MODELS, "embedded:sort", "embedded:tales"])
def test_graphs_say_what_a_scope_says(name: str) -> None:
    assert_parity(name, ids_of(name, 24, seed=3))


def test_graphs_say_what_a_scope_says_of_a_real_llama(shared: Path) -> None:
    name = str(shared / "models" / "stories260k")
    assert_parity(name, made(name).scope.trace("Once upon a time there was a bird 🐦.").ids.tolist())


def assert_parity(name: str, ids: Sequence[int]) -> None:
    """The contract with the browser: log-probabilities and divergences to 1e-4, ranks and lists but for closer ties."""
    scope, exported = made(name).scope, made(name).exported
    trace = scope.trace(ids=list(ids), subblocks=True, watch=[0, 1])
    stages = exported.forward(ids, 5)
    read = exported.read(stages, ids, watch=[0, 1], top_k=trace["top_ids"].shape[-1])
    limit = 1e-4 * max(1.0, float(np.abs(stages).max()) / 50.0)
    logits = np.stack([exported.next(one) for one in stages])[..., : scope.model.n_tokens]
    assert set(read) == set(trace.arrays)
    for statistic in read:
        ours, theirs = trace[statistic], read[statistic]
        assert theirs.shape == ours.shape
        assert theirs.dtype == ours.dtype
        if STATISTICS[statistic].is_id:
            of = [np.take_along_axis(logits, a.astype(np.int64), -1) for a in (ours, theirs)]
            np.testing.assert_allclose(of[0], of[1], rtol=0, atol=2 * limit, err_msg=statistic)
        elif STATISTICS[statistic].is_rank:
            of_target = trace[statistic.replace("_rank", "_logit")]
            beside = logits if ours.ndim == 2 else logits[:, :, None]
            lowest, highest = (1 + (beside > of_target[..., None] + by).sum(-1) for by in (2 * limit, -2 * limit))
            highest -= 1  # the token itself, or one that ties with it
            near = (lowest <= theirs) & (theirs <= np.maximum(highest, lowest))
            assert np.where(np.isnan(of_target), theirs == 0, near).all(), statistic
        else:
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=limit, equal_nan=True, err_msg=statistic)
