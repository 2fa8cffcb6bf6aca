"""How long the pictures take: a lens grid of 25 stages × 60 tokens, and the same text coloured, to paper and terminal.

    python -m benchmarks.drawing             a table
    python -m benchmarks.drawing --json      the same for the file of results

The trace is of twelve blocks with random weights, embedded:tales' tokenizer and passage; only drawing is timed, and for
paper with it the writing of the file. The first picture of a process pays for matplotlib's fonts and stands apart.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import GPT2Config, GPT2LMHeadModel

import logitscope as ls
from benchmarks.memory import Peak
from benchmarks.report import table
from benchmarks.shapes import EMBEDDED
from logitscope import view
from logitscope.render.terminal import Screen, render_grid, render_likelihood
from logitscope.render.terminal.screen import Glyphs
from logitscope.scope import load
from logitscope.trace import Trace

MIB = 1 << 20
STAGES, TOKENS = 25, 60
PASSAGE = EMBEDDED.parent / "passage.txt"


def grid_trace() -> Trace:
    """25 stages × 60 tokens of a text, with every statistic."""
    torch.manual_seed(0)
    model: Any = GPT2LMHeadModel(GPT2Config(n_layer=12, n_embd=64, n_head=4, vocab_size=6144))
    model.requires_grad_(False)
    scope = load(model, tokenizer=EMBEDDED)
    text = PASSAGE.read_text()
    ids = scope.model.tokeniser.encode(text * 3)[0].ids[:TOKENS].tolist()
    return scope.trace(ids=ids, subblocks=True)


def drawings(trace: Trace, folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed, by its words."""

    def saved(draw: Callable[..., Any], suffix: str, **options: Any) -> Callable[[], object]:
        return lambda: ls.plot.save(draw(trace, **options), folder / f"picture{suffix}")

    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=200)
    screen = Screen(console, "truecolor", Glyphs())

    def terminal(draw: Callable[[], Any]) -> Callable[[], object]:
        return lambda: console.print(draw())

    found = {f"lens grid, {suffix[1:].upper()}": saved(ls.plot.lens, suffix) for suffix in (".png", ".svg", ".pdf")}
    found["lens grid of ranks, PNG"] = saved(ls.plot.lens, ".png", value="final_rank")
    found["lens grid, terminal"] = terminal(lambda: render_grid(view.grid(trace), screen))
    found["coloured text, PNG"] = saved(ls.plot.likelihood, ".png")
    found["coloured text, terminal"] = terminal(lambda: render_likelihood(view.likelihood(trace), screen))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for the file of results")
    parser.add_argument("--quick", action="store_true", help="each once")
    options = parser.parse_args()
    trace = grid_trace()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (words, draw) in enumerate(drawings(trace, folder).items()):
            times, above = [], None
            for _ in range(1 if options.quick else 3):
                with Peak() as peak:
                    started = time.perf_counter()
                    draw()
                    times.append(time.perf_counter() - started)
                above = peak.above if above is None else above
            first = f"{times[0]:.2f}" if number == 0 else ""
            written = max((p.stat().st_size for p in folder.iterdir()), default=None)
            for path in folder.iterdir():
                path.unlink()
            rows.append(
                [
                    words,
                    f"{min(times):.2f}",
                    first,
                    "" if above is None else f"{above / MIB:.0f}",
                    "" if written is None else f"{written / 1024:,.0f}",
                ]
            )
    headings = ["picture", "seconds", "the very first", "peak MiB", "file KiB"]
    if options.json:
        json.dump(
            {"tables": [{"headings": headings, "rows": rows}], "notes": [f"{STAGES} stages × {TOKENS} tokens."]},
            sys.stdout,
        )
    else:
        print(table(headings, rows))


if __name__ == "__main__":
    main()
