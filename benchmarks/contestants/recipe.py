"""The recipe that everybody writes: hook the blocks, then norm, head, softmax and statistics, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from benchmarks.contestants.captured import captured, load_plain, made_from
from benchmarks.contestants.statistics import every_stage
from benchmarks.contestants.worker import serve


class Recipe:
    """Holds the logits of one stage at a time, and those that it compares with."""

    def load(self, folder: Path) -> None:
        self.model = load_plain(folder)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        stages = captured(self.model, ids, subblocks)
        final, first = (self._logits(stages[i]) for i in (-1, 0)) if task in "CH" else (stages[-1], stages[0])

        def logits() -> Iterator[Tensor]:
            for stage in stages:
                yield self._logits(stage)

        return every_stage(logits(), final, first, ids, task)

    def _logits(self, stage: Tensor) -> Tensor:
        logits: Tensor = self.model.lm_head(self.model.transformer.ln_f(stage))
        return logits

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return made_from(self.model, ids, subblocks, positions)


if __name__ == "__main__":
    serve(Recipe())
