"""From the file of measurements to the tables of docs/speed.md; nothing in them is typed.

    python -m benchmarks.report              the table
    python -m benchmarks.report --docs       put it, and the pictures, where docs/speed.md has them
    python -m benchmarks.report FILE

The least of the times counts: what disturbs a run only ever makes it longer. `spread` says by how much the others were.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import FOLDER, read
from benchmarks.tasks import OWN

__all__ = ["report", "rows_of", "table", "with_tables"]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
PICTURE = ROOT / "docs" / "pictures" / "growth.png"

MIB = 1 << 20
_COUNTS = ("next_rank", "final_rank", "input_rank")
_HEADINGS = (
    "task",
    "who",
    "seconds",
    "readout",
    "÷ products",
    "÷ Logitscope",
    "peak MiB",
    "error",
    "ranks off",
    "spread",
)

Row = tuple[str, ...]


def report(whole: Mapping[str, Any], *, pictures: bool = False) -> str:
    """Everything that was measured, as Markdown that can be read in a terminal too, where pictures are of no use."""
    parts = [_machine(whole["machine"])] if whole["machine"] else ["Nothing has been measured yet: make bench."]
    for section in whole["sections"].values():
        parts.append(f"### {_heading(section)}")
        if "note" in section:
            parts.append(section["note"])
        elif "contest" in section:
            parts += [table(_HEADINGS, rows_of(section["contest"])), *_notes(section["contest"])]
        elif "data" in section:
            parts += [table(t["headings"], t["rows"]) for t in section["data"].get("tables", [])]
            parts += section["data"].get("notes", [])
            if pictures and "points" in section["data"]:
                parts.append(
                    f"![Seconds and memory over tokens, stages and vocabulary]({PICTURE.relative_to(PAGE.parent)})"
                )
        else:
            parts.append("```text\n" + section["text"].strip() + "\n```")
    return "\n\n".join(parts) + "\n"


def rows_of(contest: Mapping[str, Any]) -> list[Row]:
    """One row for each contestant at each task, in groups that did the same work."""
    cells = [cell for cell in contest["cells"] if cell["seconds"]]
    forward = min((min(c["seconds"]) for c in cells if c["task"] == "forward"), default=None)
    rows: list[Row] = []
    groups = dict.fromkeys((c["task"], c["subblocks"], c["n_stages"]) for c in cells if c["entrant"] != "floor")
    for task, subblocks, n_stages in groups:
        products = _products(cells, subblocks)
        ours = next((_readout(c, forward) for c in cells if _is(c, "logitscope", task, subblocks)), None)
        same = [c for c in cells if c["task"] == task and c["subblocks"] == subblocks]
        name = f"{task}, {n_stages} stages" if subblocks or task == "A" else task
        if products is not None and task != OWN:
            share = _ratio(products, ours)
            floor = next(c for c in cells if _is(c, "floor", "products", subblocks))
            rows.append(
                (name, floor["label"], "", _seconds(products), "1.00", share, _mib(floor["peaks"]), "", "", _spread(
                    [min(times) for times in zip(*floor["parts"].values(), strict=True)]
                ))
            )  # fmt: skip
        for cell in same:
            readout = _readout(cell, forward)
            rows.append(
                (
                    name,
                    cell["label"],
                    _seconds(min(cell["seconds"])),
                    _seconds(readout),
                    "" if task == OWN else _ratio(readout, products),
                    "" if task == OWN else _ratio(readout, ours),
                    _mib(cell["peaks"]),
                    _error(cell["errors"]),
                    _ranks(cell["errors"]),
                    _spread(cell["seconds"]),
                )
            )
    return rows


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table whose columns stand under each other."""
    lines = [list(map(str, headings)), *([str(value) for value in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    words = [i for i in range(len(widths)) if any(re.search("[A-Za-z]{3}", line[i]) for line in lines[1:])]

    def drawn(line: list[str]) -> str:
        cells = (v.ljust(w) if i in words else v.rjust(w) for i, (v, w) in enumerate(zip(line, widths, strict=True)))
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i in words else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([drawn(lines[0]), rule, *map(drawn, lines[1:])])


def with_tables(page: str, whole: Mapping[str, Any]) -> str:
    """A page with what stands between its two marks replaced by the report.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    if not 0 <= page.find(begin) < page.find(end):
        raise ValueError(f"the page has no {begin} … {end} to put the tables between.")
    head, tail = page[: page.index(begin) + len(begin)], page[page.index(end) :]
    return f"{head}\n\n{report(whole, pictures=True)}\n{tail}"


def _is(cell: Mapping[str, Any], entrant: str, task: str, subblocks: bool) -> bool:
    return bool(cell["entrant"] == entrant and cell["task"] == task and cell["subblocks"] == subblocks)


def _products(cells: Iterable[Mapping[str, Any]], subblocks: bool) -> float | None:
    """The faster of the two ways through all products."""
    found = [c["parts"] for c in cells if _is(c, "floor", "products", subblocks) and c["parts"]]
    return min((min(times) for parts in found for times in parts.values()), default=None)


def _readout(cell: Mapping[str, Any], forward: float | None) -> float | None:
    """What a cell took beyond the plain model's forward pass."""
    return None if forward is None else max(0.0, min(cell["seconds"]) - forward)


def _heading(section: Mapping[str, Any]) -> str:
    contest = section.get("contest")
    if contest is None:
        return str(section["words"])
    shape = contest["shape"]
    return (
        f"{shape['words']}: d = {shape['d_model']:,}, vocabulary {shape['n_vocab']:,}, {contest['n_tokens']:,} tokens"
    )


def _machine(machine: Mapping[str, Any]) -> str:
    memory = "" if machine.get("memory_bytes") is None else f", {machine['memory_bytes'] / 2**30:.0f} GiB"
    instructions = f" ({machine['instructions']})" if machine.get("instructions") else ""
    libraries = ", ".join(f"{name} {number}" for name, number in machine.get("versions", {}).items())
    return (
        f"{machine['processor']}{instructions}, {machine['cores']} cores{memory}, {machine['threads']} threads for "
        f"everybody; {machine['system']}, Python {machine['python']}, {libraries}."
    )


def _notes(contest: Mapping[str, Any]) -> list[str]:
    """Why cells are empty, once each; rounds; what the tools' environments hold."""
    absent = dict.fromkeys(cell["note"] for cell in contest["cells"] if cell["note"])
    lines = [f"Left out: {note}" for note in absent]
    rounds = sorted({len(cell["seconds"]) for cell in contest["cells"] if cell["seconds"]})
    if rounds:
        lines.append(f"Rounds: {'–'.join(map(str, dict.fromkeys((rounds[0], rounds[-1]))))}.")
    versions = "; ".join(
        ", ".join(f"{package} {number}" for package, number in found.items())
        for found in contest.get("versions", {}).values()
    )
    return ["\n".join(lines)] + ([f"Environments: {versions}."] if versions else [])


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _ratio(value: float | None, by: float | None) -> str:
    return "" if value is None or not by else f"{value / by:.2f}"


def _mib(peaks: Iterable[int | None]) -> str:
    known = [peak for peak in peaks if peak is not None]
    return f"{max(known) / MIB:,.0f}" if known else ""


def _worst(errors: Mapping[str, float | None], wanted: Callable[[str], bool]) -> float | None:
    """NaN where some number is missing, or is there where none should be."""
    found = [np.nan if value is None else value for name, value in errors.items() if wanted(name)]
    return float(np.max(found)) if found else None


def _error(errors: Mapping[str, float | None]) -> str:
    worst = _worst(errors, lambda name: name not in (*_COUNTS, "histogram"))
    return "" if worst is None else f"{worst:.1e}"


def _ranks(errors: Mapping[str, float | None]) -> str:
    worst = _worst(errors, lambda name: name in _COUNTS)
    return "" if worst is None else f"{worst:.0f}"


def _spread(seconds: list[float]) -> str:
    return f"+{(max(seconds) / min(seconds) - 1) * 100:.0f} %" if len(seconds) > 1 else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", help="of benchmarks/results; the newest by default")
    parser.add_argument("--docs", action="store_true", help="write docs/speed.md and its pictures")
    options = parser.parse_args()
    files = sorted(FOLDER.glob("*cores.json"), key=lambda path: path.stat().st_mtime)
    path = options.file or (files[-1] if files else None)
    if path is None or not path.exists():
        print("Nothing has been measured yet: make bench.", file=sys.stderr)
        return 1
    whole = read(path)
    if not options.docs:
        print(report(whole))
        return 0
    PAGE.write_text(with_tables(PAGE.read_text(), whole))
    growth = whole["sections"].get("growth", {}).get("data")
    if growth:
        from benchmarks.growth import draw

        draw(growth["points"], PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
