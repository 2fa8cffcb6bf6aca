"""What is kept for open pages between their requests: bounded in number and bytes, forgotten when a page falls silent.

Knows neither pages nor models: an owner is a name, and what is kept for it says how many bytes it takes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["Memories", "Sized"]


class Sized(Protocol):
    """Something that says how large it is now."""

    @property
    def n_bytes(self) -> int:
        """What it keeps."""
        ...


Kept = TypeVar("Kept", bound=Sized)


@dataclass
class _Entry(Generic[Kept]):
    kept: Kept
    used: float
    n_bytes: int = 0


class Memories(Generic[Kept]):
    """One thing for each owner, the longest unused forgotten first.

    What is in use while it is forgotten stays whole for its user; it is only not found again.

    Args:
        most: owners.
        n_bytes: what all of it may take together.
        seconds: after which an owner who asks for nothing is forgotten.
        clock: seconds from somewhere.
    """

    def __init__(self, most: int, n_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._limit = n_bytes
        self._seconds = seconds
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry[Kept]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def n_bytes(self) -> int:
        """What all of it took when each was last given back."""
        with self._lock:
            return sum(entry.n_bytes for entry in self._entries.values())

    @contextmanager
    def lent(self, owner: Hashable, make: Callable[[], Kept]) -> Iterator[Kept]:
        """What is kept for an owner, made if there is nothing; measured when it is given back.

        An owner has one user at a time.
        """
        with self._lock:
            entry = self._entries.get(owner)
        if entry is None:
            entry = _Entry(make(), self._clock())  # may take a while, and others need not wait for it
            with self._lock:
                self._entries[owner] = entry
        try:
            yield entry.kept
        finally:
            with self._lock:
                entry.used, entry.n_bytes = self._clock(), entry.kept.n_bytes
                if self._entries.get(owner) is entry:
                    self._entries.move_to_end(owner)
            self.tidy()

    def tidy(self) -> None:
        """Forgets who has been silent for too long, then the longest unused until the rest fits."""
        with self._lock:
            now = self._clock()
            for owner in [o for o, entry in self._entries.items() if now - entry.used > self._seconds]:
                del self._entries[owner]
            total = sum(entry.n_bytes for entry in self._entries.values())
            while self._entries and (total > self._limit or len(self._entries) > self._most):
                _, entry = self._entries.popitem(last=False)
                total -= entry.n_bytes

    def owners(self) -> list[Hashable]:
        """Those for whom something is kept, the longest unused first."""
        with self._lock:
            return list(self._entries)

    def forget(self, owner: Hashable) -> None:
        """Forgets one, if there is anything."""
        with self._lock:
            self._entries.pop(owner, None)

    def clear(self) -> None:
        """Forgets everyone."""
        with self._lock:
            self._entries.clear()
