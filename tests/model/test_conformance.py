"""What is captured and decoded is what every family's model does itself.

The truth beside each check is the model's own logits, or what its modules returned to hooks that are put on by the
registry's paths, never by the Anatomy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from logitscope.errors import InputError
from logitscope.model.capture import capture, resume
from logitscope.model.decode import Decoder
from tests import strangers
from tests.families import FAMILIES, TOKENIZER_SIZE, Family, logits_of, shared_model
from tests.understood import LENGTH, captured, close, ids_of, understand, understood

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=str)


@cache
def own_logits(name: str) -> Tensor:
    return logits_of(shared_model(name), ids_of()[None])[0]


def decoded(name: str, vectors: Tensor) -> Tensor:
    return Decoder(understood(name).anatomy, TOKENIZER_SIZE).logits(vectors)


@cache
def returned(name: str) -> dict[str, list[Tensor]]:
    """What went into and came out of blocks and sublayers, by the registry's paths, in a run without the package."""
    family, model = FAMILIES[name], shared_model(name)
    record: dict[str, list[Tensor]] = {"entry": [], "attention": [], "mlp": [], "leave": []}
    handles = []

    def watch(kind: str) -> Callable[..., None]:
        def hook(_module: Any, _args: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple | list) else output
            record[kind].append(tensor.reshape(LENGTH, -1).clone())

        return hook

    for block in model.get_submodule(family.blocks):
        handles.append(block.register_forward_pre_hook(lambda _m, args: record["entry"].append(args[0][0].clone())))
        handles.append(block.register_forward_hook(watch("leave")))
        for part in ("attention", "mlp"):
            added = getattr(family, f"{part}_added") or getattr(family, part)
            handles.append(block.get_submodule(added).register_forward_hook(watch(part)))
    logits_of(model, ids_of()[None])
    for handle in handles:
        handle.remove()
    return record


@every_family
def test_the_last_stage_decodes_to_the_models_own_logits(family: Family) -> None:
    vectors = captured(family.name).vectors[understood(family.name).anatomy.last_stage]
    assert close(decoded(family.name, vectors), own_logits(family.name))


@every_family
def test_the_remaining_blocks_run_on_any_stage_give_the_models_own_logits(family: Family) -> None:
    model, record = understood(family.name), captured(family.name)
    for stage in model.anatomy.stages(subblocks=True):
        last = resume(model.anatomy, record, record.vectors[stage], stage)
        assert close(decoded(family.name, last), own_logits(family.name)), stage


@every_family
def test_every_stage_before_the_last_says_something_else(family: Family) -> None:
    """Or else the checks above would hold for a capture that returns the last stage everywhere."""
    record, anatomy = captured(family.name), understood(family.name).anatomy
    for stage in anatomy.stages(subblocks=True)[:-1]:
        difference = decoded(family.name, record.vectors[stage]) - own_logits(family.name)
        assert float(difference.abs().amax(-1).min()) > 0.1, stage


@every_family
def test_stages_are_what_enters_and_leaves_the_blocks(family: Family) -> None:
    vectors, record = captured(family.name).vectors, returned(family.name)
    assert torch.equal(vectors["embed"], record["entry"][0])
    for i in range(family.n_layers):
        assert torch.equal(vectors[f"{i}.mlp"], record["leave"][i])


@every_family
def test_the_stage_before_and_what_the_sublayer_returned_make_the_next_stage(family: Family) -> None:
    vectors, record = captured(family.name).vectors, returned(family.name)
    scale = family.residual_multiplier
    for i in range(family.n_layers):
        before = vectors["embed"] if i == 0 else vectors[f"{i - 1}.mlp"]
        attention, mlp = record["attention"][i], record["mlp"][i]
        if family.parallel:
            assert f"{i}.attn" not in vectors
            assert close(before + scale * (attention + mlp), vectors[f"{i}.mlp"])
            continue
        middle = vectors[f"{i}.attn"]
        if not family.sums:  # normalised after the addition: the stage is what the MLP reads
            model = shared_model(family.name)
            normed = model.get_submodule(f"{family.blocks}.{i}.self_attn_layer_norm")(before + attention)
            assert close(middle, normed)
            assert not close(middle, before + attention, times=1e4)
            continue
        assert close(attention if "attention" in family.includes_residual else before + scale * attention, middle)
        assert close(mlp if "mlp" in family.includes_residual else middle + scale * mlp, vectors[f"{i}.mlp"])
        assert not close(middle, before, times=1e4)


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.parallel], ids=str)
def test_parallel_blocks_refuse_the_stage_between(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    assert not [s for s in anatomy.stages(subblocks=True) if s.endswith(".attn")]
    for i in range(family.n_layers):
        with pytest.raises(InputError) as caught:
            capture(anatomy, ids_of(), [f"{i}.attn"])
        assert str(caught.value) == (
            f"{family.model_class} blocks add attention and MLP in parallel, so there is no stage "
            f'"{i}.attn". Use "{i}.mlp".'
        )


def embedded(name: str) -> tuple[PreTrainedModel, Tensor, Tensor]:
    """A family's model, some ids, and the `embed` stage."""
    return shared_model(name), ids_of(), captured(name).vectors["embed"]


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt_neox", "gptj", "falcon", "cohere", "olmo2"])
@torch.no_grad()
def test_embed_is_the_token_embedding(name: str) -> None:
    model, ids, embed = embedded(name)
    assert torch.equal(embed, model.get_input_embeddings().weight[ids])


@pytest.mark.parametrize("name", ["gemma", "gemma2", "gemma3"])
@torch.no_grad()
def test_embed_holds_the_embedding_multiplier_of_gemma(name: str) -> None:
    model, ids, embed = embedded(name)
    assert close(embed, model.get_input_embeddings().weight[ids] * math.sqrt(embed.shape[-1]))


@torch.no_grad()
def test_embed_holds_the_embedding_multiplier_of_granite() -> None:
    model, ids, embed = embedded("granite")
    assert close(embed, model.model.embed_tokens.weight[ids] * 1.7)


@torch.no_grad()
def test_embed_holds_learned_positions() -> None:
    model, ids, embed = embedded("gpt2")
    assert close(embed, model.transformer.wte.weight[ids] + model.transformer.wpe.weight[: len(ids)])


@torch.no_grad()
def test_embed_holds_positions_and_the_projection_of_opt_350m() -> None:
    model, ids, embed = embedded("opt-350m")
    decoder = model.model.decoder
    tokens = decoder.embed_tokens.weight[ids] @ decoder.project_in.weight.T
    assert close(embed, tokens + decoder.embed_positions.weight[2 : 2 + len(ids)])


@torch.no_grad()
def test_embed_holds_the_embedding_norm_of_bloom() -> None:
    model, ids, embed = embedded("bloom")
    body = model.transformer
    assert close(embed, body.word_embeddings_layernorm(body.word_embeddings.weight[ids]))


def test_a_stranger_conforms_like_any_family() -> None:
    hf = strangers.honest_stranger()
    model = understand(hf)
    ids = ids_of()
    stages = model.anatomy.stages(subblocks=True)
    record = capture(model.anatomy, ids, stages, keep_calls=True)
    wanted = logits_of(hf, ids[None])[0]
    decoder = Decoder(model.anatomy, TOKENIZER_SIZE)
    for stage in stages:
        assert close(decoder.logits(resume(model.anatomy, record, record.vectors[stage], stage)), wanted), stage


def test_blocks_without_attention_conform_at_their_ends() -> None:
    hf = strangers.without_attention()
    model = understand(hf)
    ids = ids_of()
    stages = model.anatomy.stages()
    record = capture(model.anatomy, ids, stages, keep_calls=True)
    decoder = Decoder(model.anatomy, TOKENIZER_SIZE)
    assert close(decoder.logits(record.vectors["2.mlp"]), logits_of(hf, ids[None])[0])
    assert close(resume(model.anatomy, record, record.vectors["0.mlp"], "0.mlp"), record.vectors["2.mlp"])


def test_resume_stops_where_it_is_told() -> None:
    anatomy, record = understood("gemma2").anatomy, captured("gemma2")
    for until in range(1, 5):
        assert close(
            resume(anatomy, record, record.vectors["embed"], "embed", until), record.vectors[f"{until - 1}.mlp"]
        )
    assert torch.equal(resume(anatomy, record, record.vectors["1.mlp"], "1.mlp", 2), record.vectors["1.mlp"])


@pytest.mark.parametrize("name", ["gpt2", "falcon", "bloom", "opt-350m", "mpt"])
def test_resume_changes_neither_what_it_is_given_nor_the_model(name: str) -> None:
    anatomy, record = understood(name).anatomy, captured(name)
    before = {stage: v.clone() for stage, v in record.vectors.items()}
    for stage in anatomy.stages(subblocks=True):
        resume(anatomy, record, record.vectors[stage], stage)
    assert all(torch.equal(v, before[stage]) for stage, v in record.vectors.items())
    assert torch.equal(logits_of(shared_model(name), ids_of()[None])[0], own_logits(name))


def test_other_vectors_give_other_logits_when_resumed() -> None:
    anatomy, record = understood("llama").anatomy, captured("llama")
    there = resume(anatomy, record, record.vectors["0.mlp"], "1.mlp")
    here = resume(anatomy, record, record.vectors["0.mlp"], "0.mlp")
    assert float((there - here).abs().max()) > 0.1
