"""How time and memory grow with tokens, stages and vocabulary: the readout alone, on random vectors.

    python -m benchmarks.growth              a table
    python -m benchmarks.growth --json       the same for the file of results

Beside Logitscope stand the bare matrix products and the usual recipe, each with its memory; every point with its error.
Each point is the least of a few runs that were taken in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.contestants.statistics import every_stage
from benchmarks.error import Judge
from benchmarks.memory import Peak
from benchmarks.report import table
from benchmarks.tasks import STATISTICS, TOP_K
from logitscope.readout import MatrixHead, Request, read_out
from logitscope.readout.choose import prepare

__all__ = ["Point", "draw", "measure"]

MIB = 1 << 20
NAMES = {"products": "matrix products only", "logitscope": "Logitscope", "recipe": "the usual recipe"}
_LIMIT = 4e8
"""Logits of all stages up to which the recipe takes part; beyond that its time is known from before."""


@dataclass(frozen=True)
class Point:
    """One size of readout; the base of every axis."""

    tokens: int = 256
    stages: int = 9
    vocabulary: int = 16384
    d_model: int = 768

    @property
    def n_logits(self) -> int:
        return self.tokens * self.stages * self.vocabulary


BASE = Point()
AXES = {
    "tokens": [replace(BASE, tokens=n) for n in (16, 64, 256, 1024, 4096)],
    "stages": [replace(BASE, stages=n) for n in (3, 9, 25, 49, 97)],
    "vocabulary": [replace(BASE, vocabulary=n, tokens=64) for n in (4096, 16384, 65536, 262144)],
}


class _Problem:
    """Random vectors and a random head whose logits spread by about three."""

    def __init__(self, point: Point) -> None:
        torch.manual_seed(0)
        self.vectors = torch.randn(point.stages, point.tokens, point.d_model) * (3 / point.d_model**0.5)
        self.weight = torch.randn(point.vocabulary, point.d_model)
        self.ids = torch.randint(point.vocabulary, (point.tokens,)).tolist()

    def products(self) -> Mapping[str, np.ndarray]:
        out = torch.empty(min(1024, self.vectors[:, :, 0].numel()), min(1536, len(self.weight)))
        rows = self.vectors.flatten(0, 1)
        for tile in torch.split(self.weight, 1536):
            for some in torch.split(rows, 1024):
                torch.mm(some, tile.T, out=out.view(-1)[: len(some) * len(tile)].view(len(some), len(tile)))
        return {}

    def logitscope(self) -> Mapping[str, np.ndarray]:
        stages = [str(i) for i in range(len(self.vectors))]
        return read_out(
            MatrixHead(self.weight, len(self.weight)),
            stages,
            dict(zip(stages, self.vectors, strict=True)),
            final=stages[-1],
            input_stage=stages[0],
            input_ids=self.ids,
            next_ids=[*self.ids[1:], -1],
            request=Request(top_k=TOP_K, statistics=frozenset(STATISTICS["C"])),
        )

    def recipe(self) -> Mapping[str, np.ndarray]:
        def logits(vectors: Tensor) -> Tensor:
            return vectors @ self.weight.T

        final, first = logits(self.vectors[-1]), logits(self.vectors[0])
        return every_stage((logits(vectors) for vectors in self.vectors), final, first, self.ids, "C")


def measure(point: Point, rounds: int) -> dict[str, Any]:
    """Times in seconds, peaks in bytes and worst errors at one point, by contestant."""
    problem = _Problem(point)
    names = [name for name in NAMES if name != "recipe" or point.n_logits <= _LIMIT]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    peaks: dict[str, int | None] = {}
    errors: dict[str, float] = {}
    positions = sorted({0, point.tokens // 2, point.tokens - 1})
    judge = None
    for number in range(rounds):
        for name in names:
            run: Callable[[], Mapping[str, np.ndarray]] = getattr(problem, name)
            with Peak() as peak:
                started = time.perf_counter()
                found = run()
                seconds[name].append(time.perf_counter() - started)
            peaks[name] = peak.above if number == 0 else min(filter(None, (peaks[name], peak.above)), default=None)
            if number == 0 and found:
                if judge is None:
                    source = {"vectors": problem.vectors[:, positions].numpy(), "weight": problem.weight.numpy()}
                    judge = Judge(source, problem.ids, positions)
                worst = judge.errors({key: array[:, positions] for key, array in found.items()})
                errors[name] = max(value for key, value in worst.items() if not key.endswith("_rank"))
    return {
        "tokens": point.tokens,
        "stages": point.stages,
        "vocabulary": point.vocabulary,
        "d_model": point.d_model,
        "seconds": {name: min(times) for name, times in seconds.items()},
        "peaks": peaks,
        "errors": errors,
    }


def rows(points: Mapping[str, list[dict[str, Any]]]) -> list[list[str]]:
    """The table of all points."""
    found = []
    for axis, along in points.items():
        for point in along:
            for name, seconds in point["seconds"].items():
                peak, error = point["peaks"][name], point["errors"].get(name)
                found.append(
                    [
                        f"{axis} {point[axis]:,}",
                        NAMES[name],
                        f"{seconds:.3f}",
                        f"{seconds / point['seconds']['products']:.2f}",
                        "" if peak is None else f"{peak / MIB:,.0f}",
                        "" if error is None else f"{error:.1e}",
                    ]
                )
    return found


def draw(points: Mapping[str, list[dict[str, Any]]], path: Path) -> None:
    """Time above, memory below, a column for each axis; logarithmic, so that a straight line at 45° is proportional."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    colours = {"products": "#767676", "logitscope": "#0b62a4", "recipe": "#b3541e"}
    marks = {"products": "s", "logitscope": "o", "recipe": "^"}
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), sharex="col", sharey="row", layout="constrained")
    for column, (axis, along) in enumerate(points.items()):
        for name, label in NAMES.items():
            at = [p for p in along if name in p["seconds"]]
            drawn = {"color": colours[name], "marker": marks[name], "markersize": 4, "label": label}
            axes[0, column].plot([p[axis] for p in at], [p["seconds"][name] for p in at], **drawn)
            at = [p for p in at if p["peaks"][name]]
            axes[1, column].plot([p[axis] for p in at], [p["peaks"][name] / MIB for p in at], **drawn)
        fixed = {"tokens": "tokens", "stages": "stages", "vocabulary": "entries"}
        others = ", ".join(f"{along[0][key]:,} {word}" for key, word in fixed.items() if key != axis)
        axes[0, column].set_title(f"{axis}\n({others})", fontsize=9)
        axes[1, column].set_xlabel(axis)
        for panel in axes[:, column]:
            panel.set_xscale("log")
            panel.set_xticks([p[axis] for p in along], [f"{p[axis]:,}" for p in along], fontsize=8)
            panel.minorticks_off()
    for panel in axes.flat:
        panel.set_yscale("log")
        panel.grid(color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak MiB, results included")
    axes[0, 0].legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=140, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for the file of results")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller points")
    parser.add_argument("--picture", type=Path, help="also draw the curves")
    options = parser.parse_args()
    largest, rounds = (4e7, 1) if options.quick else (1e9, 2)
    prepare()  # before the clock starts, as everywhere
    _Problem(Point(8, 2, 4096)).logitscope()
    points: dict[str, list[dict[str, Any]]] = {}
    with torch.no_grad():
        measure(BASE, 1)
        for axis, along in AXES.items():
            points[axis] = []
            for point in along:
                if point.n_logits <= largest:
                    points[axis].append(measure(point, rounds))
                    print(f"{axis} {getattr(point, axis)}", file=sys.stderr, flush=True)
    headings = ["size", "who", "seconds", "÷ products", "peak MiB", "error"]
    if options.picture:
        draw(points, options.picture)
    if options.json:
        notes = [
            f"Everything else at {BASE.tokens} tokens (64 along the vocabulary), {BASE.stages} stages, a vocabulary of "
            f"{BASE.vocabulary:,}, width {BASE.d_model}; task C."
        ]
        json.dump(
            {"points": points, "tables": [{"headings": headings, "rows": rows(points)}], "notes": notes}, sys.stdout
        )
    else:
        print(table(headings, rows(points)))


if __name__ == "__main__":
    main()
