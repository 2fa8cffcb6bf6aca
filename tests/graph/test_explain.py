"""No number escapes: every cell of every block is the sum of what its explanation says."""

from __future__ import annotations

import json
import math
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.graph import Activations, explain
from tests.families import random_ids, shared_model

FAMILIES = ("gpt2", "llama", "qwen2", "qwen3")
TOLERANCE = 1e-5
"""Of the sum of the terms' absolute values."""


@cache
def run_of(name: str) -> Activations:
    return Activations(shared_model(name), random_ids(11)[0].tolist())


def assert_explained(run: Activations, block_id: str, index: list[int]) -> str:
    told = explain(run, block_id, index)
    if told.stored is None:
        assert told.kind == "masked"
        return told.kind
    assert told.computed is not None
    assert abs(told.computed - told.stored) <= TOLERANCE * told.magnitude, (block_id, index, told.computed, told.stored)
    for term in told.terms:
        for cell in term.cells:
            assert cell.value == run.cell(cell.block, cell.index)
    sizes = [abs(term.value) for term in told.terms]
    assert sizes == sorted(sizes, reverse=True)
    return told.kind


@pytest.mark.parametrize("name", FAMILIES)
def test_a_cell_of_every_block_is_what_its_explanation_says(name: str) -> None:
    run, chance = run_of(name), random.Random(0)
    kinds = {
        assert_explained(run, block.id, [chance.randrange(size) for size in block.shape(run.n_positions)])
        for block in run.graph
        for _ in range(3)
    }
    assert {"lookup", "dot", "add", "activation", "maximum", "exp_sum", "softmax", "masked", "weight"} <= kinds
    assert ({"mean", "variance", "layer_norm"} if name == "gpt2" else {"rms_norm", "rotary", "product"}) <= kinds


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_cell_at_all(data: st.DataObject) -> None:
    run = run_of(data.draw(st.sampled_from(FAMILIES)))
    block = data.draw(st.sampled_from(run.graph.blocks))
    index = [data.draw(st.integers(0, size - 1)) for size in block.shape(run.n_positions)]
    assert_explained(run, block.id, index)


def test_a_wrong_number_is_noticed() -> None:
    """The check can fail: one operand moved by a thousandth of the sum is seen."""
    run = Activations(shared_model("gpt2"), random_ids(4)[0].tolist())
    wrong = run.block("0.mlp.up").clone()
    wrong[2, 3] += 1e-3 * explain(run, "0.mlp.up", [2, 3]).magnitude
    run._held["0.mlp.up"] = wrong
    with pytest.raises(AssertionError):
        assert_explained(run, "0.mlp.up", [2, 3])


def test_a_dot_product_by_hand() -> None:
    run = run_of("gpt2")
    told = explain(run, "0.mlp.up", [4, 5])
    x, w, b = run.block("0.mlp.norm")[4], run.block("0.mlp.up.weight")[:, 5], run.block("0.mlp.up.bias")[5]
    assert told.computed == pytest.approx(float((x.double() * w.double()).sum() + b.double()), rel=1e-12)
    assert len(told.terms) == len(x)
    assert told.cells[0].role == "bias"
    best = told.terms[0]
    assert [cell.index for cell in best.cells] == [(4, best.cells[0].index[1]), (best.cells[0].index[1], 5)]


def test_a_cell_depends_on_what_stands_before_it_only() -> None:
    told = explain(run_of("llama"), "0.attn.mix", [1, 4, 2])
    assert told.visible == 5
    assert sorted(term.cells[0].index[2] for term in told.terms) == [0, 1, 2, 3, 4]
    # Two heads of queries share one of keys and values.
    assert {term.cells[1].index[0] for term in told.terms} == {1 // 2}


def test_a_rotation_pairs_the_halves_of_a_head() -> None:
    run = run_of("llama")
    size = run.graph.sizes["d_head"]
    told = explain(run, "0.attn.q.rotated", [0, 3, 1])
    other = next(term for term in told.terms if term.cells[0].role == "other")
    assert other.cells[0].index == (0, 3, 1 + size // 2)
    assert other.cells[1].value == pytest.approx(-math.sin(3 * run_theta(run, 1)), abs=1e-6)


def run_theta(run: Activations, pair: int) -> float:
    return float(run._model.model.rotary_emb.inv_freq[pair])  # type: ignore[union-attr,index]


def test_an_explanation_is_json_with_the_rest_summed_up() -> None:
    told = explain(run_of("gpt2"), "0.mlp.out", [3, 1])
    there = json.loads(json.dumps(told.to_dict(n_terms=5)))
    assert len(there["terms"]) == 5
    assert there["n_rest"] == len(told.terms) - 5
    shown = (
        sum(term["value"] for term in there["terms"]) + there["rest"] + sum(cell["value"] for cell in there["cells"])
    )
    assert shown == pytest.approx(told.computed, abs=1e-9)


def test_a_masked_cell_has_no_value() -> None:
    told = explain(run_of("gpt2"), "0.attn.pattern", [0, 2, 3])
    assert (told.kind, told.stored, told.computed) == ("masked", None, None)


def test_no_such_cell() -> None:
    with pytest.raises(InputError, match="has shape"):
        explain(run_of("gpt2"), "0.mlp.up", [0, 10**6])
