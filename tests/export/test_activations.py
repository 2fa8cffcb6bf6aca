"""Every tensor of the walkthrough, computed by the exported graph and read from the weights' file, is the library's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from logitscope.export.activations import n_bytes
from logitscope.graph import Activations, graph_of
from tests.export.exporting import MODELS, Made, made
from tests.families import random_ids

_TYPES = {"float32": np.float32, "float16": np.float16}


def weights_of(one: Made) -> dict[str, np.ndarray]:
    """Each weight block as a page reads it: strided elements from a byte of the joined file."""
    whole = b"".join(path.read_bytes() for path in sorted(one.folder.glob("weights-*.bin")))
    places = json.loads((one.folder / "graph.json").read_text(encoding="utf-8"))["weights"]
    found = {}
    for block, place in places.items():
        kind = np.dtype(_TYPES[place["dtype"]])
        strides = [stride * kind.itemsize for stride in place["strides"]]
        found[block] = np.ndarray(place["shape"], kind, whole, place["offset"], strides)
    return found


@pytest.mark.parametrize("name", [*MODELS, "embedded:sort", "embedded:tales"])
def test_every_block_is_the_librarys(name: str) -> None:
    one = made(name)
    model = one.scope.model
    n = min(9, model.anatomy.context_window)
    ids = [i % model.n_tokens for i in random_ids(n, seed=2)[0].tolist()]
    run = Activations(model.hf, ids)
    found = one.exported.activations(ids)
    weights = weights_of(one)
    for block in run.graph:
        if block.kind == "weight":
            assert np.array_equal(weights.pop(block.id).astype(np.float32), run.block(block.id).numpy()), block.id
        elif block.id != "ids":
            wanted = run.block(block.id).numpy()
            size = 4e-6 * max(1.0, float(np.nanmax(np.abs(wanted))), run.spread(block.id)[1])
            # A sum of thousands, a norm after it: what is rounded there shows in what is made of it.
            np.testing.assert_allclose(found[block.id], wanted, rtol=2e-4, atol=4 * size, err_msg=block.id)
            assert (np.isnan(found[block.id]) == np.isnan(wanted)).all(), block.id
    assert not weights, "the file names weights that the model has no blocks for"
    assert set(found) == {block.id for block in run.graph if block.kind != "weight" and block.id != "ids"}


def test_one_token() -> None:
    found = made("qwen3").exported.activations([7])
    run = Activations(made("qwen3").scope.model.hf, [7])
    np.testing.assert_allclose(found["output.probabilities"], run.block("output.probabilities"), rtol=1e-4, atol=1e-7)
    assert found["0.attn.pattern"].tolist() == [[[1.0]]] * 4


def test_what_all_blocks_take_is_counted() -> None:
    one = made("gpt2")
    for n in (1, 5):
        ids = random_ids(n)[0].tolist()
        taken = sum(array.nbytes for array in one.exported.activations(ids).values())
        assert taken == n_bytes(graph_of(one.scope.model.hf.config), n)
    assert one.manifest["io"]["activation_bytes"][0] == n_bytes(graph_of(one.scope.model.hf.config), 1)


def test_bytes_of_a_real_llama(shared: Path) -> None:
    one = made(str(shared / "models" / "stories260k"))
    ids = one.scope.trace("Once upon a time").ids.tolist()
    found, run = one.exported.activations(ids), Activations(one.scope.model.hf, ids)
    np.testing.assert_allclose(found["output.logits"], run.block("output.logits").numpy(), rtol=0, atol=1e-4)
