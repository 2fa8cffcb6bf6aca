"""tuned-lens: a PredictionTrajectory through its logit lens, which keeps all log-probabilities as one array.

`own` is what the trajectory offers: entropy, cross entropy, rank, forward KL, greatest probability. What is asked of
everybody is computed from its log-probabilities; logits are not kept by it, so what needs them is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tuned_lens.nn.lenses import LogitLens  # type: ignore[import-not-found, unused-ignore]
from tuned_lens.plotting import PredictionTrajectory  # type: ignore[import-not-found, unused-ignore]

from benchmarks.contestants.captured import load_plain, made_from
from benchmarks.contestants.statistics import every_stage
from benchmarks.contestants.worker import serve
from benchmarks.tasks import OWN

_OF_LOGITS = ("_logit", "_logits", "logsumexp", "logit_mean")


class TunedLens:
    def load(self, folder: Path) -> None:
        self.model = load_plain(folder)
        self.lens = LogitLens.from_model(self.model)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        if subblocks:
            raise ValueError("tuned-lens reads no stage after attention")
        targets = [*ids[1:], ids[0]]
        trajectory = PredictionTrajectory.from_lens_and_model(self.lens, self.model, ids, targets=targets)
        if task == OWN:
            return {
                "entropy": trajectory.entropy().stats,
                "cross_entropy": trajectory.cross_entropy().stats,
                "rank": trajectory.rank().stats,
                "kl_from_final": trajectory.forward_kl().stats,
                "top_prob": trajectory.max_probability().stats,
            }
        logprobs = torch.from_numpy(trajectory.log_probs)
        found = every_stage(logprobs, logprobs[-1], logprobs[0], ids, task)
        return {name: array for name, array in found.items() if not name.endswith(_OF_LOGITS)}

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return made_from(self.model, ids, subblocks, positions)


if __name__ == "__main__":
    serve(TunedLens())
