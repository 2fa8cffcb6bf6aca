"""The model itself as a graph: from token ids, and the keys and values of what was read before, to every stage.

    in    ids [T]   past_keys, past_values [block, key head, P, d_head]
    out   stages [stage, T, d_model]   keys, values [block, key head, T, d_head], of the new tokens alone

The tokens stand at P … P + T − 1, and P may be 0. Two families: GPT-2 and Llama. What goes in and comes out is fp32;
what lies between may be float64, because browsers multiply matrices in fp32 without the fused steps that processors
have, and texts that a model never read make much of small differences. Whether the graph is right, its caller measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from logitscope.errors import ModelError
from logitscope.export.layers import IN_FLOAT64, activation, linear, look_up, parameter
from logitscope.export.nodes import DOUBLE, FLOAT, INT64, Nodes, Value
from logitscope.export.weights import Weights
from logitscope.graph import FAMILIES

__all__ = ["Rotary", "forward_graph", "in_float64", "is_small", "rotary_of", "rotary_tables"]

_SMALL = 40_000_000
"""Parameters of a model whose forward pass may take twice as long as it must, and is not worth a graphics processor."""


@dataclass(frozen=True)
class Rotary:
    """How queries and keys are turned by their position.

    Attributes:
        frequencies: of each pair, in radians per token.
        scale: of what is turned.
    """

    frequencies: np.ndarray
    scale: float


def rotary_of(hf: Any) -> Rotary:
    """The rotary embedding of a model of the Llama family.

    Raises:
        ModelError: it depends on how long the text is, or turns a part of each head only.
    """
    rotary, config = hf.model.rotary_emb, hf.config
    kind = str((getattr(config, "rope_parameters", None) or {}).get("rope_type", "default"))
    if kind in ("dynamic", "longrope"):
        raise ModelError(f'rotary scaling "{kind}" depends on how long the text is; such a model cannot be exported.')
    frequencies = rotary.inv_freq.detach().float().cpu().numpy()
    if 2 * len(frequencies) != hf.model.layers[0].self_attn.head_dim:
        raise ModelError("this model turns only a part of each head by its position; such a model cannot be exported.")
    return Rotary(frequencies, float(rotary.attention_scaling))


def rotary_tables(nodes: Nodes, rotary: Rotary, positions: Value) -> tuple[Value, Value]:
    """Cosines and sines `[position, pair]` at int64 positions."""
    # In fp32 whatever else is computed with: a text's far positions are where the model itself takes them to be.
    angles = positions.cast(FLOAT).unsqueeze(-1) * rotary.frequencies.astype(np.float32)
    # Graphics processors are asked for no more than three digits of a sine.
    cos, sin = (nodes.on_processor(function, angles).cast(nodes.kind) for function in ("Cos", "Sin"))
    return cos * rotary.scale, sin * rotary.scale


def is_small(hf: Any) -> bool:
    """Whether a browser's one thread is fast enough for a model."""
    n_parameters: int = sum(one.numel() for one in hf.parameters())
    return n_parameters <= _SMALL


def in_float64(hf: Any, weights: Weights) -> bool:
    """Whether the forward pass of a model is computed in float64: where that is affordable and can be done."""
    config = hf.config
    function = config.activation_function if FAMILIES[config.model_type] == "gpt2" else config.hidden_act
    plain = all(weights.blocks(weights.parameter(one)) is None for one in hf.parameters())
    return plain and function in IN_FLOAT64 and is_small(hf)


def forward_graph(hf: Any, weights: Weights, precise: bool = False, halved: bool = False) -> onnx.ModelProto:
    """The graph of a model.

    Args:
        hf: of a family that has a description in `logitscope.graph`.
        weights: where its parameters lie.
        precise: compute in float64, as `in_float64` says.
        halved: multiply by weights in half precision, for processors that do so faster. All else stays in fp32: the
            residual stream, norms, attention and what is added up.

    Raises:
        ModelError: something in it is not known here.
    """
    nodes = Nodes("forward", weights, DOUBLE if precise else FLOAT, halved=halved)
    parts = _Gpt2(nodes, hf) if FAMILIES[hf.config.model_type] == "gpt2" else _Llama(nodes, hf)
    shape = (parts.n_blocks, parts.n_key_heads)
    ids = nodes.input("ids", INT64, "T")
    past_keys = _widened(nodes, nodes.input("past_keys", FLOAT, *shape, "P", parts.d_head))
    past_values = _widened(nodes, nodes.input("past_values", FLOAT, *shape, "P", parts.d_head))
    n_past, n_new = past_keys.size(2), ids.size(0)
    n_seen = n_past + n_new
    one = np.array(1, np.int64)
    positions = nodes("Range", n_past.squeeze(0), n_seen.squeeze(0), one)
    seen = nodes("Range", np.array(0, np.int64), n_seen.squeeze(0), one)
    visible = nodes("LessOrEqual", seen.unsqueeze(0), positions.unsqueeze(1))
    mask = nodes("Where", visible, 0.0, float("-inf"))
    x = parts.embed(ids, positions)
    stages, keys, values = [x], [], []
    for i in range(parts.n_blocks):
        q, k, v = parts.heads(i, x)
        keys.append(k)
        values.append(v)
        # Blocks are counted by a constant; what was read before stands first.
        index = np.array(i, np.int64)
        all_keys = nodes("Concat", nodes("Gather", past_keys, index, axis=0), k, axis=1)
        all_values = nodes("Concat", nodes("Gather", past_values, index, axis=0), v, axis=1)
        mixed = _attend(nodes, q, all_keys, all_values, mask, parts.scale(i), parts.n_heads, parts.n_key_heads)
        x = x + parts.project(i, mixed.transpose(1, 0, 2).reshape(0, parts.n_heads * parts.d_head))
        stages.append(x)
        x = x + parts.mlp(i, x)
        stages.append(x)
    nodes.output("stages", _stacked(nodes, stages), FLOAT, len(stages), "T", parts.d_model)
    nodes.output("keys", _stacked(nodes, keys), FLOAT, *shape, "T", parts.d_head)
    nodes.output("values", _stacked(nodes, values), FLOAT, *shape, "T", parts.d_head)
    return nodes.model()


def _stacked(nodes: Nodes, parts: list[Value]) -> Value:
    """One on the other, in fp32."""
    whole = nodes("Concat", *(part.unsqueeze(0) for part in parts), axis=0)
    return whole if nodes.kind == FLOAT else whole.cast(FLOAT)


def _widened(nodes: Nodes, given: Value) -> Value:
    return given if nodes.kind == FLOAT else given.cast(nodes.kind)


def _attend(
    nodes: Nodes, q: Value, k: Value, v: Value, mask: Value, scale: float, n_heads: int, n_key_heads: int
) -> Value:
    """Weighted values `[head, position, d_head]`; heads of queries that share a head of keys go through it together."""
    together = n_heads != n_key_heads
    if together:
        q = nodes("Reshape", q, np.array([n_key_heads, -1, 0], np.int64))
    scores = (q @ k.transpose(0, 2, 1)) * scale
    if together:
        scores = nodes("Reshape", scores, np.array([n_heads, -1, 0], np.int64))
    pattern = nodes("Softmax", scores + mask, axis=-1)
    if together:
        pattern = nodes("Reshape", pattern, np.array([n_key_heads, -1, 0], np.int64))
    mixed = pattern @ v
    return nodes("Reshape", mixed, np.array([n_heads, -1, 0], np.int64)) if together else mixed


class _Gpt2:
    """Learned positions, layer norms, one product for queries, keys and values."""

    def __init__(self, nodes: Nodes, hf: Any) -> None:
        self._nodes, self._body, self._config = nodes, hf.transformer, hf.config
        config = hf.config
        self.n_blocks, self.n_heads, self.d_model = config.n_layer, config.n_head, config.n_embd
        self.n_key_heads, self.d_head = self.n_heads, self.d_model // self.n_heads

    def embed(self, ids: Value, positions: Value) -> Value:
        body = self._body
        return look_up(self._nodes, body.wte.weight, ids) + look_up(self._nodes, body.wpe.weight, positions)

    def heads(self, i: int, x: Value) -> tuple[Value, Value, Value]:
        block = self._body.h[i]
        whole = linear(self._nodes, self._norm(x, block.ln_1), block.attn.c_attn)
        parts = self._nodes.several("Split", 3, whole, axis=1, num_outputs=3)
        q, k, v = (part.reshape(0, self.n_heads, self.d_head).transpose(1, 0, 2) for part in parts)
        return q, k, v

    def scale(self, i: int) -> float:
        scale = float(self.d_head**-0.5) if self._config.scale_attn_weights else 1.0
        return scale / (i + 1) if self._config.scale_attn_by_inverse_layer_idx else scale

    def project(self, i: int, mixed: Value) -> Value:
        return linear(self._nodes, mixed, self._body.h[i].attn.c_proj)

    def mlp(self, i: int, x: Value) -> Value:
        block = self._body.h[i]
        inner = linear(self._nodes, self._norm(x, block.ln_2), block.mlp.c_fc)
        return linear(self._nodes, activation(self._nodes, inner, self._config.activation_function), block.mlp.c_proj)

    def _norm(self, x: Value, norm: Any) -> Value:
        scale, shift = parameter(self._nodes, norm.weight), parameter(self._nodes, norm.bias)
        return self._nodes("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(norm.eps))


class _Llama:
    """Rotary positions, RMS norms, heads of keys that several heads of queries share, a gated MLP."""

    def __init__(self, nodes: Nodes, hf: Any) -> None:
        self._nodes, self._body, self._config = nodes, hf.model, hf.config
        config = hf.config
        self.n_blocks, self.d_model = config.num_hidden_layers, config.hidden_size
        self.n_heads, self.n_key_heads = config.num_attention_heads, config.num_key_value_heads
        self.d_head = self._body.layers[0].self_attn.head_dim
        self._rotary = rotary_of(hf)
        self._tables: tuple[Value, Value] | None = None

    def embed(self, ids: Value, positions: Value) -> Value:
        self._tables = rotary_tables(self._nodes, self._rotary, positions)
        return look_up(self._nodes, self._body.embed_tokens.weight, ids)

    def heads(self, i: int, x: Value) -> tuple[Value, Value, Value]:
        block = self._body.layers[i]
        attn, normed = block.self_attn, self._norm(x, block.input_layernorm)
        q = self._split(linear(self._nodes, normed, attn.q_proj), self.n_heads, getattr(attn, "q_norm", None))
        k = self._split(linear(self._nodes, normed, attn.k_proj), self.n_key_heads, getattr(attn, "k_norm", None))
        v = self._split(linear(self._nodes, normed, attn.v_proj), self.n_key_heads, None)
        return self._turned(q), self._turned(k), v

    def scale(self, i: int) -> float:
        return float(self.d_head**-0.5)

    def project(self, i: int, mixed: Value) -> Value:
        return linear(self._nodes, mixed, self._body.layers[i].self_attn.o_proj)

    def mlp(self, i: int, x: Value) -> Value:
        block, nodes = self._body.layers[i], self._nodes
        normed = self._norm(x, block.post_attention_layernorm)
        gate = activation(nodes, linear(nodes, normed, block.mlp.gate_proj), self._config.hidden_act)
        return linear(nodes, gate * linear(nodes, normed, block.mlp.up_proj), block.mlp.down_proj)

    def _split(self, whole: Value, n_heads: int, norm: Any) -> Value:
        heads = whole.reshape(0, n_heads, self.d_head)
        return (heads if norm is None else self._norm(heads, norm)).transpose(1, 0, 2)

    def _norm(self, x: Value, norm: Any) -> Value:
        size = self._nodes("Sqrt", (x * x).mean(-1, keep=True) + float(norm.variance_epsilon))
        return x / size * parameter(self._nodes, norm.weight)

    def _turned(self, heads: Value) -> Value:
        if self._tables is None:
            raise ModelError("heads are turned after the embedding, which knows the positions.")
        cos, sin = self._tables
        first, second = self._nodes.several("Split", 2, heads, axis=2, num_outputs=2)
        return self._nodes("Concat", first * cos - second * sin, second * cos + first * sin, axis=2)
