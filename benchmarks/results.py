"""The file that measurements are kept in: one for each machine, a part for each section, written when it is known.

Knows nothing of what the sections hold.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "keep", "path_for", "read"]

FOLDER = Path(__file__).parent / "results"
VERSION = 1


def path_for(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"{name}.json"


def read(path: Path) -> dict[str, Any]:
    """What is known so far; an empty result where nothing is."""
    if not path.exists():
        return {"version": VERSION, "machine": {}, "sections": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    if found.get("version") != VERSION:
        raise ValueError(f"{path} has version {found.get('version')}; this script reads {VERSION}. Move it away.")
    return found


def keep(path: Path, machine: dict[str, object], name: str, section: dict[str, Any]) -> dict[str, Any]:
    """Put one section into the file, in place of what stood there of it; the others stay. Returns the whole."""
    whole = read(path)
    whole["machine"] = machine
    stamped = {"measured": datetime.now(UTC).date().isoformat(), "versions": machine.get("versions"), **section}
    whole["sections"][name] = _finite(stamped)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever stops the run in the middle keeps what was measured before.
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    draft.replace(path)
    return whole


def _finite(value: Any) -> Any:
    """The same data with null for what is no number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
