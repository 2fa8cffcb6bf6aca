"""Loading: what can be loaded gives the same numbers by every way, and what cannot is refused in one line."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from logitscope.errors import InputError, LogitscopeError, ModelError, ResourceError
from logitscope.model.capture import capture
from logitscope.model.load import load_model
from tests.families import CONTEXT, FAMILIES, TOKENIZER_SIZE, logits_of, random_ids, shared_model, tiny_tokenizer
from tests.understood import captured, close, ids_of, understood

REFUSALS = ModelError, InputError, ResourceError


def save(model: PreTrainedModel, folder: Path, **options: Any) -> Path:
    model.save_pretrained(folder, **options)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good folder, not to be changed."""
    return save(shared_model("gpt2"), tmp_path_factory.mktemp("saved") / "tiny")


@pytest.fixture
def here(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to damage, called `tiny`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(saved, tmp_path / "tiny")


def refusal(model: Any = "tiny", kind: type[LogitscopeError] = ModelError, **options: Any) -> str:
    """The message of a refused load: one line, with no place on this machine beyond what was given."""
    with pytest.raises(kind) as caught:
        load_model(model, **options)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert "\n" not in message
    assert 20 < len(message) < 500
    assert message.endswith(".")
    for place in (Path.cwd(), Path.home(), Path(transformers.__file__).parents[1]):
        assert str(place) not in message.replace(str(model), "")
    return message


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def last_stage(model: Any) -> torch.Tensor:
    return capture(model.anatomy, ids_of(), [model.anatomy.last_stage]).vectors[model.anatomy.last_stage]


# ------------------------------------------------------------------------ what is loaded


def test_a_folder_gives_the_same_model(here: Path) -> None:
    model = load_model("tiny")
    assert model.name == "tiny"
    assert model.revision is None
    assert [f.name for f in model.files] == ["model.safetensors"]
    assert model.dtype == "float32"
    assert not model.hf.training
    assert torch.equal(last_stage(model), captured("gpt2").vectors["2.mlp"])


@pytest.mark.parametrize(
    "given", [lambda p: p, str, lambda p: f"{p}/", lambda p: "./tiny"], ids=["Path", "str", "slash", "dot"]
)
def test_a_folder_may_be_named_in_any_way_and_is_known_by_its_name_alone(
    here: Path, given: Callable[[Path], Any]
) -> None:
    assert load_model(given(here)).name == "tiny"


def test_a_folder_below_home_may_be_named_with_a_tilde(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here.parent))
    assert load_model("~/tiny").name == "tiny"


def test_a_model_that_is_loaded_already_is_taken_as_it_is() -> None:
    hf = shared_model("llama")
    model = load_model(hf, tokenizer=tiny_tokenizer())
    assert model.hf is hf
    assert model.name == "LlamaForCausalLM"
    assert model.files == ()


def test_a_loaded_model_does_not_give_its_folder_away(here: Path) -> None:
    hf = AutoModelForCausalLM.from_pretrained(here)
    assert load_model(hf, tokenizer=tiny_tokenizer()).name == "tiny"


@pytest.mark.parametrize("kind", ["object", "folder", "path"])
def test_the_tokenizer_may_come_from_elsewhere(here: Path, tmp_path: Path, kind: str) -> None:
    (here / "tokenizer.json").unlink()
    (here / "tokenizer_config.json").unlink()
    tiny_tokenizer().save_pretrained(tmp_path / "words")
    tokenizer = {"object": tiny_tokenizer(), "folder": "words", "path": tmp_path / "words"}[kind]
    assert load_model("tiny", tokenizer=tokenizer).tokeniser.n_tokens == TOKENIZER_SIZE
    assert load_model(shared_model("gpt2"), tokenizer=tokenizer).tokeniser.n_tokens == TOKENIZER_SIZE


def test_weights_in_several_files_are_one_model(tmp_path: Path) -> None:
    folder = save(shared_model("llama"), tmp_path / "shards", max_shard_size="40KB")
    model = load_model(folder)
    assert len(model.files) > 2
    assert torch.equal(last_stage(model), captured("llama").vectors["2.mlp"])


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "cohere", "opt-350m", "phi"])
def test_a_device_map_changes_no_number(tmp_path: Path, name: str) -> None:
    folder = save(shared_model(name), tmp_path / "mapped")
    model = load_model(folder, device_map="auto")
    last = model.anatomy.last_stage
    assert model.dtype == "float32"
    assert torch.equal(last_stage(model), captured(name).vectors[last])


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16", torch.bfloat16])
def test_the_type_of_the_weights_can_be_chosen(saved: Path, dtype: Any) -> None:
    model = load_model(saved, dtype=dtype)
    assert model.dtype == str(dtype).removeprefix("torch.")
    assert last_stage(model).dtype == getattr(torch, model.dtype)
    assert model.check.figure <= 2**-7


def test_half_precision_weights_are_computed_with_in_fp32_on_processors(tmp_path: Path) -> None:
    hf = FAMILIES["gpt2"].build().to(torch.bfloat16)
    folder = save(hf, tmp_path / "half")
    assert load_model(folder).dtype == "float32"
    assert load_model(folder, dtype="auto").dtype == "bfloat16"
    assert close(last_stage(load_model(folder)), last_stage(load_model(hf.float(), tokenizer=tiny_tokenizer())))


def test_a_device_can_be_named(saved: Path) -> None:
    assert load_model(saved, device="cpu").device == torch.device("cpu")
    assert load_model(shared_model("gpt2"), tokenizer=tiny_tokenizer(), device="cpu").device.type == "cpu"


def test_the_embedded_model_loads_and_the_name_is_kept() -> None:
    model = load_model("embedded:sort")
    assert model.name == "embedded:sort"
    assert model.n_tokens == 3
    assert model.anatomy.context_window == 11
    assert not model.anatomy.tied


def test_a_config_that_names_no_architecture_is_enough(here: Path) -> None:
    change_config(here, architectures=None)
    assert load_model("tiny").anatomy.model_class == "GPT2LMHeadModel"


def test_weights_of_the_body_alone_are_enough_where_the_head_is_the_embedding(tmp_path: Path) -> None:
    folder = save(shared_model("gpt2").transformer, tmp_path / "body")
    assert torch.equal(last_stage(load_model(folder)), captured("gpt2").vectors["2.mlp"])


def test_surplus_tensors_do_no_harm(here: Path) -> None:
    tensors = load_file(here / "model.safetensors")
    save_file({**tensors, "extra": torch.zeros(3)}, here / "model.safetensors", {"format": "pt"})
    assert torch.equal(last_stage(load_model("tiny")), captured("gpt2").vectors["2.mlp"])


def test_loading_says_nothing_and_leaves_transformers_as_it_was(saved: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    logging.set_verbosity_info()
    before = logging.is_progress_bar_enabled()
    try:
        load_model(saved)
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled() == before
    finally:
        logging.set_verbosity_warning()
    out, err = capfd.readouterr()
    assert "Loading" not in out + err
    assert "%" not in out + err


# ------------------------------------------------------------------------ no such


@pytest.mark.parametrize("model", ["./nothing", "/nowhere/at/all", "~/nothing-here", "a/b/c", "..\\tiny", "nothing/"])
def test_there_is_no_such_folder(here: Path, model: str) -> None:
    assert refusal(model).startswith(f"there is no folder {model}; give a folder, a hub id such as ")


@pytest.mark.parametrize("model", ["", " ", "two words", "a\nb"])
def test_what_is_no_name_is_refused(here: Path, model: str) -> None:
    assert refusal(model).startswith(f"{model!r} is no model name")


def test_a_file_is_no_folder(here: Path) -> None:
    assert refusal("tiny/model.safetensors") == (
        "tiny/model.safetensors is a file; give the folder that holds config.json and the safetensors weights."
    )


def test_there_is_no_such_embedded_model() -> None:
    assert "there is no embedded model 'novels'; there are embedded:tales, embedded:sort" in refusal("embedded:novels")


def test_an_empty_folder_is_refused(here: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal("empty") == "empty has no config.json; give a folder that save_pretrained wrote."


def test_a_folder_without_weights_is_refused(here: Path) -> None:
    (here / "model.safetensors").unlink()
    assert refusal() == (
        "tiny holds no weights; model.safetensors or model.safetensors.index.json is needed beside config.json."
    )


def test_a_folder_without_tokenizer_is_refused_and_told_how_to_name_one(here: Path) -> None:
    for file in here.glob("tokenizer*"):
        file.unlink()
    message = refusal()
    assert message.startswith("tiny has no tokenizer that can be read")
    assert "tokenizer=" in message


# ------------------------------------------------------------------------ damaged, or unsafe


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "tf_model.h5"])
def test_pickled_weights_are_refused_and_not_read(here: Path, tmp_path: Path, name: str) -> None:
    (here / "model.safetensors").unlink()
    (here / name).write_bytes(pickle.dumps({"transformer.wte.weight": Bomb(tmp_path / "mark")}))
    message = refusal()
    assert message.startswith(f"tiny holds only pickled weights ({name}), and unpickling can run any code.")
    assert "save_pretrained" in message
    assert not (tmp_path / "mark").exists()


def test_pickled_weights_are_not_read_where_other_safetensors_lie_beside_them(here: Path, tmp_path: Path) -> None:
    (here / "model.safetensors").rename(here / "adapter_model.safetensors")
    (here / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    assert "holds only pickled weights (pytorch_model.bin)" in refusal()
    assert not (tmp_path / "mark").exists()


def test_real_pickled_weights_are_refused(here: Path) -> None:
    torch.save(load_file(here / "model.safetensors"), here / "pytorch_model.bin")
    (here / "model.safetensors").unlink()
    assert "holds only pickled weights (pytorch_model.bin)" in refusal()


def test_pickled_weights_beside_good_ones_are_left_alone(here: Path, tmp_path: Path) -> None:
    (here / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "mark")))
    assert torch.equal(last_stage(load_model("tiny")), captured("gpt2").vectors["2.mlp"])
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, -1])
def test_weights_that_were_cut_short_are_refused(here: Path, keep: float) -> None:
    path = here / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    message = refusal()
    assert message.startswith("tiny has weights that are damaged or cut short")
    assert message.endswith("Fetch or copy them again.")


def test_weights_that_are_something_else_are_refused(here: Path) -> None:
    (here / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "damaged or cut short" in refusal()


@pytest.mark.parametrize("key", ["transformer.h.1.mlp.c_fc.weight", "transformer.ln_f.bias", "transformer.wte.weight"])
def test_a_missing_tensor_is_refused_and_never_random(here: Path, key: str) -> None:
    tensors = load_file(here / "model.safetensors")
    del tensors[key]
    save_file(tensors, here / "model.safetensors", {"format": "pt"})
    message = refusal()
    assert key in message or "lm_head.weight" in message
    assert "would have been random" in message


def test_a_missing_head_is_refused_where_it_is_not_the_embedding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(shared_model("llama").model, tmp_path / "tiny")
    assert "lm_head.weight" in refusal()


def test_a_missing_shard_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save(shared_model("llama"), tmp_path / "tiny", max_shard_size="40KB")
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.unlink()
    assert refusal().startswith("tiny lacks a file (")


def test_tensors_of_another_shape_are_refused(here: Path) -> None:
    change_config(here, n_embd=16)
    message = refusal()
    assert message.startswith(
        "the weights of tiny do not fit its config.json: transformer.h.0.attn.c_attn.bias has shape"
    )
    assert "(96,), but (48,) is needed" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model_type": 3}', "{}", '{"model_type": "nonesuch"}'])
def test_a_config_that_cannot_be_read_is_refused(here: Path, text: str) -> None:
    (here / "config.json").write_text(text)
    assert refusal().startswith("tiny ")


# ------------------------------------------------------------------------ of another kind

SIZES = {
    "vocab_size": TOKENIZER_SIZE,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
}
T5 = {"vocab_size": TOKENIZER_SIZE, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
BART = {"vocab_size": TOKENIZER_SIZE, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1}


@pytest.mark.parametrize(
    ("model_class", "config"),
    [
        ("BertForMaskedLM", SIZES),
        ("BertModel", SIZES),
        ("BertForSequenceClassification", SIZES),
        ("RobertaForMaskedLM", SIZES),
        (
            "DistilBertForMaskedLM",
            {"vocab_size": TOKENIZER_SIZE, "dim": 32, "hidden_dim": 64, "n_layers": 1, "n_heads": 4},
        ),
        ("T5ForConditionalGeneration", T5),
        ("T5EncoderModel", T5),
        ("BartForConditionalGeneration", BART),
        ("GPT2ForSequenceClassification", {"vocab_size": TOKENIZER_SIZE, "n_embd": 32, "n_layer": 1, "n_head": 4}),
        ("LlamaForTokenClassification", SIZES),
    ],
)
def test_a_model_that_predicts_no_next_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_class: str, config: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    cls = getattr(transformers, model_class)
    save(cls(cls.config_class(**config)), tmp_path / "tiny")
    message = refusal()
    assert message.startswith(f"tiny is a {cls.config_class.model_type} model ({model_class})")
    assert "does not predict the next token" in message


def test_an_encoder_that_calls_itself_causal_is_seen_to_read_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = transformers.BertLMHeadModel(transformers.BertConfig(**SIZES))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    save(model, tmp_path / "tiny")
    assert refusal()


@pytest.mark.parametrize("thing", [5, None, ["gpt2"], nn.Linear(2, 2), object()], ids=lambda t: type(t).__name__)
def test_what_is_no_model_is_refused(thing: Any) -> None:
    assert refusal(thing, InputError).startswith(f"a {type(thing).__name__} was given as model; needed is a hub id")


def test_a_loaded_body_without_head_is_refused() -> None:
    assert "has no output matrix" in refusal(shared_model("llama").model, tokenizer=tiny_tokenizer())


def test_a_loaded_model_needs_its_tokenizer() -> None:
    assert refusal(shared_model("gpt2"), InputError) == (
        "a loaded model was given without its tokenizer; pass it as tokenizer=."
    )


@pytest.mark.parametrize("tokenizer", [5, ["a"], {"a": 1}], ids=str)
def test_what_is_no_tokenizer_is_refused(saved: Path, tokenizer: Any) -> None:
    for model in (saved, shared_model("gpt2")):
        assert f"a {type(tokenizer).__name__} was given as tokenizer" in refusal(model, InputError, tokenizer=tokenizer)


@pytest.mark.parametrize("option", [{"dtype": "float16"}, {"device_map": "auto"}, {"revision": "main"}], ids=str)
def test_options_of_loading_do_not_go_with_a_model_that_is_loaded(option: dict[str, Any]) -> None:
    message = refusal(shared_model("gpt2"), InputError, tokenizer=tiny_tokenizer(), **option)
    assert message.startswith(f"{next(iter(option))}= was given")


# ------------------------------------------------------------------------ wrong options


@pytest.mark.parametrize("dtype", ["float99", "int8", "fp16", 16])
def test_a_type_that_does_not_exist_is_refused(saved: Path, dtype: Any) -> None:
    assert refusal(saved, InputError, dtype=dtype) == (
        f"dtype {dtype!r} was given; it is one of auto, float64, float32, float16, bfloat16."
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "nonsense", 1.5])
def test_what_is_no_device_is_refused(saved: Path, device: Any) -> None:
    for model in (saved, shared_model("gpt2")):
        message = refusal(model, InputError, device=device, tokenizer=tiny_tokenizer())
        assert message == f"device {device!r} was given; it is a name such as cpu, cuda or cuda:1."


def test_a_device_without_float64_is_refused(saved: Path) -> None:
    assert "has no float64" in refusal(saved, InputError, device="mps")


def test_a_device_that_is_not_there_is_refused(saved: Path) -> None:
    refusal(saved, device="cuda:99")


def test_device_and_device_map_exclude_each_other(saved: Path) -> None:
    assert "give one of the two" in refusal(saved, InputError, device="cpu", device_map="auto")


# ------------------------------------------------------------------------ code of its own

MODULE = """
import pathlib
pathlib.Path({mark!r}).touch()
from transformers import LlamaConfig, LlamaForCausalLM
class TowerConfig(LlamaConfig):
    model_type = "tower"
class TowerForCausalLM(LlamaForCausalLM):
    config_class = TowerConfig
"""


@pytest.fixture
def with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose config asks for a module beside it to be run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = save(shared_model("llama"), tmp_path / "tiny")
    (folder / "tower.py").write_text(MODULE.format(mark=str(tmp_path / "mark")))
    auto_map = {"AutoConfig": "tower.TowerConfig", "AutoModelForCausalLM": "tower.TowerForCausalLM"}
    change_config(folder, model_type="tower", architectures=["TowerForCausalLM"], auto_map=auto_map)
    return folder


def test_code_of_its_own_is_not_run_unless_named(with_code: Path) -> None:
    message = refusal()
    assert message.startswith("tiny needs code of its own to run, which is off.")
    assert "trust_remote_code=True" in message
    assert not (with_code.parent / "mark").exists()


def test_code_of_its_own_is_run_when_named(with_code: Path) -> None:
    model = load_model("tiny", trust_remote_code=True)
    assert (with_code.parent / "mark").exists()
    assert model.anatomy.model_class == "TowerForCausalLM"
    assert torch.equal(last_stage(model), captured("llama").vectors["2.mlp"])


def test_code_beside_a_known_class_is_not_run(with_code: Path) -> None:
    change_config(with_code, model_type="llama")
    assert load_model("tiny").anatomy.model_class == "LlamaForCausalLM"
    assert not (with_code.parent / "mark").exists()


# ------------------------------------------------------------------------ resources

OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\nGPU 0 has"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
    ),
    RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB)"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda e: type(e).__name__)
def test_running_out_of_memory_is_said(saved: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    message = refusal(saved, ResourceError)
    assert message.startswith("memory ran out with ")
    assert "bfloat16" in message


def test_files_that_may_not_be_read_are_said(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/home/somebody/secret/model.safetensors")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    message = refusal(saved, ResourceError)
    assert "permission" in message.lower()
    assert "/home/somebody" not in message


def test_logits_of_what_was_loaded_are_those_of_what_was_saved(saved: Path) -> None:
    assert torch.equal(logits_of(load_model(saved).hf, random_ids()), logits_of(shared_model("gpt2"), random_ids()))
    assert understood("gpt2").check.figure == load_model(saved).check.figure
