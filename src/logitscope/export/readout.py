"""Every statistic of the numeric contract as a graph, from vectors of the residual stream; no logit leaves it.

    in    vectors [S, N, d_model]   of S stages at N positions
          last, embed [N, d_model]  the references, at the same positions
          next_ids, input_ids [N]   −1 where there is none
          watch [W]   k [1]   norm  (the place in `decode.NORMS`)
    out   the names of NUMERICS, [S, N], [S, N, k] or [S, N, W], but for the histogram

Its memory is a few times (S + 2) · N · vocab · 4 bytes; callers choose N by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from logitscope.export.decode import logits
from logitscope.export.nodes import BOOL, DOUBLE, FLOAT, INT32, INT64, Nodes, Value, ints
from logitscope.export.weights import Weights
from logitscope.model.model import Model
from logitscope.trace.statistics import STATISTICS

__all__ = ["OUTPUTS", "readout_graph"]

OUTPUTS = tuple(name for name in STATISTICS if not name.startswith("histogram"))
"""What the graph gives back."""

_NOT = np.float32(np.nan)


def readout_graph(model: Model, weights: Weights, *, wide: bool = True) -> onnx.ModelProto:
    """The graph of a model's readout.

    Args:
        wide: whether what runs it knows float64.
    """
    nodes = Nodes("readout", weights, wide=wide)
    d_model, n_vocab, n_tokens = model.anatomy.d_model, model.anatomy.n_vocab, model.n_tokens
    vectors = nodes.input("vectors", FLOAT, "S", "N", d_model)
    last = nodes.input("last", FLOAT, "N", d_model)
    embed = nodes.input("embed", FLOAT, "N", d_model)
    next_ids = nodes.input("next_ids", INT64, "N")
    input_ids = nodes.input("input_ids", INT64, "N")
    watch = nodes.input("watch", INT64, "W")
    k = nodes.input("k", INT64, 1)
    norm = nodes.input("norm", INT64)

    # One product for everything: a runtime packs the head's matrix anew for each node that reads it. Where the first
    # stage is the last one, as where a text is only to be coloured, it is not multiplied twice.
    shared = _all_equal(nodes, vectors.slice(0, 0, 1), last.unsqueeze(0), (0, 1, 2)).cast(INT64).reshape(1)
    others = nodes("Slice", vectors, shared, ints(2**62), ints(0))
    stacked = nodes("Concat", embed.unsqueeze(0), last.unsqueeze(0), others, axis=0)
    whole = logits(nodes, model, stacked.reshape(-1, d_model), norm)
    shape = nodes("Concat", ints(-1), last.size(0), ints(n_vocab), axis=0)
    whole = nodes("Reshape", whole, shape)
    z = nodes("Slice", whole, nodes("Sub", ints(2), shared), ints(2**62), ints(0))
    real = z if n_tokens == n_vocab else z.slice(2, 0, n_tokens)
    stages = _Spread.of(nodes, z, n_vocab)

    found: dict[str, Value] = {"logsumexp": stages.logsumexp, "entropy": stages.entropy}
    found["logit_mean"], found["logit_std"] = moments(nodes, z, 3, n_vocab)
    top, ids = nodes.several("TopK", 2, real, k, axis=2, largest=1, sorted=1)
    found |= {"top_ids": ids.cast(INT32), "top_logits": top, "top_logprobs": top - stages.logsumexp.unsqueeze(-1)}

    for name, reference, i in (("final", last, 1), ("input", embed, 0)):
        read = whole.slice(0, i, i + 1)
        same = _all_equal(nodes, vectors, reference, (-1,))
        gaps = z - read
        of_reference = _Spread.of(nodes, read, n_vocab)
        offset = of_reference.logsumexp - stages.logsumexp
        toward = stages.expected(gaps) + offset
        away = nodes("Neg", of_reference.expected(gaps)) - offset
        for direction, value in (("from", away), ("to", toward)):
            # Rounding leaves tiny negatives; and nothing lies between a distribution and itself.
            positive = nodes("Max", value, np.float32(0))
            found[f"kl_{direction}_{name}"] = nodes("Where", same, np.float32(0), positive)
        if name == "final":
            candidates = read if n_tokens == n_vocab else read.slice(2, 0, n_tokens)
            final_ids = nodes("ArgMax", candidates, axis=2, keepdims=0, select_last_index=0)

    watched = nodes("Expand", watch.unsqueeze(1), nodes("Concat", watch.size(0), last.size(0), axis=0))
    targets = nodes("Concat", next_ids.unsqueeze(0), final_ids, input_ids.unsqueeze(0), watched, axis=0)
    found |= _targets(nodes, z, real, stages.logsumexp, targets)
    axes = {"k": "k", "watch": "W"}
    for name in OUTPUTS:
        statistic = STATISTICS[name]
        kind = INT32 if statistic.dtype == "int32" else FLOAT
        nodes.output(name, found[name], kind, "S", "N", *(axes[axis] for axis in statistic.axes[2:]))
    return nodes.model()


def total(nodes: Nodes, values: Value, n_axes: int, n: int) -> Value:
    """Sums along the last axis, first within runs of about √n and then of those, in float64 where it is known: a
    runtime adds one number after the other, and the rounding of thousands of additions would show.

    Args:
        values: with so many axes.
        n: the length of the last one.
    """
    run = next((size for size in range(int(n**0.5), 0, -1) if n % size == 0), 1)
    if 4 * run * run < n:  # no length that fits: a rest is summed by itself
        run = int(n**0.5)
    if run < 8:
        return values.sum(-1)
    whole = n - n % run
    body = values if whole == n else values.slice(n_axes - 1, 0, whole)
    parted = nodes("Reshape", body, ints(*[0] * (n_axes - 1), -1, run))

    def widened(sums: Value) -> Value:
        return sums.cast(DOUBLE) if nodes.wide else sums

    found = widened(parted.sum(-1)).sum(-1)
    if whole < n:
        found = found + widened(values.slice(n_axes - 1, whole, n).sum(-1))
    return found.cast(FLOAT) if nodes.wide else found


def moments(nodes: Nodes, z: Value, n_axes: int, n: int) -> tuple[Value, Value]:
    """Mean and population standard deviation along the last axis, of length `n`."""
    mean = total(nodes, z, n_axes, n) / float(n)
    deviations = z - mean.unsqueeze(-1)
    return mean, nodes("Sqrt", total(nodes, deviations * deviations, n_axes, n) / float(n))


def _all_equal(nodes: Nodes, ours: Value, theirs: Value, axes: tuple[int, ...]) -> Value:
    """Whether two tensors are the same along some axes, bit by bit."""
    equal = nodes("Equal", ours, theirs).cast(FLOAT)
    return nodes("ReduceMin", equal, ints(*axes), keepdims=0).cast(BOOL)


@dataclass(frozen=True)
class _Spread:
    """Distributions as exponentials below their largest logit."""

    exponentials: Value
    sum: Value
    logsumexp: Value
    entropy: Value
    n_vocab: int

    @classmethod
    def of(cls, nodes: Nodes, z: Value, n_vocab: int) -> _Spread:
        largest = nodes("ReduceMax", z, ints(-1), keepdims=1)
        exponents = z - largest
        exponentials = nodes("Exp", exponents)
        whole = total(nodes, exponentials, 3, n_vocab)
        log_whole = nodes("Log", whole)
        moment = total(nodes, exponentials * exponents, 3, n_vocab) / whole
        entropy = nodes("Max", log_whole - moment, np.float32(0))
        return cls(exponentials, whole, largest.squeeze(-1) + log_whole, entropy, n_vocab)

    def expected(self, values: Value) -> Value:
        """Means of values under the distributions."""
        return total(values.nodes, self.exponentials * values, 3, self.n_vocab) / self.sum


def _targets(nodes: Nodes, z: Value, real: Value, logsumexp: Value, ids: Value) -> dict[str, Value]:
    """Logit, log-probability and rank of tokens `[target, N]`: the next, the final, the input's, then those watched.

    One target at a time is compared with all logits.
    """
    one_each = nodes("Concat", z.size(0), z.size(1), ints(1), axis=0)

    def compare(row: Value) -> list[tuple[Value, int]]:
        at = nodes("Expand", nodes("Max", row, np.array(0, np.int64)).unsqueeze(0, 2), one_each)
        own = nodes("GatherElements", z, at, axis=2)
        above = nodes("Greater", real, own).cast(FLOAT).sum(-1)
        return [(own.squeeze(2), FLOAT), (above, FLOAT)]

    logit, above = nodes.for_each(ids, INT64, compare)
    exists = nodes("GreaterOrEqual", ids, np.array(0, np.int64)).unsqueeze(1)
    logit = nodes("Where", exists, logit, _NOT)
    rank = nodes("Where", exists, above + 1.0, np.float32(0)).cast(INT32)
    found: dict[str, Value] = {}
    for what, value in (("logit", logit), ("logprob", logit - logsumexp), ("rank", rank)):
        for i, name in enumerate(("next", "final", "input")):
            found[f"{name}_{what}"] = nodes("Gather", value, np.array(i, np.int64), axis=0)
        watched = nodes("Slice", value, ints(3), ints(2**62), ints(0))
        found[f"watch_{what}"] = watched.transpose(1, 2, 0)
    return found
