"""Surprisal along the text, with what the model expected to pay: one bar per token.

Knows nothing of pixels or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.trace.summary import token_bits
from logitscope.trace.trace import Trace
from logitscope.view.labels import token_label
from logitscope.view.plain import plain, real
from logitscope.view.scale import Scale, surprisal
from logitscope.view.source import Source, source_of

__all__ = ["Bar", "Strip", "strip"]


@dataclass(frozen=True)
class Bar:
    """One token.

    Attributes:
        position: in the text, from 0.
        label: the token, made visible.
        bits: what it cost; None where nothing stood before it, or this trace did not read there.
        expected_bits: the entropy of the prediction it was scored by; None likewise, or where it was not computed.
        colour: `#rrggbb` on the absolute scale.
        seam: a further window of the model begins to be read here.
    """

    position: int
    label: str
    bits: float | None
    expected_bits: float | None
    colour: str
    seam: bool


@dataclass(frozen=True)
class Strip:
    """What to draw: bars in the order of the text, and the axis of bits."""

    bars: tuple[Bar, ...]
    legend: Scale
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "strip", "version": 1, **plain(self)}


def strip(trace: Trace, stage: str | int = -1) -> Strip:
    """What each token cost and was expected to cost, in bits.

    Args:
        trace: must hold `next_logprob`; with `entropy`, the expectation too.
        stage: name or index of the stage that is read; the last one by default.

    Raises:
        InputError: a trace without likelihoods, or without that stage.
    """
    row = trace.stage(stage) if isinstance(stage, str) else stage
    bits = token_bits(trace, row)
    expected = np.full(len(trace.tokens), np.nan, dtype=np.float32)
    if "entropy_bits" in trace:
        scores = trace.positions + 1 < len(trace.tokens)
        expected[trace.positions[scores] + 1] = trace["entropy_bits"][row][scores]
    legend = surprisal("bits per token")
    bars = tuple(
        Bar(
            position=t,
            label=token_label(trace.tokens, t),
            bits=real(bits[t]),
            expected_bits=real(expected[t]),
            colour=legend.colour(legend.place(real(bits[t]))),
            seam=t - 1 in trace.seams,
        )
        for t in range(len(trace.tokens))
    )
    return Strip(bars, legend, source_of(trace, trace.stages[row]))
