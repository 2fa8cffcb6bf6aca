"""The reducer in plain torch: about a dozen sweeps over a tile that stays in the cache, none into fresh memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.readout.logits import Buffer
from logitscope.readout.reducer import PartialReducer
from logitscope.readout.tile import LOWEST, UNDERFLOW, Candidates, Compared, Partial, Tile
from logitscope.readout.top_k import largest

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.request import Sums

__all__ = ["TorchReducer"]


class TorchReducer(PartialReducer):
    """Keeps its scratch memory, and nothing else, from tile to tile."""

    def __init__(self, device: torch.device) -> None:
        self._exponentials = Buffer(device)
        self._scratch = Buffer(device)
        self._above = Buffer(device, torch.bool)

    def __call__(self, tile: Tile, sums: Sums) -> Partial:
        z = tile.logits
        scratch = self._scratch.view(*z.shape)
        maximum = exp_sum = exp_moment = mean = deviations = None
        toward: list[Tensor | None] = []
        away: list[Tensor | None] = []
        if sums.normaliser:
            maximum = z.amax(-1).clamp_(min=LOWEST)
            exponents = torch.sub(z, maximum.unsqueeze(-1), out=scratch).clamp_(min=UNDERFLOW)
            exponentials = torch.exp(exponents, out=self._exponentials.view(*z.shape))
            exp_sum = exponentials.sum(-1)
            exp_moment = exponents.mul_(exponentials).sum(-1) if sums.entropy else None
            for other in tile.compared:
                toward.append(_expected(tile, other, exponentials, scratch) if other.toward else None)
                away.append(None if other.weights is None else -_expected(tile, other, other.weights, scratch))
        if sums.moments:
            mean = z.mean(-1)
            deviations = torch.linalg.vector_norm(torch.sub(z, mean.unsqueeze(-1), out=scratch), dim=-1).square_()
        return Partial(
            maximum=maximum,
            exp_sum=exp_sum,
            exp_moment=exp_moment,
            toward=tuple(toward),
            away=tuple(away),
            mean=mean,
            deviations=deviations,
            greater=self._count(tile) if sums.counts else None,
            candidates=self._candidates(tile, maximum, sums.k) if sums.k and tile.n_real else None,
        )

    def _count(self, tile: Tile) -> Int[Tensor, "target stage position"] | None:
        if tile.thresholds is None:
            return None
        z = tile.logits[..., : tile.n_real]
        above = self._above.view(*z.shape)
        counts = torch.empty(tile.thresholds.shape, dtype=torch.int32, device=z.device)
        for threshold, count in zip(tile.thresholds, counts, strict=True):
            torch.gt(z, threshold.unsqueeze(-1), out=above)
            # A sum over bool goes through int64 and takes ten times as long.
            torch.sum(above.view(torch.uint8), -1, dtype=torch.int32, out=count)
        return counts

    def _candidates(self, tile: Tile, maximum: Float[Tensor, "stage position"] | None, k: int) -> Candidates:
        z = tile.logits.flatten(0, 1)[:, : tile.n_real]
        rows = None
        if tile.floor is not None:
            # Late tiles seldom hold one of the k likeliest; a NaN is let through so that the list shows it.
            peak = tile.logits.amax(-1) if maximum is None else maximum
            rows = (~(peak <= tile.floor)).flatten().nonzero().squeeze(1)
            z = torch.index_select(z, 0, rows, out=self._scratch.view(len(rows), tile.n_real))
        columns = largest(z, k)
        return Candidates(rows, z.gather(1, columns), columns.int() + tile.start)


def _expected(
    tile: Tile,
    other: Compared,
    weights: Float[Tensor, "*stages position column"],
    scratch: Float[Tensor, "stage position column"],
) -> Float[Tensor, "stage position"]:
    """Σ weights (logits − reference).

    The difference of two close logits is exact; the difference of a sum over each would not be.
    """
    gaps = torch.sub(tile.logits, other.logits, out=scratch)
    if tile.forbids:
        gaps.masked_fill_(other.logits.isneginf(), 0.0)
    return gaps.mul_(weights).sum(-1)
