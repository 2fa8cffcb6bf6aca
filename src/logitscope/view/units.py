"""The text cut into the stretches that are drawn as one: tokens, words, lines or sentences; no grapheme cluster is cut.

The stretches share out the text's characters and its tokens, each exactly once and in order, so that joined stretches
are the text and summed bits are the text's bits. Knows no likelihoods and no colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from logitscope.errors import InputError
from logitscope.trace.tokens import Tokens

__all__ = ["By", "Stretch", "stretches"]

By = Literal["token", "word", "line", "sentence"]


@dataclass(frozen=True)
class Stretch:
    """Characters `start:end` of the text and tokens `first:stop`."""

    start: int
    end: int
    first: int
    stop: int


def stretches(tokens: Tokens, by: By = "token") -> tuple[Stretch, ...]:
    """The text as stretches.

    Tokens that share a grapheme cluster are one stretch. A word or sentence has the whitespace before it, a line its
    line break. Words, lines or sentences that no token is counted for join the one that their token is counted for.

    Raises:
        InputError: `by` is neither token, word, line nor sentence.
    """
    if by not in get_args(By):
        raise InputError(f'likelihoods by "{by}" were asked for; there are {", ".join(get_args(By))}.')
    if not len(tokens):
        return ()
    if by == "token":
        groups = _whole_clusters(tokens)
        starts = [int(tokens.spans[first, 0]) for first, _ in groups]
    elif by in ("word", "sentence"):
        held = [span for span in (tokens.words() if by == "word" else tokens.sentences()) if span.n_tokens]
        groups = [(span.first, span.stop) for span in held]
        # The whitespace before it is drawn with it; the end of the last one is the text's end.
        starts = [0, *(span.end for span in held[:-1])]
    else:
        spans = tokens.lines()
        held = [span for span in spans if span.n_tokens]
        groups = [(span.first, span.stop) for span in held]
        begun = {after.start for before, after in pairwise(spans) if before.n_tokens}
        starts = [0, *sorted(begun)][: len(held)]
    return _cut(len(tokens.text), starts, groups)


def _whole_clusters(tokens: Tokens) -> list[tuple[int, int]]:
    """Ranges of tokens: one each, or as many as it takes to keep a grapheme cluster whole."""
    joined = [False] * (len(tokens) + 1)  # joined[t]: token t is drawn together with token t - 1
    for cluster in tokens.graphemes():
        for t in range(cluster.first + 1, cluster.stop):
            joined[t] = True
    begins = [t for t in range(len(tokens)) if not joined[t]]
    return list(zip(begins, [*begins[1:], len(tokens)], strict=True))


def _cut(length: int, starts: Sequence[int], groups: Sequence[tuple[int, int]]) -> tuple[Stretch, ...]:
    """Stretches that follow one another without gap, also where a lossy tokenizer's offsets step back."""
    cuts: list[int] = []
    for start in starts:
        cuts.append(min(length, max(start, cuts[-1] if cuts else 0)))
    cuts[0] = 0
    ends = [*cuts[1:], length]
    return tuple(Stretch(start, end, first, stop) for start, end, (first, stop) in zip(cuts, ends, groups, strict=True))
