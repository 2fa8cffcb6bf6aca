"""A model's exported graphs, run by ONNX Runtime: what a page computes, computed here.

Reads graphs and weights from files and nothing else of the model, so that it can show them wrong. Knows no texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from logitscope.errors import ModelError
from logitscope.export.decode import NORMS
from logitscope.export.readout import OUTPUTS

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["HALVED", "Exported"]

HALVED = "forward_fp16"
"""What the forward graph is called that multiplies in half precision."""

_READ_AT_ONCE = 2**26
"""Bytes of logits."""


class Exported:
    """The graphs of one folder.

    Args:
        folder: holds `forward.onnx`, `readout.onnx`, … and their weights in one piece.
        threads: that products are spread over.
        halved: run the forward graph that multiplies in half precision.
    """

    def __init__(self, folder: Path, threads: int = 1, *, halved: bool = False) -> None:
        self._folder = folder
        self._threads = threads
        self._halved = halved

    def forward(self, ids: Sequence[int], chunk: int | None = None) -> Float[np.ndarray, "stage position d_model"]:
        """Every stage at every token.

        Args:
            ids: of the text.
            chunk: tokens that are read at a time, each after the keys and values of those before; all by default.
        """
        shape = next(one.shape for one in self._forward.get_inputs() if one.name == "past_keys")
        keys = values = np.zeros((shape[0], shape[1], 0, shape[3]), np.float32)
        stages = []
        for start in range(0, len(ids), chunk or len(ids)):
            some = np.array(ids[start : start + (chunk or len(ids))], np.int64)
            fed = {"ids": some, "past_keys": keys, "past_values": values}
            read, new_keys, new_values = self._forward.run(["stages", "keys", "values"], fed)
            stages.append(read)
            keys, values = np.concatenate([keys, new_keys], 2), np.concatenate([values, new_values], 2)
        return np.concatenate(stages, axis=1)

    def read(
        self,
        stages: Float[np.ndarray, "stage position d_model"],
        ids: Sequence[int],
        *,
        norm: str = "final",
        top_k: int = 10,
        watch: Sequence[int] = (),
    ) -> dict[str, np.ndarray]:
        """Every statistic of every stage but its histogram, `[stage, position, …]`."""
        names = [name for name in OUTPUTS if watch or not name.startswith("watch_")]
        following = np.array([*ids[1:], -1], np.int64)
        n_vocab = int(self._next.get_outputs()[0].shape[1])
        step = max(1, _READ_AT_ONCE // (4 * n_vocab * (stages.shape[0] + 2)))
        blocks = []
        for start in range(0, len(ids), step):
            here = slice(start, start + step)
            fed = {
                "vectors": np.ascontiguousarray(stages[:, here]),
                "last": np.ascontiguousarray(stages[-1, here]),
                "embed": np.ascontiguousarray(stages[0, here]),
                "next_ids": following[here],
                "input_ids": np.array(ids, np.int64)[here],
                "watch": np.array(watch or [0], np.int64),
                "k": np.array([top_k], np.int64),
                "norm": _norm(norm),
            }
            blocks.append(self._readout.run(names, fed))
        return {
            name: np.concatenate(parts, axis=1) for name, parts in zip(names, zip(*blocks, strict=True), strict=True)
        }

    def histogram(
        self, vectors: Float[np.ndarray, "row d_model"], norm: str = "final"
    ) -> tuple[Int[np.ndarray, "row bin"], Int[np.ndarray, "row bin sample"]]:
        """Counts and samples."""
        counts, samples = self._session("histogram").run(None, {"vectors": vectors, "norm": _norm(norm)})
        return counts, samples

    def next(self, vectors: Float[np.ndarray, "row d_model"], norm: str = "final") -> Float[np.ndarray, "row vocab"]:
        """Logits, padding included."""
        logits: np.ndarray = self._next.run(None, {"vectors": vectors, "norm": _norm(norm)})[0]
        return logits

    def activations(self, ids: Sequence[int]) -> Mapping[str, np.ndarray]:
        """Every computed block by its id."""
        session = self._session("activations")
        names = [one.name for one in session.get_outputs()]
        return dict(zip(names, session.run(names, {"ids": np.array(ids, np.int64)}), strict=True))

    @cached_property
    def _forward(self) -> Any:
        return self._session(HALVED if self._halved else "forward")

    @cached_property
    def _readout(self) -> Any:
        return self._session("readout")

    @cached_property
    def _next(self) -> Any:
        return self._session("next")

    def _session(self, name: str) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        path = self._folder / f"{name}.onnx"
        try:
            return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own classes, which are no part of its interface
            raise ModelError(f"{path.name} does not run: {' '.join(str(error).split())[:300]}") from error


def _norm(name: str) -> np.ndarray:
    return np.array(NORMS.index(name), np.int64)
