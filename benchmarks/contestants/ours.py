"""Logitscope as it is used: `scope.trace` on a loaded model.

The argument is `auto`, or `torch` for the reducer of those who have nothing but torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.contestants.captured import load_plain, made_from
from benchmarks.contestants.worker import serve
from benchmarks.shapes import word_tokeniser
from benchmarks.tasks import STATISTICS, TOP_K
from logitscope.readout import choose
from logitscope.scope import load


class Ours:
    def __init__(self, reducer: str) -> None:
        if reducer == "torch":
            # There is no option for it: the readout chooses what suits the machine.
            vars(choose)["has_numba"] = lambda: False
        elif not choose.prepare():
            raise RuntimeError('the compiled reducer is not there: install numba, or Logitscope\'s extra "fast"')

    def load(self, folder: Path) -> None:
        self._plain = load_plain(folder)
        self.scope = load(self._plain, tokenizer=word_tokeniser(self._plain.config.vocab_size))

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        trace = self.scope.trace(
            ids=ids, subblocks=subblocks, top_k=TOP_K, statistics=STATISTICS[task], histogram=task == "H"
        )
        return {name: trace[name] for name in STATISTICS[task]}

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return made_from(self._plain, ids, subblocks, positions)


if __name__ == "__main__":
    serve(Ours(sys.argv[1]))
