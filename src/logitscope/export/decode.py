"""From vectors of the residual stream to logits, inside a graph: norm and head, as `logitscope.model.decode` does it.

Knows the Anatomy; knows no statistics.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx

from logitscope.errors import ModelError
from logitscope.export.layers import parameter, product
from logitscope.export.nodes import FLOAT, INT64, Nodes, Value
from logitscope.export.weights import Weights
from logitscope.model.decode import norm_form
from logitscope.model.model import Model

__all__ = ["NORMS", "logits", "next_graph", "require_plain_head"]

NORMS: Final = ("final", "plain", "none")
"""Graphs take the place in this list, as int64."""


def require_plain_head(model: Model) -> None:
    """Raises ModelError for what no graph here knows between the last stage and the logits."""
    anatomy = model.anatomy
    if anatomy.multiplier != 1.0 or anatomy.softcap is not None or anatomy.bias is not None or len(anatomy.tail) != 1:
        raise ModelError(
            f"{anatomy.model_class} does more to its logits than a norm and a product (a bias, a multiplier, a softcap "
            "or a projection); such a model cannot be exported."
        )


def logits(nodes: Nodes, model: Model, vectors: Value, norm: Value) -> Value:
    """All logits `[row, vocab]`, padding included, of vectors `[row, d_model]` of any stage.

    Args:
        norm: int64, without axes: the place in `NORMS`.
    """
    anatomy = model.anatomy
    module: Any = anatomy.tail[anatomy.norm_index or 0]
    form = norm_form(module, anatomy.d_model)
    if form is None:
        raise ModelError(f"{type(module).__name__} is neither a layer norm nor an RMS norm; it cannot be exported.")
    x = vectors - vectors.mean(-1, keep=True) if form.centred else vectors
    x = x / nodes("Sqrt", (x * x).mean(-1, keep=True) + float(form.eps))
    x = nodes("Where", nodes("Equal", norm, np.array(2, np.int64)), vectors, x)
    learned = nodes("Equal", norm, np.array(0, np.int64))
    if form.scale is not None:
        x = x * nodes("Where", learned, parameter(nodes, module.weight), np.float32(1))
    if form.shift is not None:
        x = x + nodes("Where", learned, parameter(nodes, module.bias), np.float32(0))
    return product(nodes, x, anatomy.weight)


def next_graph(model: Model, weights: Weights) -> onnx.ModelProto:
    """The logits themselves, for drawing the next token: `vectors [N, d_model]`, `norm` → `logits [N, rows]`."""
    nodes = Nodes("next", weights)
    vectors = nodes.input("vectors", FLOAT, "N", model.anatomy.d_model)
    norm = nodes.input("norm", INT64)
    nodes.output("logits", logits(nodes, model, vectors, norm), FLOAT, "N", model.anatomy.n_vocab)
    return nodes.model()
