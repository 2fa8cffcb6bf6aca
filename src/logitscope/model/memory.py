"""Memory of a large forward pass given back to the system, while it runs and after it.

The C library keeps what a pass frees, in pieces between which later tensors do not fit: capturing 1,024 tokens at 25
stages of GPT-2 small's shape peaked at 200 to 235 MiB above the model, and a whole trace at up to 520, by chance. With
every large tensor mapped on its own it is 140 to 150, for half a second more in the pass. Knows no model.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["LARGE", "give_back", "mapped"]

LARGE = 16 << 20
"""Bytes of captured vectors from which the pass that made them was large."""


_M_MMAP_THRESHOLD = -3
_EACH_ON_ITS_OWN = 1 << 20
_AT_MOST = 32 << 20
"""Where glibc's own, moving threshold ends up in a process that works with large tensors."""


@contextmanager
def mapped(n_bytes: int) -> Iterator[None]:
    """For a pass that will leave so many bytes: each large tensor goes back to the system as soon as it is freed."""
    option = _glibc("mallopt") if n_bytes >= LARGE else None
    if option is None:
        yield
        return
    option(_M_MMAP_THRESHOLD, _EACH_ON_ITS_OWN)
    try:
        yield
    finally:
        option(_M_MMAP_THRESHOLD, _AT_MOST)


def give_back(n_bytes: int) -> None:
    """Gives freed memory back after a pass that left so many bytes, where that is much and the C library can."""
    if n_bytes >= LARGE and (trim := _glibc("malloc_trim")) is not None:
        trim(0)


@cache
def _glibc(name: str) -> Callable[..., int] | None:
    """A function that only glibc has."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), name, None)
