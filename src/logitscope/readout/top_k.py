"""The k largest logits, equal ones by the lowest id: of a tile, and of all tiles so far.

`torch.topk` promises no order among equal values and may leave out any of those that tie for the last place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.tile import Candidates

__all__ = ["TopList", "largest"]

_REPAIRED_AT_ONCE = 128
"""Rows; bounds the memory where every row of a tile has a tie."""


def largest(logits: Float[Tensor, "row column"], k: int) -> Int[Tensor, "row best"]:
    """The columns of the k largest logits of each row (all columns, where there are fewer), in ascending order.

    Of equal logits that tie for the last place the lowest columns are taken.
    """
    n_columns = logits.shape[1]
    values, columns = torch.topk(logits, min(k + 1, n_columns), dim=1)
    if n_columns > k:
        columns = columns[:, :k]
        last = values[:, k - 1]
        # NaN sorts first: a row that starts with one has no meaningful last place.
        tied = (last == values[:, k]) & ~values[:, 0].isnan()
        for rows in torch.split(tied.nonzero().squeeze(1), _REPAIRED_AT_ONCE):
            columns[rows] = _lowest_columns(logits[rows], last[rows].unsqueeze(1), k)
    return columns.sort(dim=1).values


def _lowest_columns(
    logits: Float[Tensor, "row column"], last: Float[Tensor, "row 1"], k: int
) -> Int[Tensor, "row best"]:
    above = logits > last
    level = logits == last
    places = k - above.sum(1, keepdim=True)
    taken = above | (level & (level.cumsum(1, dtype=torch.int32) <= places))
    return taken.nonzero()[:, 1].view(-1, k)


class TopList:
    """The k largest logits so far, best first, of many rows at once.

    Attributes:
        logits: in descending order; the first `filled` columns count.
        ids: their tokens; equal logits: lowest id first.
        filled: k, or fewer until that many tokens were seen.
    """

    def __init__(self, n_rows: int, k: int, device: torch.device) -> None:
        self._k = k
        self.filled = 0
        self.logits: Float[Tensor, "row best"] = torch.full((n_rows, k), -torch.inf, device=device)
        self.ids: Int[Tensor, "row best"] = torch.full((n_rows, k), -1, dtype=torch.int32, device=device)

    @property
    def floor(self) -> Float[Tensor, " row"] | None:
        """What a further logit must exceed to enter the list; None while there is room for any."""
        return self.logits[:, -1] if 0 < self._k == self.filled else None

    def merge(self, candidates: Candidates) -> None:
        """Take in the candidates of one more tile, whose ids are all higher than those before."""
        rows = slice(None) if candidates.rows is None else candidates.rows
        # What comes first has the lower id: a stable sort keeps it first among equals.
        logits = torch.cat([self.logits[rows, : self.filled], candidates.logits], dim=1)
        ids = torch.cat([self.ids[rows, : self.filled], candidates.ids], dim=1)
        logits, order = logits.sort(dim=1, descending=True, stable=True)
        filled = min(self._k, logits.shape[1])
        self.logits[rows, :filled] = logits[:, :filled]
        self.ids[rows, :filled] = ids.gather(1, order[:, :filled])
        self.filled = filled
