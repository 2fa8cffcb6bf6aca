"""The probabilities of many endings of one beginning, which is read once. Knows ids; knows no texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from logitscope.editing.reader import Reader, logprobs

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["score_endings"]


def score_endings(reader: Reader, last: Float[Tensor, " d_model"], rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """The natural-log probability of every token of every ending, each after the beginning and those before it.

    Rows of one length are read side by side: nothing is padded, so that no row's numbers depend on its neighbours.

    Args:
        reader: has read the beginning.
        last: what the head reads at the beginning's last token.
        rows: ids of the endings, of any length.
    """
    model = reader.model
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        by_length[len(row)].append(number)
    scores = [np.zeros(len(row)) for row in rows]
    for length, numbers in by_length.items():
        if not length:
            continue
        ids = torch.tensor([list(rows[number]) for number in numbers])
        first = logprobs(model, last.expand(len(ids), -1), ids[:, 0])
        for number, one in zip(numbers, first, strict=True):
            scores[number][0] = one
        if length == 1:
            continue
        done = 0
        for vectors in reader.branches(ids[:, :-1]):
            some = ids[done : done + len(vectors), 1:]
            found = logprobs(model, vectors.flatten(0, 1), some.reshape(-1)).reshape(some.shape)
            for number, one in zip(numbers[done : done + len(vectors)], found, strict=True):
                scores[number][1:] = one
            done += len(vectors)
    return scores
