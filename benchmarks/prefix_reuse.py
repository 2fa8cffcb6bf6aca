"""What reading an edited text costs, with and without what the reading before it left behind.

    python -m benchmarks.prefix_reuse --tokens 512
    python -m benchmarks.prefix_reuse --json      the same for the file of results

GPT-2 small's shape, random weights in its default configuration, real tokens, every stage and every statistic. A text
of so many tokens is read; then one token is appended, or the one at some position is changed, and the new text is read
from nothing and with `prefix=`. Times are the shortest of a few, the least disturbed ones; beside them stands the
largest difference of any number but ranks between the two traces. Needs the tokenizer that lies in the shared data
(`LOGITSCOPE_SHARED`, `../shared` by default).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.report import table
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


def measured(n: int, repeats: int, *, subblocks: bool) -> dict[str, Any]:
    """The table: an edit to each row."""
    scope = gpt2_small()
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
        return shortest(run, lambda: scope.trace(ids=ids[:n], subblocks=subblocks, prefix=prefix), repeats)

    def row(label: str, tail: float, seconds: float, whole: float, found: Trace, expected: Trace) -> list[str]:
        return [
            label,
            f"{tail:.3f}",
            f"{seconds:.3f}",
            f"{whole:.2f}",
            f"{seconds / whole:.4f}",
            f"1/{whole / seconds:.0f}" if seconds < whole / 2 else f"{seconds / whole:.2f}",
            f"{difference(found, expected):.1e}",
        ]

    whole, expected = fresh(ids)
    rows = []
    for label, pieces in (("one appended", False), ("one appended, in pieces", True)):
        seconds, found = again(ids, pieces=pieces)
        rows.append(row(label, 1 / (n + 1), seconds, whole, found, expected))
    for at in (n - 1, 3 * n // 4, n // 2, n // 4, 0):
        edited = [*ids[:at], other, *ids[at + 1 : n]]
        fresh_time, anew = fresh(edited)
        seconds, found = again(edited)
        rows.append(row(f"{at} changed", (n - at) / n, seconds, fresh_time, found, anew))
    threads = torch.get_num_threads()
    return {
        "tables": [
            {
                "headings": ["token", "tail ÷ text", "seconds", "from nothing", "ratio", "that is", "off by"],
                "rows": rows,
            }
        ],
        "notes": [
            f"GPT-2 small's shape, {n} tokens, {len(expected.stages)} stages, {len(expected.arrays)} statistics, "
            f"{threads} threads."
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-subblocks", action="store_true")
    parser.add_argument("--json", action="store_true", help="for the file of results")
    options = parser.parse_args()
    found = measured(options.tokens, options.repeats, subblocks=not options.no_subblocks)
    if options.json:
        json.dump(found, sys.stdout)
        return
    print(table(found["tables"][0]["headings"], found["tables"][0]["rows"]), *found["notes"], sep="\n\n")


if __name__ == "__main__":
    main()
