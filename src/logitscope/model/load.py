"""Finds a model by hub id, folder, `embedded:NAME` or as an object, and loads it safely.

Weights are safetensors only; code that comes with a model runs only if the caller says so by name. Every failure a
person can mend becomes one line. Knows files, the hub and transformers; knows nothing of what is done with the model.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from logitscope.errors import InputError, ModelError
from logitscope.model.embedded import PREFIX, embedded_folder
from logitscope.model.explain import plain_load_errors
from logitscope.model.hub import pinned, snapshot
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser, load_tokenizer

__all__ = ["load_model"]

_QUIET = threading.RLock()

_DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


def load_model(
    model: Any,
    *,
    tokenizer: Any = None,
    revision: str | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: Any = None,
    trust_remote_code: bool = False,
) -> Model:
    """Loads and checks a model; see `logitscope.load` for the arguments."""
    with plain_load_errors(str(model) if isinstance(model, (str, Path)) else type(model).__name__):
        placed = _device(device)
        if not isinstance(model, (str, Path)):
            for option, value in {"revision": revision, "dtype": dtype, "device_map": device_map}.items():
                if value is not None:
                    raise InputError(f"{option}= was given with a loaded model; it is for models loaded by name.")
            return _of_object(model, tokenizer, placed)
        if placed is not None and device_map is not None:
            raise InputError("device= and device_map= were given; give one of the two.")
        name, source, local = _locate(str(model))
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        if local:
            _require_weights(name, Path(source))
        else:
            options["revision"], options["local_files_only"] = pinned(source, revision)
        if name.startswith(PREFIX) and device_map is None:
            hf = _from_package(Path(source), _dtype(dtype, placed, device_map), placed)
        else:
            hf = _from_pretrained(name, source, dtype, placed, device_map, options)
        if tokenizer is None:
            tokeniser = _tokeniser(source, **options)
        else:
            tokeniser = _tokeniser(tokenizer, trust_remote_code=False)  # the model was named, not this
        folder = Path(source) if local else snapshot(source, options["revision"])
        files = [] if folder is None else _weight_files(folder)
        return Model.of(name, hf, tokeniser, None if local or folder is None else folder.name, files)


def _of_object(hf: Any, tokenizer: Any, device: torch.device | None) -> Model:
    if not hasattr(hf, "get_output_embeddings"):
        raise InputError(
            f"a {type(hf).__name__} was given as model; needed is a hub id, a folder, embedded:NAME, or a loaded "
            "Hugging Face model together with tokenizer=."
        )
    if tokenizer is None:
        raise InputError("a loaded model was given without its tokenizer; pass it as tokenizer=.")
    name = str(getattr(hf.config, "_name_or_path", "") or type(hf).__name__)
    name = Path(name).name if Path(name).is_absolute() else name
    if device is not None:
        hf = hf.to(device)
    return Model.of(name, hf, _tokeniser(tokenizer, trust_remote_code=False), getattr(hf.config, "_commit_hash", None))


def _locate(model: str) -> tuple[str, str, bool]:
    """(name to show, where to load from, whether that is a folder)."""
    if model.startswith(PREFIX):
        return model, str(embedded_folder(model)), True
    path = Path(model).expanduser()
    if model and path.is_dir():
        return path.resolve().name, str(path), True
    if path.is_file():
        raise ModelError(f"{model} is a file; give the folder that holds config.json and the safetensors weights.")
    looks_like_path = model.startswith((".", "/", "~")) or model.endswith("/") or model.count("/") > 1 or "\\" in model
    if looks_like_path:
        raise ModelError(
            f"there is no folder {model}; give a folder, a hub id such as openai-community/gpt2, or embedded:tales."
        )
    if not model or any(c.isspace() for c in model):
        raise ModelError(
            f"{model!r} is no model name; give a hub id such as openai-community/gpt2, a folder, or embedded:tales."
        )
    return model, model, False


def _require_weights(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name} has no config.json; give a folder that save_pretrained wrote.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{name} has a config.json that is no JSON ({error}). Fetch or copy it again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{name} has a config.json that is no JSON object. Fetch or copy it again.")
    if (folder / _WHOLE).is_file() or (folder / _INDEX).is_file():
        return
    pickled = sorted(p.name for pattern in _PICKLED for p in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"{name} holds only pickled weights ({pickled[0]}), and unpickling can run any code. "
            "Convert them: load the model where you trust it and call save_pretrained, which writes safetensors."
        )
    raise ModelError(f"{name} holds no weights; {_WHOLE} or {_INDEX} is needed beside config.json.")


def _from_package(folder: Path, dtype: Any, device: torch.device | None) -> Any:
    """An embedded model, whose files are known to be whole: a fifth of the time that from_pretrained takes for it."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM

    with _quiet(), torch.random.fork_rng(devices=[]):  # a fresh model draws numbers, which are the caller's
        config = AutoConfig.from_pretrained(folder)
        hf: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=config.dtype if dtype == "auto" else dtype
        )
    # A head that is the embedding is not in the file.
    hf.load_state_dict(load_file(folder / _WHOLE), strict=not config.tie_word_embeddings)
    return (hf if device is None else hf.to(device)).eval()


def _from_pretrained(
    name: str, source: str, dtype: Any, device: torch.device | None, device_map: Any, options: dict[str, Any]
) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    with _quiet():
        config = AutoConfig.from_pretrained(source, **options)
        _require_causal(name, config, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, options["trust_remote_code"])
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            dtype=_dtype(dtype, device, device_map),
            device_map=device_map,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            output_loading_info=True,
            **options,
        )
    hf, report = loaded
    missing = sorted(report.get("missing_keys") or ())
    if missing:
        raise ModelError(
            f"the weights of {name} lack {len(missing)} tensors that {type(hf).__name__} needs ({missing[0]}, ...); "
            "they would have been random. Use complete weights of that class."
        )
    mismatched = sorted(report.get("mismatched_keys") or ())
    if mismatched:
        key, found, wanted = mismatched[0]
        raise ModelError(
            f"the weights of {name} do not fit its config.json: {key} has shape {tuple(found)}, but {tuple(wanted)} is "
            "needed. Use the config that belongs to them."
        )
    return hf if device is None else hf.to(device)


def _require_causal(name: str, config: Any, causal: Mapping[str, Any], trusted: bool) -> None:
    """Refuses encoders by what their config says; what slips through fails the self-check for reading the future."""
    architectures = list(getattr(config, "architectures", None) or ())
    reads_both_ways = getattr(config, "is_decoder", None) is False
    made_for_it = any(a in set(map(str, causal.values())) for a in architectures)
    if (
        getattr(config, "is_encoder_decoder", False)
        or (config.model_type not in causal and not trusted)
        or (reads_both_ways and not made_for_it)
        or (architectures and not made_for_it and any("For" in a and "CausalLM" not in a for a in architectures))
    ) and not (trusted and any("CausalLM" in a for a in architectures)):
        named = ", ".join(architectures) or "no architecture named"
        raise ModelError(
            f"{name} is a {config.model_type} model ({named}), which does not predict the next token; "
            "Logitscope needs a causal language model such as GPT-2 or Llama."
        )


def _dtype(dtype: Any, device: torch.device | None, device_map: Any) -> Any:
    """The weights' own type on accelerators; fp32 on processors, most of which crawl in half precision."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype in (None, "auto"):
        on_accelerator = device_map is not None or (device is not None and device.type != "cpu")
        return "auto" if on_accelerator or dtype == "auto" else torch.float32
    if dtype not in _DTYPES:
        raise InputError(f"dtype {dtype!r} was given; it is one of auto, {', '.join(_DTYPES)}.")
    return _DTYPES[dtype]


def _device(device: Any) -> torch.device | None:
    try:
        placed = None if device is None else torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device {device!r} was given; it is a name such as cpu, cuda or cuda:1.") from error
    if placed is not None and placed.type == "mps":
        raise InputError("device mps was given, but it has no float64, which sums over the vocabulary need. Use cpu.")
    return placed


def _tokeniser(tokenizer: Any, **options: Any) -> Tokeniser:
    if isinstance(tokenizer, (str, Path)):
        with _quiet():
            return load_tokenizer(str(tokenizer), **options)
    if not hasattr(tokenizer, "get_vocab"):
        raise InputError(
            f"a {type(tokenizer).__name__} was given as tokenizer; needed is a folder, a hub id or a loaded "
            "Hugging Face tokenizer."
        )
    return Tokeniser(tokenizer)


def _weight_files(folder: Path) -> list[Path]:
    """The files that were read; others that lie beside them (adapters, other formats) are not the model."""
    if (folder / _WHOLE).is_file():
        return [folder / _WHOLE]
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return sorted(folder / name for name in set(index["weight_map"].values()))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """transformers' bars and advice off while loading; what matters is raised."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    with _QUIET:  # the setting is the process's own: two loads at once would put back each other's
        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
