"""Graphemes, words, lines and sentences of a text, each with the tokens that make it up.

Works on a text and the character spans of its tokens; knows no bytes, ids or likelihoods.

Words, lines and sentences share out the tokens: every token belongs to exactly one of each, so that sums over words,
lines or sentences equal the sum over tokens. A token that touches several units belongs to the one that holds its
*anchor*: its last character that is not whitespace, or its last character where all of them are. So `.\\n\\nThe` counts
for the word and the line of `The`, and `\\n` for the line that it ends. A token without text belongs where it stands.
Whitespace is what `str.isspace` says.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import regex  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Int

__all__ = ["Span", "graphemes", "lines", "sentences", "words"]

_GRAPHEME = regex.compile(r"\X")
_WORD = re.compile(r"\S+")
_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n)|[^\r\n]+")
_SENTENCE_END = re.compile(
    r"""[.!?…‽؟۔।॥]+["'”’»)\]}]*(?=\s)"""  # a stop, what closes after it, and whitespace
    r"|[。！？｡]+[」』”’）]*"  # the stops of scripts that put no space after them
    r"|(?=(?:\r\n|\r(?!\n)|\n)[^\S\r\n]*[\r\n])"  # an empty line
)
_ABBREVIATIONS = frozenset(
    ("Mr", "Mrs", "Ms", "Messrs", "Mme", "Mlle", "Dr", "Prof", "Rev", "Hon", "St", "Capt", "Col", "Gen", "Lt", "Sgt",
     "Jr", "Sr", "vs", "cf", "No", "Fig", "Eq")
)  # fmt: skip
"""After these a single full stop ends no sentence."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text and the tokens that belong to it.

    Attributes:
        start: the first character.
        end: one past the last character.
        first: the first token.
        stop: one past the last token; equal to `first` where no token belongs here.
    """

    start: int
    end: int
    first: int
    stop: int

    @property
    def n_tokens(self) -> int:
        return self.stop - self.first


def graphemes(text: str, spans: Int[np.ndarray, "position 2"]) -> tuple[Span, ...]:
    """The extended grapheme clusters: what a reader takes for one character.

    Here the tokens are all those that touch the cluster, so that neighbours can share one; a cluster with more than one
    token is cut by the tokenizer.

    Source: Unicode Standard Annex 29, extended grapheme clusters.
    """
    bounds = [match.span() for match in _GRAPHEME.finditer(text)]
    starts, ends = _columns(bounds)
    # Running extremes keep the search valid where a tokenizer's own offsets step back.
    reached = np.maximum.accumulate(spans[:, 1]) if len(spans) else spans[:, 1]
    begun = np.minimum.accumulate(spans[::-1, 0])[::-1] if len(spans) else spans[:, 0]
    first = np.searchsorted(reached, starts, side="right")
    stop = np.maximum(np.searchsorted(begun, ends, side="left"), first)
    return _spans(starts, ends, first, stop)


def words(text: str, spans: Int[np.ndarray, "position 2"]) -> tuple[Span, ...]:
    """The maximal runs of characters that are not whitespace, punctuation included.

    `start` and `end` hold the word alone; its tokens include the whitespace before it, and the last word's also the
    whitespace after it. A script that puts no spaces between words (Chinese, Japanese, Thai) gives one unit per run
    between spaces: the sums stay right, but they are no sums by dictionary word. A text of whitespace is one unit.
    """
    bounds = [match.span() for match in _WORD.finditer(text)]
    if not bounds:
        return (Span(0, len(text), 0, len(spans)),) if len(spans) else ()
    starts, ends = _columns(bounds)
    anchors = _anchors(text, spans)
    # The number of words that end at or before the anchor: the word around it, else the one that follows.
    unit = np.minimum(np.searchsorted(ends, anchors, side="right"), len(bounds) - 1)
    return _shared_out(starts, ends, unit)


def lines(text: str, spans: Int[np.ndarray, "position 2"]) -> tuple[Span, ...]:
    r"""The lines, ended by `\n`, `\r\n` or `\r`; a line break at the very end begins no further line.

    `start` and `end` leave the line break out; the tokens that hold it belong to the line that it ends.
    """
    matches = list(_LINE.finditer(text))
    if not matches:
        return (Span(0, 0, 0, len(spans)),) if len(spans) else ()
    starts = np.array([match.start() for match in matches])
    ends = np.array([match.end() if match[1] is None else match.end(1) for match in matches])
    unit = np.searchsorted(starts, _anchors(text, spans), side="right") - 1
    return _shared_out(starts, ends, unit)


def sentences(text: str, spans: Int[np.ndarray, "position 2"]) -> tuple[Span, ...]:
    """The sentences, as far as stops and empty lines tell: a rule of a few lines, the same in every language.

    A sentence ends after `.`, `!`, `?` or their kin, with the quotes and brackets that close after them, where
    whitespace follows and no lower-case letter comes next; after `。` and its kin; and at an empty line. A full stop
    after an initial or an abbreviation such as `Mr` ends none. `start` and `end` leave the whitespace around it out; as
    with words, its tokens include the whitespace before it.
    """
    cuts = [match.end() for match in _SENTENCE_END.finditer(text) if _ends(text, match)]
    bounds = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        inked = text[start:end].strip()
        if inked:
            begin = start + text[start:end].index(inked[0])
            bounds.append((begin, begin + len(inked)))
    if not bounds:
        return (Span(0, len(text), 0, len(spans)),) if len(spans) else ()
    starts, ends = _columns(bounds)
    unit = np.minimum(np.searchsorted(ends, _anchors(text, spans), side="right"), len(bounds) - 1)
    return _shared_out(starts, ends, unit)


def _ends(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence really ends where it looks like it."""
    if not match[0]:
        return True
    following = match.end()
    while following < len(text) and text[following].isspace():
        following += 1
    if match[0][0] not in "。！？｡" and following < len(text) and unicodedata.category(text[following]) == "Ll":
        return False
    if match[0] != ".":
        return True
    begin = match.start()
    while begin > 0 and unicodedata.category(text[begin - 1])[0] == "L":
        begin -= 1
    word = text[begin : match.start()]
    initial = len(word) == 1 and word != "I" and unicodedata.category(word) == "Lu"
    return not (initial or word in _ABBREVIATIONS)


def _anchors(text: str, spans: Int[np.ndarray, "position 2"]) -> Int[np.ndarray, " position"]:
    """The one character of a non-empty text that decides where each token belongs."""
    inked = np.zeros(len(text), dtype=bool)
    for match in _WORD.finditer(text):
        inked[match.start() : match.end()] = True
    last_inked = np.maximum.accumulate(np.where(inked, np.arange(len(text)), -1))
    start, last = spans[:, 0], np.maximum(spans[:, 1] - 1, 0)
    anchor = np.where(last_inked[last] >= start, last_inked[last], last)
    return np.asarray(np.where(spans[:, 1] > start, anchor, np.minimum(start, len(text) - 1)))


def _shared_out(starts: np.ndarray, ends: np.ndarray, unit: Int[np.ndarray, " position"]) -> tuple[Span, ...]:
    """Spans whose token ranges follow one another without gap or overlap."""
    # A tokenizer that normalises may report offsets that step back; the ranges stay in order all the same.
    in_order = np.maximum.accumulate(unit) if len(unit) else unit
    numbers = np.arange(len(starts))
    first = np.searchsorted(in_order, numbers, side="left")
    stop = np.searchsorted(in_order, numbers, side="right")
    return _spans(starts, ends, first, stop)


def _columns(bounds: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(bounds, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _spans(*columns: np.ndarray) -> tuple[Span, ...]:
    return tuple(Span(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
