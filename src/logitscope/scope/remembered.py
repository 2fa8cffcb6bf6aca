"""What the last reading of a text left behind, so that reading nearly the same text again costs what changed.

Kept are the keys and values of one window, and the statistics of every position that stands in the text as it stood:
with the same tokens up to and including the one after it. Whatever else a number depends on (lens, norm, statistics,
weights, where its window begins) is part of the name it is kept under, so that nothing stale can be found.
Knows plans; runs a model only through its keys and values.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.model.decode import Decoder
from logitscope.model.model import Model
from logitscope.model.prefix import KeyValues, why_not
from logitscope.model.windows import Window
from logitscope.scope.plan import Plan

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

__all__ = ["Remembered"]

_Name = tuple[object, ...]

_Read = Callable[[Sequence[str], np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class _Kept:
    """The statistics of one stage in one window.

    Attributes:
        ids: of the whole text.
        positions: ascending.
        arrays: by name, `[position, ...]`.
    """

    ids: np.ndarray
    positions: np.ndarray
    arrays: Mapping[str, np.ndarray]

    @property
    def n_bytes(self) -> int:
        return self.positions.nbytes + sum(array.nbytes for array in self.arrays.values())

    def unchanged(self, ids: np.ndarray, *, whole: bool) -> int:
        """How many of the positions, from the first, have the numbers that they would have in a text of these ids.

        Args:
            ids: of the text that is read now.
            whole: earlier numbers depend on later tokens, if only on how many there are.
        """
        if ids is self.ids:
            return len(self.positions)
        n = min(len(ids), len(self.ids))
        differ = np.flatnonzero(ids[:n] != self.ids[:n])
        common = int(differ[0]) if len(differ) else n
        same = common == len(ids) == len(self.ids)
        if whole and not same:
            return 0
        # The last common token is followed by another one now, or by one where nothing was, or by nothing.
        return int(np.searchsorted(self.positions, common if same else common - 1))


@dataclass(frozen=True)
class _Last:
    """What the head reads at the last position of a window.

    Attributes:
        ids: of the window, up to that position.
        norm: of the decoder that made it.
        vectors: by stage, `[1, d_model]`.
    """

    ids: tuple[int, ...]
    norm: str
    vectors: Mapping[str, Tensor]

    @property
    def n_bytes(self) -> int:
        return sum(vector.nbytes for vector in self.vectors.values())

    def is_at(self, ids: Sequence[int], stages: Sequence[str], decoder: Decoder) -> bool:
        """Whether it holds what such a decoder makes of some stages after these ids."""
        return decoder.norm == self.norm and self.vectors.keys() >= set(stages) and self.ids == tuple(ids)


class Remembered:
    """What `Scope.remember` returns and `trace` and `pieces` take as `prefix`; for one of them at a time.

    Attributes:
        limit_mib: how much may be kept between readings; what was used longest ago goes first.
        reason: why no keys and values are kept, so that the model runs on the whole text each time; empty where they
            are. What is known of unchanged positions is kept in any case, unless that depends on the text's length.
    """

    def __init__(self, model: Model, limit_mib: float = 256) -> None:
        if not limit_mib > 0:
            raise InputError(f"limit_mib={limit_mib} was given; it must be more than 0.")
        self.limit_mib = limit_mib
        self._why_not = why_not(model)
        self._too_large = ""
        self._model = model
        self._held: KeyValues | None = None
        self._last: _Last | None = None
        self._kept: OrderedDict[_Name, _Kept] = OrderedDict()
        self._weights: object = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        size = f"{self.n_bytes / 2**20:.1f} of {self.limit_mib:g} MiB"
        return f"Remembered({self._model.name}, {size}{f', no keys and values: {self.reason}' if self.reason else ''})"

    @property
    def reason(self) -> str:
        return self._why_not or self._too_large

    @property
    def n_bytes(self) -> int:
        """Memory in use."""
        vectors = (self._held.n_bytes if self._held else 0) + (self._last.n_bytes if self._last else 0)
        return vectors + sum(kept.n_bytes for kept in self._kept.values())

    def forget(self) -> None:
        """Forgets everything, as if nothing had been read."""
        with self.in_use(self._model):
            self._clear()

    def _clear(self) -> None:
        self._held = self._last = None
        self._kept.clear()

    @contextmanager
    def in_use(self, model: Model) -> Iterator[None]:
        """While one reading of a model uses what is kept, no other may.

        Raises:
            InputError: it is another model, or another reading is not finished.
        """
        if model is not self._model:
            raise InputError(f"what was remembered of {self._model.name} was given with another model.")
        if not self._lock.acquire(blocking=False):
            raise InputError(
                "this prefix is in use by another reading; finish or close that one, or give each its own remember()."
            )
        try:
            weights = (model.weights_state(), model.device)
            if weights != self._weights:
                self._clear()
                self._weights = weights
            yield
        finally:
            # Not before: what was known when the model was run has to be known when its results are put together.
            self._make_room()
            self._lock.release()

    # ------------------------------------------------------------------------------------------------ the model's run

    def vectors(
        self,
        fed: Int[np.ndarray, " position"],
        rows: Int[np.ndarray, " row"],
        stages: Sequence[str],
        decoder: Decoder,
    ) -> Mapping[str, Tensor] | None:
        """What the head reads at some rows of a window; None where the model has to run anew.

        Args:
            fed: ids of the window.
            rows: ascending.
            stages: their names.
            decoder: makes it of the residual stream.
        """
        if self._why_not:
            return None
        ids = fed[: int(rows[-1]) + 1].tolist()
        held = KeyValues(self._model) if self._held is None else self._held
        common = held.common(fed.tolist())
        # Another token after the last one changes what is read of that, but not the stream there.
        last = self._last if self._last is not None and self._last.is_at(ids[: rows[0] + 1], stages, decoder) else None
        new = rows if last is None else rows[1:]
        if last is not None and not len(new):
            return {stage: last.vectors[stage] for stage in stages}
        begin = min(common, int(new[0]))
        # What is held stays until more is: one position read early in a text must not cost the keys of the rest.
        run = held.fork()
        run.crop(begin)
        vectors = run.extend(ids[begin:], stages, torch.from_numpy(new - begin), store=decoder.normalise)
        if last is not None:
            vectors = {stage: torch.cat([last.vectors[stage], vectors[stage]]) for stage in stages}
        if len(run.ids) >= common:
            fits = run.n_bytes <= self._limit
            self._too_large = "" if fits else f"they take {run.n_bytes / 2**20:.0f} MiB, {self.limit_mib:g} may be kept"
            self._held = self._last = None
            if fits:
                last_row = {stage: vectors[stage][-1:].clone() for stage in stages}
                self._held, self._last = run, _Last(run.ids, decoder.norm, last_row)
        return vectors

    # ------------------------------------------------------------------------------------------------- its statistics

    def lacking(self, plan: Plan, stages: Sequence[str], positions: np.ndarray) -> np.ndarray:
        """Those of the positions at which some of the stages are not known."""
        known = np.logical_and.reduce([self._known(plan, stage, positions) for stage in stages])
        lacking: np.ndarray = positions[~known]
        return lacking

    def complete(self, plan: Plan, stages: Sequence[str], positions: np.ndarray, read: _Read) -> dict[str, np.ndarray]:
        """The statistics of some stages at some positions, `[stage, position, ...]`, with what is not known read.

        Args:
            plan: what they belong to.
            stages: their names.
            positions: ascending.
            read: called with stages and the positions that all of these lack.
        """
        known = {stage: self._recall(plan, stage, positions) for stage in stages}
        groups: dict[bytes, list[str]] = {}
        for stage, (mask, _) in known.items():
            groups.setdefault(mask.tobytes(), []).append(stage)
        whole: dict[str, np.ndarray] = {}
        for group in groups.values():
            mask = known[group[0]][0]
            found = read(group, positions[~mask]) if not mask.all() else {}
            for i, stage in enumerate(group):
                at, old = list(stages).index(stage), known[stage][1]
                for name in found or old:
                    like = found[name][i] if found else old[name]
                    array = whole.setdefault(name, np.empty((len(stages), len(positions), *like.shape[1:]), like.dtype))
                    if found:
                        array[at, ~mask] = found[name][i]
                    if name in old:
                        array[at, mask] = old[name]
                if found:
                    self._keep(plan, stage, positions, {name: array[at] for name, array in whole.items()})
        return whole

    def _known(self, plan: Plan, stage: str, positions: np.ndarray) -> Bool[np.ndarray, " position"]:
        """Which of the positions are known."""
        mask = np.zeros(len(positions), bool)
        for window, inside in _by_window(plan, positions):
            held, _ = self._unchanged(plan, window, stage)
            mask[inside] = _among(positions[inside], held)
        return mask

    def _recall(
        self, plan: Plan, stage: str, positions: np.ndarray
    ) -> tuple[Bool[np.ndarray, " position"], dict[str, np.ndarray]]:
        """Which of the positions are known, and the statistics of those that are, `[position, ...]`."""
        mask = np.zeros(len(positions), bool)
        parts: list[Mapping[str, np.ndarray]] = []
        for window, inside in _by_window(plan, positions):
            held, arrays = self._unchanged(plan, window, stage)
            found = _among(held, positions[inside])
            if found.any():
                mask[inside] = _among(positions[inside], held)
                parts.append(arrays if found.all() else {name: array[found] for name, array in arrays.items()})
        if len(parts) <= 1:
            return mask, dict(parts[0]) if parts else {}
        return mask, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _unchanged(self, plan: Plan, window: Window, stage: str) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
        """Positions of a window at which a stage's statistics still hold, and these; neither is copied."""
        kept = self._kept.get(name := _name(plan, window, stage))
        if kept is None:
            return np.zeros(0, np.int32), {}
        self._kept.move_to_end(name)
        n = kept.unchanged(plan.tokens.ids, whole=self._model.length_dependent)
        return kept.positions[:n], {statistic: array[:n] for statistic, array in kept.arrays.items()}

    def _keep(self, plan: Plan, stage: str, positions: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps a stage's statistics, beside those at other positions that still hold."""
        for window, inside in _by_window(plan, positions):
            held, old = self._unchanged(plan, window, stage)
            other = ~_among(held, positions[inside])
            together, merged = positions[inside], {name: array[inside].copy() for name, array in arrays.items()}
            if other.any():
                together = np.concatenate([held[other], together])
                order = np.argsort(together)
                together = together[order]
                merged = {n: np.concatenate([old[n][other], array])[order] for n, array in merged.items()}
            name = _name(plan, window, stage)
            self._kept[name] = _Kept(plan.tokens.ids, together, merged)
            self._kept.move_to_end(name)

    @property
    def _limit(self) -> int:
        return int(self.limit_mib * 2**20)

    def _make_room(self) -> None:
        used = self.n_bytes
        while used > self._limit and self._kept:
            used -= self._kept.popitem(last=False)[1].n_bytes


def _name(plan: Plan, window: Window, stage: str) -> _Name:
    """Everything but the tokens that a number of a stage depends on."""
    return plan.request, plan.lens.name, plan.decoder.norm, stage, window.prefix, window.start


def _among(some: Int[np.ndarray, " position"], others: Int[np.ndarray, " other"]) -> Bool[np.ndarray, " position"]:
    """Which of some positions are among others; both ascend."""
    if not len(others):
        return np.zeros(len(some), bool)
    found: np.ndarray = others[np.searchsorted(others, some).clip(max=len(others) - 1)] == some
    return found


def _by_window(plan: Plan, positions: np.ndarray) -> Iterator[tuple[Window, slice]]:
    """The windows that read out some of the positions, and where these stand in the row."""
    for window in plan.windows:
        start, stop = np.searchsorted(positions, (window.first, window.stop))
        if start < stop:
            yield window, slice(int(start), int(stop))
