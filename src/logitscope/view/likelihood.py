"""The text as runs, each with the bits it cost and a colour that says so, or says another reading of it.

Position `t` of a trace predicts token `t + 1`, so token `t`'s bits are read at position `t - 1`, at the last stage
unless another one is named. Knows nothing of pixels, terminals or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.summary import Summary, summarise, token_bits
from logitscope.trace.tokens import Tokens
from logitscope.trace.trace import Trace
from logitscope.view.alternatives import Alternative, likeliest
from logitscope.view.labels import flowing, has_partial, token_label, visible
from logitscope.view.plain import plain, real
from logitscope.view.readings import ReadingName, axis_of, combine, has_mean, readings
from logitscope.view.scale import Scale, relative
from logitscope.view.source import Source, source_of
from logitscope.view.units import By, Stretch, stretches

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Alternative", "Likelihood", "Piece", "Run", "ScaleName", "Surprise", "likelihood"]

ScaleName = Literal["bits", "relative"]

CONTEXT = 32
"""Characters shown before and after a surprising token."""


@dataclass(frozen=True)
class Piece:
    """One token of a run.

    Attributes:
        position: in the text, from 0.
        id: in the model's vocabulary.
        label: its text made visible; bytes where it is only a part of a character.
        bits: what it cost; None where nothing stood before it, or this trace did not read there.
        rank: how many tokens were likelier, plus one; None likewise.
        context: how many tokens the model had seen; None where that was not recorded.
    """

    position: int
    id: int
    label: str
    bits: float | None
    rank: int | None
    context: int | None


@dataclass(frozen=True)
class Run:
    """A stretch of text that is drawn in one colour.

    Attributes:
        text: the characters, exactly; joined runs are the text.
        label: the same made visible, on one line; the name of a token that stands for no text. Of a `partial` run: what
            to draw instead of `text`, newlines, tabs and spaces kept.
        start: the first character in the text.
        partial: it holds bytes that are no whole characters, which `text` cannot show.
        pieces: its tokens.
        bits: the sum over its tokens; None where one of them has none (for lines and sentences: where all have none).
        number: what is coloured, as the legend names it: bits (bits per token for lines and sentences), nats on the
            relative scale, or another reading; infinite for a token that never became the top guess.
        place: 0..1 along the legend's ramp; None is drawn as missing.
        colour: `#rrggbb`.
        ink: a text colour that reads well on it.
        seam: a further window of the model begins to be read here.
    """

    text: str
    label: str
    start: int
    partial: bool
    pieces: tuple[Piece, ...]
    bits: float | None
    number: float | None
    place: float | None
    colour: str
    ink: str
    seam: bool


@dataclass(frozen=True)
class Surprise:
    """A token that cost much, and what the model would have said.

    Attributes:
        position: in the text.
        label: the token, made visible.
        before: the end of the text before it, as it is.
        after: the beginning of the text after it.
        bits: what it cost.
        probability: 0..1.
        rank: how many tokens were likelier, plus one; None where that was not computed.
        expected_bits: the entropy of the prediction: what the model expected to pay; None likewise.
        alternatives: the likeliest tokens, best first.
        rest: the probability of all others together; the token itself is among them unless it is an alternative.
    """

    position: int
    label: str
    before: str
    after: str
    bits: float
    probability: float
    rank: int | None
    expected_bits: float | None
    alternatives: tuple[Alternative, ...]
    rest: float


@dataclass(frozen=True)
class Likelihood:
    """What to draw: runs in order, the legend, and the text's totals.

    Attributes:
        by: what a run is.
        scale: `bits` (absolute) or `relative` (to this text).
        legend: the axis of the colours.
        runs: joined, they are the text.
        surprises: the most surprising tokens, worst first.
        summary: totals and the table by kind of token.
        source: for the caption.
    """

    by: By
    scale: ScaleName
    legend: Scale
    runs: tuple[Run, ...]
    surprises: tuple[Surprise, ...]
    summary: Summary
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "likelihood", "version": 1, **plain(self)}


def likelihood(
    trace: Trace,
    scale: ScaleName = "bits",
    by: By = "token",
    top: int = 0,
    value: ReadingName = "surprisal_bits",
    stage: str | int = -1,
) -> Likelihood:
    """What each token, word, line or sentence of the text cost.

    Args:
        trace: must hold `next_logprob`, and what `value` needs; for `top`, the top-k too.
        scale: absolute bits on a fixed axis, or the seed's rule, relative to this text; of surprisal alone.
        by: what is drawn as one. Words are coloured by the sum of their bits, lines and sentences by the mean per
            token.
        top: how many of the most surprising tokens to list with what the model would have said.
        value: what is coloured; see `view.readings`.
        stage: name or index of the stage that is read; the last one, the model's own output, by default.

    Raises:
        InputError: an unknown `scale`, `by` or `value`, a negative `top`, or a trace without what is needed.
    """
    if scale not in get_args(ScaleName):
        raise InputError(f'the scale "{scale}" was asked for; there are {", ".join(get_args(ScaleName))}.')
    if value not in get_args(ReadingName):
        raise InputError(f'the value "{value}" was asked for; there are {", ".join(get_args(ReadingName))}.')
    if top < 0:
        raise InputError(f"the {top} most surprising tokens were asked for; it takes 0 or more.")
    if scale == "relative" and value != "surprisal_bits":
        raise InputError(f'the relative scale is one of surprisal_bits; "{value}" has an axis of its own.')
    row = trace.stage(stage) if isinstance(stage, str) else stage
    bits = np.asarray(token_bits(trace, row), dtype=np.float64)
    read = bits if value == "surprisal_bits" else readings(trace, value, row)
    cut = stretches(trace.tokens, by)
    texty = np.array([bool(piece) for piece in trace.tokens.pieces], dtype=bool)
    sums = [_sum(bits[s.first : s.stop], texty[s.first : s.stop], by) for s in cut]
    numbers = [combine(read[s.first : s.stop], texty[s.first : s.stop], by, value) for s in cut]
    legend = axis_of(value, by, trace.stages)
    if scale == "relative":
        numbers = [None if number is None else -number * math.log(2) for number in numbers]
        # The seed's rule is one about tokens; words and lines are placed among their own kind.
        own = np.array([np.nan if number is None else number for number in numbers], dtype=np.float64)
        legend = relative(-bits * math.log(2) if by == "token" else own, legend.title)
    seams = frozenset(position + 1 for position in trace.seams)  # what is read there is the next token's likelihood
    pieces = _pieces(trace, bits, row)
    runs = tuple(
        _run(trace, stretch, pieces, total, number, legend, seams)
        for stretch, total, number in zip(cut, sums, numbers, strict=True)
    )
    return Likelihood(
        by=by,
        scale=scale,
        legend=legend,
        runs=runs,
        surprises=_surprises(trace, bits, row, top) if top else (),
        summary=summarise(trace, row),
        source=source_of(trace, trace.stages[row]),
    )


def _sum(bits: np.ndarray, texty: np.ndarray, by: By) -> float | None:
    """The bits of a run; a token or word of which a part has none has none, a line is the sum of what was scored."""
    known = ~np.isnan(bits)
    if not known.any() or (not has_mean(by) and (texty & ~known).any()):
        return None
    return math.fsum(bits[known].tolist())


def _pieces(trace: Trace, bits: Float[np.ndarray, " position"], row: int) -> list[Piece]:
    tokens = trace.tokens
    read_at = {int(position): column for column, position in enumerate(trace.positions)}
    ranks = trace["next_rank"][row] if "next_rank" in trace else None
    pieces = []
    for t, token_id in enumerate(trace.ids):
        column = read_at.get(t - 1)
        rank = 0 if column is None or ranks is None else int(ranks[column])
        seen = int(trace.context_lengths[column]) if column is not None and len(trace.context_lengths) else None
        pieces.append(Piece(t, int(token_id), token_label(tokens, t), real(bits[t]), rank or None, seen))
    return pieces


def _run(
    trace: Trace,
    stretch: Stretch,
    pieces: list[Piece],
    total: float | None,
    number: float | None,
    legend: Scale,
    seams: frozenset[int],
) -> Run:
    held = tuple(pieces[stretch.first : stretch.stop])
    text, label, partial = shown(trace.tokens, stretch)
    place = legend.place(number)
    colour = legend.colour(place)
    return Run(
        text=text,
        label=label,
        start=stretch.start,
        partial=partial,
        pieces=held,
        bits=total,
        number=number,
        place=place,
        colour=colour,
        ink=legend.ink(place),
        seam=any(piece.position in seams for piece in held),
    )


def shown(tokens: Tokens, stretch: Stretch) -> tuple[str, str, bool]:
    """A stretch's characters, their label, and whether it holds bytes that are no whole characters; see `Run`."""
    text = tokens.text[stretch.start : stretch.end]
    joined = b"".join(tokens.pieces[stretch.first : stretch.stop])
    partial = has_partial(joined) and (not tokens.lossy or "\ufffd" in text)
    if partial:
        return text, flowing(joined), True
    return text, visible(text) or "".join(token_label(tokens, t) for t in range(stretch.first, stretch.stop)), False


def _surprises(trace: Trace, bits: Float[np.ndarray, " position"], row: int, top: int) -> tuple[Surprise, ...]:
    scored = np.flatnonzero(~np.isnan(bits))
    # Stable, so that of equally surprising tokens the first in the text comes first.
    worst = scored[np.argsort(-bits[scored], kind="stable")][:top]
    return tuple(_surprise(trace, row, int(position), float(bits[position])) for position in worst)


def _surprise(trace: Trace, row: int, position: int, bits: float) -> Surprise:
    column = int(np.flatnonzero(trace.positions == position - 1)[0])
    start, end = (int(x) for x in trace.tokens.spans[position])
    kept = likeliest(trace, row, column, int(trace.ids[position]))
    return Surprise(
        position=position,
        label=token_label(trace.tokens, position),
        before=trace.tokens.text[max(0, start - CONTEXT) : start],
        after=trace.tokens.text[end : end + CONTEXT],
        bits=bits,
        probability=2.0**-bits,
        rank=int(trace["next_rank"][row, column]) or None if "next_rank" in trace else None,
        expected_bits=real(trace["entropy_bits"][row, column]) if "entropy_bits" in trace else None,
        alternatives=kept,
        rest=max(0.0, 1.0 - math.fsum(guess.probability for guess in kept)),
    )
