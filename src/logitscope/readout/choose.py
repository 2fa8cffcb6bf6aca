"""Which reducer reads what: Triton's on CUDA, the compiled one where it is worth loading, plain torch everywhere else.

All of them say the same but for the last bits. Loading the compiled one takes half a second of processor time (five,
the first time on a machine) and 100 MiB of code, so a small readout does without until a large one has come along.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING

import torch

from logitscope.readout.numba_reducer import NumbaReducer, has_numba
from logitscope.readout.torch_reducer import TorchReducer
from logitscope.readout.triton_reducer import TritonReducer, has_triton

if TYPE_CHECKING:
    from logitscope.readout.reducer import Reducer

__all__ = ["prepare", "suitable"]

_WORTHWHILE = 48 << 20
"""Logits, all read once: there the compiled reducer saves about 8 ns of each, as measured on one core of an EPYC."""

_HISTOGRAMS_COUNT = 4
"""Where logits are binned too it saves as many times as much."""


def suitable(device: torch.device, n_logits: int, histogram: bool) -> Callable[[torch.device], Reducer]:
    """What makes a reducer for a readout of this size.

    Once the compiled one is loaded every later readout has it, so two equal readouts may differ in their last bits if
    the first large one of the process lies between them.

    Args:
        device: of the head.
        n_logits: that are to be read.
        histogram: whether they are binned too.
    """
    if device.type == "cuda" and has_triton():
        return TritonReducer
    if device.type != "cpu":
        return TorchReducer
    if n_logits * (_HISTOGRAMS_COUNT if histogram else 1) >= _WORTHWHILE:
        prepare()
    return NumbaReducer if _kernel.state == "loaded" else TorchReducer


def prepare() -> bool:
    """Loads the compiled reducer for all later readouts; for programs that run long, and from any thread.

    Returns:
        Whether it is there. Where numba is not installed nothing happens; where it does not work, a warning says why.
    """
    with _loading:
        if _kernel.state == "untried":
            _kernel.state = _load() if has_numba() else "missing"
    return _kernel.state == "loaded"


class _Kernel:
    state = "untried"


_kernel, _loading = _Kernel(), Lock()


def _load() -> str:
    try:
        import_module("logitscope.readout.reducing_kernel")
    except Exception as error:  # noqa: BLE001 -- whatever keeps numba from working, torch does the same
        said = " ".join(str(error).split())
        warnings.warn(f"numba is installed but does not work here, so readouts are slower: {said}", stacklevel=3)
        return "broken"
    return "loaded"
