"""From a plan to numbers: the model is run on a window, its stages are read out, and the arrays become a Trace.

Knows one trace at a time; in what order windows and stages are read is for its callers to say.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from logitscope.model.capture import capture, interruptible
from logitscope.model.explain import plain_memory_errors
from logitscope.model.memory import give_back, mapped
from logitscope.model.model import Model
from logitscope.model.running import exact_products
from logitscope.model.windows import Window
from logitscope.readout import MatrixHead, read_out
from logitscope.scope.plan import Plan
from logitscope.scope.remembered import Remembered
from logitscope.trace import Provenance, Trace
from logitscope.trace.statistics import STATISTICS

__all__ = ["Reading", "conditions", "read_whole"]

_INPUT = "input"
"""The distribution that `kl_*_input` refer to, where a lens reads `embed` in another way."""


@contextmanager
def conditions(model: Model) -> Iterator[None]:
    """What holds while anything of a model is run or read: exact products, and want of memory said in one line."""
    with plain_memory_errors(model.name), exact_products(model.device):
        yield


@dataclass(frozen=True)
class Reading:
    """One trace while it is made.

    Attributes:
        model: what reads.
        plan: what is to be read.
        cancelled: asked between blocks and between tiles whether nobody waits for the result any more.
        prefix: what an earlier reading left behind; held by whoever makes this one.
    """

    model: Model
    plan: Plan
    cancelled: Callable[[], bool] | None = None
    prefix: Remembered | None = None

    def vectors(self, window: Window, positions: np.ndarray, stages: Sequence[str]) -> Mapping[str, Tensor]:
        """What the head reads at some positions of one window, `[position, d_model]` in fp32, from one forward pass."""
        plan, anatomy = self.plan, self.model.anatomy
        ids = plan.tokens.ids
        fed = np.concatenate([ids[: window.prefix], ids[window.start : window.stop]]).astype(np.int64)
        rows = np.array([window.row(int(p)) for p in positions])
        with mapped(4 * len(stages) * len(fed) * anatomy.d_model), interruptible(anatomy, self.cancelled):
            vectors = None
            if self.prefix is not None and not plan.lens.needs_whole_window:
                vectors = self.prefix.vectors(fed, rows, stages, plan.decoder)
            if vectors is None:
                vectors = self._decoded(torch.from_numpy(fed), torch.from_numpy(rows), tuple(stages))
        give_back(sum(stage.nbytes for stage in vectors.values()))
        return vectors

    def _decoded(self, fed: Tensor, rows: Tensor, stages: tuple[str, ...]) -> Mapping[str, Tensor]:
        anatomy, lens, decoder = self.model.anatomy, self.plan.lens, self.plan.decoder
        if not lens.needs_whole_window:
            return capture(anatomy, fed, stages, rows, store=decoder.normalise).vectors
        captured = capture(anatomy, fed, stages, keep_calls=True)
        streams = {stage: lens.transform(captured, stage) for stage in stages}
        if "embed" in stages:
            # What the input's own distribution is does not depend on the lens: the model's head, nothing in between.
            streams[_INPUT] = captured.vectors["embed"]
        return {name: decoder.normalise(stream[rows.to(stream.device)]) for name, stream in streams.items()}

    def read(
        self, stages: Sequence[str], vectors: Mapping[str, Tensor], positions: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The statistics of some stages at some positions of the text, from what the head reads there."""
        return self.read_ids(stages, vectors, self.plan.tokens.ids[positions], self.plan.following[positions])

    def read_ids(
        self, stages: Sequence[str], vectors: Mapping[str, Tensor], input_ids: np.ndarray, next_ids: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The same at positions of any texts with these settings, by the tokens there and those that follow."""
        return read_out(
            self._head,
            stages,
            vectors,
            final=self.model.anatomy.last_stage,
            input_stage=next((name for name in (_INPUT, "embed") if name in vectors), None),
            input_ids=input_ids,
            next_ids=next_ids,
            request=self.plan.request,
            cancelled=self.cancelled,
        )

    def lacking(self, stages: Sequence[str], positions: np.ndarray) -> np.ndarray:
        """The positions at which some stage has to be read; all of them where nothing is remembered."""
        return positions if self.prefix is None else self.prefix.lacking(self.plan, stages, positions)

    def complete(
        self, stages: Sequence[str], vectors: Mapping[str, Tensor], captured: np.ndarray, positions: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The statistics of some stages at some positions: what is remembered as it was, the rest read.

        Args:
            stages: their names.
            vectors: what the head reads at the positions `captured`, all that are lacking among them.
            captured: ascending.
            positions: what to return the statistics of.
        """

        def read(some: Sequence[str], lacking: np.ndarray) -> dict[str, np.ndarray]:
            if len(lacking) == len(captured):
                return self.read(some, vectors, lacking)
            rows = torch.from_numpy(np.searchsorted(captured, lacking))
            return self.read(some, {n: stream[rows.to(stream.device)] for n, stream in vectors.items()}, lacking)

        if self.prefix is None:
            return read(stages, positions)
        return self.prefix.complete(self.plan, stages, positions, read)

    def trace(
        self, stages: Sequence[str], arrays: Mapping[str, np.ndarray], positions: np.ndarray | None = None
    ) -> Trace:
        """The Trace of some stages at some positions, by default all that were asked for."""
        plan = self.plan
        at = plan.positions if positions is None else positions
        named = [array for name, array in arrays.items() if STATISTICS[name].is_id]
        named += [plan.tokens.ids, np.array(plan.request.watch, np.int32)]
        return Trace(
            tokens=plan.tokens,
            stages=tuple(stages),
            positions=at,
            arrays=arrays,
            vocabulary=self.model.tokeniser.vocabulary(_distinct(named)),
            provenance=self.provenance,
            watched=plan.request.watch,
            context_lengths=plan.context_lengths(at),
            seams=tuple(w.first for w in plan.windows[1:] if w.first in at),
        )

    @cached_property
    def provenance(self) -> Provenance:
        """Where the numbers come from; one for all pieces of a trace."""
        model, plan = self.model, self.plan
        content_hash, check = model.identity()
        return Provenance(
            model=model.name,
            model_class=model.anatomy.model_class,
            dtype=model.dtype,
            lens=plan.lens.name,
            norm=plan.decoder.norm,
            revision=model.revision,
            content_hash=content_hash,
            self_check=check.figure,
            context_window=plan.context,
            stride=plan.stride,
            bos=plan.bos,
            last_stage=model.anatomy.last_stage,
            length_dependent=model.length_dependent,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=dict(_versions()),
        )

    @cached_property
    def _head(self) -> MatrixHead:
        anatomy = self.model.anatomy
        return MatrixHead(
            anatomy.weight,
            n_tokens=self.model.n_tokens,
            offset=anatomy.bias,
            multiplier=anatomy.multiplier,
            softcap=anatomy.softcap,
        )


def read_whole(
    model: Model,
    plan: Plan,
    *,
    progress: Callable[[int, int], None] | None = None,
    prefix: Remembered | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Trace:
    """All stages of one window after the other, so that no more than one window's vectors are held.

    Args:
        model: what reads.
        plan: what is to be read.
        progress: called with (done, total) positions.
        prefix: what an earlier reading left behind.
        cancelled: asked between blocks of the model's run and between tiles of the readout.
    """
    reading = Reading(model, plan, cancelled, prefix)
    # Filled as windows come: putting parts together at the end would hold everything twice.
    arrays: dict[str, np.ndarray] = {}
    done = 0
    with conditions(model), nullcontext() if prefix is None else prefix.in_use(model):
        for one in plan.windows:
            inside = plan.inside(one)
            if len(inside):
                lacking = reading.lacking(plan.stages, inside)
                vectors = reading.vectors(one, lacking, plan.needed) if len(lacking) else {}
                for name, part in reading.complete(plan.stages, vectors, lacking, inside).items():
                    if len(inside) == len(plan.positions):
                        arrays[name] = part
                        continue
                    if name not in arrays:
                        arrays[name] = np.empty((len(plan.stages), len(plan.positions), *part.shape[2:]), part.dtype)
                    arrays[name][:, done : done + len(inside)] = part
            done += len(inside)
            if progress is not None:
                progress(done, len(plan.positions))
        return reading.trace(plan.stages, arrays)


def _distinct(arrays: Sequence[np.ndarray]) -> list[int]:
    """All ids, each once, ascending; −1 stands for none. Sorting them would take longer than reading out a token."""
    seen = np.zeros(max(int(array.max(initial=-1)) for array in arrays) + 2, bool)
    for array in arrays:
        seen[array] = True
    ids: list[int] = np.flatnonzero(seen[:-1]).tolist()
    return ids


@cache
def _versions() -> dict[str, str]:
    """Looked up once: it takes longer than a short trace."""
    packages = ("logitscope", "torch", "transformers", "tokenizers", "numpy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
