"""Words and numbers that every face writes around a picture: the caption's facts, a text's totals, a cell's number.

Plain strings; knows neither screens nor figures.
"""

from __future__ import annotations

import math

from logitscope.trace.totals import Summary
from logitscope.view.source import Source

__all__ = ["caption_words", "number_words", "rounded", "total_words", "unscored_words"]

_NORMS = {"final": "final norm", "plain": "norm without its scale and shift", "none": "no norm"}


def caption_words(source: Source) -> tuple[str, ...]:
    """What a caption says of the run: model, precision, length, and through what was read.

    The model's own output needs no lens; of it, only another norm than the model's is named.
    """
    parts = [source.model + (f" @ {source.revision[:12]}" if source.revision else ""), source.dtype]
    lensed = source.stage is None or not source.output
    if source.stage is not None and not source.output:
        parts.append(f"read at {source.stage}")
    if lensed:
        parts.append("logit lens" if source.lens == "logit" else f"lens {source.lens}")
    if lensed or source.norm != "final":
        parts.append(_NORMS.get(source.norm, f"norm {source.norm}"))
    parts.append(f"{source.n_tokens:,} token" + ("" if source.n_tokens == 1 else "s"))
    if source.lossy:
        parts.append("lossy tokenizer: tokens are not the exact text")
    if source.length_dependent:
        parts.append("rotary scaling depends on the text's length")
    return tuple(parts)


def total_words(summary: Summary) -> tuple[tuple[str, str], ...]:
    """A text's totals as (number, what it counts)."""
    return (
        (f"{summary.scored:,}", "token scored" if summary.scored == 1 else "tokens scored"),
        (rounded(summary.total_bits), "bits"),
        (rounded(summary.bits_per_token, 2), "per token"),
        (rounded(summary.bits_per_byte, 2), "per byte"),
        (rounded(summary.bits_per_word, 2), "per word"),
        (rounded(summary.perplexity), "perplexity"),
    )


def unscored_words(summary: Summary, source: Source) -> tuple[str, ...]:
    """Why some tokens have no colour."""
    said = []
    if summary.unscored:
        what = "the first token is" if summary.unscored == 1 else f"{summary.unscored:,} tokens are"
        said.append(f"{what} not scored: {source.prefix}")
    if summary.not_held:
        said.append(f"{summary.not_held:,} tokens were not read: this trace is a piece")
    return tuple(said)


def number_words(number: float | int | None, unit: str, missing: str = "–") -> str:
    """A statistic in the few characters that a cell has.

    >>> number_words(12345, "rank"), number_words(0.034, "probability"), number_words(None, "nats")
    ('12.3k', '.03', '–')
    """
    if number is None:
        return missing
    if unit == "rank":
        return f"{number:,}" if number < 10_000 else f"{number / 1000:.{1 if number < 100_000 else 0}f}k"
    if unit == "probability":
        if number >= 0.995:
            return "1" if number == 1 else ".99+"
        return f"{number:.2f}"[1:] if number >= 0.005 or number == 0 else f"{number:.0e}".replace("e-0", "e-")
    return f"{number:.1f}" if abs(number) < 1000 else f"{number:.0f}"


def rounded(number: float, digits: int = 1) -> str:
    """A total with its thousands marked; – where it is missing, ∞ where a token was held to be impossible."""
    if math.isnan(number):
        return "–"
    return "∞" if math.isinf(number) else f"{number:,.{digits}f}"
