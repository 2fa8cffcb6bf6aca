"""The one place where every logit is looked at: a tile goes in, a few sums per row grow.

This is the interface that a fused kernel has to fill. Tiles come in any size, in ascending order of ids, and a text in
any pieces; fp32 is enough within a tile, and across tiles everything is float64.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from logitscope.readout.histogram import Histogram
    from logitscope.readout.request import Sums
    from logitscope.readout.state import State
    from logitscope.readout.tile import Partial, Tile

__all__ = ["PartialReducer", "Reducer"]


@runtime_checkable
class Reducer(Protocol):
    """Whatever takes tiles into a state.

    It may keep scratch memory, so each thread needs one of its own: up to three tiles, unless its class says how many
    in an attribute `scratch_tiles`.
    """

    def add(self, state: State, tile: Tile, sums: Sums) -> None:
        """Take one tile into the sums of the tiles before it."""

    def bin(self, histogram: Histogram, tile: Tile) -> None:
        """Count and sample the standardised logits of one tile."""


class PartialReducer(Reducer):
    """A reducer that looks at one tile alone and leaves what came before to the state."""

    @abstractmethod
    def __call__(self, tile: Tile, sums: Sums) -> Partial:
        """What the tile says by itself."""

    def add(self, state: State, tile: Tile, sums: Sums) -> None:
        state.merge(tile, self(tile, sums))

    def bin(self, histogram: Histogram, tile: Tile) -> None:
        histogram.add(tile.logits, tile.start, tile.n_real)
