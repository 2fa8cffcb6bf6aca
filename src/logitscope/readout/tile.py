"""A tile of logits, the references it is compared with, and what it says of each row by itself.

Plain values: knows neither who makes a tile nor who reduces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["LOWEST", "UNDERFLOW", "Candidates", "Compared", "Partial", "Tile"]

LOWEST = -3e38
"""Stands for no maximum yet. −inf would turn the difference of two such maxima into NaN."""

UNDERFLOW = -87.0
"""About the smallest power of e that is a normal fp32 number. Smaller ones add nothing to a sum that holds a 1, but exp
and all that follows it run ten times slower on denormals, and 0 · −inf is NaN."""


@dataclass(frozen=True, eq=False)
class Compared:
    """The same tile of a reference distribution, which the stages are compared with.

    Attributes:
        logits: of the reference, at the same positions and columns.
        toward: whether the sum for KL(stage ‖ reference) is wanted.
        away: whether the sum for KL(reference ‖ stage) is wanted.
    """

    logits: Float[Tensor, "position column"]
    toward: bool
    away: bool

    @cached_property
    def peak(self) -> Float[Tensor, " position"]:
        """The reference's largest logit in this tile, at least `LOWEST`."""
        return self.logits.amax(-1).clamp_(min=LOWEST)

    @cached_property
    def weights(self) -> Float[Tensor, "position column"] | None:
        """exp(logit − peak), where the sum away from the reference is wanted."""
        if not self.away:
            return None
        return torch.sub(self.logits, self.peak.unsqueeze(-1)).clamp_(min=UNDERFLOW).exp_()


@dataclass(frozen=True)
class Tile:
    """Logits of neighbouring entries of the vocabulary, for several stages at the same positions.

    Attributes:
        logits: fp32, contiguous; not to be written to.
        start: the id of the first column.
        n_real: this many columns from the left are tokens; the rest is padding, which is neither counted nor named.
        thresholds: count the logits above these.
        floor: the k-th largest logit of earlier tiles; only what is larger can enter the list. None: everything can.
        compared: reference distributions.
        forbids: whether a bias of −inf forbids some of the columns, so that a logit may equal a reference's −inf.
    """

    logits: Float[Tensor, "stage position column"]
    start: int
    n_real: int
    thresholds: Float[Tensor, "target stage position"] | None = None
    floor: Float[Tensor, "stage position"] | None = None
    compared: tuple[Compared, ...] = ()
    forbids: bool = False


@dataclass(frozen=True)
class Candidates:
    """The largest logits of a tile, for the rows in which any of them can enter the list.

    Attributes:
        rows: which rows, of stage and position flattened; None for all of them.
        logits: the k largest (all, where the tile has fewer); equal logits: the lowest ids. In ascending order of ids.
        ids: their tokens.
    """

    rows: Int[Tensor, " row"] | None
    logits: Float[Tensor, "row best"]
    ids: Int[Tensor, "row best"]


@dataclass(frozen=True)
class Partial:
    """What one tile says of each stage and position; what was not asked for is None.

    Attributes:
        maximum: the largest logit m, at least `LOWEST`.
        exp_sum: Σ exp(z − m).
        exp_moment: Σ exp(z − m) (z − m).
        toward: Σ exp(z − m) (z − z_reference), one per reference of `Tile.compared`.
        away: Σ exp(z_reference − peak) (z_reference − z), one per reference.
        mean: of the logits.
        deviations: Σ (z − mean)².
        greater: how many tokens have a logit above each threshold.
        candidates: the largest logits.
    """

    maximum: Float[Tensor, "stage position"] | None = None
    exp_sum: Float[Tensor, "stage position"] | None = None
    exp_moment: Float[Tensor, "stage position"] | None = None
    toward: tuple[Float[Tensor, "stage position"] | None, ...] = ()
    away: tuple[Float[Tensor, "stage position"] | None, ...] = ()
    mean: Float[Tensor, "stage position"] | None = None
    deviations: Float[Tensor, "stage position"] | None = None
    greater: Int[Tensor, "target stage position"] | None = None
    candidates: Candidates | None = None
