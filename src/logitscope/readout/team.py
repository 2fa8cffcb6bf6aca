"""Several blocks at once, on the threads that torch already has.

A second pool of threads beside torch's own makes both slower than one: after each product OpenMP's threads spin for a
few milliseconds, and whatever else wants to run waits for them. So work is given to torch's own team, by the function
that compilers call for a parallel region. Inside one, torch and its matrix library run every operation on the thread
that called it: each member multiplies and reduces its own block, and nobody waits for anybody until all is done.

Where torch runs on something else than GNU's or LLVM's OpenMP, there is no team and the caller works alone, with
torch's operations on several threads as ever. Knows nothing of what the work is.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import torch

__all__ = ["n_members", "together"]

Task = TypeVar("Task")

_REGION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def n_members() -> int:
    """How many threads torch would use here, if they can be given work; else 1."""
    n = torch.get_num_threads()
    return n if n > 1 and _openmp() is not None else 1


def together(n: int, tasks: Iterable[Task], member: Callable[[], Callable[[Task], None]]) -> None:
    """Shares tasks out among up to n threads, one of them the caller's; returns when all are done.

    Args:
        n: threads; with 1 this is a plain loop.
        tasks: each is done once, by whoever is free next, in this order.
        member: called once on each thread, and gives what that thread does with a task.

    Raises:
        BaseException: the first one raised on any thread; no task is begun after it.
    """
    lock, source = Lock(), iter(tasks)
    failed: list[BaseException] = []
    nothing = object()

    def work(_: object = None) -> None:
        try:
            do = member()
            while True:
                with lock:
                    task: Any = nothing if failed else next(source, nothing)
                if task is nothing:
                    return
                do(task)
        except BaseException as error:  # noqa: BLE001 -- nothing may leave a parallel region; it is raised below
            failed.append(error)

    openmp = _openmp() if n > 1 else None
    if openmp is None:
        work()
    else:
        openmp.GOMP_parallel(_REGION(work), None, n, 0)
    if failed:
        raise failed[0]


@cache
def _openmp() -> Any:
    """The OpenMP library that torch was loaded with, if it can be asked to open a region."""
    if sys.platform != "linux" or not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        return None
    try:
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line}
    except OSError:
        return None
    home = Path(torch.__file__).parent
    found = [path for path in sorted(loaded) if Path(path).name.startswith(("libgomp", "libiomp5", "libomp"))]
    # Two of them in one process have two teams; only torch's own is of use.
    found = [path for path in found if Path(path).is_relative_to(home)] or found
    if len(found) != 1:
        return None
    try:
        library = ctypes.CDLL(found[0])
        library.GOMP_parallel.argtypes = [_REGION, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        library.GOMP_parallel.restype = None
    except (OSError, AttributeError):
        return None
    return library
