"""What the parameters of a model do in a graph: products, lookups and norms, whatever form the weights are kept in.

Computed in what the graph computes with. Knows modules, not what order they come in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from torch import Tensor, nn

from logitscope.errors import ModelError
from logitscope.export.blocks import BLOCK, Blocks
from logitscope.export.nodes import CONTRIBUTED, DOUBLE, FLOAT, HALF, Nodes, Value

__all__ = ["IN_FLOAT64", "activation", "linear", "look_up", "parameter", "product"]

_FP32 = 1
"""The accuracy that MatMulNBits computes with: fp32, never activations of eight bits."""


def parameter(nodes: Nodes, tensor: Tensor) -> Value:
    """A whole parameter."""
    return _real(nodes, nodes.weights.parameter(tensor))


def product(nodes: Nodes, x: Value, matrix: Tensor, bias: Tensor | None = None, *, inputs_first: bool = False) -> Value:
    """Rows `[row, input]` by a matrix: `[row, output]`.

    Args:
        matrix: a parameter, `[output, input]` as linear layers keep theirs.
        bias: a parameter.
        inputs_first: the matrix is `[input, output]`.
    """
    name = nodes.weights.parameter(matrix)
    blocks = nodes.weights.blocks(name)
    offset = None if bias is None else parameter(nodes, bias)
    if blocks is None and not nodes.halved:
        return nodes("Gemm", x, _real(nodes, name), offset, transB=int(not inputs_first))
    kind = HALF if nodes.halved else FLOAT
    given = x.cast(HALF) if nodes.halved else x
    if blocks is None:
        y = nodes("Gemm", given, _as(nodes, name, HALF), transB=int(not inputs_first))
    else:
        y = nodes(
            "MatMulNBits", given, nodes.weight(f"{name}.codes"), _as(nodes, f"{name}.scales", kind),
            domain=CONTRIBUTED, K=blocks.n_inputs, N=blocks.n_outputs, bits=blocks.bits, block_size=BLOCK,
            accuracy_level=_FP32,
        )  # fmt: skip
    y = y.cast(FLOAT) if nodes.halved else y
    return y if offset is None else y + offset


def linear(nodes: Nodes, x: Value, module: Any) -> Value:
    """Rows through a linear layer, of PyTorch's kind or of GPT-2's."""
    return product(nodes, x, module.weight, module.bias, inputs_first=not isinstance(module, nn.Linear))


def look_up(nodes: Nodes, embedding: Tensor, ids: Value) -> Value:
    """Rows of an embedding: rows are picked first, so that nobody turns the whole of it into wider numbers.

    On the processor: not every other one reads half precision, and none need hold the matrix for a few of its rows.
    """
    name = nodes.weights.parameter(embedding)
    blocks = nodes.weights.blocks(name)

    def rows_of(stored: str, kind: int) -> Value:
        rows = nodes.on_processor("Gather", nodes.weight(stored), ids, axis=0)
        return nodes.on_processor("Cast", rows, to=kind)

    if blocks is None:
        return rows_of(name, nodes.kind)
    codes, scales = rows_of(f"{name}.codes", FLOAT), rows_of(f"{name}.scales", FLOAT)
    rows = (_codes(nodes, codes, blocks) - float(blocks.middle)) * scales.unsqueeze(-1)
    return rows.reshape(0, -1).slice(1, 0, blocks.n_inputs)


def activation(nodes: Nodes, x: Value, function: str) -> Value:
    """What a configuration of `transformers` calls by this name.

    Raises:
        ModelError: a function that is not known here.
    """
    if function == "silu" and nodes.kind == DOUBLE:
        # A product with a sigmoid becomes an operator that runtimes know in fp32 alone.
        return x / (nodes("Exp", x * -1.0) + 1.0)
    if function == "silu":
        return x * nodes("Sigmoid", x)
    if function not in _OPERATORS:
        raise ModelError(f'the activation "{function}" cannot be exported; there are silu, {", ".join(_OPERATORS)}.')
    if nodes.kind == DOUBLE and function in _BY_TANH:
        # The operator itself is known in fp32 alone.
        inner = (x + x * x * x * 0.044715) * math.sqrt(2.0 / math.pi)
        return x * 0.5 * (nodes("Tanh", inner) + 1.0)
    operator, attributes = _OPERATORS[function]
    return nodes(operator, x, **attributes)


def _real(nodes: Nodes, name: str) -> Value:
    return _as(nodes, name, nodes.kind)


def _as(nodes: Nodes, name: str, kind: int) -> Value:
    value = nodes.weight(name)
    return value if nodes.weights[name].onnx_type == kind else value.cast(kind)


def _codes(nodes: Nodes, bytes_: Value, blocks: Blocks) -> Value:
    """One code per number; of two that share a byte, the lower half is the first."""
    if blocks.bits == 8:
        return bytes_
    high = nodes("Floor", bytes_ / 16.0)
    low = bytes_ - high * 16.0
    pairs = nodes("Concat", low.unsqueeze(-1), high.unsqueeze(-1), axis=-1)
    return nodes("Reshape", pairs, np.array([0, 0, BLOCK], np.int64))


_BY_TANH: Final = ("gelu_new", "gelu_pytorch_tanh")

IN_FLOAT64: Final = frozenset({*_BY_TANH, "silu", "relu"})
"""What runtimes can do in float64 too."""

_OPERATORS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "gelu": ("Gelu", {}),
    "relu": ("Relu", {}),
}
