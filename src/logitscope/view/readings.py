"""What a text can be coloured by: one number per token, its axis, and how the numbers of several tokens become one.

Position `t` of a trace predicts token `t + 1`, so token `t`'s numbers are read at position `t - 1`. Knows nothing of
colours or pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from logitscope.trace.summary import token_bits
from logitscope.trace.trace import Trace
from logitscope.view.colour import EMBER, TIDE
from logitscope.view.scale import BITS_END, LINE_BITS_END, Scale, Tick, balance, surprisal
from logitscope.view.units import By

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

__all__ = ["ReadingName", "axis_of", "combine", "has_mean", "readings", "written"]

ReadingName = Literal["surprisal_bits", "next_rank", "entropy_bits", "excess_bits", "settled_stage"]

RANK_END = 1000
"""Where the axis of ranks ends, as in the lens grid."""

EXCESS_END = 8.0
"""Where the axis of surprisal minus entropy ends, in bits, on either side."""

_TITLES: dict[str, str] = {
    "surprisal_bits": "bits",
    "entropy_bits": "expected bits (entropy)",
    "excess_bits": "bits beyond the expected (surprisal − entropy)",
    "settled_stage": "stage from which on the token stayed the top guess",
}


def readings(trace: Trace, value: ReadingName, stage: str | int = -1) -> Float[np.ndarray, " position"]:
    """One number per token of the text, float64; NaN where nothing stood before it, or this trace did not read there.

    Args:
        trace: must hold `next_logprob`, `next_rank` and `entropy` as far as `value` needs them.
        value: `surprisal_bits`; `next_rank`, 1 = likeliest; `entropy_bits` of the prediction that scored the token;
            `excess_bits`, surprisal minus that entropy; or `settled_stage`, the index of the first stage from which on
            the token stayed the top guess, infinite where it was not in the end.
        stage: name or index of the stage that is read; `settled_stage` reads all.

    Raises:
        InputError: a trace without what `value` needs, or an unknown stage.
    """
    row = trace.stage(stage) if isinstance(stage, str) else stage
    if value == "surprisal_bits":
        return np.asarray(token_bits(trace, row), dtype=np.float64)
    if value == "next_rank":
        ranks = trace["next_rank"][row].astype(np.float64)
        return _of_tokens(trace, np.where(ranks < 1, np.nan, ranks))
    if value == "settled_stage":
        return _of_tokens(trace, _settled(trace["next_rank"]))
    expected = _of_tokens(trace, trace["entropy_bits"][row].astype(np.float64))
    return expected if value == "entropy_bits" else np.asarray(token_bits(trace, row), dtype=np.float64) - expected


def combine(numbers: np.ndarray, texty: Bool[np.ndarray, " position"], by: By, value: ReadingName) -> float | None:
    """The number of a run of tokens; None where it has none.

    Tokens drawn as one, and words, have the sum of bits and the worst of ranks and stages, and nothing where a part of
    them has nothing; lines and sentences have the mean of bits and the lower median of ranks and stages.

    Args:
        numbers: of the run's tokens.
        texty: which of them stand for text; others may lack a number.
        by: what a run is.
        value: what the numbers are.
    """
    known = numbers[~np.isnan(numbers)]
    if not known.size or (not has_mean(by) and (texty & np.isnan(numbers)).any()):
        return None
    if value in ("next_rank", "settled_stage"):
        return float(np.sort(known)[(known.size - 1) // 2] if has_mean(by) else known.max())
    return float(known.mean()) if has_mean(by) else math.fsum(known.tolist())


def has_mean(by: By) -> bool:
    """Whether runs differ so much in length that they are compared by their tokens' mean."""
    return by in ("line", "sentence")


def written(value: str, number: float, stages: tuple[str, ...] = ()) -> str:
    """The number of a run as a person reads it beside the text.

    Args:
        value: what the number is; a name that is none of `ReadingName` is read as bits.
        number: as in a run; infinite for a token that never became the top guess.
        stages: names of the rows that a `settled_stage` counts; without them it is a number.

    >>> written("surprisal_bits", 4.7), written("excess_bits", -0.26), written("next_rank", 1234.0)
    ('4.7', '−0.3', '1,234')
    """
    if value == "settled_stage":
        if math.isinf(number):
            return "never"
        return stages[int(number)] if int(number) < len(stages) else f"{number:.0f}"
    if math.isinf(number):
        return "∞"
    if value == "next_rank":
        return f"{number:,.0f}"
    return f"{number:+.1f}".replace("-", "−") if value == "excess_bits" else f"{number:.1f}"


def axis_of(value: ReadingName, by: By, stages: tuple[str, ...]) -> Scale:
    """The axis of a reading, the same for every text; of stages, for every text of the model."""
    title = _title(value, by)
    end = LINE_BITS_END if has_mean(by) else BITS_END
    if value == "next_rank":
        ticks = tuple(Tick(i / 3, f"{10**i}" + ("+" if i == 3 else "")) for i in range(4))
        return Scale(value, title, "rank", EMBER.name, 1.0, float(RANK_END), log=True, ticks=ticks, note="log scale")
    if value == "entropy_bits":
        axis = surprisal(title, end=end)  # the same axis, so that what was expected can be held against what came
        return Scale(value, title, axis.unit, axis.ramp, axis.low, axis.high, ticks=axis.ticks)
    if value == "excess_bits":
        return balance(value, title, "bits", EXCESS_END / 2 if has_mean(by) else EXCESS_END)
    if value == "settled_stage":
        n = len(stages)
        # Most tokens of a text were never the top guess: they are paper, and the last stage is well apart from them.
        low = 1.25 * n
        shown = sorted({0, (n - 1) // 2, n - 1} if n > 2 else set(range(n)), reverse=True)
        ticks = (Tick(0.0, "never"), *(Tick(1 - i / low, stages[i]) for i in shown))
        return Scale(value, title, "stage", TIDE.name, low, 0.0, ticks=ticks)
    return surprisal(title, end=end)


def _title(value: ReadingName, by: By) -> str:
    what = _TITLES.get(value, "")
    if value in ("surprisal_bits", "entropy_bits"):
        head, _, tail = what.partition("bits")
        return f"mean {head}bits per token of a {by}{tail}" if has_mean(by) else f"{head}bits per {by}{tail}"
    if value == "excess_bits":
        return f"mean {what} per token of a {by}" if has_mean(by) else f"{what} per {by}"
    if value == "next_rank":
        return "rank of the token" if by == "token" else f"{'median' if has_mean(by) else 'worst'} rank in a {by}"
    if by == "token":
        return what
    return f"stage by which {'half' if has_mean(by) else 'all'} the tokens of a {by} had become the top guesses"


def _of_tokens(trace: Trace, read: Float[np.ndarray, " position"]) -> Float[np.ndarray, " position"]:
    """What was read at positions, at the tokens that it is about."""
    numbers = np.full(len(trace.tokens), np.nan)
    scores = trace.positions + 1 < len(trace.tokens)
    numbers[trace.positions[scores] + 1] = read[scores]
    return numbers


def _settled(ranks: np.ndarray) -> Float[np.ndarray, " position"]:
    """The first row from which on a column is 1 to the last row; infinite where the last row is not."""
    stays = np.logical_and.accumulate((ranks == 1)[::-1], axis=0)[::-1]
    first = np.where(stays[-1], stays.argmax(axis=0).astype(np.float64), np.inf)
    return np.where((ranks < 1).any(axis=0), np.nan, first)
