"""What the description computes is what PyTorch's own modules return."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

import logitscope
from logitscope.errors import InputError
from logitscope.graph import Activations
from tests.families import random_ids, shared_model

FAMILIES = ("gpt2", "llama", "qwen2", "qwen3")


def returned(model: nn.Module, ids: Tensor) -> tuple[dict[str, Tensor], Any]:
    """What every module of a model returned, by its path."""
    found: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                found[path] = first.detach()

        return hook

    hooks = [module.register_forward_hook(keep(path)) for path, module in model.named_modules()]
    with torch.inference_mode():
        output = model(ids, output_attentions=True)
    for hook in hooks:
        hook.remove()
    return found, output


def heads(flat: Tensor, d_head: int) -> Tensor:
    return flat[0].unflatten(-1, (-1, d_head)).transpose(0, 1)


def gpt2_modules(found: dict[str, Tensor], d: int, d_head: int, n_blocks: int) -> dict[str, Tensor]:
    expected = {"output.norm": found["transformer.ln_f"][0], "output.logits": found["lm_head"][0]}
    for i in range(n_blocks):
        path = f"transformer.h.{i}"
        qkv = found[f"{path}.attn.c_attn"].split(d, dim=-1)
        expected |= {f"{i}.attn.{letter}": heads(part, d_head) for letter, part in zip("qkv", qkv, strict=True)}
        expected |= {
            f"{i}.attn.norm": found[f"{path}.ln_1"][0],
            f"{i}.attn.out": found[f"{path}.attn.c_proj"][0],
            f"{i}.mlp.norm": found[f"{path}.ln_2"][0],
            f"{i}.mlp.up": found[f"{path}.mlp.c_fc"][0],
            f"{i}.mlp.act": found[f"{path}.mlp.act"][0],
            f"{i}.mlp.out": found[f"{path}.mlp.c_proj"][0],
            f"{i}.mlp.residual": found[path][0],
        }
    return expected


def llama_modules(found: dict[str, Tensor], d_head: int, n_blocks: int) -> dict[str, Tensor]:
    expected = {"output.norm": found["model.norm"][0], "output.logits": found["lm_head"][0]}
    for i in range(n_blocks):
        path = f"model.layers.{i}"
        for letter in "qkv":
            expected[f"{i}.attn.{letter}"] = heads(found[f"{path}.self_attn.{letter}_proj"], d_head)
        if f"{path}.self_attn.q_norm" in found:
            expected[f"{i}.attn.q.normed"] = found[f"{path}.self_attn.q_norm"][0].transpose(0, 1)
        expected |= {
            f"{i}.attn.norm": found[f"{path}.input_layernorm"][0],
            f"{i}.attn.out": found[f"{path}.self_attn.o_proj"][0],
            f"{i}.mlp.norm": found[f"{path}.post_attention_layernorm"][0],
            f"{i}.mlp.gate": found[f"{path}.mlp.gate_proj"][0],
            f"{i}.mlp.act": found[f"{path}.mlp.act_fn"][0],
            f"{i}.mlp.up": found[f"{path}.mlp.up_proj"][0],
            f"{i}.mlp.out": found[f"{path}.mlp.down_proj"][0],
            f"{i}.mlp.residual": found[path][0],
        }
    return expected


def assert_same(got: Tensor, wanted: Tensor, name: str) -> None:
    assert got.shape == wanted.shape, name
    assert (got - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max())), name


@pytest.mark.parametrize("name", FAMILIES)
def test_every_block_is_what_the_modules_return(name: str) -> None:
    model = shared_model(name)
    model.set_attn_implementation("eager")
    ids = random_ids(13)
    found, output = returned(model, ids)
    run = Activations(model, ids[0].tolist())
    sizes = run.graph.sizes
    if run.graph.family == "gpt2":
        expected = gpt2_modules(found, sizes["d_model"], sizes["d_head"], sizes["n_blocks"])
    else:
        expected = llama_modules(found, sizes["d_head"], sizes["n_blocks"])
    for block_id, tensor in expected.items():
        assert_same(run.block(block_id), tensor, block_id)
    for i, pattern in enumerate(output.attentions):
        assert_same(torch.nan_to_num(run.block(f"{i}.attn.pattern")), pattern[0], f"{i}.attn.pattern")
    assert_same(run.block("output.probabilities"), output.logits[0].softmax(-1), "probabilities")


def test_the_sorting_model_gives_its_published_activations(shared: Path) -> None:
    """All of block 0 and what follows, as PyTorch computed it for another implementation of the same weights."""
    folder = shared / "models" / "nano-gpt-sort"
    model = AutoModelForCausalLM.from_pretrained(folder)
    there = load_file(folder / "reference-activations.safetensors")
    names = {
        "embed": "x", "0.attn.norm": "ln1", "0.attn.q": "q", "0.attn.k": "k", "0.attn.v": "v", "0.attn.out": "yProj",
        "0.attn.pattern": "attSm", "0.attn.residual": "attnResid", "0.mlp.norm": "ln2", "0.mlp.up": "fc",
        "0.mlp.act": "gelu", "0.mlp.out": "mlp", "0.mlp.residual": "mlpResid", "1.mlp.residual": "block1",
        "2.mlp.residual": "block2", "output.norm": "ln_f", "output.logits": "lm_head",
    }  # fmt: skip
    for row in range(3):
        run = Activations(model, there["idx"][row].tolist())
        for block_id, name in names.items():
            got = torch.nan_to_num(run.block(block_id))
            assert (got - there[name][row]).abs().max() <= 1e-4, (row, block_id)


def test_what_the_mask_leaves_out_is_no_number() -> None:
    run = Activations(shared_model("llama"), random_ids(5)[0].tolist())
    for name in ("scores", "pattern"):
        missing = torch.isnan(run.block(f"0.attn.{name}"))
        assert torch.equal(missing, torch.ones(5, 5, dtype=torch.bool).triu(1).expand_as(missing))
    assert not torch.isnan(run.block("0.attn.mix")).any()


def test_a_tile_is_a_part_and_a_level_is_its_mean() -> None:
    run = Activations(shared_model("gpt2"), random_ids(7)[0].tolist())
    whole = run.block("0.mlp.up").numpy()
    assert np.array_equal(run.tile("0.mlp.up", [(2, 7), (3, 9)]), whole[2:7, 3:9])
    coarse = run.tile("0.mlp.up", [(0, 7), (0, 10)], level=2)
    assert coarse.shape == (2, 3)
    assert coarse[0, 0] == pytest.approx(whole[:4, :4].mean(), abs=1e-6)
    assert coarse[1, 2] == pytest.approx(whole[4:7, 8:10].mean(), abs=1e-6)


def test_masked_cells_do_not_count_in_a_mean() -> None:
    run = Activations(shared_model("gpt2"), random_ids(4)[0].tolist())
    pattern = run.block("0.attn.pattern").numpy()
    coarse = run.tile("0.attn.pattern", [(0, 1), (0, 4), (0, 4)], level=1)
    assert coarse[0, 0, 0] == pytest.approx(np.nanmean(pattern[0, :2, :2]), abs=1e-6)
    assert np.isnan(coarse[0, 0, 1])
    lower = run.tile("0.attn.pattern", [(0, 1), (0, 3), (0, 3)], level=2)
    assert lower[0, 0, 0] == pytest.approx(np.nanmean(pattern[0, :3, :3]), abs=1e-6)


def test_memory_is_bounded_and_forgetting_changes_no_number() -> None:
    model, ids = shared_model("gpt2"), random_ids(9)[0].tolist()
    small, large = Activations(model, ids, limit_mib=0), Activations(model, ids)
    for block in large.graph:
        assert torch.equal(torch.nan_to_num(small.block(block.id)), torch.nan_to_num(large.block(block.id)))
        assert len(small._held) <= 1


def test_a_deep_model_never_lies_there_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a late block of a fresh run is computed, what nothing reads any more goes."""
    run = Activations(shared_model("gpt2"), random_ids(9)[0].tolist(), limit_mib=0)
    most = []
    forget = Activations._forget

    def watched(self: Activations, needed: Collection[str]) -> None:
        forget(self, needed)
        most.append(len(self._held))

    monkeypatch.setattr(Activations, "_forget", watched)
    run.block("output.logits")
    assert len(most) > 50
    assert max(most) < 12  # queries, keys and values of one block, the stream, and what their sums are
    assert run.n_bytes == run.block("output.logits").nbytes


def test_means_of_a_large_block_are_made_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Activations(shared_model("llama"), random_ids(11)[0].tolist())
    for block_id in ("embed.tokens", "0.attn.pattern", "0.attn.norm.scale", "0.attn.q.weight"):
        ranges = [(0, size) for size in run.graph[block_id].shape(11)]
        whole = run.tile(block_id, ranges, level=2)
        with monkeypatch.context() as small:
            small.setattr("logitscope.graph.activations._AT_ONCE", 50)
            assert np.array_equal(run.tile(block_id, ranges, level=2), whole, equal_nan=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.cell("0.mlp.up", [0]), "has shape"),
        (lambda run: run.cell("0.mlp.up", [0, -1]), "has shape"),
        (lambda run: run.tile("0.mlp.up", [(0, 1)]), "takes 2 ranges"),
        (lambda run: run.tile("0.mlp.up", [(0, 1), (5, 5)]), "range 5:5"),
        (lambda run: Activations(run._model, []), "0 tokens were given"),
        (lambda run: Activations(run._model, [10**6]), "an id outside"),
    ],
)
def test_what_is_not_there_is_one_line(call: Callable[[Activations], object], said: str) -> None:
    run = Activations(shared_model("gpt2"), [1, 2])
    with pytest.raises(InputError, match=said) as raised:
        call(run)
    assert "\n" not in str(raised.value)


def test_a_scope_gives_the_numbers_of_a_text() -> None:
    scope = logitscope.load("embedded:sort")
    run = scope.activations("CBABBC")
    logits = scope.trace("CBABBC", top_k=3, watch=[0, 1, 2])["watch_logit"][-1]
    assert np.abs(run.block("output.logits").numpy() - logits).max() <= 1e-5
    assert scope.activations(ids=[2, 1, 0]).n_positions == 3
