"""What a Model says of itself: its weights' hash, its parameters, which ids it can read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from logitscope.errors import InputError, ModelError
from logitscope.model import model as model_room
from logitscope.model.capture import capture
from logitscope.model.load import load_model
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser
from tests.families import FAMILIES, PADDED, TOKENIZER_SIZE, shared_model, tiny_tokenizer
from tests.understood import ids_of, understand, understood


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hashed") / "tiny"
    shared_model("gpt2").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def changed(model: PreTrainedModel) -> PreTrainedModel:
    """One number in the middle is different."""
    with torch.no_grad():
        model.get_parameter("transformer.h.1.mlp.c_fc.weight")[3, 4] += 1e-3
    return model


def test_the_hash_of_files_says_what_they_hold_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    expected = load_model(folder).content_hash
    assert expected.startswith("sha256:")
    assert len(expected) == len("sha256:") + 64
    copy = shutil.copytree(folder, tmp_path / "another name")
    (copy / "adapter_model.safetensors").write_bytes((copy / "model.safetensors").read_bytes())
    (copy / "notes.txt").write_text("irrelevant")
    assert load_model(copy).content_hash == expected
    tensors = load_file(copy / "model.safetensors")
    tensors["transformer.h.1.mlp.c_fc.weight"][3, 4] += 1e-3
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    assert load_model(copy).content_hash != expected


def test_the_hash_of_files_does_not_depend_on_the_type_computed_in(folder: Path) -> None:
    assert load_model(folder).content_hash == load_model(folder, dtype="bfloat16").content_hash


def test_the_hash_of_several_files_depends_on_each(tmp_path: Path) -> None:
    shared_model("llama").save_pretrained(tmp_path / "a", max_shard_size="40KB")
    tiny_tokenizer().save_pretrained(tmp_path / "a")
    expected = load_model(tmp_path / "a").content_hash
    shards = sorted((tmp_path / "a").glob("*.safetensors"))
    for shard in shards:
        before = shard.read_bytes()
        tensors = load_file(shard)
        save_file({k: v + 1e-3 for k, v in tensors.items()}, shard, {"format": "pt"})
        assert load_model(tmp_path / "a").content_hash != expected
        shard.write_bytes(before)
    assert load_model(tmp_path / "a").content_hash == expected


def test_the_hash_of_a_loaded_model_says_what_its_parameters_are() -> None:
    expected = understood("gpt2").content_hash
    assert expected.startswith("sha256:")
    assert understand(FAMILIES["gpt2"].build()).content_hash == expected
    assert understand(FAMILIES["gpt2"].build(seed=1)).content_hash != expected
    assert understand(changed(FAMILIES["gpt2"].build())).content_hash != expected
    assert understand(FAMILIES["gpt2"].build().to(torch.bfloat16)).content_hash != expected
    assert understood("llama").content_hash != expected


def test_large_weights_are_hashed_by_samples_and_said_to_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_model(folder).content_hash
    monkeypatch.setattr(model_room, "_WHOLE", 1000)
    monkeypatch.setattr(model_room, "_SAMPLE", 256)
    sampled = load_model(folder).content_hash
    assert sampled.startswith("sha256-sampled:")
    assert sampled == load_model(folder).content_hash
    assert sampled.partition(":")[2] != whole.partition(":")[2]
    ours, theirs = understand(FAMILIES["gpt2"].build()), understand(FAMILIES["gpt2"].build(seed=1))
    assert ours.content_hash.startswith("sha256-sampled:")
    assert ours.content_hash != theirs.content_hash


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_the_sampled_hash_sees_beginning_middle_and_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: float
) -> None:
    monkeypatch.setattr(model_room, "_WHOLE", 1000)
    monkeypatch.setattr(model_room, "_SAMPLE", 2048)
    file = shutil.copy(folder / "model.safetensors", tmp_path / "model.safetensors")
    before = model_room._hash_files([file])
    content = bytearray(file.read_bytes())
    at = int(part * (len(content) - 1))
    content[at : at + 1] = bytes([content[at] ^ 1])
    file.write_bytes(content)
    assert model_room._hash_files([file]) != before


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "opt-350m"])
def test_shared_parameters_are_counted_once(name: str) -> None:
    tensors = {p.data_ptr(): p.numel() for p in shared_model(name).parameters()}
    assert understood(name).n_parameters == sum(tensors.values())


def test_type_and_device_are_those_of_the_head() -> None:
    assert understood("gpt2").dtype == "float32"
    assert understood("gpt2").device == torch.device("cpu")


def test_rows_beyond_the_tokenizer_are_padding() -> None:
    model = understood("qwen2")
    assert model.anatomy.n_vocab == PADDED
    assert model.n_tokens == TOKENIZER_SIZE


def test_a_tokenizer_that_knows_more_than_the_model_is_cut_to_it() -> None:
    model = Model.of("small", shared_model("gpt2"), Tokeniser(tiny_tokenizer(400)))
    assert model.n_tokens == TOKENIZER_SIZE


def test_ids_that_have_no_embedding_are_refused_with_their_place() -> None:
    model = understood("gpt2")
    model.require_ids([0, TOKENIZER_SIZE - 1])
    for wrong in (TOKENIZER_SIZE, -1, 10**9):
        with pytest.raises(InputError) as caught:
            model.require_ids([5, wrong])
        assert str(caught.value) == (
            f"token id {wrong} at position 1 is outside this model's vocabulary (0 to {TOKENIZER_SIZE - 1})."
        )


def test_padding_ids_have_an_embedding() -> None:
    understood("qwen2").require_ids([PADDED - 1])


def test_a_tokenizer_without_tokens_is_refused() -> None:
    class Empty:
        def get_vocab(self) -> dict[str, int]:
            return {}

    with pytest.raises(ModelError, match="the tokenizer of nothing has no tokens"):
        Model.of("nothing", shared_model("gpt2"), Tokeniser(Empty()))


def test_a_vocabulary_of_three_can_be_probed() -> None:
    model = load_model("embedded:sort")
    assert model.check.figure <= 1e-6
    stages = model.anatomy.stages(subblocks=True)
    assert len(capture(model.anatomy, ids_of(11) % 3, stages).vectors) == 7
