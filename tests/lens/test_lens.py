"""The lenses: the plain one changes nothing, the tail ones run the model's own last blocks."""

from __future__ import annotations

import pytest
import torch

from logitscope.errors import InputError
from logitscope.lens import LogitLens, TailLens, parse_lens
from logitscope.model.capture import resume
from tests.families import FAMILIES
from tests.understood import captured, close, understood

SOME = ["gpt2", "llama", "gemma2", "granite", "bloom", "opt-350m", "olmo2", "gpt_neox", "cohere2", "mpt"]


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox"])
def test_the_logit_lens_hands_every_stage_on_as_it_is(name: str) -> None:
    lens = parse_lens("logit", understood(name).anatomy)
    assert lens == LogitLens()
    assert lens.name == "logit"
    assert not lens.needs_whole_window
    for stage, vectors in captured(name).vectors.items():
        assert lens.transform(captured(name), stage) is vectors


@pytest.mark.parametrize("name", SOME)
def test_the_tail_from_the_first_block_on_makes_the_models_output_of_its_input(name: str) -> None:
    anatomy, record = understood(name).anatomy, captured(name)
    lens = parse_lens("tail:0", anatomy)
    assert close(lens.transform(record, "embed"), record.vectors[anatomy.last_stage])


@pytest.mark.parametrize("name", SOME)
def test_the_stage_that_enters_the_tail_becomes_the_models_output(name: str) -> None:
    anatomy, record = understood(name).anatomy, captured(name)
    for first in range(1, anatomy.n_blocks):
        lens = parse_lens(f"tail:{first}", anatomy)
        assert lens.name == f"tail:{first}"
        assert lens.needs_whole_window
        assert close(lens.transform(record, f"{first - 1}.mlp"), record.vectors[anatomy.last_stage])


@pytest.mark.parametrize("name", [n for n in SOME if not FAMILIES[n].parallel])
def test_the_stage_that_enters_the_last_mlp_becomes_the_models_output(name: str) -> None:
    anatomy, record = understood(name).anatomy, captured(name)
    last = anatomy.n_blocks - 1
    lens = TailLens(anatomy, last, mlp_only=True)
    assert lens.name == f"tail:{last}.mlp"
    assert parse_lens(lens.name, anatomy) == lens
    earlier = f"{last - 1}.mlp"
    by_hand = resume(anatomy, record, record.vectors[earlier], f"{last}.attn")
    assert close(lens.transform(record, earlier), by_hand)
    assert not close(by_hand, record.vectors[anatomy.last_stage], times=1e4)  # without that block's attention


@torch.no_grad()
def test_the_last_mlp_by_hand() -> None:
    """GPT-2's block without its attention: x + mlp(ln_2(x))."""
    anatomy, record = understood("gpt2").anatomy, captured("gpt2")
    block = understood("gpt2").hf.transformer.h[2]
    x = record.vectors["0.mlp"]
    wanted = x + block.mlp(block.ln_2(x))
    assert close(parse_lens("tail:2.mlp", anatomy).transform(record, "0.mlp"), wanted)


@torch.no_grad()
def test_the_last_block_by_hand() -> None:
    """Every earlier stage skips what lies between and goes into the last block as a whole sequence."""
    anatomy, record = understood("gpt2").anatomy, captured("gpt2")
    block = understood("gpt2").hf.transformer.h[2]
    for stage in ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp"):
        wanted = block(record.vectors[stage][None])[0]
        assert close(parse_lens("tail:2", anatomy).transform(record, stage), wanted), stage


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("first", [0, 1, 2])
def test_stages_of_the_tail_itself_are_read_plainly(name: str, first: int) -> None:
    anatomy, record = understood(name).anatomy, captured(name)
    lens = parse_lens(f"tail:{first}", anatomy)
    for stage, vectors in record.vectors.items():
        if stage != "embed" and int(stage.partition(".")[0]) >= first:
            assert lens.transform(record, stage) is vectors, stage
        else:
            assert not torch.equal(lens.transform(record, stage), vectors), stage


@pytest.mark.parametrize(
    "spec",
    ["", "Logit", "logits", "tail", "tail:", "tail:x", "tail:-1", "tail:1.attn", "tail:1.mlp ", "tail:²", "tuned"],
)
def test_a_lens_that_does_not_exist_is_refused_with_those_that_do(spec: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_lens(spec, understood("gpt2").anatomy)
    assert str(caught.value) == (
        f'lens "{spec}" was asked for; there are "logit", "tail:N" and "tail:N.mlp" with a block number N.'
    )


@pytest.mark.parametrize("spec", ["tail:3", "tail:3.mlp", "tail:99"])
def test_a_tail_from_a_block_that_does_not_exist_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match=r"GPT2LMHeadModel has 3 blocks \(0 to 2\)"):
        parse_lens(spec, understood("gpt2").anatomy)


def test_the_mlp_of_a_parallel_block_cannot_be_run_alone() -> None:
    with pytest.raises(InputError, match="attention and MLP in parallel"):
        parse_lens("tail:2.mlp", understood("gpt_neox").anatomy)
