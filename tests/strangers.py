"""Models that no list of families has: one that discovery should understand, and some that must be refused.

Knows nothing of `logitscope`. Each is tiny, float32, in evaluation mode and randomised as the zoo is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput

from tests.families import CONTEXT, D_INNER, D_MODEL, N_HEADS, TOKENIZER_SIZE, randomise

__all__ = [
    "honest_stranger",
    "secret_logit_factor",
    "secret_shortcut",
    "without_attention",
    "without_causality",
]


class TowerConfig(PretrainedConfig):
    model_type = "tower"

    def __init__(self, vocab_size: int = TOKENIZER_SIZE, shortcut: float = 0.0, **kwargs: Any) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = D_MODEL
        self.num_hidden_layers = 3
        self.num_attention_heads = N_HEADS
        self.max_position_embeddings = CONTEXT
        self.shortcut = shortcut
        super().__init__(**kwargs)


class Mixer(nn.Module):
    """Causal self-attention under another name."""

    def __init__(self) -> None:
        super().__init__()
        self.three = nn.Linear(D_MODEL, 3 * D_MODEL)
        self.back = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t.unflatten(-1, (N_HEADS, -1)).transpose(1, 2) for t in self.three(x).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.back(mixed.transpose(1, 2).flatten(-2))


class Floor(nn.Module):
    """A pre-norm block whose children have unusual names."""

    def __init__(self) -> None:
        super().__init__()
        self.scale_a = nn.LayerNorm(D_MODEL)
        self.mixer = Mixer()
        self.scale_b = nn.LayerNorm(D_MODEL)
        self.widen = nn.Sequential(nn.Linear(D_MODEL, D_INNER), nn.GELU(), nn.Linear(D_INNER, D_MODEL))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.scale_a(x))
        return x + self.widen(self.scale_b(x))


class TowerPreTrainedModel(PreTrainedModel):
    config_class = TowerConfig
    base_model_prefix = "tower"


class TowerModel(TowerPreTrainedModel):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, D_MODEL)
        self.places = nn.Embedding(CONTEXT, D_MODEL)
        self.floors = nn.ModuleList(Floor() for _ in range(config.num_hidden_layers))
        self.roof = nn.LayerNorm(D_MODEL)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.words

    def forward(self, input_ids: Tensor, **kwargs: Any) -> BaseModelOutput:
        start = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1], device=input_ids.device))
        hidden = start
        for floor in self.floors:
            hidden = floor(hidden)
            if self.config.shortcut:  # what enters a block is then not what left the one before
                hidden = hidden + self.config.shortcut * start
        return BaseModelOutput(last_hidden_state=self.roof(hidden))


class TowerForCausalLM(TowerPreTrainedModel):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.tower = TowerModel(config)
        self.readout = nn.Linear(D_MODEL, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        return self.readout

    def forward(self, input_ids: Tensor, **kwargs: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=self.readout(self.tower(input_ids).last_hidden_state))


class LoudLlama(LlamaForCausalLM):
    """A Llama whose logits are multiplied by a number that stands in no config."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits * 1.5
        return output


def _ready(model: PreTrainedModel) -> PreTrainedModel:
    model = model.float().eval()
    randomise(model)
    return model.requires_grad_(False)


def honest_stranger() -> PreTrainedModel:
    """An ordinary pre-norm decoder in which nothing has a name that any family uses; its head has a bias."""
    return _ready(TowerForCausalLM(TowerConfig()))


def secret_shortcut() -> PreTrainedModel:
    """The embedding is added again after every block, outside of any module: block outputs do not chain."""
    return _ready(TowerForCausalLM(TowerConfig(shortcut=0.5)))


def secret_logit_factor() -> PreTrainedModel:
    """Everything is found, and the last stage decodes to logits that are not the model's."""
    return _ready(
        LoudLlama(
            LlamaConfig(
                vocab_size=TOKENIZER_SIZE,
                hidden_size=D_MODEL,
                intermediate_size=D_INNER,
                num_hidden_layers=3,
                num_attention_heads=N_HEADS,
                max_position_embeddings=CONTEXT,
            )
        )
    )


def without_causality() -> PreTrainedModel:
    """An encoder: it reads the tokens that it would have to predict."""
    return _ready(
        BertForMaskedLM(
            BertConfig(
                vocab_size=TOKENIZER_SIZE,
                hidden_size=D_MODEL,
                intermediate_size=D_INNER,
                num_hidden_layers=3,
                num_attention_heads=N_HEADS,
                max_position_embeddings=CONTEXT,
            )
        )
    )


def without_attention() -> PreTrainedModel:
    """A causal model with one mixer per block: it has block outputs and a final norm, and nothing between."""
    return _ready(
        MambaForCausalLM(
            MambaConfig(vocab_size=TOKENIZER_SIZE, hidden_size=D_MODEL, num_hidden_layers=3, state_size=4, expand=2)
        )
    )
