"""The one place where every logit is looked at: a tile goes in, a few numbers per row come out.

This is the interface that a fused kernel has to fill. A reducer keeps nothing between tiles: partial results are merged
by `state`, in float64, so tiles may come in any size (in ascending order of ids) and a text in any pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.request import Sums

__all__ = ["LOWEST", "Candidates", "Compared", "Partial", "Reducer", "Tile"]

LOWEST = -3e38
"""Stands for no maximum yet. −inf would turn the difference of two such maxima into NaN."""


@dataclass(frozen=True)
class Compared:
    """The same tile of a reference distribution, which the stages are compared with.

    Attributes:
        logits: of the reference, at the same positions and columns.
        toward: whether the sum for KL(stage ‖ reference) is wanted.
        weights: exp(logit − largest logit) of the reference where the sum for KL(reference ‖ stage) is wanted.
    """

    logits: Float[Tensor, "position column"]
    toward: bool
    weights: Float[Tensor, "position column"] | None = None


@dataclass(frozen=True)
class Tile:
    """Logits of neighbouring entries of the vocabulary, for several stages at the same positions.

    Attributes:
        logits: fp32; not to be written to.
        start: the id of the first column.
        n_real: this many columns from the left are tokens; the rest is padding, which is neither counted nor named.
        thresholds: count the logits above these.
        floor: the k-th largest logit of earlier tiles; only what is larger can enter the list. None: everything can.
        compared: reference distributions.
    """

    logits: Float[Tensor, "stage position column"]
    start: int
    n_real: int
    thresholds: Float[Tensor, "target stage position"] | None = None
    floor: Float[Tensor, "stage position"] | None = None
    compared: tuple[Compared, ...] = ()


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
        away: Σ weights (z_reference − z), one per reference.
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


@runtime_checkable
class Reducer(Protocol):
    """Whatever turns a tile into its partial sums; fp32 within the tile is enough."""

    def __call__(self, tile: Tile, sums: Sums) -> Partial: ...
