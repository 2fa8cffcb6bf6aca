"""The reducer for processors: hands a tile and a state's arrays to the compiled kernel, which leaves no more to do.

Every thread has its own reducer and runs the kernel without the interpreter's lock. Imports numba when the first one
is made.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from logitscope.errors import InputError
from logitscope.readout.reducer import Reducer
from logitscope.readout.tile import Tile

if TYPE_CHECKING:
    from logitscope.readout.histogram import Histogram
    from logitscope.readout.request import Sums
    from logitscope.readout.state import State

__all__ = ["NumbaReducer", "has_numba"]


def has_numba() -> bool:
    """Whether numba is installed; it is not imported to find out."""
    return find_spec("numba") is not None


class NumbaReducer(Reducer):
    """One compiled visit to every row of a tile.

    Args:
        device: where the tiles are; this reducer knows processors only.

    Raises:
        InputError: they are elsewhere.
    """

    scratch_tiles = 0

    def __init__(self, device: torch.device) -> None:
        if device.type != "cpu":
            raise InputError(f"the numba reducer reads tiles in the processor's memory, not on {device}.")
        self._kernel = import_module("logitscope.readout.reducing_kernel")

    def add(self, state: State, tile: Tile, sums: Sums) -> None:
        kernel, top = self._kernel, state.top
        k = sums.k if tile.n_real else 0
        what = kernel.NORMALISER if sums.normaliser or k else 0
        what |= kernel.MOMENTS if sums.moments else 0
        counts = sums.counts and tile.thresholds is not None
        what |= kernel.COUNTS if counts else 0
        references = [c.logits.numpy() for c in tile.compared] if sums.normaliser else []
        references += [kernel.NO_REFERENCE] * (2 - len(references))
        kernel.add_tile(
            tile.logits.numpy(),
            tile.start,
            tile.n_real,
            what,
            *references,
            state.sums.numpy(),
            state.peaks.numpy(),
            state.targets.ids.numpy(),
            state.logit.numpy(),
            (tile.thresholds if counts else state.logit).numpy(),  # type: ignore[union-attr]
            state.greater.numpy(),
            top.logits[:, :k].numpy(),
            top.ids[:, :k].numpy(),
            state.n_seen,
            top.filled,
        )
        state.n_seen += tile.logits.shape[-1]
        top.filled = min(top.logits.shape[1], top.filled + tile.n_real)

    def bin(self, histogram: Histogram, tile: Tile) -> None:
        self._kernel.bin_tile(
            tile.logits.numpy(),
            tile.start,
            tile.n_real,
            histogram.mean.flatten().numpy(),
            histogram.scale.flatten().numpy(),
            histogram.valid.flatten().numpy(),
            histogram.flat_counts.numpy(),
            histogram.flat_samples.numpy(),
        )
