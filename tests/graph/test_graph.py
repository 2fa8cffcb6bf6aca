"""The description of a computation is complete, ordered, and as large as the model."""

from __future__ import annotations

import json

import pytest
from transformers import AutoConfig, GPT2Config, GPTNeoXConfig, LlamaConfig

from logitscope.errors import InputError, ModelError
from logitscope.graph import Graph, graph_of
from tests.families import family, shared_model

FAMILIES = ("gpt2", "llama", "qwen2", "qwen3")


def sizes_of(n_layer: int, n_head: int, n_embd: int, n_positions: int) -> GPT2Config:
    return GPT2Config(n_layer=n_layer, n_head=n_head, n_embd=n_embd, n_positions=n_positions, vocab_size=50257)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (sizes_of(12, 12, 768, 1024), 124_439_808),
        (sizes_of(48, 25, 1600, 1024), 1_557_611_200),
        (sizes_of(96, 96, 12288, 2048), 174_604_259_328),
    ],
    ids=["GPT-2", "GPT-2 XL", "GPT-3"],
)
def test_a_graph_needs_no_weights_and_counts_them(config: GPT2Config, parameters: int) -> None:
    assert graph_of(config).sizes["n_parameters"] == parameters


@pytest.mark.parametrize("name", FAMILIES)
def test_the_weights_of_a_graph_are_all_parameters(name: str) -> None:
    model = shared_model(name)
    assert graph_of(model.config).sizes["n_parameters"] == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_blocks_are_read_with_as_many_indices_as_they_have_axes_and_only_once_they_are_there(name: str) -> None:
    graph = graph_of(shared_model(name).config)
    seen: set[str] = set()
    for block in graph:
        assert (block.formula is not None) == (block.kind == "value")
        if block.formula is not None:
            known = {*block.names, *(axis.name for axis in block.formula.over)}
            for operand in block.formula.operands:
                assert operand.block in seen, (block.id, operand.block)
                assert len(operand.index) == len(graph[operand.block].axes), (block.id, operand)
                assert {index.axis for index in operand.index} <= known, (block.id, operand)
        assert block.id not in seen
        seen.add(block.id)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_block_but_the_last_is_read_by_another(name: str) -> None:
    graph = graph_of(shared_model(name).config)
    read = {operand.block for block in graph if block.formula for operand in block.formula.operands}
    assert {block.id for block in graph} - read == {"ids", "output.probabilities"}  # ids through the look-up


def test_what_a_model_lacks_is_not_in_its_graph() -> None:
    llama, gpt2 = graph_of(shared_model("llama").config), graph_of(shared_model("gpt2").config)
    assert "0.mlp.gate" in llama
    assert "0.mlp.gate" not in gpt2
    assert "embed.positions" not in llama
    assert "rotary.cos" not in gpt2
    assert "0.attn.q.normed" in graph_of(shared_model("qwen3").config)


def test_grouped_heads_share_keys() -> None:
    config = family("llama").build().config
    graph = graph_of(config)
    group = config.num_attention_heads // config.num_key_value_heads
    assert group > 1
    formula = graph["0.attn.scores"].formula
    assert formula is not None
    assert str(formula.operands[1].index[0]) == f"head // {group}"


def test_a_graph_is_json() -> None:
    graph: Graph = graph_of(shared_model("llama").config)
    there = json.loads(json.dumps(graph.to_dict()))
    assert [block["id"] for block in there["blocks"]] == [block.id for block in graph]
    assert there["blocks"][2]["formula"]["operands"][0]["index"][0]["lookup"] == "ids"


def test_other_families_are_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match="gpt_neox models have no graph yet"):
        graph_of(GPTNeoXConfig())
    with pytest.raises(ModelError, match=r"reaches back 3 tokens only"):
        graph_of(AutoConfig.for_model("mistral", sliding_window=3))
    with pytest.raises(ModelError, match='activation "mish"'):
        graph_of(LlamaConfig(hidden_act="mish"))
    with pytest.raises(InputError, match='no block "attn"'):
        graph_of(GPT2Config())["attn"]
