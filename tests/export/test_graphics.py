"""What is exported for graphics processors: graphs that they can run, and half precision with its error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from logitscope.errors import InputError, ModelError
from logitscope.export import Report, export_model, export_site, forward
from logitscope.export.check import in_halves
from logitscope.export.exported import HALVED
from logitscope.scope import Scope
from tests.export.exporting import FORMS, build, opened

PROGRAMS = ("ort/plain-1.wasm.deflate", "ort/webgpu-2.wasm.deflate", "assets/webgpu-3.js", "assets/app-4.js")


def kinds_in(graph: onnx.GraphProto) -> Iterator[int]:
    """The types that a graph's numbers are stored in, made of, or cast to."""
    yield from (one.data_type for one in graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                yield attribute.i
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from kinds_in(attribute.g)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models are taken for large ones."""
    monkeypatch.setattr(forward, "_SMALL", 0)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("large")
def test_no_graph_of_a_large_model_needs_float64(name: str, form: Any, tmp_path: Path) -> None:
    export_model(build(name), tmp_path / "out", form)
    for graph in ("forward", "readout", "histogram", "next"):
        model = onnx.load(tmp_path / "out" / f"{graph}.onnx", load_external_data=False)
        assert TensorProto.DOUBLE not in set(kinds_in(model.graph)), graph


def test_a_small_model_has_its_sums_in_float64(tmp_path: Path) -> None:
    manifest = export_model(build("llama"), tmp_path / "out").manifest
    assert manifest["weights"]["graphics"] is False
    for graph in ("forward", "readout", "histogram"):
        model = onnx.load(tmp_path / "out" / f"{graph}.onnx", load_external_data=False)
        assert TensorProto.DOUBLE in set(kinds_in(model.graph)), graph


@pytest.mark.usefixtures("large")
def test_sines_and_rows_of_embeddings_are_left_to_the_processor(tmp_path: Path) -> None:
    manifest = export_model(build("llama"), tmp_path / "out").manifest
    named = manifest["io"]["on_processor"]
    assert len(named) == len(set(named))
    graph = onnx.load(tmp_path / "out" / "forward.onnx", load_external_data=False).graph
    kept = [node for node in graph.node if node.name in named]
    assert {node.op_type for node in kept} == {"Cos", "Sin", "Gather", "Cast"}
    assert {node.op_type for node in graph.node if node.op_type in ("Cos", "Sin") and node not in kept} == set()
    weights = {one.name for one in graph.initializer if one.data_location == TensorProto.EXTERNAL}
    assert all(node in kept for node in graph.node if node.op_type == "Gather" and node.input[0] in weights)


# ------------------------------------------------------------------------------------------------- half precision


def halved(scope: Scope, folder: Path, form: Any = "stored") -> Report:
    return export_model(scope, folder, form, "fp16")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["gpt2", "llama-biases"])
def test_half_precision_is_measured_and_written_down(name: str, form: Any, tmp_path: Path) -> None:
    report = halved(build(name), tmp_path / "out", form)
    said = report.manifest["weights"]
    assert said["computed"] == "float32"
    assert said["graphics"] is True
    found = report.halved
    assert found is not None
    assert said["halved"]["errors"] == {"logprob": found.logprob, "kl": found.kl, "mean": found.mean}
    # Eleven bits: far more than fp32 rounds, and far less than the numbers are.
    assert found.logprob > 1e-4
    if form in ("stored", "fp16"):
        assert found.logprob < 0.2
    assert said["halved"]["tolerance"] > said["agreement"]["logprob"]
    assert HALVED in report.manifest["graphs"]
    assert any(
        f"{found.logprob:.2g} nats" in note and "half precision" in note for note in report.manifest["card"]["notes"]
    )


def test_without_asking_nothing_is_in_half_precision(tmp_path: Path) -> None:
    report = export_model(build("gpt2"), tmp_path / "out")
    assert report.halved is None
    assert HALVED not in report.manifest["graphs"]
    assert "halved" not in report.manifest["weights"]


def test_products_by_hand() -> None:
    scope = build("gpt2-untied")
    layer = scope.model.hf.transformer.h[0].mlp.c_fc
    x = torch.randn(3, layer.weight.shape[0], generator=torch.Generator().manual_seed(3))
    with in_halves(scope.model):
        ours = layer(x)
        head = scope.model.hf.lm_head(x)
        elsewhere = layer(x[:0])
    products = x.half().double() @ layer.weight.half().double()
    # The sum is rounded once, to eleven bits; without its bias, which is added in fp32.
    assert ((ours - layer.bias).double() - products).abs().max() <= products.abs().max() * 2.0**-11 + 1e-6
    assert not torch.equal(ours, layer(x))
    assert elsewhere.shape == (0, ours.shape[1])
    assert torch.equal(head, scope.model.hf.lm_head(x))


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
def test_the_graph_in_half_precision_says_what_pytorch_says_in_it(name: str, tmp_path: Path) -> None:
    """Run by ONNX's own reference, which rounds where it is written: ONNX Runtime on processors drops the rounding."""
    scope = build(name)
    halved(scope, tmp_path / "out")
    exported = opened(tmp_path / "out")
    model = onnx.load(exported._folder / f"{HALVED}.onnx")
    ids = list(range(4, 14))
    io = json.loads((tmp_path / "out" / "manifest.json").read_text())["io"]
    empty = np.zeros((io["n_blocks"], io["n_key_heads"], 0, io["d_head"]), np.float32)
    (stages,) = ReferenceEvaluator(model).run(
        ["stages"], {"ids": np.array(ids), "past_keys": empty, "past_values": empty}
    )
    plain = exported.forward(ids)
    read = exported.read(stages, ids)
    with in_halves(scope.model):
        trace = scope.trace(ids=ids, subblocks=True)
    ordinary = exported.read(plain, ids)
    rounding = np.abs(trace["logsumexp"] - ordinary["logsumexp"]).max()
    assert rounding > 1e-4
    # The two add in other orders, and what is a tie for one is rounded the other way by the other.
    assert np.abs(trace["logsumexp"] - read["logsumexp"]).max() < rounding


def test_numbers_beyond_its_range_are_refused(tmp_path: Path) -> None:
    def enlarge(hf: Any) -> None:
        hf.transformer.h[1].mlp.c_fc.weight.data *= 3e4
        hf.transformer.h[1].mlp.c_proj.weight.data /= 3e4

    scope = build("gpt2", enlarge)
    with pytest.raises(ModelError, match=r"leave the range of half precision .* --compute fp32"):
        halved(scope, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_arithmetic_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fp8.*fp32, fp16"):
        export_model(build("gpt2"), tmp_path / "out", "stored", "fp8")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- the site


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name in ("index.html", "sw.js", *PROGRAMS):
        path = tmp_path / "built" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path / "built"


def listed(site: Path) -> set[str]:
    return {one["path"] for one in json.loads((site / "site.json").read_text(encoding="utf-8"))["files"]}


def test_a_site_of_small_models_has_nothing_for_graphics_processors(built: Path, tmp_path: Path) -> None:
    export_site([build("gpt2")], tmp_path / "site", built=built)
    assert [path.name for path in (tmp_path / "site").rglob("*webgpu*")] == []
    assert listed(tmp_path / "site") >= {"ort/plain-1.wasm.deflate", "assets/app-4.js"}


def test_a_site_with_one_model_for_them_has_it(built: Path, tmp_path: Path) -> None:
    export_site([build("gpt2")], tmp_path / "site", "stored", "fp16", built=built)
    assert listed(tmp_path / "site") >= set(PROGRAMS)
    worker = (tmp_path / "site" / "sw.js").read_text(encoding="utf-8")
    # What is large is fetched when it is used; the scripts belong to the page.
    assert re.search(r"assets/webgpu-3\.js", worker)
    assert not re.search(r"ort/webgpu", worker)
