"""Writes what the front end's types are made of: `python -m logitscope.server.publish FOLDER`.

`openapi.json` is this server's schema, `statistics.json` the numeric contract. A test of the repository fails when the
files in `web/src/contract` are not these. Needs no model to be loaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from logitscope.server.app import describe as openapi
from logitscope.trace.statistics import BINS, DERIVED, SAMPLES_PER_BIN, STATISTICS

__all__ = ["main", "openapi", "statistics"]


def statistics() -> dict[str, Any]:
    """Names, units, types and axes of everything that a trace holds, and of what is derived from it."""
    return {
        "bins": BINS,
        "samples_per_bin": SAMPLES_PER_BIN,
        "statistics": [
            {"name": s.name, "unit": s.unit, "dtype": s.dtype, "axes": list(s.axes), "help": s.help}
            for s in STATISTICS.values()
        ],
        "derived": [{"name": d.name, "unit": d.unit, "source": d.source, "help": d.help} for d in DERIVED.values()],
    }


def main(folder: str) -> None:
    """Writes both files."""
    for name, content in {"openapi": openapi(), "statistics": statistics()}.items():
        Path(folder, f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
