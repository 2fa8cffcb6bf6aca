"""The embedded sorter does what its card says, read with plain transformers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel

from training.sort import LENGTH, build, build_tokenizer, inputs, sorts


@pytest.fixture(scope="module")
def shipped(embedded: Path) -> GPT2LMHeadModel:
    return GPT2LMHeadModel.from_pretrained(embedded / "sort")


def test_it_sorts_all_729_inputs(shipped: GPT2LMHeadModel) -> None:
    assert len(inputs()) == 729
    assert sorts(shipped, inputs()).all()


def test_an_untrained_one_does_not() -> None:
    torch.manual_seed(0)
    assert not sorts(build(), inputs()).all()


def test_generating_with_transformers_sorts_too(shipped: GPT2LMHeadModel, embedded: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(embedded / "sort")
    ids = tokenizer("CBABBC", return_tensors="pt").input_ids
    out = shipped.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH - 1, do_sample=False, pad_token_id=0
    )
    assert tokenizer.decode(out[0, LENGTH:]) == "ABBBC"


def test_its_shape_is_the_one_that_was_asked_for(shipped: GPT2LMHeadModel) -> None:
    config = shipped.config
    assert (config.n_layer, config.n_head, config.n_embd, config.n_positions, config.vocab_size) == (3, 3, 48, 11, 3)
    assert shipped.lm_head.weight is not shipped.transformer.wte.weight
    assert shipped.num_parameters() == 85_728


def test_the_shipped_tokenizer_is_the_one_that_the_script_builds(embedded: Path) -> None:
    shipped = json.loads((embedded / "sort" / "tokenizer.json").read_text())
    assert shipped == json.loads(build_tokenizer().backend_tokenizer.to_str())


def test_other_characters_are_dropped_and_not_mistaken_for_letters() -> None:
    assert build_tokenizer().encode("C a?B\U0001f600A") == [2, 1, 0]


def test_the_card_holds_the_figures(embedded: Path) -> None:
    figures = json.loads((embedded / "sort" / "figures.json").read_text())
    assert figures["sorted"] == figures["inputs"] == 729
    assert 0.5 < figures["lowest_probability"] < 1
    assert not math.isnan(figures["lowest_probability"])
    assert "729 of 729" in (embedded / "sort" / "README.md").read_text()
