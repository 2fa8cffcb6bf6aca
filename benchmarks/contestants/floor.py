"""The floor: the forward pass, then nothing but the matrix products of every stage, into memory that is used again.

Whoever reads out every stage needs them. Two ways are tried, and the faster one is the floor: in tiles of a size that
stays in the cache, and one product for each stage.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.contestants.captured import captured, load_plain
from benchmarks.contestants.worker import serve

_ROWS, _COLUMNS = 1024, 1536


class Floor:
    """Its tasks are `forward` and `products`; the times of the products alone stand in `parts`.

    Attributes:
        parts: seconds of each of the two ways.
    """

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    def load(self, folder: Path) -> None:
        self.model = load_plain(folder)

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        self.parts = {}
        if task == "forward":
            self.model.transformer(torch.tensor([ids]), use_cache=False)
            return {}
        vectors = torch.cat([self.model.transformer.ln_f(stage) for stage in captured(self.model, ids, subblocks)])
        weight = self.model.lm_head.weight
        for way, n_rows, n_columns in (("tiles", _ROWS, _COLUMNS), ("stages", len(ids), len(weight))):
            buffer = torch.zeros(min(n_rows, len(vectors)) * min(n_columns, len(weight)))  # every page is touched
            started = time.perf_counter()
            for tile in torch.split(weight, n_columns):
                for rows in torch.split(vectors, n_rows):
                    torch.mm(rows, tile.T, out=buffer[: len(rows) * len(tile)].view(len(rows), len(tile)))
            self.parts[way] = time.perf_counter() - started
        return {}

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
        return {}


if __name__ == "__main__":
    serve(Floor())
