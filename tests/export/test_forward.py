"""The exported model is the model: stage by stage, in one piece or a few tokens at a time."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from logitscope.export import forward
from logitscope.export.weights import Weights
from logitscope.model.capture import capture
from tests.export.exporting import MODELS, made
from tests.families import random_ids

EMBEDDED = ("embedded:sort", "embedded:tales")

TEXTS = (
    "The keeper climbed the stairs.",
    "def f(x):\n\treturn x",
    "\U0001f1eb\U0001f1f7 \U0001f469\u200d\U0001f467 e\u0301 我能吞下玻璃",
    "שלום <b>&amp;</b>\r\n",
)


def stages_of(name: str, ids: list[int]) -> np.ndarray:
    """What the model's own modules return."""
    anatomy = made(name).scope.model.anatomy
    names = anatomy.stages(subblocks=True)
    vectors = capture(anatomy, torch.tensor(ids), names).vectors
    return np.stack([vectors[stage].numpy() for stage in names])


def assert_same_stages(found: np.ndarray, wanted: np.ndarray) -> None:
    """To a few units in the last place of the largest number of the stream, which is what its sums are rounded to."""
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4e-6 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("name", [*MODELS, *EMBEDDED])
def test_every_stage_is_the_models_own(name: str) -> None:
    model = made(name).scope.model
    n = min(24, model.anatomy.context_window)
    ids = [i % model.n_tokens for i in random_ids(n)[0].tolist()]
    assert_same_stages(made(name).exported.forward(ids), stages_of(name, ids))


def test_every_stage_of_a_real_llama(shared: Path) -> None:
    name = str(shared / "models" / "stories260k")
    ids = made(name).scope.trace("Once upon a time, there was a little girl named Lily. 🐙").ids.tolist()
    assert_same_stages(made(name).exported.forward(ids), stages_of(name, ids))


@pytest.mark.parametrize("name", ["gpt2", "llama", "llama-one-head", "llama-yarn", "qwen3"])
@pytest.mark.parametrize("chunk", [1, 5, 23])
def test_tokens_read_after_the_keys_of_others_are_those_of_the_whole(name: str, chunk: int) -> None:
    ids = random_ids(24)[0].tolist()
    exported = made(name).exported
    assert_same_stages(exported.forward(ids, chunk), exported.forward(ids))


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_one_token_and_a_full_window(name: str) -> None:
    for n in (1, 2, 64):
        ids = random_ids(n, seed=n)[0].tolist()
        assert_same_stages(made(name).exported.forward(ids), stages_of(name, ids))


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_appending_tokens_changes_no_earlier_stage(name: str) -> None:
    ids = random_ids(32)[0].tolist()
    exported = made(name).exported
    np.testing.assert_allclose(exported.forward(ids)[:, :9], exported.forward(ids[:9]), rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", ["embedded:tales", "llama-yarn"])
def test_a_small_models_stages_are_those_of_float64_rounded_once(name: str) -> None:
    one = made(name)
    assert one.manifest["weights"]["computed"] == "float64"
    ids = random_ids(20, seed=5)[0].tolist()
    hf = copy.deepcopy(one.scope.model.hf).double()
    with torch.no_grad():
        *exact, _ = hf(torch.tensor([ids]), output_hidden_states=True).hidden_states  # the last is past the norm
    found = one.exported.forward(ids)[[0, *range(2, 2 * len(exact) - 1, 2)]]
    for ours, wanted in zip(found, exact, strict=True):
        # Positions are turned by angles in fp32, as the model's own are.
        bound = 2.0**-23 if name == "embedded:tales" else 2.0**-21
        np.testing.assert_allclose(ours, wanted[0].numpy(), rtol=0, atol=bound * max(1.0, float(wanted.abs().max())))


def test_large_models_and_few_bits_are_computed_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made("llama", "int8").manifest["weights"]["computed"] == "float32"
    hf = made("llama").scope.model.hf
    assert forward.in_float64(hf, Weights(hf))
    monkeypatch.setattr(forward, "_SMALL", 1000)
    assert not forward.in_float64(hf, Weights(hf))


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_several_kinds(text: str) -> None:
    ids = made("embedded:tales").scope.trace(text).ids.tolist()
    assert_same_stages(made("embedded:tales").exported.forward(ids), stages_of("embedded:tales", ids))
