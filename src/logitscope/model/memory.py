"""Freed memory given back to the system between a large forward pass and what comes after it.

The C library keeps what a pass frees, in pieces between which the readout's tiles do not fit: a trace of 1,024 tokens
at GPT-2 small's shape peaked at 190 to 520 MiB above the model, by chance, and at 150 to 205 MiB with this.
Knows no model.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

__all__ = ["LARGE", "give_back"]

LARGE = 16 << 20
"""Bytes of captured vectors from which the pass that made them was large."""


def give_back(n_bytes: int) -> None:
    """Gives freed memory back after a pass that left so many bytes, where that is much and the C library can."""
    if n_bytes >= LARGE and (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """malloc_trim(3), which only glibc has."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
