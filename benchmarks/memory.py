"""What a process holds and what it held at most, as the Linux kernel counts it; elsewhere memory is not measured.

Runs in every contestant's own environment: nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

__all__ = ["Peak", "available", "held", "release"]

_STATUS = Path("/proc/self/status")


def release() -> None:
    """Give back what was freed, or else it would count as held before and hide as much of the peak."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def held(field: str = "VmRSS") -> int | None:
    """Bytes that the process holds now; `VmHWM` for the most since the last reset. None where nobody counts."""
    return _line(_STATUS, field)


def available() -> int | None:
    """Bytes that could be taken without swapping."""
    return _line(Path("/proc/meminfo"), "MemAvailable")


class Peak:
    """The most memory that a `with` block held above what was held before it, in bytes; None where nobody counts."""

    above: int | None = None

    def __enter__(self) -> Peak:
        release()
        self._before = held()
        if self._before is not None:
            # See proc(5), /proc/pid/clear_refs: 5 resets the high-water mark.
            Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *_: object) -> None:
        most = held("VmHWM")
        if self._before is not None and most is not None:
            self.above = most - self._before


def _line(path: Path, field: str) -> int | None:
    if not path.exists():
        return None
    found = (line.split() for line in path.read_text().splitlines() if line.startswith(f"{field}:"))
    return next((int(words[1]) * 1024 for words in found), None)
