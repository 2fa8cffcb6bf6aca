"""Embedding, increments and constant make the final score, and each increment is what its sublayer returned.

The truth beside each check comes from hooks on the registry's paths, never from the Anatomy.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from logitscope.errors import InputError, ModelError
from logitscope.model.increments import frozen
from logitscope.scope import Scope
from logitscope.trace.increments import Increments
from tests.families import FAMILIES, TOKENIZER_SIZE, Family, logits_of, shared_model, silenced
from tests.understood import LENGTH, ids_of, understand, understood

SUMS = [family for family in FAMILIES.values() if family.sums]
every_family = pytest.mark.parametrize("family", SUMS, ids=str)


def scope_of(name: str) -> Scope:
    return Scope(understood(name))


@cache
def measured(name: str) -> Increments:
    return scope_of(name).increments(ids=ids_of().tolist(), position=-3)


def tolerance(increments: Increments) -> float:
    return 1e-6 * max(10.0, float(np.abs(increments.score).max()))


@every_family
def test_embedding_increments_and_constant_make_the_models_own_logit(family: Family) -> None:
    found = measured(family.name)
    own = logits_of(shared_model(family.name), ids_of()[None])[0, -3].double().numpy()
    score = found.added.sum(0) + found.constant
    if family.softcap is not None:
        assert np.abs(score - found.logit).max() > 0.1  # what was taken apart is what the softcap reads
        score = family.softcap * np.tanh(score / family.softcap)
    assert found.followed == tuple(np.argsort(-own[:TOKENIZER_SIZE], kind="stable")[:10].tolist())
    assert found.rank.tolist() == list(range(1, 11))
    assert np.abs(score - own[list(found.followed)]).max() <= tolerance(found)
    assert np.abs(found.logit - own[list(found.followed)]).max() <= tolerance(found)
    assert np.abs(found.rounding).max() <= tolerance(found)
    mean = float(found.average.sum() + found.average_constant)
    if family.softcap is None:
        assert abs(mean - own[:TOKENIZER_SIZE].mean()) <= tolerance(found)


@cache
def returned(name: str) -> dict[str, Tensor]:
    """What each sublayer handed to the residual stream at the position, in a run without the package."""
    family, model = FAMILIES[name], shared_model(name)
    record: dict[str, Tensor] = {}
    handles = []

    def watch(key: str) -> Any:
        def hook(_module: Any, _args: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple | list) else output
            record[key] = tensor.reshape(LENGTH, -1)[-3].double().clone()

        return hook

    for i, block in enumerate(model.get_submodule(family.blocks)):
        for part, key in (("attention", "attn"), ("mlp", "mlp")):
            added = getattr(family, f"{part}_added") or getattr(family, part)
            handles.append(block.get_submodule(added).register_forward_hook(watch(f"{i}.{key}")))
    logits_of(model, ids_of()[None])
    for handle in handles:
        handle.remove()
    return record


@every_family
def test_each_increment_is_along_one_direction_of_what_its_sublayer_returned(family: Family) -> None:
    """Scores are linear in what the sublayers returned: one direction per token explains all of its increments."""
    found, record = measured(family.name), returned(family.name)
    names = [part for part in found.parts if part != "embed" and not _holds_residual(family, part)]
    if not names:  # all of BLOOM's hand back the sum; what they added is shown by silencing them
        return
    vectors = torch.stack([family.residual_multiplier * record[part] for part in names]).numpy()
    wanted = np.stack([found.added[found.parts.index(part)] for part in names])
    model, anatomy = understood(family.name), understood(family.name).anatomy
    rows = frozen(anatomy, _last(model), anatomy.weight[list(found.followed)].double(), torch.zeros(10).double()).rows
    assert np.abs(vectors @ rows.T.numpy() - wanted).max() <= tolerance(found)
    assert len(names) == 2 * family.n_layers - len(family.includes_residual) * family.n_layers


def _holds_residual(family: Family, part: str) -> bool:
    return ("attention" if part.endswith("attn") else "mlp") in family.includes_residual


def _last(model: Any) -> Tensor:
    from logitscope.model.capture import capture

    last = model.anatomy.last_stage
    return capture(model.anatomy, ids_of(), [last], slice(LENGTH - 3, LENGTH - 2)).vectors[last]


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "bloom", "mpt", "gemma2", "olmo2", "granite", "falcon"])
@pytest.mark.parametrize("part", ["attention", "mlp"])
def test_a_silenced_sublayer_adds_nothing(name: str, part: str) -> None:
    family = FAMILIES[name]
    hf = family.build()
    model = understand(hf, name)
    with silenced(hf, family, part, 1):
        found = Scope(model).increments(ids=ids_of().tolist(), position=-3)
    row = found.parts.index(f"1.{'attn' if part == 'attention' else 'mlp'}")
    assert np.abs(found.added[row]).max() <= tolerance(found)
    assert np.abs(np.delete(found.added, row, 0)).max(1).min() > 1e-3


def test_parallel_blocks_have_an_increment_of_attention_and_one_of_the_mlp() -> None:
    assert measured("gptj").parts == ("embed", *(f"{i}.{part}" for i in range(3) for part in ("attn", "mlp")))
    assert "1.attn" not in scope_of("gptj").stages(subblocks=True)


def test_a_stream_that_is_normalised_after_each_addition_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"OPTForCausalLM normalises the residual stream after each addition.*\.$"):
        scope_of("opt-350m").increments("the hat")


@settings(deadline=None, max_examples=15)
@given(
    name=st.sampled_from(["gpt2", "gemma2", "stablelm-parallel", "bloom"]),
    ids=st.lists(st.integers(0, TOKENIZER_SIZE - 2), min_size=1, max_size=12),
    data=st.data(),
)
def test_wherever_it_is_measured_the_sum_is_the_logit_of_the_trace(name: str, ids: list[int], data: Any) -> None:
    position = data.draw(st.integers(-len(ids), len(ids) - 1))
    tokens = data.draw(st.lists(st.integers(0, TOKENIZER_SIZE - 1), min_size=1, max_size=4, unique=True))
    scope = scope_of(name)
    found = scope.increments(ids=ids, position=position, tokens=tokens)
    trace = scope.trace(ids=ids, positions=[position], stages=[scope.stages()[-1]], watch=tokens)
    assert found.position == position % len(ids)
    assert np.array_equal(found.logit.astype(np.float32), trace["watch_logit"][0, 0])
    assert np.array_equal(found.rank, trace["watch_rank"][0, 0])
    assert np.abs(found.rounding).max() <= tolerance(found)


def test_a_text_longer_than_the_context_is_read_in_the_window_of_the_position() -> None:
    scope = scope_of("gpt2")
    ids = ids_of(150).tolist()
    found = scope.increments(ids=ids, position=140, tokens=[7])
    trace = scope.trace(ids=ids, positions=[140], watch=7)
    assert np.array_equal(found.logit.astype(np.float32), trace["watch_logit"][-1, 0])
    assert found.provenance.stride == trace.provenance.stride > 0


def test_half_precision_says_what_was_lost_in_rounding() -> None:
    hf = FAMILIES["llama"].build().to(torch.bfloat16)
    found = Scope(understand(hf)).increments(ids=ids_of().tolist())
    assert 1e-6 < np.abs(found.rounding).max() < 0.5
    assert np.allclose(found.added.sum(0) + found.constant + found.rounding, found.score, atol=1e-12)


def test_a_tail_that_cannot_be_frozen_is_refused() -> None:
    from dataclasses import replace

    anatomy = understood("gpt2").anatomy
    strange = replace(anatomy, tail=(torch.nn.Tanh(),), tail_paths=("strange",), norm_index=None)
    with pytest.raises(ModelError, match="strange of GPT2LMHeadModel is neither a layer norm"):
        frozen(strange, torch.zeros(1, 32), torch.zeros(1, 32).double(), torch.zeros(1).double())


def test_a_linear_map_after_the_norm_is_part_of_the_directions() -> None:
    from dataclasses import replace

    anatomy = understood("gpt2").anatomy
    generator = torch.Generator().manual_seed(1)
    after = torch.nn.Linear(32, 16)
    tail = replace(anatomy, tail=(*anatomy.tail, after), tail_paths=("norm", "after"))
    h, rows = torch.randn(1, 32, generator=generator), torch.randn(3, 16, generator=generator).double()
    found = frozen(tail, h, rows, torch.ones(3).double())
    wanted = after(anatomy.tail[0](h)).double() @ rows.T + 1
    assert torch.allclose(h.double() @ found.rows.T + found.constants, wanted.detach(), atol=1e-5)


def test_increments_are_json_and_a_table() -> None:
    found = scope_of("gpt2").increments("the hat", tokens=" t")
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["followed"] == [{"id": found.followed[0], "token": " t"}]
    total = sum(row[0] for row in values["added"]) + values["constant"][0] + values["rounding"][0]
    assert abs(total - values["score"][0]) < 1e-9
    table = found.to_pandas()
    assert list(table["part"].cat.categories) == [*found.parts, "constant", "rounding"]
    assert abs(table["added"].sum() - found.score[0]) < 1e-9


def test_arrays_cannot_be_written_to_and_must_fit() -> None:
    from dataclasses import replace

    found = measured("gpt2")
    with pytest.raises(ValueError, match="read-only"):
        found.added[0, 0] = 1
    with pytest.raises(InputError, match=r"'score' has shape \(3,\); expected \(10,\)"):
        replace(found, score=np.zeros(3))
    assert repr(found).startswith("Increments(7 parts of the scores of ")


# ------------------------------------------------------------------------------------------------------------ follow


def test_follow_follows_what_the_whole_model_ranks_highest_at_one_position() -> None:
    scope = scope_of("gemma2")
    ids = ids_of().tolist()
    whole = scope.trace(ids=ids)
    for norm in ("final", "none"):
        followed = scope.follow(ids=ids, position=-4, top_k=3, norm=norm)
        assert followed.watched == tuple(whole["top_ids"][-1, -4, :3].tolist())
        assert followed.positions.tolist() == [len(ids) - 4]
        assert followed.stages == scope.stages(subblocks=True)
        assert followed.provenance.norm == norm
    assert np.array_equal(
        followed.arrays["watch_logit"],
        scope.trace(
            ids=ids, positions=[-4], norm="none", subblocks=True, top_k=3, watch=list(followed.watched)
        ).arrays["watch_logit"],
    )  # fmt: skip


def test_follow_refuses_what_it_finds_out_itself() -> None:
    with pytest.raises(InputError, match="follow says itself what watch is; leave it out, or use trace"):
        scope_of("gpt2").follow("the hat", watch=3)
