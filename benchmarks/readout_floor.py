"""How much slower the readout is than the matrix products it cannot do without, at GPT-2 small's shape.

    python -m benchmarks.readout_floor --positions 128 1024 --stages 13 25

Random vectors and weights. Readout and products take turns in one process; of each the fastest of all rounds counts.
There are two ways to the products alone, and the faster one is the floor: all of a tile's rows at once on all threads,
and on each thread its own rows, in the readout's own pieces. Beside each time stand the most memory that the readout
held, and its largest errors against float64 at a few positions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.memory import Peak
from logitscope.readout import MatrixHead, Request, read_out, reference_read_out
from logitscope.readout.logits import Buffer, decode_tile
from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.readout import cut
from logitscope.readout.team import together

__all__ = ["FloorRow", "rows"]

ROWS_AT_ONCE = 2048
POSITIONS_CHECKED = 3


@dataclass(frozen=True)
class FloorRow:
    """One shape, measured.

    Attributes:
        positions, stages, threads: what was read, on how many threads.
        histogram: whether with histograms; all other statistics are always made.
        products_s, readout_s: wall-clock seconds, fastest of all rounds.
        products_cpu_s, readout_cpu_s: seconds of processor time of all threads, least of all rounds.
        peak_bytes: the most that the readout held above what it was given, its results included.
        results_bytes: of the results.
        logprob_error, kl_error: largest absolute error against float64, nats.
    """

    positions: int
    stages: int
    threads: int
    histogram: bool
    products_s: float
    readout_s: float
    products_cpu_s: float
    readout_cpu_s: float
    peak_bytes: int | None
    results_bytes: int
    logprob_error: float
    kl_error: float

    @property
    def ratio(self) -> float:
        return self.readout_s / self.products_s

    @property
    def cpu_ratio(self) -> float:
        """The same by processor time, which other programs on the machine disturb less."""
        return self.readout_cpu_s / self.products_cpu_s


def rows(
    positions: Sequence[int] = (128, 1024),
    stages: Sequence[int] = (13, 25),
    histogram: Sequence[bool] = (False, True),
    *,
    d_model: int = 768,
    n_vocab: int = 50257,
    rounds: int = 5,
) -> Iterator[FloorRow]:
    """Measures one shape after the other."""
    torch.manual_seed(0)
    head = MatrixHead(torch.randn(n_vocab, d_model), n_vocab)
    for n_positions in positions:
        for n_stages in stages:
            for which in histogram:
                yield _measure(head, n_positions, n_stages, which, rounds)


@torch.no_grad()
def _measure(head: MatrixHead, n_positions: int, n_stages: int, histogram: bool, rounds: int) -> FloorRow:
    d_model = head.matrix.shape[1]
    names = [str(i) for i in range(n_stages)]
    # Logits with a standard deviation of 3, and stages that resemble the one before, as a model's do.
    stream = torch.randn(n_stages, n_positions, d_model).mul_(0.5)
    stream[0] *= 2
    stream = torch.nn.functional.layer_norm(stream.cumsum(0), (d_model,)).mul_(3 / d_model**0.5)
    vectors = dict(zip(names, stream, strict=True))
    ids = torch.randint(head.n_vocab, (n_positions + 1,))
    request = Request(histogram=histogram)

    def read(n: int = n_positions) -> dict[str, np.ndarray]:
        return read_out(
            head,
            names,
            {name: vector[:n] for name, vector in vectors.items()},
            final=names[-1],
            input_stage=names[0],
            input_ids=ids[:n],
            next_ids=ids[1 : n + 1],
            request=request,
        )

    read()  # loads what there is to load
    everything: list[Callable[[], object]] = [
        read,
        lambda: _products_together(head, stream),
        lambda: _products_apart(head, stream, histogram),
    ]
    best = np.full((len(everything), 2), np.inf)
    with Peak() as peak:
        found = read()
    for _ in range(rounds):
        for i, run in enumerate(everything):
            wall, busy = time.perf_counter(), time.process_time()
            run()
            best[i] = np.minimum(best[i], [time.perf_counter() - wall, time.process_time() - busy])
    logprob_error, kl_error = _errors(head, vectors, ids, found, request)
    return FloorRow(
        n_positions,
        n_stages,
        torch.get_num_threads(),
        histogram,
        products_s=float(best[1:, 0].min()),
        readout_s=float(best[0, 0]),
        products_cpu_s=float(best[1:, 1].min()),
        readout_cpu_s=float(best[0, 1]),
        peak_bytes=peak.above,
        results_bytes=sum(array.nbytes for array in found.values()),
        logprob_error=logprob_error,
        kl_error=kl_error,
    )


def _products_together(head: MatrixHead, stream: Tensor) -> None:
    """All rows, as many at once as a product likes, on all threads."""
    flat, columns = stream.flatten(0, 1), 1536
    out = torch.empty(min(ROWS_AT_ONCE, len(flat)), columns)
    for row in range(0, len(flat), ROWS_AT_ONCE):
        piece = flat[row : row + ROWS_AT_ONCE]
        for start in range(0, head.n_vocab, columns):
            weight = head.matrix[start : start + columns]
            torch.mm(piece, weight.T, out=out.view(-1)[: len(piece) * len(weight)].view(len(piece), len(weight)))


def _products_apart(head: MatrixHead, stream: Tensor, histogram: bool) -> None:
    """The readout's own products and nothing else of it."""
    n_stages, n_positions, _ = stream.shape
    team, sizes = cut(head, n_positions, n_stages, keeps_final=True, histogram=histogram, reducer=NumbaReducer)

    def member() -> Callable[[int], None]:
        buffer = Buffer(head.device)

        @torch.no_grad()
        def multiply(start: int) -> None:
            block = stream[:, start : start + sizes.positions].contiguous()
            for column in range(0, head.n_vocab, sizes.columns):
                weight = head.weight(column, column + sizes.columns)
                out = buffer.view(n_stages, block.shape[1], len(weight))
                decode_tile(head, block, weight, None, out)

        return multiply

    together(team, range(0, n_positions, sizes.positions), member)


def _errors(
    head: MatrixHead, vectors: dict[str, Tensor], ids: Tensor, found: dict[str, np.ndarray], request: Request
) -> tuple[float, float]:
    names = list(vectors)
    where = np.linspace(0, len(ids) - 2, POSITIONS_CHECKED).astype(int)
    expected = reference_read_out(
        head,
        names,
        {name: vector[where] for name, vector in vectors.items()},
        final=names[-1],
        input_stage=names[0],
        input_ids=ids[where],
        next_ids=ids[where + 1],
        request=request,
    )
    worst = {
        name: float(np.abs(found[name][:, where].astype(np.float64) - want).max())
        for name, want in expected.items()
        if name.endswith("logprob") or name.startswith("kl_")
    }
    return (
        max(value for name, value in worst.items() if name.endswith("logprob")),
        max(value for name, value in worst.items() if name.startswith("kl_")),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--stages", type=int, nargs="+", default=[13, 25])
    parser.add_argument("--d-model", type=int, default=768)
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--histogram", choices=["with", "without", "both"], default="both")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    histogram = {"with": [True], "without": [False], "both": [False, True]}[given.histogram]
    print(
        "tokens stages threads hist.   products    readout   ratio  cpu ratio    memory   results  |Δ logprob|  |Δ KL|"
    )
    for row in rows(
        given.positions, given.stages, histogram, d_model=given.d_model, n_vocab=given.vocab, rounds=given.rounds
    ):
        memory = "-" if row.peak_bytes is None else f"{(row.peak_bytes - row.results_bytes) / 2**20:.0f} MiB"
        print(
            f"{row.positions:6} {row.stages:6} {row.threads:7} {'yes' if row.histogram else 'no':>5}"
            f" {row.products_s:8.3f} s {row.readout_s:8.3f} s {row.ratio:7.3f} {row.cpu_ratio:10.3f}"
            f" {memory:>9} {row.results_bytes / 2**20:5.0f} MiB {row.logprob_error:12.1e} {row.kl_error:7.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
