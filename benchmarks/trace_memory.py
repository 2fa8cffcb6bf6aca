"""How much memory and time a whole trace takes for a model of GPT-2 small's shape, above the loaded model.

    python benchmarks/trace_memory.py --tokens 1024

Random weights in the default configuration of GPT-2, real tokens, every stage and every statistic. Peak memory is the
kernel's own high-water mark (VmHWM), reset just before the trace. Needs Linux, and the tokenizer that lies in the
shared data (`LOGITSCOPE_SHARED`, `../shared` by default).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import time
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from logitscope.scope import load

MIB = 1 << 20
SHARED = Path(os.environ.get("LOGITSCOPE_SHARED", Path(__file__).parents[2] / "shared"))


def status(field: str) -> int:
    """One line of /proc/self/status in bytes: VmRSS is held now, VmHWM the most since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def reset_high_water() -> None:
    """See proc(5), /proc/pid/clear_refs."""
    Path("/proc/self/clear_refs").write_text("5")


def release() -> None:
    """Give back what was freed, or else it would count as held before and hide as much of the peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--histogram", action="store_true", help="also the histogram, which takes a second pass")
    parser.add_argument("--no-subblocks", action="store_true")
    parser.add_argument("--lens", default="logit")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    hf: Any = GPT2LMHeadModel(GPT2Config())
    hf.requires_grad_(False)
    scope = load(hf, tokenizer=SHARED / "tokenizers" / "gpt2")
    text = "\n".join(path.read_text() for path in sorted((SHARED / "texts").glob("*.txt")))
    ids = scope.model.tokeniser.encode(text * (1 + arguments.tokens // 200))[0].ids[: arguments.tokens].tolist()
    options = {"subblocks": not arguments.no_subblocks, "histogram": arguments.histogram, "lens": arguments.lens}

    forward: list[float] = []
    body = scope.model.anatomy.body
    body.register_forward_pre_hook(lambda *_: forward.append(-time.perf_counter()))
    body.register_forward_hook(lambda *_: forward.append(time.perf_counter()))

    scope.trace(ids=ids[:8], **options)  # libraries take their own memory at their first use
    forward.clear()
    release()
    before = status("VmRSS")
    reset_high_water()
    started, busy = time.perf_counter(), time.process_time()
    trace = scope.trace(ids=ids, **options)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    peak = status("VmHWM") - before

    n_vocab = scope.model.anatomy.n_vocab
    results = sum(array.nbytes for array in trace.arrays.values())
    residual = 4 * len(trace.stages) * len(ids) * scope.model.anatomy.d_model
    print(f"{len(trace.stages)} stages × {len(ids)} positions × {n_vocab} logits, {torch.get_num_threads()} threads")
    print(f"{seconds:8.1f} s      in all, {busy:.1f} s of processor time")
    print(f"{sum(forward):8.1f} s      of that for the forward pass, normalising included")
    print(f"{seconds - sum(forward):8.1f} s      of that for the readout")
    print(f"{peak / MIB:8.1f} MiB    peak above the loaded model")
    print(f"{residual / MIB:8.1f} MiB    of that are the vectors of all stages")
    print(f"{results / MIB:8.1f} MiB    of that are the results")
    print(f"{4 * len(trace.stages) * len(ids) * n_vocab / MIB:8.1f} MiB    would be all logits in fp32")


if __name__ == "__main__":
    main()
