"""What a text cost the model, in bits: in all, per token, byte and word, and by kind of token.

Reads `next_logprob` of one stage; knows nothing of colours or tables. Sums are float64 over the tokens that have a
likelihood here; what has none is NaN and counted, never taken for 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.kinds import KINDS, token_kinds
from logitscope.trace.tokens import Tokens
from logitscope.trace.totals import KindBits, Summary
from logitscope.trace.trace import Trace
from logitscope.trace.units import Span

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

__all__ = ["KindBits", "Summary", "bits_by", "summarise", "token_bits"]


def token_bits(trace: Trace, stage: str | int = -1) -> Float[np.ndarray, " position"]:
    """The bits of every token of the text: position `t` of the trace scores token `t + 1`.

    Args:
        stage: name or index; the last one by default.

    Returns:
        float32 per token; NaN for tokens that have no likelihood here: the first one, and those that a piece lacks.
    """
    row = trace.stage(stage) if isinstance(stage, str) else stage
    if not -len(trace.stages) <= row < len(trace.stages):
        raise InputError(f"stage {row} was asked for, but this trace holds {len(trace.stages)} stages.")
    bits = np.full(len(trace.tokens), np.nan, dtype=np.float32)
    scores = trace.positions + 1 < len(trace.tokens)
    bits[trace.positions[scores] + 1] = trace["surprisal_bits"][row][scores]
    return bits


def bits_by(trace: Trace, unit: str, stage: str | int = -1) -> tuple[tuple[Span, ...], Float[np.ndarray, " unit"]]:
    """The units of the text and the bits of each: the sum over its scored tokens, NaN where none is scored.

    Every token counts in exactly one unit (see `trace.units`), so the sum over units is the sum over tokens.

    Returns:
        The units in order, and float64 bits.
    """
    bits = token_bits(trace, stage).astype(np.float64)
    tokens = trace.tokens
    if unit == "token":
        spans = tuple(Span(start, end, t, t + 1) for t, (start, end) in enumerate(tokens.spans.tolist()))
    elif unit in ("word", "line", "sentence"):
        spans = {"word": tokens.words, "line": tokens.lines, "sentence": tokens.sentences}[unit]()
    else:
        raise InputError(f'bits by "{unit}" were asked for; there are "token", "word", "line" and "sentence".')
    sums = [_total(bits[span.first : span.stop]) for span in spans]
    return spans, np.array(sums, dtype=np.float64)


def summarise(trace: Trace, stage: str | int = -1) -> Summary:
    """Totals and ratios of a text's likelihood at one stage.

    Args:
        stage: name or index; the last one, the model's own output, by default.

    Raises:
        InputError: the trace holds no `next_logprob`, or no such stage.
    """
    tokens = trace.tokens
    bits = token_bits(trace, stage).astype(np.float64)
    scored = ~np.isnan(bits)
    held = np.zeros(len(tokens), dtype=bool)
    held[:1] = True
    held[trace.positions[trace.positions + 1 < len(tokens)] + 1] = True
    n, n_bytes, n_words = int(scored.sum()), _bytes(tokens, scored), _words(tokens, scored)
    total = _total(bits)
    per_token = _ratio(total, n)
    kinds = token_kinds(tokens)
    return Summary(
        stage=trace.stages[trace.stage(stage) if isinstance(stage, str) else stage],
        prefix=trace.provenance.bos,
        tokens=len(tokens),
        scored=n,
        unscored=int((held & ~scored & ~_without_text(tokens)).sum()),
        not_held=int((~held).sum()),
        bytes=n_bytes,
        words=n_words,
        total_bits=total,
        bits_per_token=per_token,
        bits_per_byte=_ratio(total, n_bytes),
        bits_per_word=_ratio(total, n_words),
        perplexity=_power_of_two(per_token),
        kinds=tuple(_row(kind, bits[scored & (kinds == i)]) for i, kind in enumerate(KINDS)),
    )


def _without_text(tokens: Tokens) -> Bool[np.ndarray, " position"]:
    return np.asarray(tokens.special & np.array([not piece for piece in tokens.pieces], dtype=bool))


def _bytes(tokens: Tokens, scored: Bool[np.ndarray, " position"]) -> int:
    pieces = tokens.pieces
    if not tokens.lossy or b"".join(pieces).decode("utf-8", "replace") == tokens.text:
        return sum(len(pieces[t]) for t in np.flatnonzero(scored))
    covered = _covered(tokens, scored)
    return sum(len(tokens.text[i].encode("utf-8", "surrogatepass")) for i in np.flatnonzero(covered))


def _words(tokens: Tokens, scored: Bool[np.ndarray, " position"]) -> int:
    counts = np.concatenate([[0], np.cumsum(_covered(tokens, scored))])
    words = [word for word in tokens.words() if not tokens.text[word.start : word.end].isspace()]
    return sum(bool(counts[word.end] > counts[word.start]) for word in words)


def _covered(tokens: Tokens, chosen: Bool[np.ndarray, " position"]) -> Bool[np.ndarray, " character"]:
    """Which characters the chosen tokens touch."""
    change = np.zeros(len(tokens.text) + 1, dtype=np.int64)
    np.add.at(change, tokens.spans[chosen, 0], 1)
    np.add.at(change, tokens.spans[chosen, 1], -1)
    return np.asarray(np.cumsum(change)[:-1] > 0)


def _total(bits: np.ndarray) -> float:
    """The correctly rounded sum of what is scored; NaN where nothing is."""
    scored = bits[~np.isnan(bits)]
    return math.fsum(scored.tolist()) if len(scored) else math.nan


def _row(kind: str, bits: np.ndarray) -> KindBits:
    total = math.fsum(bits.tolist())
    return KindBits(kind, len(bits), total, _ratio(total, len(bits)))


def _ratio(total: float, count: int) -> float:
    return total / count if count else math.nan


def _power_of_two(exponent: float) -> float:
    return math.inf if exponent >= 1024 else 2.0**exponent
