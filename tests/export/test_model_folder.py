"""One model's folder: its manifest, its tokenizer, what is refused, and that nothing half-written is left."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import LlamaConfig, LlamaForCausalLM

import logitscope
from logitscope.errors import InputError, LogitscopeError, ModelError
from logitscope.export import export_model, forward
from logitscope.export import model_folder as module
from logitscope.export.check import Differences, passages, with_parameters
from logitscope.server.cards import card_of
from logitscope.server.contract import ModelCard
from tests.export.exporting import FORMS, build, made
from tests.families import family, tiny_tokenizer


def test_every_file_is_listed_with_its_hash_and_the_manifest_lists_no_other() -> None:
    one = made("llama")
    listed = {file["path"]: file for file in one.manifest["files"]}
    assert {path.name for path in one.folder.iterdir()} == {*listed, "manifest.json"}
    for name, file in listed.items():
        content = (one.folder / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert one.report.n_bytes == sum(path.stat().st_size for path in one.folder.iterdir())


def test_parts_are_small_and_joined_they_are_the_file() -> None:
    one = made("embedded:tales")
    (file,) = one.manifest["weights"]["files"]
    assert len(file["parts"]) == 2
    assert all(part["bytes"] < 10_000_000 for part in file["parts"])
    assert sum(part["bytes"] for part in file["parts"]) == file["bytes"]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    export_model(build("llama-yarn"), tmp_path / "again")
    ours, again = made("llama-yarn").folder, tmp_path / "again"
    for path in ours.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_the_check_is_what_python_says() -> None:
    for form in FORMS:
        one = made("gpt2", form)
        check = one.manifest["check"]
        rounded = None if form == "stored" else module.Weights(one.scope.model.hf, form).rounded()
        with with_parameters(one.scope.model, rounded):
            trace = one.scope.trace(check["text"], subblocks=True)
        assert check["ids"] == trace.ids.tolist()
        assert check["stages"] == list(trace.stages)
        for name, rows in check["arrays"].items():
            assert np.array_equal(np.array(rows, np.float32), trace[name].astype(np.float32), equal_nan=True), name
        assert check["tolerance"] >= 1e-4
        assert 2 <= len(check["ids"]) <= 12


def test_a_model_is_left_as_it_was() -> None:
    scope = build("gpt2")
    before = {name: parameter.clone() for name, parameter in scope.model.hf.named_parameters()}
    with pytest.raises(ZeroDivisionError), with_parameters(scope.model, {n: p * 2 for n, p in before.items()}):
        raise ZeroDivisionError
    for name, parameter in scope.model.hf.named_parameters():
        assert parameter.equal(before[name])


def test_the_card_is_the_servers_but_for_what_a_browser_cannot_do() -> None:
    one = made("llama")
    card = ModelCard.model_validate(one.manifest["card"])
    servers = card_of(one.scope, card.limits)
    changed = {name for name, value in servers if value != getattr(card, name)}
    assert changed == {"lenses", "device", "notes", "cannot", "dtype"}
    assert card.dtype == one.manifest["header"]["dtype"] == "float64, logits in float32"
    assert one.manifest["weights"]["computed"] == "float64"
    assert card.lenses == ["logit"]
    assert "tail" in card.notes[-1]
    assert "explain" in card.can
    assert set(card.cannot) == {"save.html", "save.parquet"}
    assert "save" in card.can


def test_an_export_in_few_bits_says_what_it_lacks_and_how_far_off_it_is() -> None:
    one = made("llama", "int4")
    card = one.manifest["card"]
    assert set(card["cannot"]) == {"graph", "tile", "explain", "save.html", "save.parquet"}
    assert not {"graph", "tile"} & set(card["can"])
    assert "4 bits" in card["notes"][-1]
    assert f"{one.report.errors.logprob:.2g}" in card["notes"][-1]
    assert "graph" not in one.manifest
    assert "activations" not in one.manifest["graphs"]
    assert card["content_hash"] != one.scope.model.content_hash
    assert made("llama").manifest["card"]["content_hash"] == one.scope.model.content_hash


def test_a_model_too_large_for_the_walkthrough_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INSIDE_PARAMETERS", 1000)
    report = export_model(build("gpt2"), tmp_path / "gpt2")
    assert "parameters" in report.manifest["card"]["cannot"]["tile"]
    assert not (tmp_path / "gpt2" / "activations.onnx").exists()


def test_a_large_model_says_that_it_is_computed_in_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "_SMALL", 1000)
    manifest = export_model(build("gpt2"), tmp_path / "gpt2").manifest
    assert manifest["card"]["dtype"] == manifest["header"]["dtype"] == "float32"
    assert (manifest["weights"]["computed"], manifest["weights"]["graphics"]) == ("float32", True)
    assert made("gpt2").manifest["weights"]["graphics"] is False


def test_tokens_are_named_by_their_bytes() -> None:
    one = made("embedded:tales")
    table = json.loads((one.folder / "token_bytes.json").read_text(encoding="utf-8"))
    tokeniser = one.scope.model.tokeniser
    assert len(table["bytes"]) == tokeniser.n_tokens
    for i in (0, 5, 100, tokeniser.n_tokens - 1):
        assert bytes.fromhex(table["bytes"][i]) == tokeniser.bytes_of(i)
    assert table["special"] == sorted(tokeniser.special_ids)
    assert (table["byte_tokens"], table["puts_a_space_first"], table["prefix"]) == ([], False, [])


def test_tokens_of_a_sentencepiece_model(shared: Path) -> None:
    one = made(str(shared / "models" / "stories260k"))
    table = json.loads((one.folder / "token_bytes.json").read_text(encoding="utf-8"))
    tokeniser = one.scope.model.tokeniser
    tokens, source = tokeniser.encode("Once")
    assert source == "tokenizer"
    assert table["prefix"] == tokens.ids.tolist()[: len(table["prefix"])] != []
    assert table["puts_a_space_first"]
    assert {bytes.fromhex(table["bytes"][i]) for i in table["byte_tokens"]} == {bytes([b]) for b in range(256)}


def test_the_written_tokenizer_cuts_texts_alike() -> None:
    from tokenizers import Tokenizer

    one = made("embedded:tales")
    tokenizer = Tokenizer.from_file(str(one.folder / "tokenizer.json"))
    for text in ("The keeper's\n\tlamp", "我能🙂", " <b>&amp;"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == one.scope.model.tokeniser.encode(text)[0].ids.tolist()


def test_the_first_passage_is_short_and_can_be_read_again() -> None:
    for name in ("gpt2", "embedded:sort", "embedded:tales"):
        scope = made(name).scope
        first, *others = passages(scope)
        assert scope.model.tokeniser.encode(first.text)[0].ids.tolist() == list(first.ids)
        assert others
        assert all(one.ids for one in others)


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", ["gpt_neox", "gemma2", "bloom", "mixtral"])
def test_other_families_are_refused_by_their_name(name: str, tmp_path: Path) -> None:
    scope = logitscope.load(family(name).build(), tokenizer=tiny_tokenizer())
    with pytest.raises(ModelError, match=f"{name} model, which cannot be exported; those of gpt2, llama"):
        export_model(scope, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_attention_that_does_not_reach_back_is_refused(tmp_path: Path) -> None:
    scope = logitscope.load(family("mistral").build(), tokenizer=tiny_tokenizer())
    with pytest.raises(ModelError, match="cannot be exported: attention of this model reaches back 8 tokens"):
        export_model(scope, tmp_path / "out")


def test_rotary_scaling_that_depends_on_the_length_is_refused(tmp_path: Path) -> None:
    parameters = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    config = LlamaConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=4, max_position_embeddings=64,
        vocab_size=300, rope_parameters=parameters, bos_token_id=299, eos_token_id=299,
    )  # fmt: skip
    scope = logitscope.load(LlamaForCausalLM(config).eval(), tokenizer=tiny_tokenizer())
    with pytest.raises(ModelError, match='"dynamic" depends on how long the text is'):
        export_model(scope, tmp_path / "out")


def test_a_model_in_half_precision_is_refused(tmp_path: Path) -> None:
    scope = logitscope.load("embedded:sort", dtype="bfloat16")
    with pytest.raises(ModelError, match="loaded in bfloat16; load it in float32"):
        export_model(scope, tmp_path / "out")


def test_weights_beyond_what_a_browser_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1000)
    with pytest.raises(ModelError, match="--weights int8 or int4"):
        export_model(build("gpt2"), tmp_path / "out")


def test_graphs_that_say_something_else_are_not_handed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(module.Weights):
        """Gives away the weights with one number changed, as a mistake in the exporter might."""

        def __init__(self, *given: object) -> None:
            super().__init__(*given)  # type: ignore[arg-type]
            name = "transformer.h.1.mlp.c_fc.bias"
            self._stored[name] = replace(self[name], numbers=self[name].numbers + 0.05)

    monkeypatch.setattr(module, "Weights", Wrong)
    with pytest.raises(ModelError, match=r"differ from the model by .* Nothing was written"):
        export_model(build("gpt2"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_scale_a_norm_or_the_mask_left_out_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attend = forward._attend

    def unmasked(nodes: Any, q: Any, k: Any, v: Any, mask: Any, *rest: Any) -> Any:
        return attend(nodes, q, k, v, nodes("Max", mask, 0.0), *rest)

    mistakes = (
        (forward._Gpt2, "scale", lambda self, i: 0.3),
        (forward._Gpt2, "_norm", lambda self, x, norm: x),
        (forward, "_attend", unmasked),
    )
    for place, name, wrong in mistakes:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, wrong)
            with pytest.raises(ModelError, match="differ from the model"):
                export_model(build("gpt2"), tmp_path / "out")


def test_the_limit_grows_with_the_stream() -> None:
    assert Differences(stream=10.0).limit == 1e-4
    assert Differences(stream=500.0).limit == pytest.approx(1e-3)
    assert (Differences(1.0, 2.0, 3.0, 5.0) | Differences(2.0, 1.0, 4.0, 1.0)) == Differences(2.0, 2.0, 4.0, 5.0)


# ------------------------------------------------------------------------------------------------ folders


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="neither empty nor an earlier export"):
        export_model(build("gpt2"), tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "of another program"}', encoding="utf-8")
    with pytest.raises(InputError, match="neither empty nor an earlier export"):
        export_model(build("gpt2"), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"diary.txt", "manifest.json"}


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    export_model(build("gpt2"), out)
    (out / "left-over.bin").write_bytes(b"x")
    export_model(build("qwen3"), out, "int8")
    assert not (out / "left-over.bin").exists()
    assert list(tmp_path.iterdir()) == [out]
    assert (
        json.loads((out / "manifest.json").read_text(encoding="utf-8"))["header"]["model_class"] == "Qwen3ForCausalLM"
    )


def test_a_failure_leaves_the_earlier_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    export_model(build("gpt2"), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_parts", fail)
    with pytest.raises(LogitscopeError, match="no space left on device"):
        export_model(build("gpt2"), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_in_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make it first"):
        export_model(build("gpt2"), tmp_path / "a" / "b")
