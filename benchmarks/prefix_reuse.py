"""What reading an edited text costs, with and without what the reading before it left behind.

    python benchmarks/prefix_reuse.py --tokens 512

GPT-2 small's shape, random weights in its default configuration, real tokens, every stage and every statistic. A text
of so many tokens is read; then one token is appended, or the one at some position is changed, and the new text is read
from nothing and with `prefix=`. Times are the shortest of a few, the least disturbed ones; beside them stands the
largest difference of any number but ranks between the two traces. Needs the tokenizer that lies in the shared data
(`LOGITSCOPE_SHARED`, `../shared` by default).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from logitscope.scope import Scope, load
from logitscope.trace import Trace, merge

SHARED = Path(os.environ.get("LOGITSCOPE_SHARED", Path(__file__).parents[2] / "shared"))


def gpt2_small() -> Scope:
    torch.manual_seed(0)
    hf: Any = GPT2LMHeadModel(GPT2Config())
    hf.requires_grad_(False)
    return load(hf, tokenizer=SHARED / "tokenizers" / "gpt2")


def real_ids(scope: Scope, n: int) -> list[int]:
    text = "\n".join(path.read_text() for path in sorted((SHARED / "texts").glob("*.txt")))
    ids: list[int] = scope.model.tokeniser.encode(text * (1 + n // 200))[0].ids[:n].tolist()
    return ids


def shortest(run: Callable[[], Trace], prepare: Callable[[], object], repeats: int) -> tuple[float, Trace]:
    times, trace = [], None
    for _ in range(repeats):
        prepare()
        began = time.perf_counter()
        trace = run()
        times.append(time.perf_counter() - began)
    if trace is None:
        raise SystemExit("at least one repeat is needed.")
    return min(times), trace


def difference(a: Trace, b: Trace) -> float:
    """The largest of all numbers but ranks and ids."""
    real = [name for name in a.arrays if a[name].dtype == np.float32]
    return max(float(np.nanmax(np.abs(a[name] - b[name]))) for name in real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-subblocks", action="store_true")
    arguments = parser.parse_args()
    scope, n, subblocks = gpt2_small(), arguments.tokens, not arguments.no_subblocks
    ids = real_ids(scope, n + 1)
    other = (ids[0] + 1) % scope.model.n_tokens

    def fresh(edited: list[int]) -> tuple[float, Trace]:
        return shortest(lambda: scope.trace(ids=edited, subblocks=subblocks), lambda: None, 2)

    def again(edited: list[int], *, pieces: bool = False) -> tuple[float, Trace]:
        prefix = scope.remember()

        def run() -> Trace:
            if pieces:
                return merge(scope.pieces(ids=edited, subblocks=subblocks, prefix=prefix))
            return scope.trace(ids=edited, subblocks=subblocks, prefix=prefix)

        # Before each: the text as it was, read from what is left of the edited one.
        return shortest(run, lambda: scope.trace(ids=ids[:n], subblocks=subblocks, prefix=prefix), arguments.repeats)

    whole, expected = fresh(ids)
    print(f"{len(expected.stages)} stages, {len(expected.arrays)} statistics, {torch.get_num_threads()} threads")
    print(f"{whole:8.3f} s  {n + 1} tokens from nothing")
    for label, pieces in (("one token appended", False), ("the same in pieces", True)):
        seconds, found = again(ids, pieces=pieces)
        print(
            f"{seconds:8.3f} s  {label}: 1/{whole / seconds:.0f} of that (to reach: 1/50); "
            f"off by {difference(found, expected):.1e}"
        )
    for at in (n - 1, 3 * n // 4, n // 2, n // 4, 0):
        edited = [*ids[:at], other, *ids[at + 1 : n]]
        tail, expected = fresh(edited)
        seconds, found = again(edited)
        print(
            f"{seconds:8.3f} s  token {at} changed: {seconds / tail:.3f} of {tail:.3f} s, where the tail is "
            f"{(n - at) / n:.3f} of the text; off by {difference(found, expected):.1e}"
        )


if __name__ == "__main__":
    main()
