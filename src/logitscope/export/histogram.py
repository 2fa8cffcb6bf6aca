"""The histogram of all logits as a graph, by the rules of `logitscope.readout.histogram`.

    in    vectors [M, d_model]   norm
    out   counts [M, 64]   samples [M, 64, 3], −1 where a bin has fewer tokens

Knows no texts.
"""

from __future__ import annotations

import numpy as np
import onnx

from logitscope.export.decode import logits
from logitscope.export.nodes import FLOAT, INT32, INT64, Nodes, Value, ints
from logitscope.export.readout import moments
from logitscope.export.weights import Weights
from logitscope.model.model import Model
from logitscope.readout.histogram import BINS, SAMPLES_PER_BIN, SPAN

__all__ = ["histogram_graph"]


def histogram_graph(model: Model, weights: Weights, *, wide: bool = True) -> onnx.ModelProto:
    """The graph of a model's histograms; `wide` as for the readout's."""
    nodes = Nodes("histogram", weights, wide=wide)
    n_vocab, n_tokens = model.anatomy.n_vocab, model.n_tokens
    vectors = nodes.input("vectors", FLOAT, "M", model.anatomy.d_model)
    norm = nodes.input("norm", INT64)
    z = logits(nodes, model, vectors, norm)
    bins = _bins(nodes, z, n_vocab)
    each = nodes("Concat", vectors.size(0), ints(BINS), axis=0)
    ones = nodes("Expand", np.float32(1), nodes("Shape", z))
    counts = _scattered(nodes, nodes("Expand", np.float32(0), each), bins, ones, "add")
    nodes.output("counts", counts.cast(INT32), INT32, "M", BINS)

    # The lowest ids of each bin: the least, then the least of what is above it, and so on. fp32 counts to 2²⁴ exactly.
    beyond = np.float32(n_vocab)
    ids = np.arange(n_vocab, dtype=np.float32)
    ids[n_tokens:] = beyond
    left = nodes("Expand", ids, nodes("Shape", z))
    none = nodes("Expand", beyond, each)
    samples = []
    for n in range(SAMPLES_PER_BIN):
        least = _scattered(nodes, none, bins, left, "min")
        samples.append(nodes("Where", nodes("Equal", least, beyond), np.float32(-1), least).unsqueeze(-1))
        if n + 1 < SAMPLES_PER_BIN:
            taken = nodes("GatherElements", least, bins, axis=1)
            left = nodes("Where", nodes("Greater", left, taken), left, beyond)
    nodes.output("samples", nodes("Concat", *samples, axis=2).cast(INT32), INT32, "M", BINS, SAMPLES_PER_BIN)
    return nodes.model()


def _bins(nodes: Nodes, z: Value, n_vocab: int) -> Value:
    """The bin of each logit; where all are equal but for rounding they stand in the middle one."""
    mean, std = (value.unsqueeze(-1) for value in moments(nodes, z, 2, n_vocab))
    size = nodes("Max", nodes("Abs", mean), np.float32(1))
    flat = nodes("LessOrEqual", std, size * 1e-6)
    scale = nodes("Where", flat, np.float32(0), nodes("Div", np.float32(BINS / (2 * SPAN)), std))
    places = nodes("Floor", (z - mean) * scale) + float(BINS // 2)
    return nodes("Clip", places, np.float32(0), np.float32(BINS - 1)).cast(INT64)


def _scattered(nodes: Nodes, into: Value, bins: Value, values: Value, how: str) -> Value:
    return nodes("ScatterElements", into, bins, values, axis=1, reduction=how)
