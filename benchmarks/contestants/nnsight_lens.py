"""nnsight: the notebook's logit lens in one trace, every stage's vectors through norm and head inside the model.

`own` is what the notebook shows: the likeliest token of each block's output and its probability.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnsight import NNsight  # type: ignore[import-not-found, unused-ignore]

from benchmarks.contestants.captured import load_plain, made_from
from benchmarks.contestants.statistics import every_stage
from benchmarks.contestants.worker import serve
from benchmarks.tasks import OWN


class Nnsight:
    def load(self, folder: Path) -> None:
        self.plain = load_plain(folder)
        self.model = NNsight(self.plain)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        if task == OWN:
            return self._own(ids)
        model: Any = self.model
        with model.trace(torch.tensor([ids])):
            logits = [].save()  # type: ignore[attr-defined]
            logits.append(model.lm_head(model.transformer.ln_f(model.transformer.h[0].input))[0])
            for block in model.transformer.h:
                if subblocks:
                    logits.append(model.lm_head(model.transformer.ln_f(block.ln_2.input))[0])
                logits.append(model.lm_head(model.transformer.ln_f(block.output))[0])
        return every_stage(logits, logits[-1], logits[0], ids, task)

    def _own(self, ids: list[int]) -> dict[str, np.ndarray]:
        model: Any = self.model
        with model.trace(torch.tensor([ids])):
            probabilities = [].save()  # type: ignore[attr-defined]
            for block in model.transformer.h:
                logits = model.lm_head(model.transformer.ln_f(block.output))
                probabilities.append(torch.softmax(logits, -1)[0])
        best = torch.stack(list(probabilities)).max(-1)
        return {"top_prob": best.values.numpy(), "top_ids": best.indices.unsqueeze(-1).numpy()}

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return made_from(self.plain, ids, subblocks, positions)


if __name__ == "__main__":
    serve(Nnsight())
