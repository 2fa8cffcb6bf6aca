"""Which tokens of two texts are the same ones: a longest common subsequence of their bytes.

Ids are not looked at, so that texts read by two tokenizers align where these cut alike. Knows no numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.tokens import Tokens

__all__ = ["align"]

MOST = 25_000_000
"""Cells of the table that is filled: two stretches of 5,000 tokens that differ."""


def align(before: Tokens, after: Tokens) -> tuple[tuple[int, int], ...]:
    """Pairs of positions, ascending on both sides, whose tokens are equal; as many as there can be.

    Raises:
        InputError: what differs between the two is too long.
    """
    left, right = _keys(before), _keys(after)
    shortest = min(len(left), len(right))
    head = next((i for i in range(shortest) if left[i] != right[i]), shortest)
    tail = next((i for i in range(shortest - head) if left[-1 - i] != right[-1 - i]), shortest - head)
    middle = _common(left[head : len(left) - tail], right[head : len(right) - tail])
    return (
        *((i, i) for i in range(head)),
        *((i + head, j + head) for i, j in middle),
        *((len(left) - tail + i, len(right) - tail + i) for i in range(tail)),
    )


def _keys(tokens: Tokens) -> list[Hashable]:
    """What makes two tokens the same: their bytes; of those without text, their name."""
    shown = zip(tokens.pieces, tokens.special.tolist(), tokens.texts, strict=True)
    return [(name,) if special or not piece else piece for piece, special, name in shown]


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """A longest common subsequence; of several, the one that a walk from the end finds that drops from `left` first."""
    if len(left) * len(right) > MOST:
        raise InputError(
            f"the texts differ over {len(left):,} and {len(right):,} tokens, which is too long to align; "
            "compare shorter texts."
        )
    numbers = {key: i for i, key in enumerate(dict.fromkeys([*left, *right]))}
    columns = np.array([numbers[key] for key in right], dtype=np.int64)
    table = np.zeros((len(left) + 1, len(right) + 1), dtype=np.uint16)
    for i, key in enumerate(left):
        above = table[i]
        table[i + 1, 1:] = np.maximum.accumulate(np.maximum(above[1:], above[:-1] + (columns == numbers[key])))
    pairs = []
    i, j = len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif table[i - 1, j] >= table[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]
