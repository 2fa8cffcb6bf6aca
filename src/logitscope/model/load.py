"""Finds a model by hub id, folder, `embedded:NAME` or as an object, and loads it safely.

Weights are safetensors only; code that comes with a model runs only if the caller says so by name. Every failure a
person can mend becomes one line. Knows files, the hub and transformers; knows nothing of what is done with the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from logitscope.errors import InputError, ModelError
from logitscope.model.embedded import PREFIX, embedded_folder
from logitscope.model.explain import plain_load_errors
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser, load_tokenizer

__all__ = ["load_model"]

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
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
        if not isinstance(model, (str, Path)):
            return _of_object(model, tokenizer, device)
        name, source, local = _locate(str(model))
        options = {"revision": revision, "trust_remote_code": trust_remote_code}
        if local:
            _require_weights(name, Path(source))
        hf = _from_pretrained(name, source, dtype, device, device_map, options)
        tokeniser = _tokeniser(name, source, tokenizer, options)
        commit = getattr(hf.config, "_commit_hash", None)
        return Model.of(name, hf, tokeniser, commit, _weight_files(Path(source), source, commit))


def _of_object(hf: Any, tokenizer: Any, device: Any) -> Model:
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
    tokeniser = load_tokenizer(str(tokenizer)) if isinstance(tokenizer, (str, Path)) else Tokeniser(tokenizer)
    return Model.of(name, hf, tokeniser, getattr(hf.config, "_commit_hash", None))


def _locate(model: str) -> tuple[str, str, bool]:
    """(name to show, where to load from, whether that is a folder)."""
    if model.startswith(PREFIX):
        return model, str(embedded_folder(model)), True
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve().name, str(path), True
    if path.is_file():
        raise ModelError(f"{model} is a file; give the folder that holds config.json and the safetensors weights.")
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model
    if looks_like_path:
        raise ModelError(
            f"there is no folder {model}; give a folder, a hub id such as openai-community/gpt2, or embedded:tales."
        )
    if not model or any(c.isspace() for c in model) or model.count("/") > 1:
        raise ModelError(
            f"{model!r} is no model name; give a hub id such as openai-community/gpt2, a folder, or embedded:tales."
        )
    return model, model, False


def _require_weights(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name} has no config.json; give a folder that save_pretrained wrote.")
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(p.name for pattern in _PICKLED for p in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"{name} holds only pickled weights ({pickled[0]}), and unpickling can run any code. "
            "Convert them: load the model where you trust it and call save_pretrained, which writes safetensors."
        )
    raise ModelError(f"{name} holds no weights; a *.safetensors file is needed beside config.json.")


def _from_pretrained(name: str, source: str, dtype: Any, device: Any, device_map: Any, options: dict[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    with _quiet():
        config = AutoConfig.from_pretrained(source, **options)
        _require_causal(name, config, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, options["trust_remote_code"])
        placed = torch.device(device) if device is not None else None
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            config=config,
            dtype=_dtype(dtype, placed, device_map),
            device_map=device_map,
            use_safetensors=True,
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
    return hf if placed is None or device_map is not None else hf.to(placed)


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


def _tokeniser(name: str, source: str, tokenizer: Any, options: dict[str, Any]) -> Tokeniser:
    with _quiet():
        if tokenizer is None:
            return load_tokenizer(source, **options)
        if isinstance(tokenizer, (str, Path)):
            return load_tokenizer(str(tokenizer), trust_remote_code=options["trust_remote_code"])
    return Tokeniser(tokenizer)


def _weight_files(folder: Path, source: str, commit: str | None) -> list[Path]:
    if folder.is_dir():
        return sorted(folder.glob("*.safetensors"))
    if commit is None:
        return []
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source, "config.json", revision=commit)
    return sorted(Path(config).parent.glob("*.safetensors")) if isinstance(config, str) else []


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """transformers' bars and advice off while loading; what matters is raised."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
