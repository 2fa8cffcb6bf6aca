"""Tokens as ids, exact bytes and character spans. (skeleton: attributes below are the contract)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Tokens", "Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    """Bytes of token ids; `special` ids stand for no text (their bytes are their name, such as `<s>`)."""

    pieces: Mapping[int, bytes]
    special: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Tokens:
    """What was read.

    Attributes:
        text: the text as given (when ids were given: the joined bytes decoded, undecodable bytes replaced).
        ids: int32 `[position]`, a BOS token included.
        pieces: the exact bytes of each token; b"" for tokens that stand for no text (BOS).
        spans: int32 `[position, 2]`, the characters `text[start:end]` that a token touches; a character cut by a token
            boundary belongs to the spans of every token that holds one of its bytes; (n, n) for tokens without text.
        special: bool `[position]`, tokens such as BOS that stand for no text.
        lossy: the tokenizer changed or dropped something: joined bytes are not the text.
    """

    text: str
    ids: np.ndarray
    pieces: tuple[bytes, ...]
    spans: np.ndarray
    special: np.ndarray
    lossy: bool = False
