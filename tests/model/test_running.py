"""Models are run as they predict, whatever state their owner has left them or torch in."""

from __future__ import annotations

import accelerate
import numpy as np
import pytest
import torch

from logitscope import ModelError, Scope, load
from tests import families

TEXT = "the cat sat on the mat"


def scope_of(name: str = "gpt2") -> Scope:
    return load(families.family(name).build(), tokenizer=families.tiny_tokenizer())


def test_a_model_left_in_training_mode_is_read_without_dropout_and_left_so() -> None:
    scope = scope_of()
    for module in scope.model.hf.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    expected = scope.trace(TEXT, subblocks=True)
    scope.model.hf.train()
    found = scope.trace(TEXT, subblocks=True)
    np.testing.assert_array_equal(found["top_logits"], expected["top_logits"])
    assert all(module.training for module in scope.model.hf.modules())


def test_a_training_mode_model_can_be_loaded() -> None:
    model = families.family("gpt2").build().train()
    assert load(model, tokenizer=families.tiny_tokenizer()).model.check.figure < 1e-6
    assert model.training


def test_autocast_and_shortened_products_do_not_reach_the_numbers() -> None:
    scope = scope_of()
    expected = scope.trace(TEXT)["top_logits"]
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = scope.trace(TEXT)["top_logits"]
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "opt-350m"])
@pytest.mark.parametrize("norm", ["final", "none"])
def test_weights_that_are_offloaded_give_the_same_numbers(name: str, norm: str) -> None:
    expected = scope_of(name).trace(TEXT, subblocks=True, norm=norm)
    away = accelerate.cpu_offload(families.family(name).build(), execution_device=torch.device("cpu"))
    found = load(away, tokenizer=families.tiny_tokenizer()).trace(TEXT, subblocks=True, norm=norm)
    assert next(away.parameters()).device.type == "meta"
    np.testing.assert_array_equal(found["top_logits"], expected["top_logits"])


def test_changed_weights_have_another_hash_and_another_check() -> None:
    scope = scope_of()
    before = scope.trace(TEXT).provenance
    assert scope.trace(TEXT).provenance.content_hash == before.content_hash
    with torch.no_grad():
        scope.model.hf.transformer.wte.weight[3] *= 1.5
    after = scope.trace(TEXT).provenance
    assert after.content_hash != before.content_hash
    assert after.self_check is not None
    assert after.self_check < 1e-6


@pytest.mark.parametrize("multiplier", [0.2213594, 0.123456, 0.22, 1 / 3])
def test_a_residual_multiplier_is_the_configs_own_number(multiplier: float) -> None:
    model = families.family("granite").build()
    model.config.residual_multiplier = multiplier
    for layer in model.model.layers:
        layer.residual_multiplier = multiplier
    found = load(model, tokenizer=families.tiny_tokenizer()).model
    assert {s.multiplier for b in found.anatomy.blocks for s in (b.attention, b.mlp) if s is not None} == {multiplier}


def test_logits_that_are_not_finite_are_blamed_on_the_weights() -> None:
    model = families.family("gpt2").build()
    model.transformer.h[1].mlp.c_fc.weight.data[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        load(model, tokenizer=families.tiny_tokenizer())


def test_the_input_distribution_is_read_plainly_under_every_lens() -> None:
    """KL(input ‖ last stage) says nothing of the lens, for the last stage is read plainly too."""
    scope = scope_of()
    plain, tail = scope.trace(TEXT), scope.trace(TEXT, lens="tail:2")
    for name in ("kl_from_input", "kl_to_input"):
        np.testing.assert_allclose(tail[name][-1], plain[name][-1], rtol=1e-5)
    assert (tail["kl_from_input"][0] > 0.01).all()
    np.testing.assert_array_equal(plain["kl_from_input"][0], 0)


def test_a_watched_token_may_be_any_whole_number() -> None:
    assert scope_of().trace(TEXT, watch=np.int64(5)).watched == (5,)


def test_a_piece_has_the_seams_that_it_holds() -> None:
    scope = scope_of()
    whole = scope.trace(TEXT, window=4, stride=2)
    assert len(whole.seams) > 2
    assert scope.trace(TEXT, window=4, stride=2, positions=[0, whole.seams[1]]).seams == (whole.seams[1],)
