"""Names of stages: which exist, in which order, and what is said of those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace.stages import stage_key
from tests import strangers
from tests.families import FAMILIES
from tests.understood import understand, understood


def test_stages_of_sequential_blocks() -> None:
    anatomy = understood("gpt2").anatomy
    assert anatomy.stages() == ("embed", "0.mlp", "1.mlp", "2.mlp")
    assert anatomy.stages(embed=False) == ("0.mlp", "1.mlp", "2.mlp")
    assert anatomy.stages(subblocks=True) == ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp", "2.attn", "2.mlp")
    assert anatomy.last_stage == "2.mlp"
    assert anatomy.n_blocks == 3


def test_stages_of_parallel_blocks_are_the_same_with_and_without_subblocks() -> None:
    anatomy = understood("gpt_neox").anatomy
    assert anatomy.stages(subblocks=True) == anatomy.stages() == ("embed", "0.mlp", "1.mlp", "2.mlp")


@pytest.mark.parametrize("name", list(FAMILIES))
def test_every_stage_that_is_listed_exists_and_stands_in_order(name: str) -> None:
    anatomy = understood(name).anatomy
    stages = anatomy.stages(subblocks=True)
    assert sorted(stages, key=stage_key) == list(stages)
    assert stages[-1] == anatomy.last_stage
    for stage in stages:
        anatomy.require_stage(stage)


def refusal(name: str, stage: str) -> str:
    with pytest.raises(InputError) as caught:
        understood(name).anatomy.require_stage(stage)
    return str(caught.value)


def test_a_parallel_block_says_what_to_use_instead() -> None:
    assert refusal("gpt_neox", "1.attn") == (
        'GPTNeoXForCausalLM blocks add attention and MLP in parallel, so there is no stage "1.attn". Use "1.mlp".'
    )


def test_a_block_that_was_not_split_says_so() -> None:
    anatomy = understand(strangers.without_attention()).anatomy
    with pytest.raises(InputError, match=r'block 1 of MambaForCausalLM could not be split .* Use "1.mlp"'):
        anatomy.require_stage("1.attn")


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
@pytest.mark.parametrize("stage", ["3.mlp", "3.attn", "99.mlp"])
def test_a_block_beyond_the_last_says_how_many_there_are(name: str, stage: str) -> None:
    assert f'stage "{stage}" was asked for' in refusal(name, stage)
    assert "has 3 blocks (0 to 2)" in refusal(name, stage)


@pytest.mark.parametrize(
    "stage",
    ["", "mlp", "embed.mlp", "-1.mlp", "0", "0.", "0.mlp ", "0.head", "Embed", "00.mlp", "01.mlp", "².mlp", "٣.mlp"],
)
def test_what_is_no_name_of_a_stage_says_what_names_there_are(stage: str) -> None:
    for name in ("gpt2", "gpt_neox"):
        assert refusal(name, stage).startswith(f'"{stage}" is no stage. Stages are "embed", ')


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
@given(stage=st.text(max_size=8) | st.from_regex(r"\d{1,3}\.(attn|mlp)", fullmatch=True))
def test_any_other_name_is_refused_in_one_line(name: str, stage: str) -> None:
    anatomy = understood(name).anatomy
    if stage in anatomy.stages(subblocks=True):
        anatomy.require_stage(stage)
        return
    with pytest.raises(InputError):
        anatomy.require_stage(stage)


@pytest.mark.parametrize("name", ["gpt_neox", "cohere", "falcon"])
def test_the_stages_that_are_named_to_the_user_exist(name: str) -> None:
    listed = refusal(name, "nothing").partition("Stages are ")[2].rstrip(".")
    for stage in listed.replace('"', "").replace("...", "").replace(",", " ").split():
        understood(name).anatomy.require_stage(stage)
