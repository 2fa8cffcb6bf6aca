"""The readout on a GPU beside the matrix products alone and the eager recipe: `make bench-gpu`.

    python -m benchmarks.gpu                       all shapes in bf16 and fp32; writes benchmarks/results/<device>.json
    python -m benchmarks.gpu --device cpu --tiny   tries the script where there is no GPU; writes nothing

Random vectors and heads of real sizes, logits that spread by about three, all statistics of the numeric contract but
the histogram. In bf16 vectors and head are bf16 to begin with, so all ways multiply the same numbers. The rate of the
products is measured in the same run, in the type they are made in, into memory that is used again, and in several
tile widths, of which the fastest counts. To reach at d ≥ 1,600: 0.55 of that rate, five times the recipe's speed, and
memory that does not grow with the text.
"""

from __future__ import annotations

import argparse
import platform
import re
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
from benchmarks.machine import describe
from benchmarks.memory import Peak
from benchmarks.report import table
from benchmarks.results import FOLDER, keep, path_for
from benchmarks.tasks import STATISTICS, TOP_K
from logitscope.readout import MatrixHead, Request, read_out
from logitscope.readout.torch_reducer import TorchReducer

__all__ = ["SHAPES", "Shape", "measure", "rows"]

MIB = 1 << 20
HEADINGS = (
    *("shape", "type", "who", "milliseconds", "TFLOP/s", "of the products' rate", "÷ recipe", "peak MiB"),
    *("at a quarter of the text", "error", "ranks off"),
)


@dataclass(frozen=True)
class Shape:
    """What is read out."""

    name: str
    d_model: int
    n_vocab: int
    n_stages: int
    n_positions: int = 1024

    @property
    def flop(self) -> float:
        return 2.0 * self.n_stages * self.n_positions * self.d_model * self.n_vocab


SHAPES = (
    Shape("GPT-2 small, all 25 stages", 768, 50257, 25),
    Shape("GPT-2 XL, all 97 stages", 1600, 50257, 97),
    Shape("Llama-3-8B's head, all 65 stages", 4096, 128256, 65),
)
TINY = (Shape("a toy", 64, 500, 5, 32),)


class Problem:
    """One shape on one device in one type."""

    def __init__(self, shape: Shape, dtype: torch.dtype, device: torch.device) -> None:
        torch.manual_seed(0)
        self.shape, self.device = shape, device
        size = shape.n_stages, shape.n_positions, shape.d_model
        # As a model of this type would hand them over: numbers of the type, in fp32.
        self.vectors = torch.randn(size, device=device).mul_(3 / shape.d_model**0.5).to(dtype)
        self.weight = torch.randn(shape.n_vocab, shape.d_model, device=device).to(dtype)
        self.ids = torch.randint(shape.n_vocab, (shape.n_positions,)).tolist()

    def ways(self) -> dict[str, Callable[[], Mapping[str, np.ndarray]]]:
        """What is timed."""
        return {
            "Logitscope": self.logitscope,
            "Logitscope, torch reducer": lambda: self.logitscope(reducer=TorchReducer),
            "eager recipe": self.recipe,
        }

    def products(self, columns: int) -> None:
        """Every product, in tiles of all rows of a few positions, into the same memory."""
        rows = self.vectors.flatten(0, 1)
        at_once = max(1, min(len(rows), (512 << 20) // (4 * columns)))
        out = torch.empty(at_once * columns, device=self.device)
        for some in torch.split(rows, at_once):
            for tile in torch.split(self.weight, columns):
                product = out[: len(some) * len(tile)].view(len(some), len(tile))
                if some.dtype == torch.float32:
                    torch.mm(some, tile.T, out=product)
                elif self.device.type == "cuda":
                    torch.mm(some, tile.T, out_dtype=torch.float32, out=product)
                else:
                    product.copy_(some @ tile.T)

    def logitscope(self, **options: Any) -> Mapping[str, np.ndarray]:
        stages = [str(i) for i in range(self.shape.n_stages)]
        return read_out(
            MatrixHead(self.weight, self.shape.n_vocab),
            stages,
            dict(zip(stages, self.vectors, strict=True)),
            final=stages[-1],
            input_stage=stages[0],
            input_ids=self.ids,
            next_ids=[*self.ids[1:], -1],
            request=Request(top_k=TOP_K, statistics=frozenset(STATISTICS["C"])),
            **options,
        )

    def recipe(self) -> Mapping[str, np.ndarray]:
        def logits(vectors: Tensor) -> Tensor:
            return (vectors @ self.weight.T).float()

        first, final = logits(self.vectors[0]), logits(self.vectors[-1])
        return every_stage((logits(vectors) for vectors in self.vectors), final, first, self.ids, "C")

    def judge(self, positions: list[int]) -> Judge:
        vectors = self.vectors[:, positions].float().cpu().numpy()
        return Judge({"vectors": vectors, "weight": self.weight.float().cpu().numpy()}, self.ids, positions)


def measure(shape: Shape, dtype: torch.dtype, device: torch.device, rounds: int = 5) -> dict[str, Any]:
    """Seconds, peaks in bytes (also at a quarter of the text) and errors of every way, taken in turn."""
    problem = Problem(shape, dtype, device)
    quarter = Problem(replace(shape, n_positions=max(1, shape.n_positions // 4)), dtype, device)
    widths = [w for w in (4096, 8192, 16384, 32768) if w < shape.n_vocab] or [shape.n_vocab]
    seconds: dict[str, list[float]] = {"matrix products only": []}
    for number in range(rounds + 1):  # the first round compiles and fills caches
        products = min(_timed(lambda w=width: problem.products(w), device)[0] for width in widths)  # type: ignore[misc]
        if number:
            seconds["matrix products only"].append(products)
        for name, run in problem.ways().items():
            taken, _ = _timed(run, device)
            if number:
                seconds.setdefault(name, []).append(taken)
    positions = sorted({0, shape.n_positions // 2, shape.n_positions - 1})
    judge = problem.judge(positions)
    peaks, quarters, errors = {}, {}, {}
    for name, run in problem.ways().items():
        found, peaks[name] = _peak(run, device)
        errors[name] = judge.errors({key: array[:, positions] for key, array in found.items()})
        _, quarters[name] = _peak(quarter.ways()[name], device)
    return {
        "shape": shape.name,
        "dtype": str(dtype).removeprefix("torch."),
        "flop": shape.flop,
        "seconds": seconds,
        "peaks": peaks,
        "peaks_of_a_quarter": quarters,
        "errors": errors,
    }


def rows(measured: Mapping[str, Any]) -> list[list[str]]:
    """The rows of one shape in one type."""
    least = {name: min(times) for name, times in measured["seconds"].items()}
    found = []
    for name, seconds in least.items():
        errors = measured["errors"].get(name, {})
        ranks = [value for key, value in errors.items() if key.endswith("_rank")]
        others = [value for key, value in errors.items() if not key.endswith("_rank")]
        peak, quarter = (measured[key].get(name) for key in ("peaks", "peaks_of_a_quarter"))
        found.append(
            [
                measured["shape"],
                measured["dtype"],
                name,
                f"{seconds * 1e3:.2f}",
                f"{measured['flop'] / seconds / 1e12:.1f}",
                f"{least['matrix products only'] / seconds:.2f}",
                f"{least['eager recipe'] / seconds:.2f}",
                "" if peak is None else f"{peak / MIB:,.0f}",
                "" if quarter is None else f"{quarter / MIB:,.0f}",
                f"{max(others):.1e}" if others else "",
                f"{max(ranks):.0f}" if ranks else "",
            ]
        )
    return found


def _timed(run: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    _wait(device)
    started = time.perf_counter()
    found = run()
    _wait(device)
    return time.perf_counter() - started, found


def _peak(run: Callable[[], Any], device: torch.device) -> tuple[Any, int | None]:
    """What a way returns, and the most memory it took on the device above what was held."""
    if device.type != "cuda":
        with Peak() as peak:
            found = run()
        return found, peak.above
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    found = run()
    _wait(device)
    return found, torch.cuda.max_memory_allocated(device) - before


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _machine(device: torch.device) -> dict[str, object]:
    machine = describe()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        machine |= {"device": properties.name, "device_memory_bytes": properties.total_memory}
        machine |= {"cuda": torch.version.cuda, "host": machine["processor"]}
    return machine


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a toy, to try the script with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=FOLDER)
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(
            "There is no CUDA device here (or torch was installed without CUDA); nothing was measured.", file=sys.stderr
        )
        return 1
    torch.set_float32_matmul_precision("highest")  # fp32 is fp32, not TF32
    machine = _machine(device)
    name = re.sub(r"[^a-z0-9]+", "-", str(machine.get("device", platform.machine())).lower()).strip("-")
    found: list[list[str]] = []
    measurements = []
    for shape in TINY if options.tiny else SHAPES:
        for dtype in (torch.bfloat16, torch.float32):
            print(f"{shape.name}, {dtype}", file=sys.stderr, flush=True)
            measurements.append(measure(shape, dtype, device, options.rounds))
            found += rows(measurements[-1])
            if not options.tiny:  # what is known is kept, whatever happens to the next shape
                data = {"measurements": measurements, "tables": [{"headings": HEADINGS, "rows": found}]}
                keep(path_for(f"{name}-gpu", options.results), machine, "gpu", {"words": f"on {name}", "data": data})
    print(table(HEADINGS, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
