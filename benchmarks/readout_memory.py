"""How much memory and time the readout takes for GPT-2 small's shape, beside vectors and results.

    python benchmarks/readout_memory.py --positions 1024 --stages 25

Random vectors and weights; peak memory is the process's own high-water mark over what it held just before.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import torch
from torch import Tensor

from logitscope.readout import MatrixHead, Request, read_out

MIB = 1 << 20


def resident() -> int:
    """Bytes of memory that the process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def high_water() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=1024)
    parser.add_argument("--stages", type=int, default=25)
    parser.add_argument("--d-model", type=int, default=768)
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--top-k", type=int, default=10)
    parser.add_argument("--softcap", type=float)
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--histogram", action="store_true")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    stages = [str(i) for i in range(arguments.stages)]
    matrix = torch.empty(arguments.vocab, arguments.d_model, dtype=getattr(torch, arguments.dtype)).normal_()
    head = MatrixHead(matrix, arguments.vocab, softcap=arguments.softcap)
    residual = {stage: torch.empty(arguments.positions, arguments.d_model).normal_() for stage in stages}
    gain = torch.full((arguments.d_model,), 3 / arguments.d_model**0.5)

    def normed(stage: str) -> Tensor:
        return torch.nn.functional.layer_norm(residual[stage], gain.shape, gain)

    ids = torch.randint(arguments.vocab, (arguments.positions + 1,))

    def read(n_stages: int, n_positions: int, request: Request) -> dict[str, object]:
        return dict(
            read_out(
                head,
                stages[:n_stages],
                (lambda stage: normed(stage)[:n_positions]) if n_positions < arguments.positions else normed,
                final=stages[-1],
                input_stage=stages[0],
                input_ids=ids[:n_positions],
                next_ids=ids[1 : n_positions + 1],
                request=request,
            )
        )

    read(2, 2, Request(top_k=1))  # libraries take their own memory at their first use
    before = resident()
    slack = high_water() - before
    started, busy = time.perf_counter(), time.process_time()
    arrays = read(len(stages), arguments.positions, Request(top_k=arguments.top_k, histogram=arguments.histogram))
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    results = sum(array.nbytes for array in arrays.values())  # type: ignore[attr-defined]
    logits = 4 * arguments.positions * arguments.stages * arguments.vocab
    shape = f"{arguments.stages} stages × {arguments.positions} positions × {arguments.vocab} logits"
    print(f"{shape}, d_model = {arguments.d_model}, {torch.get_num_threads()} threads")
    print(f"{seconds:8.1f} s      {busy:.1f} s of processor time, {busy / (logits / 4) * 1e9:.1f} ns per logit")
    print(f"{(high_water() - before) / MIB:8.1f} MiB    peak over what was held before")
    print(f"{results / MIB:8.1f} MiB    of that are the results")
    print(f"{logits / MIB:8.1f} MiB    would be all logits in fp32")
    if slack > 8 * MIB:
        print(f"(an earlier peak hides up to {slack / MIB:.1f} MiB)")


if __name__ == "__main__":
    main()
