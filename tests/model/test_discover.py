"""What discovery finds out is what the registry of families says, which was read in their sources."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from logitscope.errors import ModelError
from logitscope.model.discover import discover, is_norm, probe_ids
from tests import strangers
from tests.families import CONTEXT, D_MODEL, FAMILIES, Family, shared_model
from tests.understood import understand, understood

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=str)


@every_family
def test_blocks_are_of_the_kind_and_number_that_the_family_has(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    kind = "parallel" if family.parallel else "sequential" if family.sums else "post-norm"
    assert [b.kind for b in anatomy.blocks] == [kind] * family.n_layers
    assert [b.index for b in anatomy.blocks] == list(range(family.n_layers))
    assert [b.module for b in anatomy.blocks] == list(shared_model(family.name).get_submodule(family.blocks))
    assert anatomy.blocks_path == family.blocks


@every_family
def test_sublayers_are_the_modules_whose_output_is_added(family: Family) -> None:
    model = shared_model(family.name)
    for block in understood(family.name).anatomy.blocks:
        for part in ("attention", "mlp"):
            sublayer = getattr(block, part)
            added = getattr(family, f"{part}_added") or getattr(family, part)
            assert sublayer.module is model.get_submodule(f"{family.blocks}.{block.index}.{added}")
            assert sublayer.multiplier == pytest.approx(family.residual_multiplier, abs=1e-6)
            assert sublayer.includes_residual == (part in family.includes_residual)
        assert block.attention is not None
        assert block.mlp is not None
        assert block.attention.name == family.attention
        assert family.mlp in block.mlp.name.split(" + ")


@every_family
def test_the_middle_is_where_the_residual_can_be_seen_between_attention_and_mlp(family: Family) -> None:
    model = shared_model(family.name)
    for block in understood(family.name).anatomy.blocks:
        assert block.has_middle == (not family.parallel)
        if family.reads is not None and family.sums:
            assert block.middle == (model.get_submodule(f"{family.blocks}.{block.index}.{family.reads}"), "read")


@every_family
def test_head_norm_and_window_are_the_familys(family: Family) -> None:
    model, anatomy = shared_model(family.name), understood(family.name).anatomy
    found = None if anatomy.norm_index is None else f"{anatomy.body_path}.{anatomy.tail_paths[anatomy.norm_index]}"
    tail = [p if p.startswith(anatomy.body_path) else f"{anatomy.body_path}.{p}" for p in anatomy.tail_paths]
    assert (found is None) == (family.final_norm is None)
    assert tail == [path for path in (family.final_norm, family.project_out) if path is not None]
    assert anatomy.head is model.get_submodule(family.head)
    assert anatomy.head_path == family.head
    assert anatomy.multiplier == pytest.approx(family.multiplier, abs=1e-9)
    assert anatomy.softcap == family.softcap
    assert anatomy.n_vocab == family.head_rows
    assert (anatomy.context_window or None) == family.context
    assert anatomy.d_model == D_MODEL
    assert anatomy.model_class == family.model_class


@every_family
def test_the_body_is_the_model_without_its_head(family: Family) -> None:
    model, anatomy = shared_model(family.name), understood(family.name).anatomy
    inside = set(anatomy.body.modules())
    assert model.get_submodule(anatomy.body_path) is anatomy.body
    assert all(block.module in inside for block in anatomy.blocks)
    assert anatomy.head not in inside
    embedding = model.get_input_embeddings().weight
    assert anatomy.tied == (embedding.data_ptr() == anatomy.head.weight.data_ptr())


@every_family
def test_length_dependence_is_the_familys(family: Family) -> None:
    assert understood(family.name).length_dependent == family.length_dependent


def test_rotary_scaling_that_grows_with_the_text_is_seen_whatever_it_is_called() -> None:
    model = FAMILIES["llama"].build()
    model.config.rope_parameters = {"full_attention": {"rope_type": "dynamic", "factor": 2.0}}
    assert understand(model).length_dependent
    model = FAMILIES["llama"].build()
    model.config.rope_parameters = {"rope_type": "llama3", "factor": 2.0}
    assert not understand(model).length_dependent


def test_a_stranger_is_understood_by_its_values() -> None:
    model = strangers.honest_stranger()
    anatomy = discover(model, 300)
    assert [b.kind for b in anatomy.blocks] == ["sequential"] * 3
    assert anatomy.blocks_path == "tower.floors"
    assert anatomy.tail == (model.tower.roof,)
    assert anatomy.norm_index == 0
    assert anatomy.blocks[1].attention is not None
    assert anatomy.blocks[1].attention.module is model.tower.floors[1].mixer
    assert anatomy.blocks[1].middle == (model.tower.floors[1].scale_b, "read")
    assert anatomy.context_window == CONTEXT


def test_blocks_that_have_no_attention_are_left_opaque() -> None:
    anatomy = discover(strangers.without_attention(), 300)
    assert [b.kind for b in anatomy.blocks] == ["opaque"] * 3
    assert anatomy.stages(subblocks=True) == ("embed", "0.mlp", "1.mlp", "2.mlp")


@pytest.mark.parametrize(
    ("stranger", "reason"),
    [
        ("secret_shortcut", "each reads what the one before returned"),
        ("secret_logit_factor", "multiplier or softcap"),
        ("without_causality", "between body and head"),
    ],
)
def test_what_no_equation_explains_is_refused_in_one_line(stranger: str, reason: str) -> None:
    model = getattr(strangers, stranger)()
    with pytest.raises(ModelError, match=reason) as caught:
        discover(model, 300)
    assert "\n" not in str(caught.value)
    assert type(model).__name__ in str(caught.value)


def test_a_model_without_a_head_is_refused() -> None:
    with pytest.raises(ModelError, match="LlamaModel has no output matrix"):
        discover(shared_model("llama").model, 300)


@pytest.mark.parametrize("n_tokens", [6, 7, 131, 262, 300, 50257, 151_936])
def test_probe_ids_are_distinct_and_within_the_vocabulary(n_tokens: int) -> None:
    ids = probe_ids(n_tokens)
    assert ids.shape == (1, 6)
    assert ids.unique().numel() == 6
    assert 0 <= int(ids.min()) <= int(ids.max()) < n_tokens


@pytest.mark.parametrize("n_tokens", [1, 2, 5])
def test_probe_ids_of_a_tiny_vocabulary_repeat(n_tokens: int) -> None:
    assert probe_ids(n_tokens).unique().tolist() == list(range(n_tokens))


def test_a_norm_is_known_by_its_name_and_its_lack_of_matrices() -> None:
    class NormedLinear(nn.Linear):
        pass

    assert is_norm(nn.LayerNorm(4))
    assert is_norm(nn.RMSNorm(4))
    assert not is_norm(NormedLinear(4, 4))
    assert not is_norm(nn.Dropout())


def test_a_norm_that_changes_nothing_noticeable_is_not_lost() -> None:
    """Scales of exactly 1 and biases of 0, as initialised: values alone must still tell the modules apart."""
    model = FAMILIES["gpt2"].build()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(1)
                module.bias.fill_(0)
    anatomy = discover(model, 300)
    assert [b.kind for b in anatomy.blocks] == ["sequential"] * 3
    assert anatomy.tail == (model.transformer.ln_f,)


def test_discovery_leaves_no_hooks_and_no_gradients() -> None:
    model: Any = FAMILIES["falcon"].build().requires_grad_(True)
    discover(model, 300)
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
