"""Rounds in which all contestants do the same work in turn, so that a slow minute of the machine slows all of them.

Every cell of the result is one contestant at one task: its times (the least of them counts), its peak memory above the
loaded model, and its worst errors against float64. Knows neither tables nor files.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.error import Judge
from benchmarks.processes import CONTESTANTS, Absent, Entrant, Stable, versions
from benchmarks.shapes import Shape, folder_of, ids_of

__all__ = ["Cell", "Contest", "hold"]

_POSITIONS = 5
"""At how many positions results are compared with float64; the reference is slow."""

_AGAIN = {"forward": 2, "products": 1}
"""How often more than once a round: what all others are compared with must not have met a slow moment."""


@dataclass(frozen=True)
class Cell:
    """One contestant at one task."""

    entrant: str
    task: str
    subblocks: bool = False


@dataclass(frozen=True)
class Contest:
    """What is measured together.

    Attributes:
        shape: of the model.
        n_tokens: of the text.
        cells: in the order in which each round goes through them.
        rounds: at most.
        budget: seconds after which no further round is begun, nor a cell measured again.
    """

    shape: Shape
    n_tokens: int
    cells: tuple[Cell, ...]
    rounds: int = 3
    budget: float = 240.0


def hold(contest: Contest, stable: Stable, scratch: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a contest.

    Args:
        contest: what is measured.
        stable: the contestants' processes.
        scratch: where models are kept from one contest to the next.
        say: is told how it goes, a line at a time.

    Returns:
        Plain data: the shape, and for each cell its times, peaks, errors, or the line that says why it is empty.
    """
    started = time.perf_counter()
    shape, n_tokens = contest.shape, contest.n_tokens
    ids = ids_of(shape, n_tokens)
    model = folder_of(shape, scratch)
    results = {cell: _empty(cell, contest) for cell in contest.cells}
    loaded: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        judging = _Judging(Path(folder), ids, stable, model)
        for number in range(contest.rounds):
            for cell, result in results.items():
                late = time.perf_counter() - started > contest.budget
                if result["note"] or (number and late):
                    continue
                entrant = CONTESTANTS[cell.entrant]
                needs = entrant.expected_bytes(shape.n_stages(cell.subblocks), n_tokens, shape.n_vocab)
                order = {"run": cell.task, "ids": ids, "subblocks": cell.subblocks}
                try:
                    if number == 0:
                        # Libraries take memory, compile and think at their first use of a task.
                        stable.ask(entrant, model, order | {"ids": ids[:8]}, needs)
                        loaded[entrant.name] = stable.loaded(entrant)
                        reply = judging.ask(entrant, order, needs, result)
                    else:
                        reply = stable.ask(entrant, model, order, needs)
                    replies = [
                        reply,
                        *(stable.ask(entrant, model, order, needs) for _ in range(_AGAIN.get(cell.task, 0))),
                    ]
                except Absent as problem:
                    result["note"] = str(problem)
                    say(f"  {problem}")
                    continue
                for reply in replies:
                    result["seconds"].append(reply["seconds"])
                    result["peaks"].append(reply["peak"])
                    for part, seconds in reply["parts"].items():
                        result["parts"].setdefault(part, []).append(seconds)
                say(f"  {number + 1}: {entrant.label}, {cell.task}: {min(r['seconds'] for r in replies):.2f} s")
    return {
        "shape": {"name": shape.name, "words": shape.words, "d_model": shape.d_model, "n_vocab": shape.n_vocab},
        "n_tokens": n_tokens,
        "cells": list(results.values()),
        "loaded": loaded,
        "versions": {name: found for name in loaded if (found := versions(CONTESTANTS[name]))},
        "took": time.perf_counter() - started,
    }


def _empty(cell: Cell, contest: Contest) -> dict[str, Any]:
    return {
        "entrant": cell.entrant,
        "label": CONTESTANTS[cell.entrant].label,
        "task": cell.task,
        "subblocks": cell.subblocks,
        "n_stages": contest.shape.n_stages(cell.subblocks),
        "seconds": [],
        "peaks": [],
        "parts": {},
        "errors": {},
        "note": "",
    }


class _Judging:
    """Lets a contestant keep its results once, and compares them with float64; no reference is computed twice."""

    def __init__(self, folder: Path, ids: Sequence[int], stable: Stable, model: Path) -> None:
        self._folder, self._stable, self._model = folder, stable, model
        self._ids = list(ids)
        self._positions = sorted({round(p) for p in np.linspace(0, len(ids) - 1, _POSITIONS)})
        self._judges: dict[str, Judge] = {}
        self._of: dict[tuple[str, bool], Judge | None] = {}

    def ask(self, entrant: Entrant, order: dict[str, Any], needs: float, result: dict[str, Any]) -> dict[str, Any]:
        path = self._folder / "arrays.npz"
        reply = self._stable.ask(
            entrant, self._model, order | {"arrays": str(path), "positions": self._positions}, needs
        )
        judge = self._judge(entrant, order["subblocks"], needs)
        if judge is not None:
            with np.load(path) as arrays:
                result["errors"] = judge.errors(arrays)
        return reply

    def _judge(self, entrant: Entrant, subblocks: bool, needs: float) -> Judge | None:
        key = entrant.name, subblocks
        if key not in self._of:
            path = self._folder / "source.npz"
            order = {"source": str(path), "ids": self._ids, "subblocks": subblocks, "positions": self._positions}
            self._stable.ask(entrant, self._model, order, needs)
            with np.load(path) as found:
                source = dict(found)
            self._of[key] = self._known(source) if source else None
        return self._of[key]

    def _known(self, source: dict[str, np.ndarray]) -> Judge:
        digest = hashlib.sha256()
        for array in source.values():
            digest.update(np.ascontiguousarray(array).data)
        key = digest.hexdigest()
        if key not in self._judges:
            self._judges[key] = Judge(source, self._ids, self._positions)
        return self._judges[key]
