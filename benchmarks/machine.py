"""What a measurement was made on: processor, cores, threads, memory, versions. Never who or where."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cores", "describe", "slug", "threads"]

_PACKAGES = ("logitscope", "torch", "transformers", "numpy", "numba", "triton", "matplotlib")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """How many threads every contestant gets: one for each processor, or as OMP_NUM_THREADS says."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else cores()


def describe() -> dict[str, object]:
    """The machine and the libraries, as they stand beside every table."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "threads": threads(),
        "memory_bytes": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "instructions": _instructions(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def slug(machine: dict[str, object]) -> str:
    """A name for a file: the processor and its cores."""
    words = re.sub(r"\(.*?\)|processor|cpu|@.*", "", str(machine["processor"]), flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", f"{words} {machine['cores']} cores".lower()).strip("-")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpuinfo(field: str) -> str | None:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), None)


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _instructions() -> str:
    """The widest vectors that the processor has."""
    flags = set((_cpuinfo("flags") or "").split())
    names = {"avx512f": "AVX-512", "avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX"}
    return ", ".join(name for flag, name in names.items() if flag in flags) or ("AVX2" if "avx2" in flags else "")


def _memory() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
