"""The self-check passes what is understood and refuses, with its figure, every way of having understood it wrongly."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from logitscope.errors import ModelError
from logitscope.model.anatomy import Anatomy, Block, Sublayer
from logitscope.model.self_check import LIMIT, self_check
from tests import strangers
from tests.families import FAMILIES, TOKENIZER_SIZE, Family, shared_model
from tests.understood import understand, understood

WITH_SOFTCAP = [f for f in FAMILIES.values() if f.softcap is not None]
WITH_MULTIPLIER = [f for f in FAMILIES.values() if f.multiplier != 1]
WITH_HEAD_BIAS = [f for f in FAMILIES.values() if f.head_bias]
WITH_NORM = [f for f in FAMILIES.values() if f.final_norm is not None]
WITH_NORM_SCALE = [f for f in WITH_NORM if not f.scale_free_norm]
WITH_NORM_SHIFT = [
    f
    for f in WITH_NORM_SCALE
    if "bias" in dict(shared_model(f.name).get_submodule(str(f.final_norm)).named_parameters())
]
SCALE_LESS_ONE = {"gemma", "gemma2", "gemma3", "nemotron"}


def of(families: list[Family]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("family", families, ids=str)


def refused(name: str, anatomy: Anatomy) -> dict[str, float]:
    """The figures in the one line with which an Anatomy is refused; the true one of the same model passed."""
    model = understood(name)
    assert model.check.figure <= LIMIT
    with pytest.raises(ModelError) as caught:
        self_check(model.hf, anatomy, TOKENIZER_SIZE)
    figure = r"(inf|\d\.\de[+-]\d\d)"
    found = re.fullmatch(
        rf"{anatomy.model_class} was taken apart wrongly: self-check figure {figure} "
        rf"\(logits {figure}, blocks {figure}, residual {figure}; at most 1e-06 for logits\)\. Nothing can be said .*",
        str(caught.value),
    )
    assert found, caught.value
    figures = dict(zip(("figure", "logits", "blocks", "residual"), map(float, found.groups()), strict=True))
    assert figures["figure"] > LIMIT
    return figures


def with_blocks(anatomy: Anatomy, change: Callable[[Block], Block]) -> Anatomy:
    return replace(anatomy, blocks=tuple(change(block) for block in anatomy.blocks))


def with_norm(anatomy: Anatomy, change: Callable[[nn.Module], None]) -> Anatomy:
    """The final norm replaced by a changed copy."""
    assert anatomy.norm_index is not None
    tail = list(anatomy.tail)
    tail[anatomy.norm_index] = copy.deepcopy(tail[anatomy.norm_index])
    with torch.no_grad():
        change(tail[anatomy.norm_index])
    return replace(anatomy, tail=tuple(tail))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
def test_every_family_passes_by_a_wide_margin(family: Family) -> None:
    check = understood(family.name).check
    assert check.figure == max(check.logits, check.blocks, check.residual, check.causal)
    assert max(check.logits, check.blocks, check.residual) <= 1e-6
    assert check.causal <= 1e-5


# ------------------------------------------------------------------------ what is left out is seen


def test_the_zoo_has_something_to_leave_out() -> None:
    assert {f.name for f in WITH_SOFTCAP} >= {"gemma2"}
    assert {f.name for f in WITH_MULTIPLIER} >= {"granite", "cohere", "cohere2"}
    assert {f.name for f in WITH_HEAD_BIAS} >= {"gptj", "phi", "ctrl"}


@of(WITH_SOFTCAP)
def test_a_softcap_left_out_is_refused(family: Family) -> None:
    figures = refused(family.name, replace(understood(family.name).anatomy, softcap=None))
    assert figures["logits"] > 0.1
    assert max(figures["blocks"], figures["residual"]) <= LIMIT


@of(WITH_SOFTCAP)
def test_a_wrong_softcap_is_refused(family: Family) -> None:
    refused(family.name, replace(understood(family.name).anatomy, softcap=30.0))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3"])
def test_a_softcap_that_does_not_exist_is_refused(name: str) -> None:
    refused(name, replace(understood(name).anatomy, softcap=30.0))


@of(WITH_MULTIPLIER)
def test_a_logit_multiplier_left_out_or_turned_round_is_refused(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    refused(family.name, replace(anatomy, multiplier=1.0))
    refused(family.name, replace(anatomy, multiplier=1 / anatomy.multiplier))


def test_the_logit_scale_that_mpt_has_and_ignores_is_refused() -> None:
    refused("mpt", replace(understood("mpt").anatomy, multiplier=0.5))


@of(WITH_HEAD_BIAS)
def test_a_head_bias_left_out_is_refused(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    head = copy.deepcopy(anatomy.head)
    head.bias = None
    refused(family.name, replace(anatomy, head=head))


@of(WITH_NORM)
def test_a_final_norm_left_out_is_refused(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    tail = tuple(m for i, m in enumerate(anatomy.tail) if i != anatomy.norm_index)
    refused(family.name, replace(anatomy, tail=tail, norm_index=None))


@of(WITH_NORM_SCALE)
def test_a_final_norm_applied_twice_is_refused(family: Family) -> None:
    anatomy = understood(family.name).anatomy
    refused(family.name, replace(anatomy, tail=(anatomy.tail[0], *anatomy.tail)))


@of(WITH_NORM_SCALE)
def test_a_norm_scale_left_out_is_refused(family: Family) -> None:
    neutral = 0.0 if family.name in SCALE_LESS_ONE else 1.0
    anatomy = with_norm(understood(family.name).anatomy, lambda norm: norm.weight.fill_(neutral))
    refused(family.name, anatomy)


@of(WITH_NORM_SHIFT)
def test_a_norm_shift_left_out_is_refused(family: Family) -> None:
    refused(family.name, with_norm(understood(family.name).anatomy, lambda norm: norm.bias.zero_()))


def test_a_wrong_projection_before_the_head_is_refused() -> None:
    anatomy = understood("opt-350m").anatomy
    projection = copy.deepcopy(anatomy.tail[0])
    with torch.no_grad():
        projection.weight.copy_(projection.weight.flip(0))
    refused("opt-350m", replace(anatomy, tail=(projection,)))


# ------------------------------------------------------------------------ what is mistaken is seen

SEQUENTIAL = ["gpt2", "llama", "gemma2", "olmo2", "bloom", "granite", "mpt", "glm4"]


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_a_middle_before_attention_is_refused(name: str) -> None:
    figures = refused(name, with_blocks(understood(name).anatomy, lambda b: replace(b, middle=(b.module, "read"))))
    assert figures["residual"] > 0.01
    assert figures["logits"] <= LIMIT


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_a_middle_after_the_block_is_refused(name: str) -> None:
    refused(name, with_blocks(understood(name).anatomy, lambda b: replace(b, middle=(b.module, "returned"))))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "granite", "bloom"])
def test_a_middle_that_is_normalised_is_refused(name: str) -> None:
    def change(block: Block) -> Block:
        assert block.middle is not None
        return replace(block, middle=(block.middle[0], "returned"))

    refused(name, with_blocks(understood(name).anatomy, change))


@pytest.mark.parametrize("name", ["gpt_neox", "gptj", "falcon-new", "phi", "cohere", "stablelm-parallel"])
def test_parallel_blocks_taken_for_sequential_ones_are_refused(name: str) -> None:
    def change(block: Block) -> Block:
        assert block.mlp is not None
        return replace(block, kind="sequential", middle=(block.mlp.module, "read"))

    refused(name, with_blocks(understood(name).anatomy, change))


def scaled(block: Block, attention: float, mlp: float) -> Block:
    assert block.attention is not None
    assert block.mlp is not None
    return replace(
        block, attention=replace(block.attention, multiplier=attention), mlp=replace(block.mlp, multiplier=mlp)
    )


@pytest.mark.parametrize("name", ["granite", "granitemoe"])
@pytest.mark.parametrize("multipliers", [(1.0, 1.0), (0.6, 1.0), (1.0, 0.6), (1 / 0.6, 1 / 0.6), (0.605, 0.6)])
def test_a_wrong_residual_multiplier_is_refused(name: str, multipliers: tuple[float, float]) -> None:
    refused(name, with_blocks(understood(name).anatomy, lambda b: scaled(b, *multipliers)))


@pytest.mark.parametrize("name", ["llama", "gpt_neox", "cohere"])
def test_a_residual_multiplier_that_does_not_exist_is_refused(name: str) -> None:
    refused(name, with_blocks(understood(name).anatomy, lambda b: scaled(b, 0.6, 0.6)))


@pytest.mark.parametrize(("name", "part"), [("bloom", "attention"), ("bloom", "mlp"), ("mpt", "mlp"), ("gpt2", "mlp")])
def test_a_residual_counted_twice_or_not_at_all_is_refused(name: str, part: str) -> None:
    def change(block: Block) -> Block:
        sublayer: Sublayer = getattr(block, part)
        return replace(block, **{part: replace(sublayer, includes_residual=not sublayer.includes_residual)})

    refused(name, with_blocks(understood(name).anatomy, change))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2"])
def test_attention_and_mlp_exchanged_are_refused(name: str) -> None:
    refused(name, with_blocks(understood(name).anatomy, lambda b: replace(b, attention=b.mlp, mlp=b.attention)))


@pytest.mark.parametrize("name", ["gemma2", "glm4", "olmo2"])
def test_a_sandwich_without_its_upper_slice_is_refused(name: str) -> None:
    """The sublayer itself in place of the norm after it, which is what is added."""

    def change(block: Block) -> Block:
        assert block.attention is not None
        return replace(block, attention=replace(block.attention, module=block.module.self_attn))

    refused(name, with_blocks(understood(name).anatomy, change))


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "falcon", "opt-350m", "bloom"])
def test_blocks_in_reverse_order_are_refused(name: str) -> None:
    anatomy = understood(name).anatomy
    reverse = tuple(replace(b, index=i) for i, b in enumerate(reversed(anatomy.blocks)))
    refused(name, replace(anatomy, blocks=reverse))


@pytest.mark.parametrize("name", ["gpt2", "cohere", "opt-350m"])
def test_a_missing_last_block_is_refused(name: str) -> None:
    anatomy = understood(name).anatomy
    refused(name, replace(anatomy, blocks=anatomy.blocks[:-1]))


@pytest.mark.parametrize("name", ["gpt2", "cohere", "opt-350m"])
def test_a_missing_block_between_is_refused(name: str) -> None:
    anatomy = understood(name).anatomy
    fewer = (anatomy.blocks[0], *(replace(b, index=b.index - 1) for b in anatomy.blocks[2:]))
    refused(name, replace(anatomy, blocks=fewer))


def test_numbers_that_are_not_finite_are_refused() -> None:
    broken = FAMILIES["gpt2"].build()
    with torch.no_grad():
        broken.transformer.h[1].mlp.c_fc.weight[0, 0] = float("nan")
    with pytest.raises(ModelError):
        understand(broken)


# ------------------------------------------------------------------------ reading ahead


class SeesAll(nn.Module):
    """The stranger's mixer without its causal mask."""

    def __init__(self, mixer: Any) -> None:
        super().__init__()
        self.three, self.back = mixer.three, mixer.back

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t.unflatten(-1, (4, -1)).transpose(1, 2) for t in self.three(x).chunk(3, -1))
        return self.back(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(-2))


class SeesOne(nn.Module):
    """The same, causal, but for one step ahead."""

    def __init__(self, mixer: Any) -> None:
        super().__init__()
        self.mixer = mixer

    def forward(self, x: Tensor) -> Tensor:
        return self.mixer(x) + 0.1 * torch.roll(x, -1, dims=-2)


@pytest.mark.parametrize("leak", [SeesAll, SeesOne])
@pytest.mark.parametrize("blocks", [[0], [2], [0, 1, 2]])
def test_a_model_that_reads_ahead_is_refused(leak: type[nn.Module], blocks: list[int]) -> None:
    hf = strangers.honest_stranger()
    for i in blocks:
        hf.tower.floors[i].mixer = leak(hf.tower.floors[i].mixer)
    with pytest.raises(ModelError, match=r"TowerForCausalLM reads the future: .* by [0-9.]+e[+-]") as caught:
        understand(hf)
    assert "\n" not in str(caught.value)


def test_a_stranger_passes() -> None:
    assert understand(strangers.honest_stranger()).check.figure <= 1e-6


def test_opaque_blocks_pass_at_their_ends() -> None:
    assert understand(strangers.without_attention()).check.figure <= LIMIT


@pytest.mark.parametrize("window", [1, 2, 4])
def test_a_context_shorter_than_the_probe_can_be_checked(window: int) -> None:
    family = replace(FAMILIES["gpt2"], config={**FAMILIES["gpt2"].config, "n_positions": window})
    try:
        model = understand(family.build())
    except ModelError as error:
        pytest.fail(str(error))
    assert model.anatomy.context_window == window
    assert model.check.figure <= LIMIT
