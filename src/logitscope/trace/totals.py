"""The figures that sum up a text's likelihood, as plain values.

Computes nothing; `trace.summary` does. Apart from it so that a Trace can name its summary without knowing the work.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["KindBits", "Summary"]


@dataclass(frozen=True)
class KindBits:
    """The scored tokens of one kind.

    Attributes:
        kind: one of `KINDS`.
        tokens: how many.
        total_bits: their bits together.
        mean_bits: bits per token; NaN where there are none.
    """

    kind: str
    tokens: int
    total_bits: float
    mean_bits: float


@dataclass(frozen=True)
class Summary:
    """What a text cost, read out at one stage.

    Attributes:
        stage: where the likelihoods were read out.
        prefix: what stood before the text, as in `Provenance.bos`.
        tokens: tokens read, a BOS token included.
        scored: tokens with a likelihood here; all figures below are of these alone.
        unscored: tokens of the text that nothing stood before; a BOS token is a prefix and not counted.
        not_held: tokens whose likelihood belongs to other pieces of this run.
        bytes: UTF-8 bytes of the scored tokens; for a lossy tokenizer, of the characters that their spans cover.
        words: words, as in `Tokens.words`, that a scored token touches.
        total_bits: NaN, like every ratio, where nothing was scored.
        bits_per_token: the cross-entropy in bits.
        bits_per_byte: comparable between tokenizers.
        bits_per_word: comparable between tokenizers for text with spaces.
        perplexity: per token, 2 to the bits per token.
        kinds: a row for each of `KINDS`, in that order.
    """

    stage: str
    prefix: str
    tokens: int
    scored: int
    unscored: int
    not_held: int
    bytes: int
    words: int
    total_bits: float
    bits_per_token: float
    bits_per_byte: float
    bits_per_word: float
    perplexity: float
    kinds: tuple[KindBits, ...]

    def to_dict(self) -> dict[str, Any]:
        """Every figure by its name, ready for JSON: what is missing or infinite is None."""
        values = asdict(self)
        values["kinds"] = [_finite_or_none(row) for row in values["kinds"]]
        return _finite_or_none(values)


def _finite_or_none(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
