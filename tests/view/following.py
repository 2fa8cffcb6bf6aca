"""A trace that follows tokens at two positions, with the histogram that a naive loop counts."""

from __future__ import annotations

import numpy as np

from logitscope.trace import Trace
from logitscope.trace.statistics import BINS, SAMPLES_PER_BIN
from tests.traces import make_trace

PIECES = [b"In", b" the", b" city", b" of", b" Paris", b"."]
SUBBLOCKS = ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp", "2.attn", "2.mlp")
PARALLEL = ("embed", "0.mlp", "1.mlp", "2.mlp")


def logits(stages: int, positions: int = len(PIECES), vocab: int = 40) -> np.ndarray:
    """Spread out with depth; the first token of the vocabulary is above all others in the end."""
    s, t, v = np.meshgrid(np.arange(stages), np.arange(positions), np.arange(vocab), indexing="ij")
    wave = np.sin(0.9 * s + 1.3 * t * t + 2.1 * v * (1 + t)) + 0.01 * v
    return (wave + 0.4 * s * (v == 4)) * np.linspace(1.0, 4.0, stages)[:, None, None]


def following(stages: tuple[str, ...] = SUBBLOCKS, flat: bool = False, watch: int = 5) -> Trace:
    """Follows `watch` tokens, " Paris" among them; with `flat`, all logits of all stages are equal."""
    extra = [f" word{i}".encode() for i in range(40 - len(PIECES))]
    values = np.zeros((len(stages), len(PIECES), 40)) if flat else logits(len(stages))
    watched = [b" Paris", b".", *extra][:watch]
    trace = make_trace(PIECES, stages=stages, logits=values, extra=extra, watch=watched, top_k=5)
    counts = np.zeros((*values.shape[:2], BINS), np.int32)
    samples = np.full((*counts.shape, SAMPLES_PER_BIN), -1, np.int32)
    for s, t in np.ndindex(values.shape[:2]):
        row = values[s, t]
        for token, logit in enumerate(row):
            z = (logit - row.mean()) / row.std() if row.std() else 0.0
            b = min(BINS - 1, max(0, int(np.floor((z + 8) / 16 * BINS))))
            if counts[s, t, b] < SAMPLES_PER_BIN:
                samples[s, t, b, counts[s, t, b]] = token
            counts[s, t, b] += 1
    return trace.replace(arrays={**trace.arrays, "histogram": counts, "histogram_samples": samples})
