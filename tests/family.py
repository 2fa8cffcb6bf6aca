"""One family of the conformance zoo: what is true of it, and how a tiny model of it is built.

Knows nothing of `logitscope`, and no family by its name.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

__all__ = ["CONTEXT", "SPECIAL", "TOKENIZER_SIZE", "Family", "randomise"]

TOKENIZER_SIZE = 300
"""Ids of `tiny_tokenizer()`; the last one is its end-of-text token."""

SPECIAL = TOKENIZER_SIZE - 1

CONTEXT = 64
"""Positions of every model that has a limit."""


@dataclass(frozen=True)
class Family:
    """One tiny model and what is true of it.

    Attributes:
        name: unique; the Hugging Face family, then its variant.
        model_class: name of the transformers class; its `config_class` takes `config`.
        config: what differs from the family's defaults.
        parallel: attention and MLP of a block read the same input, so that there is no `i.attn`.
        extra: beyond the families that the package promises.
        blocks, final_norm, head: module paths; no final norm is None.
        attention, mlp: child paths inside a block; where there is no MLP module, the last linear map of it.
        reads: child of a block whose *input* is the residual after attention (None for parallel blocks).
        attention_added, mlp_added: child whose output is added to the residual, a norm after the sublayer for example.
        includes_residual: those of "attention" and "mlp" whose output holds the residual already.
        sums: whether the residual stream is a sum at all; False where blocks normalise after the addition.
        residual_multiplier: what both sublayers' outputs are multiplied by before they are added.
        head_bias, multiplier, softcap: of the head; logits = softcap(multiplier × head(norm(h))).
        project_out: path of a linear map between final norm and head.
        head_rows: rows of the head; ids from `TOKENIZER_SIZE` on are padding.
        n_layers: blocks.
        context: longest input, None = unlimited.
        length_dependent: earlier numbers change when the text grows, because of its rotary scaling.
        scale_free_norm: the final norm has no learned scale.
    """

    name: str
    model_class: str
    config: Mapping[str, Any] = field(default_factory=dict)
    parallel: bool = False
    extra: bool = False
    blocks: str = "model.layers"
    attention: str = "self_attn"
    mlp: str = "mlp"
    reads: str | None = "post_attention_layernorm"
    attention_added: str | None = None
    mlp_added: str | None = None
    includes_residual: frozenset[str] = frozenset()
    sums: bool = True
    residual_multiplier: float = 1.0
    final_norm: str | None = "model.norm"
    head: str = "lm_head"
    head_bias: bool = False
    multiplier: float = 1.0
    softcap: float | None = None
    project_out: str | None = None
    head_rows: int = TOKENIZER_SIZE
    n_layers: int = 3
    context: int | None = CONTEXT
    length_dependent: bool = False
    scale_free_norm: bool = False

    def build(self, seed: int = 0) -> PreTrainedModel:
        """A fresh model: float32, in evaluation mode, every parameter randomised by its name and `seed`."""
        cls = getattr(transformers, self.model_class)
        ids = {"bos_token_id": SPECIAL, "eos_token_id": SPECIAL, "pad_token_id": None, "vocab_size": self.head_rows}
        model = cls(cls.config_class(**{**ids, **self.config})).float().eval()
        randomise(model, seed)
        return model.requires_grad_(False)

    def __str__(self) -> str:
        return self.name


_NORM_SCALE = 0.3
"""Norm scales lie this far around their initial value (1, or 0 where the norm multiplies by 1 + weight)."""


def randomise(model: nn.Module, seed: int = 0) -> None:
    """Fill every parameter, in place, with numbers that depend on its name and `seed` only; buffers stay.

    Default initialisation hides a forgotten norm scale, bias or softcap: scales are 1, biases 0, logits nearly equal.
    Linear maps have gain 1.5, so that attention is far from uniform and each sublayer moves the residual noticeably.
    """
    done: set[int] = set()
    for module_name, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in done:
                continue
            done.add(id(parameter))
            generator = torch.Generator().manual_seed(zlib.crc32(f"{module_name}.{name}".encode()) ^ seed)
            shape = parameter.shape
            with torch.no_grad():
                if parameter.ndim <= 1 and "Norm" in type(module).__name__ and name != "bias":
                    if type(module).__name__ == "NemotronLayerNorm1P":
                        parameter.zero_()  # multiplies by 1 + weight, and is initialised to 1 all the same
                    parameter.add_((torch.rand(shape, generator=generator) * 2 - 1) * _NORM_SCALE)
                elif parameter.ndim <= 1:  # biases, attention sinks, slopes of activations
                    parameter.copy_(torch.randn(shape, generator=generator) * 0.2)
                elif isinstance(module, nn.Embedding):
                    parameter.copy_(torch.randn(shape, generator=generator) * 0.6)
                else:
                    scale = _gain(module_name) / math.sqrt(_fan_in(module, shape))
                    parameter.copy_(torch.randn(shape, generator=generator) * scale)


def _gain(module_name: str) -> float:
    return 3.0 if module_name in ("lm_head", "output_projection") else 1.5


def _fan_in(module: nn.Module, shape: torch.Size) -> int:
    inputs_first = isinstance(module, Conv1D) or type(module).__name__ == "GptOssExperts"
    return shape[-2] if inputs_first else shape[-1]
