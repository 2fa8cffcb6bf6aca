"""Increments by hand: small numbers that add up, of three tokens of which one came next."""

from __future__ import annotations

import numpy as np

from logitscope.trace import Increments, Vocabulary
from tests.traces import make_trace

PIECES = [b"In", b" the", b" city", b" of", b" Paris", b"."]
PARTS = ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp")


def measured(
    softcap: float | None = None, rounding: float = 0.0, position: int = 3, constant: float = 0.5
) -> Increments:
    """The scores of " Paris", "," and "<b>" after " of"; what was lost in rounding is the same for all."""
    trace = make_trace(PIECES, stages=("embed", "1.mlp"), extra=[b",", b"<b>"])
    vocabulary = [*PIECES, b",", b"<b>"]
    followed = tuple(vocabulary.index(piece) for piece in (b" Paris", b",", b"<b>"))
    added = np.array([[0.5, -1.0, 0.25], [2.0, 1.0, -0.5], [3.0, 2.5, 0.0], [-1.0, 0.5, 4.0], [4.0, 0.0, -2.0]])
    constants = np.array([constant, -constant, 0.0])
    score = added.sum(0) + constants + rounding
    return Increments(
        tokens=trace.tokens,
        position=position,
        followed=followed,
        parts=PARTS,
        added=added,
        constant=constants,
        rounding=np.full(3, rounding),
        score=score,
        logit=score if softcap is None else softcap * np.tanh(score / softcap),
        rank=np.array([1, 2, 5]),
        average=np.array([0.0, -0.5, 1.0, 0.25, -1.0]),
        average_constant=0.125,
        softcap=softcap,
        vocabulary=Vocabulary(dict(enumerate(vocabulary))),
        provenance=trace.provenance,
    )
