"""What kind of thing each token is: a word's start, punctuation, indentation, ...

Judges by characters alone; knows no likelihoods.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import regex  # type: ignore[import-untyped]

from logitscope.trace.tokens import Tokens

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

__all__ = ["KINDS", "token_kinds"]

KINDS = ("indentation and line breaks", "punctuation", "word starts", "word continuations", "digits", "other")

_INDENTATION, _PUNCTUATION, _START, _CONTINUATION, _DIGITS, _OTHER = range(len(KINDS))

# A word, where starts are told from continuations: `don't` and `snake_case` are one each; marks stay with letters.
_WORD = regex.compile(r"[\w\p{M}]+(?:['’][\w\p{M}]+)*")
_LINE_START = re.compile(r"(?:^|(?<=[\r\n]))[^\S\r\n]+")


def token_kinds(tokens: Tokens) -> Int[np.ndarray, " position"]:
    r"""The kind of each token, as an index into `KINDS`; the first rule that fits decides.

    A token is judged by the characters that it touches, in this order:

    1. no text: other;
    2. whitespace alone: indentation and line breaks where it holds a line break or begins a line, else other;
    3. a letter (Unicode L, or a mark M in a word that has a letter): word start where that letter's word begins in this
       token, word continuation where it began before; so ` the`, `(self` and `.\n\nThe` are starts, `'s` and the second
       half of `é` continuations. Scripts without spaces are one long word;
    4. a digit or other number (N): digits;
    5. punctuation (P) or a symbol of mathematics, currency or modifiers (Sm, Sc, Sk): punctuation, operators included;
    6. anything else, such as emoji and control characters: other.
    """
    text, spans = tokens.text, tokens.spans.astype(np.int64)
    start, end = spans[:, 0], spans[:, 1]
    categories = _categories(text)
    major = np.array([category[0] for category in categories], dtype="U1")
    word_start = np.full(len(text), -1, dtype=np.int64)
    lettered = np.zeros(len(text), dtype=bool)
    for match in _WORD.finditer(text):
        own = slice(*match.span())
        word_start[own] = match.start()
        lettered[own] = (major[own] == "L").any()
    letter = lettered & np.isin(major, ["L", "M"])
    blank = np.array([character.isspace() for character in text], dtype=bool)
    breaks = np.array([character in "\r\n" for character in text], dtype=bool)
    indents = np.zeros(len(text), dtype=bool)
    for match in _LINE_START.finditer(text):
        indents[match.start() : match.end()] = True

    first_letter = np.append(np.flatnonzero(letter), len(text))
    touched_letter = first_letter[np.minimum(np.searchsorted(first_letter, start), len(first_letter) - 1)]
    # A character cut between tokens begins in the first of them.
    before = np.maximum.accumulate(np.concatenate([[0], end]))[:-1] if len(spans) else start
    began_before = np.append(word_start, -1)[touched_letter] < np.maximum(start, before)
    symbol = (major == "P") | np.isin(categories, ["Sm", "Sc", "Sk"])
    all_blank = ~_any(~blank, start, end)
    rules = [
        (start == end, _OTHER),
        (all_blank & (_any(breaks, start, end) | _any(indents, start, end)), _INDENTATION),
        (all_blank, _OTHER),
        (_any(letter, start, end) & began_before, _CONTINUATION),
        (_any(letter, start, end), _START),
        (_any(major == "N", start, end), _DIGITS),
        (_any(symbol, start, end), _PUNCTUATION),
    ]
    return np.select([fits for fits, _ in rules], [kind for _, kind in rules], default=_OTHER)


def _categories(text: str) -> np.ndarray:
    return np.array([unicodedata.category(character) for character in text], dtype="U2")


def _any(marked: Bool[np.ndarray, " character"], start: np.ndarray, end: np.ndarray) -> Bool[np.ndarray, " position"]:
    """Whether each stretch holds a marked character."""
    counts = np.concatenate([[0], np.cumsum(marked)])
    return np.asarray(counts[end] > counts[start])
