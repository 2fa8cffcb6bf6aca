"""`readout_floor` as a section of the measurement: readout beside products at GPT-2 small's shape, random vectors.

python -m benchmarks.floors --json
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain

from benchmarks.readout_floor import FloorRow, rows
from benchmarks.report import table

MIB = 1 << 20
HEADINGS = ("tokens", "stages", "histogram", "products", "readout", "÷ products", "by processor time", "peak MiB",
            "of that results", "error")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for the file of results")
    parser.add_argument("--quick", action="store_true", help="128 tokens only")
    options = parser.parse_args()
    if options.quick:
        measured = rows((128,), (13,), (False,), rounds=2)
    else:
        measured = chain(
            rows((128,), rounds=3),
            rows((1024,), (13,), rounds=2),
            rows((1024,), (25,), (False,), rounds=2),
        )
    found = [drawn(row) for row in measured]
    if options.json:
        note = "Seconds of the readout alone, all statistics; the faster of two ways to the products is the floor."
        json.dump({"tables": [{"headings": HEADINGS, "rows": found}], "notes": [note]}, sys.stdout)
    else:
        print(table(HEADINGS, found))


def drawn(row: FloorRow) -> list[str]:
    return [
        f"{row.positions:,}",
        str(row.stages),
        "yes" if row.histogram else "no",
        f"{row.products_s:.3f}",
        f"{row.readout_s:.3f}",
        f"{row.ratio:.2f}",
        f"{row.cpu_ratio:.2f}",
        "" if row.peak_bytes is None else f"{row.peak_bytes / MIB:.0f}",
        f"{row.results_bytes / MIB:.1f}",
        f"{max(row.logprob_error, row.kl_error):.1e}",
    ]


if __name__ == "__main__":
    main()
