"""The zoo is what it says: sane, fully randomised, and its stated truths hold by hand, without the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tests import families, strangers
from tests.families import CORE, FAMILIES, TOKENIZER_SIZE, Family, logits_of, random_ids, shared_model, silenced, spread

PROMISED = {
    *("gpt2", "gpt_neo", "gptj", "gpt_neox", "ctrl", "opt", "bloom", "llama", "mistral", "mixtral", "qwen2", "qwen3"),
    *("gemma", "gemma2", "gemma3", "olmo2", "phi", "phi3", "falcon", "granite", "cohere", "mpt", "stablelm"),
    *("starcoder2", "smollm3"),
}

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=str)


def first(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple | list) else output


@contextmanager
def recorded(model: PreTrainedModel, family: Family) -> Iterator[dict[str, list[Tensor]]]:
    """What went into and came out of each module of interest, block by block; copied, as some families add in place."""
    record: dict[str, list[Tensor]] = {}
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            read = args[0] if args else kwargs["hidden_states"]
            record.setdefault(f"{name} in", []).append(read.clone())

        def after(_: nn.Module, __: Any, output: Any) -> None:
            record.setdefault(f"{name} out", []).append(first(output).clone())

        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(module.register_forward_hook(after))

    for block in model.get_submodule(family.blocks):
        watch("block", block)
        watch("attention", block.get_submodule(family.attention_added or family.attention))
        watch("mlp", block.get_submodule(family.mlp_added or family.mlp))
        if family.reads is not None:
            watch("reads", block.get_submodule(family.reads))
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()


def decoded(model: PreTrainedModel, family: Family, hidden: Tensor) -> Tensor:
    """Logits of a residual vector by the family's stated truth."""
    if family.final_norm is not None:
        hidden = model.get_submodule(family.final_norm)(hidden)
    if family.project_out is not None:
        hidden = model.get_submodule(family.project_out)(hidden)
    logits = model.get_submodule(family.head)(hidden) * family.multiplier
    return logits if family.softcap is None else family.softcap * torch.tanh(logits / family.softcap)


def test_every_promised_family_is_in_the_zoo() -> None:
    assert set(CORE) >= PROMISED


@every_family
def test_logits_are_finite_and_spread_at_every_position(family: Family) -> None:
    logits = logits_of(shared_model(family.name), random_ids(24, batch=2))
    assert logits.shape == (2, 24, family.head_rows)
    assert bool(torch.isfinite(logits).all())
    assert spread(logits) >= 3


@every_family
def test_building_and_running_twice_gives_the_same_bits(family: Family) -> None:
    model, again = shared_model(family.name), family.build()
    assert model.dtype == torch.float32
    assert not model.training
    assert len(model.get_submodule(family.blocks)) == family.n_layers
    assert torch.equal(logits_of(model, random_ids()), logits_of(model, random_ids()))
    assert torch.equal(logits_of(model, random_ids()), logits_of(again, random_ids()))


@every_family
def test_every_parameter_is_randomised(family: Family) -> None:
    one, other = dict(shared_model(family.name).named_parameters()), dict(family.build(seed=1).named_parameters())
    for name, parameter in one.items():
        assert not torch.equal(parameter, other[name]), name
        if parameter.numel() > 1:
            assert float(parameter.std()) > 0.05, name


@every_family
def test_each_sublayer_of_each_block_moves_the_logits(family: Family) -> None:
    model, ids = shared_model(family.name), random_ids()
    logits = logits_of(model, ids)
    for block in range(family.n_layers):
        for sublayer in ("attention", "mlp"):
            with silenced(model, family, sublayer, block):
                change = (logits_of(model, ids) - logits).abs().amax(-1).median()
            assert float(change) > 1, (sublayer, block)


@every_family
@torch.no_grad()
def test_stated_residual_stream_is_what_the_blocks_do(family: Family) -> None:
    model = shared_model(family.name)
    with recorded(model, family) as record:
        logits_of(model, random_ids())
    for i in range(family.n_layers):
        x, y = record["block in"][i], record["block out"][i]
        attention, mlp = record["attention out"][i], record["mlp out"][i].reshape(x.shape)
        if i:
            assert torch.equal(x, record["block out"][i - 1])
        if family.parallel:
            torch.testing.assert_close(x + attention + mlp, y, rtol=1e-5, atol=1e-5)
            continue
        middle = record["reads in"][i].reshape(x.shape)
        if not family.sums:
            assert not torch.allclose(x + attention, middle, atol=0.1)
            continue
        scale = family.residual_multiplier
        expected = attention if "attention" in family.includes_residual else x + scale * attention
        torch.testing.assert_close(expected, middle, rtol=1e-6, atol=1e-6)
        expected = mlp if "mlp" in family.includes_residual else middle + scale * mlp
        torch.testing.assert_close(expected, y, rtol=1e-6, atol=1e-6)


@every_family
@torch.no_grad()
def test_stated_head_gives_the_logits_and_each_part_of_it_matters(family: Family) -> None:
    model, ids = shared_model(family.name), random_ids()
    logits = logits_of(model, ids)
    with recorded(model, family) as record:
        logits_of(model, ids)
    hidden = record["block out"][-1]
    torch.testing.assert_close(decoded(model, family, hidden), logits, rtol=1e-6, atol=1e-5)

    def error_without(**changes: Any) -> float:
        changed = Family(**{**vars(family), **changes})
        return float((decoded(model, changed, hidden) - logits).abs().max())

    if family.softcap is not None:
        assert error_without(softcap=None) > 1
    if family.multiplier != 1:
        assert error_without(multiplier=1.0) > 1
    if family.final_norm is not None:
        assert error_without(final_norm=None) > 1
        learned = sum(p.numel() for p in model.get_submodule(family.final_norm).parameters())
        assert (learned == 0) == family.scale_free_norm
    bias = getattr(model.get_submodule(family.head), "bias", None)
    assert (bias is not None) == family.head_bias
    assert bias is None or float(bias.abs().max()) > 0.1


@every_family
def test_later_tokens_change_earlier_logits_only_where_the_rotary_scaling_depends_on_length(family: Family) -> None:
    model, ids = shared_model(family.name), random_ids(24)
    change = (logits_of(model, ids)[:, :12] - logits_of(model, ids[:, :12])).abs().max()
    assert float(change) > 0.1 if family.length_dependent else float(change) < 5e-5


@every_family
def test_the_context_is_as_long_as_stated(family: Family) -> None:
    model = shared_model(family.name)
    logits_of(model, random_ids(64))
    stated = getattr(model.config, "max_position_embeddings", None) or getattr(model.config, "max_seq_len", None)
    assert stated == family.context


@pytest.mark.parametrize("name", strangers.__all__)
@torch.no_grad()
def test_strangers_are_sane_and_only_the_encoder_looks_ahead(name: str) -> None:
    model, ids = getattr(strangers, name)(), random_ids(24)
    logits = model(input_ids=ids).logits
    assert bool(torch.isfinite(logits).all())
    assert spread(logits) >= 3
    change = float((model(input_ids=ids[:, :12]).logits - logits[:, :12]).abs().max())
    assert change > 0.1 if name == "without_causality" else change < 5e-5


def test_tiny_tokenizer_gives_every_byte_back_and_fits_the_models() -> None:
    tokenizer = families.tiny_tokenizer()
    assert len(tokenizer) == TOKENIZER_SIZE
    assert tokenizer.eos_token_id == TOKENIZER_SIZE - 1
    for text in ("the tin hat", "a\r\n\tb", "naïve 🙂 <b>&", "שלום", "\0"):
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert len(tokenizer("🙂")["input_ids"]) == 4
    assert len(tokenizer(" the")["input_ids"]) < 4


def test_tiny_tokenizer_can_have_a_bos_convention() -> None:
    ids = families.tiny_tokenizer(bos=True)("hat")["input_ids"]
    assert ids[0] == TOKENIZER_SIZE - 1
    assert ids[1:] == families.tiny_tokenizer()("hat")["input_ids"]


@pytest.mark.parametrize("size", [257, 300, 959])
def test_tiny_tokenizer_has_the_size_asked_for(size: int) -> None:
    assert len(families.tiny_tokenizer(size)) == size


@pytest.mark.parametrize("size", [256, 960])
def test_tiny_tokenizer_refuses_other_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="257"):
        families.tiny_tokenizer(size)
