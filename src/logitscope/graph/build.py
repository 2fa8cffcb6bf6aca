"""Which family a model is of: its graph, and its parameters as the graph's blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from logitscope.errors import ModelError
from logitscope.graph.block import Graph
from logitscope.graph.evaluate import ACTIVATIONS
from logitscope.graph.gpt2 import gpt2_graph, gpt2_weights
from logitscope.graph.llama import llama_graph, llama_weights

__all__ = ["FAMILIES", "graph_of", "weights_of"]

FAMILIES = {"gpt2": "gpt2", "llama": "llama", "mistral": "llama", "qwen2": "llama", "qwen3": "llama"}
"""By `model_type` of a `transformers` configuration."""


def graph_of(config: Any) -> Graph:
    """The computation of a model with this configuration, without any weights.

    Args:
        config: a configuration of `transformers`.

    Raises:
        ModelError: a family that is not described, or a member of one with something in it that is not.
    """
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise ModelError(
            f"{config.model_type} models have no graph yet; there are graphs for {', '.join(FAMILIES)}. "
            "Likelihood, lens and evolution work for this model as for any other."
        )
    function = config.activation_function if family == "gpt2" else config.hidden_act
    if function not in ACTIVATIONS:
        raise ModelError(f'the activation "{function}" has no formula here; there are {", ".join(ACTIVATIONS)}.')
    return gpt2_graph(config) if family == "gpt2" else llama_graph(config)


def weights_of(model: Any) -> Mapping[str, Tensor]:
    """The parameters of a loaded model by the ids of its graph's blocks: views, nothing is copied."""
    return gpt2_weights(model) if FAMILIES[model.config.model_type] == "gpt2" else llama_weights(model)
