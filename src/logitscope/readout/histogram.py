"""How the logits of one prediction are spread: counts of standardised logits, and some tokens of each bin.

64 equal bins of (logit − mean) / std from −8 to 8; the outer two are open. Where all logits are equal they stand 0
deviations from their mean, which is the lower edge of bin 32. Rows without finite moments have no counts and no tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["BINS", "SAMPLES_PER_BIN", "SPAN", "Histogram", "is_flat"]

BINS = 64
SAMPLES_PER_BIN = 3
SPAN = 8.0
"""Standard deviations from the mean to the outermost edges."""

_ROWS, _COLUMNS = 128, 512
"""How much of a tile is binned at once: bin numbers are eight bytes each."""


def is_flat(mean: Float[Tensor, "*rows"], std: Float[Tensor, "*rows"]) -> Tensor:
    """Whether all logits are equal but for rounding."""
    return std <= 1e-6 * mean.abs().clamp(min=1.0)


class Histogram:
    """Counts and samples of some stages at one block of positions, tile by tile in ascending order of ids.

    Attributes:
        counts: int32; they sum to the size of the vocabulary, padding included.
        samples: up to three token ids per bin, the lowest of those that stand for a token; −1 where there are fewer.
        mean, scale: a logit's bin is ⌊(logit − mean) · scale⌋, counted from the middle one; one of each per row.
        valid: the rows that can be binned.
        flat_counts, flat_samples: counts and samples with stage and position flattened.
    """

    def __init__(self, mean: Float[Tensor, "stage position"], std: Float[Tensor, "stage position"]) -> None:
        n_rows = mean.numel()
        flat = is_flat(mean, std)
        scale = torch.where(flat, 0.0, (BINS / (2 * SPAN)) / std)
        self.mean = mean.float().view(-1, 1)
        self.scale = scale.float().view(-1, 1)
        self.flat_counts = torch.zeros(n_rows, BINS, dtype=torch.int32, device=mean.device)
        self.flat_samples = torch.full((n_rows, BINS, SAMPLES_PER_BIN), -1, dtype=torch.int32, device=mean.device)
        self.valid = (mean.isfinite() & std.isfinite()).view(-1, 1)
        self._shape = mean.shape

    @property
    def counts(self) -> Int[Tensor, "stage position bin"]:
        return self.flat_counts.view(*self._shape, BINS)

    @property
    def samples(self) -> Int[Tensor, "stage position bin sample"]:
        return self.flat_samples.view(*self._shape, BINS, SAMPLES_PER_BIN)

    def add(self, logits: Float[Tensor, "stage position column"], start: int, n_real: int) -> None:
        """Take in one more tile, of which the first `n_real` columns are tokens."""
        z = logits.flatten(0, 1)
        for row in range(0, z.shape[0], _ROWS):
            rows = slice(row, row + _ROWS)
            for column in range(0, z.shape[1], _COLUMNS):
                piece = z[rows, column : column + _COLUMNS]
                cells = self._cells(piece, rows)
                n_rows = piece.shape[0]
                counts = cells.flatten().bincount(minlength=(n_rows + 1) * BINS)[: n_rows * BINS]
                self.flat_counts[rows] += counts.view(n_rows, BINS).int()
                if n_real > column:
                    self._sample(cells[:, : n_real - column], row, start + column)

    def _cells(self, piece: Float[Tensor, "row column"], rows: slice) -> Int[Tensor, "row column"]:
        """Row · 64 + bin; rows that cannot be binned go behind the last one."""
        n_rows = piece.shape[0]
        bins = ((piece - self.mean[rows]) * self.scale[rows]).floor_().add_(BINS // 2).clamp_(0, BINS - 1)
        base = torch.arange(n_rows, device=piece.device).unsqueeze(1) * BINS
        return torch.where(self.valid[rows], bins.nan_to_num_().long() + base, n_rows * BINS)

    def _sample(self, cells: Int[Tensor, "row column"], row: int, start: int) -> None:
        n_rows = cells.shape[0]
        samples = self.flat_samples[row : row + n_rows].view(-1, SAMPLES_PER_BIN)
        filled = (samples >= 0).sum(-1)
        room = torch.cat([filled < SAMPLES_PER_BIN, filled.new_zeros(1, dtype=torch.bool)])
        # After the first few hundred tokens only the tails still have room.
        found = room[cells.clamp(max=n_rows * BINS)].nonzero()
        cell, order = cells[found[:, 0], found[:, 1]].sort(stable=True)
        ids = found[order, 1] + start
        place = torch.arange(len(cell), device=cell.device) - torch.searchsorted(cell, cell) + filled[cell]
        fits = place < SAMPLES_PER_BIN
        samples[cell[fits], place[fits]] = ids[fits].int()
