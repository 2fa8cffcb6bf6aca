"""The reducer for CUDA: hands a tile and a state's arrays to the Triton kernels, two launches at most and no waiting.

Nothing here asks the device for a number, so the processor runs ahead and the device is never idle between tiles.
Imports triton when the first one is made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.readout.reducer import Reducer

if TYPE_CHECKING:
    from logitscope.readout.histogram import Histogram
    from logitscope.readout.request import Sums
    from logitscope.readout.state import State
    from logitscope.readout.tile import Tile

__all__ = ["TritonReducer", "has_triton"]

STAGES_AT_ONCE, COLUMNS_AT_ONCE, WARPS = 2, 512, 4
"""What one program holds in registers: with twice the stages it needs twice the registers and half as many run."""

_LEAST_K, _LEAST_TARGETS = 16, 4
"""Lists are padded to these or the next power of two: kernels are compiled for lengths that differ by a factor only."""


def has_triton() -> bool:
    """Whether triton is installed and can compile, for which it asks a C compiler; it is not imported to find out."""
    compilers = (os.environ.get("CC"), "cc", "gcc", "clang")
    # On Windows it brings its own.
    compiles = sys.platform == "win32" or any(which(name) for name in compilers if name)
    return compiles and find_spec("triton") is not None


class TritonReducer(Reducer):
    """One visit of the device to every row of a tile.

    Args:
        device: where the tiles are.
        stages: rows that one program reads; a power of two.
        columns: logits of a row that it reads at once; a power of two.

    Raises:
        InputError: the tiles are on a processor, and Triton's interpreter is not on.
    """

    scratch_tiles = 0

    def __init__(self, device: torch.device, stages: int = STAGES_AT_ONCE, columns: int = COLUMNS_AT_ONCE) -> None:
        self._kernels = import_module("logitscope.readout.triton_kernel")
        if device.type != "cuda" and not self._kernels.INTERPRETED:
            raise InputError(f"the Triton reducer reads tiles on a CUDA device, not on {device}.")
        self._nothing = torch.zeros(1, device=device)
        self._size = {"STAGES": stages, "COLUMNS": columns}

    def add(self, state: State, tile: Tile, sums: Sums) -> None:
        z, top = tile.logits, state.top
        n_stages, n_positions, n_columns = z.shape
        n_targets = len(state.targets.ids)
        k = sums.k if tile.n_real else 0
        counts = sums.counts and tile.thresholds is not None
        references = [c.logits for c in tile.compared] if sums.normaliser else []
        away = any(c.away for c in tile.compared) and bool(references)
        peaks = state.peaks
        if away:
            peaks = torch.maximum(peaks, torch.stack([c.peak for c in tile.compared]).double())
        self._launch(
            self._kernels.add_tile[_ceiling(n_stages, self._size["STAGES"]), n_positions],
            z,
            *(*references, self._nothing, self._nothing)[:2],
            state.sums,
            state.peaks,
            peaks,
            state.targets.ids,
            state.logit,
            self._nothing if tile.thresholds is None else tile.thresholds,
            state.greater,
            top.logits,
            top.ids,
            tile.start,
            n_stages,
            n_positions,
            n_columns,
            tile.n_real,
            n_targets,
            state.n_seen,
            top.filled,
            k,
            top.logits.shape[1],
            NORMALISER=sums.normaliser,
            MOMENTS=sums.moments,
            COUNTS=counts,
            REFERENCES=len(references),
            AWAY=away,
            TARGETS=_power(max(_LEAST_TARGETS, n_targets)),
            K=_power(max(_LEAST_K, k)) if k else 1,
            **self._size,
        )
        if away:
            state.peaks.copy_(peaks)
        state.n_seen += n_columns
        top.filled = min(top.logits.shape[1], top.filled + tile.n_real)

    def bin(self, histogram: Histogram, tile: Tile) -> None:
        n_rows, n_bins, n_samples = histogram.flat_samples.shape
        self._launch(
            self._kernels.bin_tile[n_rows,],
            tile.logits,
            histogram.mean.flatten(),
            histogram.scale.flatten(),
            histogram.valid.flatten(),
            histogram.flat_counts,
            histogram.flat_samples.view(torch.uint32),
            tile.start,
            tile.logits.shape[-1],
            tile.n_real,
            BINS=n_bins,
            SAMPLES=n_samples,
            COLUMNS=self._size["COLUMNS"],
        )

    @staticmethod
    def _launch(kernel: Callable[..., object], logits: Tensor, *arguments: object, **constants: object) -> None:
        """Where the tile is: Triton launches on the current device, which may be another one."""
        with torch.cuda.device_of(logits):  # type: ignore[no-untyped-call]
            kernel(logits, *arguments, **constants, num_warps=WARPS)


def _ceiling(n: int, by: int) -> int:
    return -(-n // by)


def _power(n: int) -> int:
    """The next power of two, or n itself."""
    return 1 << (n - 1).bit_length()
