"""What the model held likely at one place of the text, beside what really stands there.

Knows nothing of pixels or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.trace import Trace
from logitscope.view.labels import id_label, token_label
from logitscope.view.plain import plain, real
from logitscope.view.source import Source, source_of

__all__ = ["Alternative", "Alternatives", "Choice", "alternatives", "likeliest"]


@dataclass(frozen=True)
class Alternative:
    """A token that could have stood there."""

    id: int
    label: str
    probability: float
    bits: float
    actual: bool


@dataclass(frozen=True)
class Choice:
    """A token and what one stage thinks of it.

    Attributes:
        id: in the model's vocabulary.
        label: its text made visible.
        probability: 0..1; None where this was not computed.
        bits: −log2 of that; None likewise.
        rank: how many tokens are likelier, plus one; None likewise.
        actual: it is the token that stands there.
        output_probability: what the model's own output thinks of it; None where that is not among what was kept.
    """

    id: int
    label: str
    probability: float | None
    bits: float | None
    rank: int | None
    actual: bool
    output_probability: float | None


@dataclass(frozen=True)
class Alternatives:
    """What to draw.

    Attributes:
        position: in the text, from 0; its number of tokens stands for what would come next.
        stage: whose opinion it is.
        actual: the token that stands there; None at the end of the text.
        choices: the likeliest tokens, best first; none where nothing stood before, or this trace did not read there.
        rest: the probability of all others together, the actual token not among them; None without choices.
        expected_bits: the entropy of the prediction; None where that was not computed.
        context: how many tokens the model had seen; None where that was not recorded.
        source: for the caption.
    """

    position: int
    stage: str
    actual: Choice | None
    choices: tuple[Choice, ...]
    rest: float | None
    expected_bits: float | None
    context: int | None
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "alternatives", "version": 1, **plain(self)}


def likeliest(trace: Trace, row: int, column: int, actual: int | None) -> tuple[Alternative, ...]:
    """The kept top-k of a cell of the trace, best first."""
    logprobs = trace["top_logprobs"][row, column].astype(np.float64).tolist()
    ids = trace["top_ids"][row, column].tolist()
    return tuple(
        Alternative(i, id_label(trace.vocabulary, i), math.exp(p), -p / math.log(2), i == actual)
        for i, p in zip(ids, logprobs, strict=True)
    )


def alternatives(trace: Trace, position: int, stage: str | int = -1) -> Alternatives:
    """What one stage held likely at a position of the text, and what it thought of the token that stands there.

    Args:
        trace: must hold `top_ids` and `top_logprobs`; with `next_logprob`, `next_rank` and `entropy` it says more.
        position: of the token that is foretold; the number of tokens asks for what would come next.
        stage: name or index; the last one by default.

    Raises:
        InputError: a position that the text has not, a stage that is not held, or a trace without guesses.
    """
    n = len(trace.ids)
    if not 0 <= position <= n:
        raise InputError(f"position {position} was asked for, but what can be foretold is 0 to {n}.")
    row = trace.stage(stage) if isinstance(stage, str) else range(len(trace.stages))[stage]
    name = trace.stages[row]
    found = np.flatnonzero(trace.positions == position - 1)
    column = int(found[0]) if found.size else None
    token = int(trace.ids[position]) if position < n else None
    guesses = () if column is None else likeliest(trace, row, column, token)
    ranks = () if column is None else _ranks(trace, row, column)
    output = {} if column is None else _output(trace, column)
    choices = tuple(
        Choice(g.id, g.label, g.probability, g.bits, rank, g.actual, output.get(g.id))
        for g, rank in zip(guesses, ranks, strict=True)
    )
    actual = None if token is None else _actual(trace, row, column, position, output)
    # Of a stage that keeps no likelihood of the actual token, the kept guesses may still have it.
    if actual is not None and actual.probability is None:
        actual = next((choice for choice in choices if choice.actual), actual)
    known = [g.probability for g in guesses]
    if actual is not None and actual.probability is not None and not any(g.actual for g in guesses):
        known.append(actual.probability)
    return Alternatives(
        position=position,
        stage=name,
        actual=actual,
        choices=choices,
        rest=max(0.0, 1.0 - math.fsum(known)) if guesses else None,
        expected_bits=real(trace["entropy_bits"][row, column]) if column is not None and "entropy" in trace else None,
        context=int(trace.context_lengths[column]) if column is not None and len(trace.context_lengths) else None,
        source=source_of(trace, name),
    )


def _ranks(trace: Trace, row: int, column: int) -> tuple[int, ...]:
    """Of the kept guesses: one more than how many of them are likelier, so that equals share a rank."""
    scores = trace["top_logits" if "top_logits" in trace else "top_logprobs"][row, column]
    return tuple(1 + int((scores > score).sum()) for score in scores)


def _output(trace: Trace, column: int) -> dict[int, float]:
    """What the model's own output thinks of the tokens of which that is known."""
    if not trace.holds_output:
        return {}
    kept = {guess.id: guess.probability for guess in likeliest(trace, -1, column, None)}
    following = int(trace.positions[column]) + 1
    if "next_logprob" in trace and following < len(trace.ids):
        kept[int(trace.ids[following])] = math.exp(float(trace["next_logprob"][-1, column]))
    return kept


def _actual(trace: Trace, row: int, column: int | None, position: int, output: dict[int, float]) -> Choice:
    token = int(trace.ids[position])
    logprob = None if column is None or "next_logprob" not in trace else real(trace["next_logprob"][row, column])
    rank = None if column is None or "next_rank" not in trace else int(trace["next_rank"][row, column]) or None
    return Choice(
        id=token,
        label=token_label(trace.tokens, position),
        probability=None if logprob is None else math.exp(logprob),
        bits=None if logprob is None else -logprob / math.log(2),
        rank=rank,
        actual=True,
        output_probability=output.get(token),
    )
