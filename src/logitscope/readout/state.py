"""What is known of a distribution after some tiles of its vocabulary, in float64; merging is exact up to rounding.

With m the largest logit so far: Z = Σ exp(z − m), A = Σ exp(z − m)(z − m), X = Σ exp(z − m)(z − z_reference). A new
maximum m' rescales them: Z' = Z e^(m−m'), A' = e^(m−m')(A + (m − m')Z). Milakov & Gimelshein, "Online normalizer
calculation for softmax" (arXiv:1805.02867). Mean and deviations merge as in Chan, Golub & LeVeque (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.readout.tile import LOWEST, Partial, Tile
from logitscope.readout.top_k import TopList

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["State", "Targets"]


@dataclass(frozen=True)
class Targets:
    """Tokens that every stage is asked about, the same ones for all stages.

    Attributes:
        spans: which rows of `ids` belong to a kind of target, as `start, stop`.
        ids: −1 where there is no such token.
    """

    spans: dict[str, tuple[int, int]]
    ids: Int[Tensor, "target position"]

    def between(self, start: int, stop: int) -> Targets:
        """Those of some positions, for whoever reads them to complete."""
        return Targets(self.spans, self.ids[:, start:stop].clone())


class State:
    """Sums over the part of the vocabulary seen so far, for some stages at one block of positions.

    Attributes:
        sums: all of the following up to `deviations`, in one array.
        maximum: the largest logit.
        exp_sum: Z.
        exp_moment: A.
        total: Σ z.
        deviations: Σ (z − mean)².
        toward: X, one per reference.
        away: Σ exp(z_reference − m_reference)(z_reference − z), one per reference.
        peaks: m_reference, one per reference.
        targets: what tokens the stages are asked about.
        thresholds: the targets' logits, by a product of their own.
        logit: of each target, NaN until its tile was seen.
        greater: tokens with a larger logit than a target, itself left out.
        top: the largest logits of each row, stage and position flattened.
        n_seen: entries of the vocabulary.
    """

    def __init__(
        self,
        n_stages: int,
        targets: Targets,
        k: int,
        n_references: int,
        thresholds: Float[Tensor, "target stage position"] | None,
    ) -> None:
        device = targets.ids.device
        n_targets, n_positions = targets.ids.shape
        self.sums = torch.zeros(5 + 2 * n_references, n_stages, n_positions, dtype=torch.float64, device=device)
        self.maximum, self.exp_sum, self.exp_moment, self.total, self.deviations = self.sums[:5]
        self.maximum.fill_(LOWEST)
        self.toward, self.away = self.sums[5 : 5 + n_references], self.sums[5 + n_references :]
        self.peaks = torch.full((n_references, n_positions), LOWEST, dtype=torch.float64, device=device)
        self.logit = torch.full((n_targets, n_stages, n_positions), torch.nan, device=device)
        self.greater = torch.zeros(self.logit.shape, dtype=torch.int32, device=device)
        self.top = TopList(n_stages * n_positions, k, device)
        self.targets = targets
        self.thresholds = thresholds
        self.n_seen = 0

    @property
    def logsumexp(self) -> Float[Tensor, "stage position"]:
        return torch.add(self.maximum, self.exp_sum.log())

    @property
    def mean(self) -> Float[Tensor, "stage position"]:
        return torch.div(self.total, self.n_seen)

    @property
    def floor(self) -> Float[Tensor, "stage position"] | None:
        """The k-th largest logit so far, or None while fewer were seen."""
        floor = self.top.floor
        return None if floor is None else floor.view(self.maximum.shape)

    def merge(self, tile: Tile, partial: Partial) -> None:
        """Take in what one more tile says by itself."""
        if partial.maximum is not None and partial.exp_sum is not None:
            self._merge_exponentials(partial.maximum.double(), partial.exp_sum, partial)
        for i, (compared, theirs) in enumerate(zip(tile.compared, partial.away, strict=False)):
            if theirs is not None:
                peak = torch.maximum(self.peaks[i], compared.peak.double())
                self.away[i] *= (self.peaks[i] - peak).exp_()
                self.away[i] += (compared.peak - peak).exp_() * theirs
                self.peaks[i] = peak
        if partial.mean is not None and partial.deviations is not None:
            self._merge_moments(partial.mean.double(), partial.deviations, tile.logits.shape[-1])
        if partial.greater is not None:
            self.greater += partial.greater
        if partial.candidates is not None:
            self.top.merge(partial.candidates)
        self._find_targets(tile)
        self.n_seen += tile.logits.shape[-1]

    def _merge_exponentials(self, theirs: Tensor, exp_sum: Tensor, partial: Partial) -> None:
        maximum = torch.maximum(self.maximum, theirs)
        down, their_down = self.maximum - maximum, theirs - maximum
        scale, their_scale = down.exp(), their_down.exp()
        if partial.exp_moment is not None:
            self.exp_moment += down * self.exp_sum
            self.exp_moment *= scale
            self.exp_moment += their_scale * (partial.exp_moment + their_down * exp_sum)
        self.exp_sum *= scale
        self.exp_sum += their_scale * exp_sum
        for toward, their_toward in zip(self.toward, partial.toward, strict=False):
            if their_toward is not None:
                toward *= scale
                toward += their_scale * their_toward
        self.maximum.copy_(maximum)

    def _merge_moments(self, mean: Tensor, deviations: Tensor, n_columns: int) -> None:
        self.deviations += deviations
        if self.n_seen:
            between = self.n_seen * n_columns / (self.n_seen + n_columns)
            self.deviations += (mean - self.mean).square_() * between
        self.total += mean * n_columns

    def _find_targets(self, tile: Tile) -> None:
        """Note the logits of targets that are in this tile, and take back that such a target was counted itself."""
        columns = self.targets.ids - tile.start
        n_columns = tile.logits.shape[-1]
        inside = ((columns >= 0) & (columns < n_columns)).unsqueeze(1)
        if not inside.any():
            return
        index = columns.clamp(0, n_columns - 1).T.expand(tile.logits.shape[0], -1, -1)
        own = tile.logits.gather(2, index).permute(2, 0, 1)
        self.logit.copy_(torch.where(inside, own, self.logit))
        if self.thresholds is not None:
            self.greater -= (inside & (columns < tile.n_real).unsqueeze(1) & (own > self.thresholds)).int()
