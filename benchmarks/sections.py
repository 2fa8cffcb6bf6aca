"""What is measured, in parts that can be run by themselves: contests, growth, drawing, and the colleagues' scripts.

Budgets are seconds on two cores; together they stay under twenty-five minutes, `quick` ones under five.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contest import Cell, Contest, hold
from benchmarks.processes import Stable
from benchmarks.shapes import SHAPES
from benchmarks.tasks import OWN

__all__ = ["SECTIONS", "Section", "run_section"]

OURS = ("logitscope", "logitscope-torch")
FREE = ("recipe", "nnsight")
STORING = ("transformer-lens", "tuned-lens", "concatenated")
OTHERS = ("nnsight", *STORING)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Section:
    """A part of the measurement.

    Attributes:
        name: on the command line and in the file.
        words: its heading.
        contest: what contestants do in turn, or None.
        script: else a module that prints one JSON object when called with `--json`.
        quick: whether it belongs to the quick form, which measures it with one round or with `--quick`.
    """

    name: str
    words: str
    contest: Contest | None = None
    script: str = ""
    quick: bool = True


def _cells(*groups: tuple[Sequence[str], str], subblocks: Sequence[str] = ()) -> tuple[Cell, ...]:
    """The floor, then every contestant of a group at each of its tasks; some also with the stages after attention."""
    cells = [Cell("floor", "forward"), Cell("floor", "products")]
    cells += [Cell(entrant, task) for names, tasks in groups for entrant in names for task in tasks]
    if subblocks:
        cells += [Cell("floor", "products", True), *(Cell(entrant, "C", True) for entrant in subblocks)]
    return tuple(cells)


def _own(cells: tuple[Cell, ...], *names: str) -> tuple[Cell, ...]:
    return (*cells, *(Cell(name, OWN) for name in names))


SECTIONS = {
    section.name: section
    for section in (
        Section(
            "gpt2-128",
            "GPT-2 small, 128 tokens",
            Contest(
                SHAPES["gpt2"],
                128,
                _own(
                    _cells(
                        (OURS, "ABCH"),
                        (("recipe",), "ABCH"),
                        (("nnsight",), "ABC"),
                        (STORING, "ABC"),
                        subblocks=(*OURS, "recipe", "transformer-lens"),
                    ),
                    *OTHERS,
                ),
                budget=270,
            ),
        ),
        Section(
            "gpt2-1024",
            "GPT-2 small, 1,024 tokens",
            Contest(SHAPES["gpt2"], 1024, _cells((OURS, "AC"), (FREE, "AC"), (STORING, "C")), rounds=2, budget=210),
            quick=False,
        ),
        Section(
            "gpt2-xl-128",
            "GPT-2 XL's width, 128 tokens",
            Contest(SHAPES["gpt2-xl"], 128, _cells((OURS, "AC"), (FREE, "AC"), (STORING, "C")), budget=100),
            quick=False,
        ),
        Section(
            "128k-128",
            "a vocabulary of 128,256, 128 tokens",
            Contest(SHAPES["128k"], 128, _cells((OURS, "AC"), (FREE, "AC"), (STORING, "C")), budget=90),
            quick=False,
        ),
        Section(
            "tales-128",
            "embedded:tales, 128 tokens",
            Contest(SHAPES["tales"], 128, _cells((OURS, "ABC"), (FREE, "ABC"), (STORING, "ABC")), rounds=5, budget=45),
        ),
        Section("floor", "the readout alone, beside the products alone", script="benchmarks.floors"),
        Section("growth", "growth over tokens, stages and vocabulary", script="benchmarks.growth"),
        Section("drawing", "drawing", script="benchmarks.drawing"),
        Section("start-up", "loading and start", script="benchmarks.start_up"),
        Section("prefix", "live typing", script="benchmarks.prefix_reuse", quick=False),
        Section("site", "the static site in a browser", script="benchmarks.site"),
        Section("scene", "the walkthrough's scene in a browser", script="benchmarks.scene_frames", quick=False),
    )
}


def run_section(section: Section, stable: Stable, scratch: Path, say: Say, *, quick: bool = False) -> dict[str, Any]:
    """Measure one part; plain data comes back."""
    if section.contest is not None:
        contest = section.contest
        if quick:
            contest = Contest(contest.shape, contest.n_tokens, _fewer(contest.cells), rounds=1, budget=0)
        return {"words": section.words, "contest": hold(contest, stable, scratch, say)}
    return {"words": section.words, **run_script(section.script, say, quick=quick)}


def _fewer(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if cell.task in ("A", "C", "forward", "products") and not cell.subblocks)


def run_script(module: str, say: Say, *, quick: bool = False, seconds: float = 900.0) -> dict[str, Any]:
    """What a module prints as JSON, or what it prints; a line that says so where it is not there or fails."""
    path = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    if not path.exists():
        return {"note": f"{path.name} is not there yet."}
    # A script that knows neither option is taken as it speaks.
    for arguments in (["--json", *(["--quick"] if quick else [])], ["--json"], []):
        command = [sys.executable, "-m", module, *arguments]
        try:
            done = subprocess.run(
                command, cwd=path.parents[1], capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return {"note": f"{path.name} took more than {seconds:.0f} s."}
        if "unrecognized arguments" not in done.stderr:
            break
    if done.returncode:
        note = f"{path.name} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        say(f"  {note}")
        return {"note": note}
    try:
        return {"data": json.loads(done.stdout)}
    except json.JSONDecodeError:
        return {"text": done.stdout}
