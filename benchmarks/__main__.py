"""The measurement as one command: `make bench`, or python -m benchmarks [--quick] [--sections NAMES] [--resume].

Sections write into one file as soon as they are known, so a run that was stopped goes on with `--resume`. At the end
the table is printed; docs/speed.md is made from the same file by python -m benchmarks.report.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.environments import PEERS, python_of
from benchmarks.machine import describe, slug
from benchmarks.processes import Stable
from benchmarks.report import report
from benchmarks.results import FOLDER, keep, path_for, read
from benchmarks.sections import SECTIONS, run_section

SCRATCH = Path(__file__).parents[1] / ".peers" / "models"


def main(arguments: list[str] | None = None) -> int:
    options = _options().parse_args(arguments)
    names = options.sections.replace(",", " ").split() or [
        section.name for section in SECTIONS.values() if section.quick or not options.quick
    ]
    if unknown := [name for name in names if name not in SECTIONS]:
        print(f"{unknown[0]!r} is no section. There are {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    machine = describe()
    # A quick run shows how things stand; it never replaces what was measured with care.
    path = path_for(slug(machine) + ("-quick" if options.quick else ""), options.results)
    known = read(path)["sections"]
    missing = [peer for peer in PEERS if python_of(peer) is None]
    if missing:
        _say(f"Not installed, and left out: {', '.join(missing)}. make bench-peers installs them.")
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with Stable(options.seconds_per_run, SCRATCH / "contestants.log") as stable:
        for name in names:
            if options.resume and name in known:
                _say(f"{name}: measured before")
                continue
            _say(f"{name}: {SECTIONS[name].words}")
            started = time.perf_counter()
            found = run_section(SECTIONS[name], stable, SCRATCH, _say, quick=options.quick)
            keep(path, machine, name, found)
            _say(f"{name}: took {time.perf_counter() - started:.0f} s")
    print(report(read(path)))
    _say(f"written to {path}")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer shapes, one round, into a file of its own")
    parser.add_argument("--sections", default="", help=f"some of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--resume", action="store_true", help="leave out what stands in the file")
    parser.add_argument("--results", type=Path, default=FOLDER, help="the folder of the file")
    parser.add_argument("--seconds-per-run", type=float, default=300.0, help="a contestant that takes longer is out")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
