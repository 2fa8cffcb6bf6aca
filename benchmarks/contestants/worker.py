"""The process of one contestant: it loads a model, then does what it is told, a line of JSON at a time.

    {"load": folder}                                  -> {"held": bytes}
    {"run": task, "ids": [...], "subblocks": false}   -> {"seconds": s, "peak": bytes}
    {..., "arrays": path, "positions": [...]}         -> and the results at some positions are in a file
    {"source": path, "ids": [...], "subblocks": false, "positions": [...]}   -> what they are made from is in a file

Replies go to the descriptor that standard output was at the start; whatever a tool prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from benchmarks.memory import Peak, held, release

__all__ = ["Contestant", "serve"]

Arrays = dict[str, np.ndarray]


class Contestant(Protocol):
    """What a file of this folder must offer."""

    def load(self, folder: Path) -> None:
        """Take in the model that lies in a folder."""

    def run(self, ids: list[int], task: str, subblocks: bool) -> Arrays:
        """What is timed: from ids to statistics."""

    def source(self, ids: list[int], subblocks: bool, positions: list[int]) -> Arrays:
        """What the statistics are made from: `vectors` `[stage, position, d_model]`, `weight`, and `bias` if any."""


def serve(contestant: Contestant) -> None:
    """Do what standard input says until it ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", str(torch.get_num_threads()))))
    torch.manual_seed(0)
    for line in sys.stdin:
        try:
            reply = _reply(contestant, json.loads(line))
        except Exception as error:  # noqa: BLE001 -- the process lives on, and the harness says why a cell is empty
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        print(json.dumps(reply), file=replies, flush=True)


@torch.no_grad()
def _reply(contestant: Contestant, order: dict[str, Any]) -> dict[str, Any]:
    if "load" in order:
        contestant.load(Path(order["load"]))
        release()
        return {"held": held(), "threads": torch.get_num_threads(), "torch": torch.__version__}
    ids, subblocks = order["ids"], order["subblocks"]
    if "source" in order:
        _save(order["source"], contestant.source(ids, subblocks, order["positions"]))
        return {}
    with Peak() as peak:
        started = time.perf_counter()
        arrays = contestant.run(ids, order["run"], subblocks)
        seconds = time.perf_counter() - started
    if "arrays" in order:
        _save(order["arrays"], {name: array[:, order["positions"]] for name, array in arrays.items()})
    return {"seconds": seconds, "peak": peak.above, "parts": getattr(contestant, "parts", {})}


def _save(path: str, arrays: Arrays) -> None:
    np.savez(path, allow_pickle=False, **arrays)
