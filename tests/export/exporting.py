"""Tiny models of every family that can be exported, each exported once, and their files opened again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import transformers

import logitscope
from logitscope.export import Report, export_model
from logitscope.export.exported import Exported
from logitscope.export.weights import Form
from logitscope.scope import Scope
from tests.families import CONTEXT, D_MODEL, family, randomise, tiny_tokenizer

__all__ = ["FORMS", "MODELS", "Made", "build", "made", "opened"]

FORMS: tuple[Form, ...] = ("stored", "fp16", "int8", "int4")

_IDS = {"bos_token_id": 299, "eos_token_id": 299, "pad_token_id": None}
_LLAMA = {
    "hidden_size": D_MODEL, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": CONTEXT, "vocab_size": 300, **_IDS,
}  # fmt: skip
_GPT2 = {"n_embd": D_MODEL, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT, "vocab_size": 300, **_IDS}


def _rope(**parameters: Any) -> dict[str, Any]:
    return {**_LLAMA, "rope_parameters": {"rope_theta": 10000.0, **parameters}}


_LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}

MODELS: Mapping[str, tuple[str, Mapping[str, Any]] | None] = {
    "gpt2": None,
    "gpt2-untied": ("GPT2LMHeadModel", {**_GPT2, "tie_word_embeddings": False, "activation_function": "gelu"}),
    "gpt2-scaled": ("GPT2LMHeadModel", {**_GPT2, "scale_attn_by_inverse_layer_idx": True, "n_inner": 40}),
    "gpt2-unscaled": ("GPT2LMHeadModel", {**_GPT2, "scale_attn_weights": False, "activation_function": "relu"}),
    "llama": None,
    "llama-all-heads": ("LlamaForCausalLM", {**_LLAMA, "num_key_value_heads": 4, "tie_word_embeddings": True}),
    "llama-one-head": ("LlamaForCausalLM", {**_LLAMA, "num_key_value_heads": 1}),
    "llama-biases": ("LlamaForCausalLM", {**_LLAMA, "attention_bias": True, "mlp_bias": True}),
    "llama-linear": ("LlamaForCausalLM", _rope(rope_type="linear", factor=4.0)),
    "llama-llama3": ("LlamaForCausalLM", _rope(**_LLAMA3)),
    "llama-yarn": ("LlamaForCausalLM", _rope(**_YARN)),
    "mistral": ("MistralForCausalLM", {**_LLAMA, "sliding_window": None}),
    "qwen2": None,
    "qwen3": None,
}
"""Those without a configuration are of the zoo; its Qwen2 has a head with more rows than the tokenizer."""


@dataclass(frozen=True)
class Made:
    """An exported model.

    Attributes:
        scope: the model itself.
        folder: as written.
        report: what the exporter said.
        exported: its graphs, ready to run.
    """

    scope: Scope
    folder: Path
    report: Report
    exported: Exported

    @property
    def manifest(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return said


_kept: list[tempfile.TemporaryDirectory[str]] = []


def build(name: str, change: Callable[[Any], None] | None = None) -> Scope:
    """A tiny model, every parameter of it random.

    Args:
        change: made to the model before it is loaded.
    """
    special = MODELS.get(name)
    if special is None:
        model: Any = family(name).build()
    else:
        cls = getattr(transformers, special[0])
        model = cls(cls.config_class(**special[1])).float().eval()
        randomise(model)
    if change is not None:
        change(model)
    return logitscope.load(model.requires_grad_(False), tokenizer=tiny_tokenizer())


@cache
def made(name: str, form: Form = "stored") -> Made:
    """A model of the list above, an embedded one, or a folder's, exported; the same for all tests of a process."""
    scope = logitscope.load(name) if ":" in name or "/" in name else build(name)
    _kept.append(tempfile.TemporaryDirectory())
    folder = Path(_kept[-1].name) / "model"
    report = export_model(scope, folder, form)
    return Made(scope, folder, report, opened(folder))


def opened(folder: Path) -> Exported:
    """The graphs of a folder, with their weights put together as a page does it."""
    _kept.append(tempfile.TemporaryDirectory())
    place = Path(_kept[-1].name)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for file in manifest["weights"]["files"]:
        whole = b"".join((folder / part["path"]).read_bytes() for part in file["parts"])
        (place / file["name"]).write_bytes(whole)
    for graph in manifest["graphs"].values():
        (place / graph["path"]).write_bytes((folder / graph["path"]).read_bytes())
    return Exported(place)
