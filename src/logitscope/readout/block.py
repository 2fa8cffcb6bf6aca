"""One block of positions from its vectors to its statistics: in what order tiles, stages and references are read.

    pass 0   the references: their log-sum-exp, their mean row, and the final stage's likeliest token, which is then a
             target of all others. The final stage is finished here and not read again.
    pass 1   for each vocabulary tile: the references' logits once more, then every other stage's.
    pass 2   only for histograms: standardised logits need the mean and the standard deviation first.

Knows neither how a tile is reduced nor how sums become numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.errors import Cancelled
from logitscope.readout.distribution import ExpectedRow, Reference
from logitscope.readout.histogram import Histogram
from logitscope.readout.logits import Buffer, decode_ids, decode_tile
from logitscope.readout.numbers import Gap, numbers, spread
from logitscope.readout.reducer import Compared, Reducer, Tile
from logitscope.readout.request import Sums
from logitscope.readout.state import State, Targets

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.head import Head
    from logitscope.readout.request import Asked
    from logitscope.readout.vectors import Stacks

__all__ = ["Block", "Group", "Plan", "Workspace"]

Group = tuple[str, ...]
"""Stages that are read together: their rows share one product with each vocabulary tile."""


@dataclass(frozen=True)
class Plan:
    """What is the same for every block of positions.

    Attributes:
        head: turns vectors into logits.
        asked: what the caller wants.
        stages: the output's stages.
        references: the stage of each kind of reference that something refers to: `final`, `input`.
        reducer: looks at the logits.
        vocab_tile: columns of a tile.
        n_rows: rows of a tile; short texts fill it with several stages.
        cancelled: asked before each tile whether to go on.
    """

    head: Head
    asked: Asked
    stages: tuple[str, ...]
    references: dict[str, str]
    reducer: Reducer
    vocab_tile: int
    n_rows: int
    cancelled: Callable[[], bool] | None = None


class Workspace:
    """Memory for one tile of everything, taken once for all blocks."""

    def __init__(self, device: torch.device) -> None:
        self.logits = Buffer(device)
        self.rows = Buffer(device)
        self.reference = {"final": Buffer(device), "input": Buffer(device)}
        self.weights = {"final": Buffer(device), "input": Buffer(device)}


class Block:
    """Reads all stages at one block of positions."""

    def __init__(self, plan: Plan, stacks: Stacks, targets: Targets, workspace: Workspace) -> None:
        self._plan = plan
        self._stacks = stacks
        self._targets = targets
        self._workspace = workspace
        self._references: dict[str, Reference] = {}
        self._spreads: dict[Group, tuple[Tensor, Tensor]] = {}

    def read(self) -> Iterator[tuple[Group, dict[str, Tensor]]]:
        """Some statistics of some stages at a time, `[stage, position, ...]`, until all are read."""
        yield from self._read_references()
        yield from self._read_stages()
        if self._plan.asked.histogram:
            yield from self._read_histograms()

    # ------------------------------------------------------------------------------------------------- pass 0

    def _read_references(self) -> Iterator[tuple[Group, dict[str, Tensor]]]:
        plan, workspace = self._plan, self._workspace
        kinds = {name: kind for kind, name in reversed(plan.references.items())}
        final = plan.references.get("final")
        finished = final if final in plan.stages else None
        # Only the final stage is finished here, so only its divergences from the input's distribution are at stake.
        crossing = finished is not None and len(kinds) == 2
        vectors = {name: self._stacks((name,)) for name in kinds}
        states = {name: self._state(vectors[name], self._reference_sums(name), int(crossing)) for name in kinds}
        rows = {name: self._expected_row(name, vectors[name]) for name in kinds}
        for start, weight, bias in self._tiles():
            logits = {
                name: decode_tile(plan.head, vectors[name], weight, bias, workspace.reference[kind])
                for name, kind in kinds.items()
            }
            for name, state in states.items():
                others = tuple(Compared(logits[other][0], toward=True) for other in kinds if crossing and other != name)
                self._reduce(state, logits[name], start, self._reference_sums(name), others)
                row = rows[name]
                if row is not None:
                    row.add(logits[name][0], weight, scratch=workspace.logits, product=workspace.rows)
        read = {name: Reference(name, vectors[name][0], states[name], rows[name]) for name in kinds}
        self._references = {kind: read[name] for kind, name in plan.references.items()}
        if final is not None:
            self._aim_at_the_final_guess(states[final])
        if finished is not None:
            yield (finished,), self._finish((finished,), states[finished], self._gaps_of_final(finished, states))

    def _reference_sums(self, name: str) -> Sums:
        asked = self._plan.asked
        is_final = name == self._plan.references.get("final")
        sums = asked.sums if is_final and name in self._plan.stages else Sums(normaliser=False)
        return replace(
            sums,
            normaliser=sums.normaliser or any(asked.toward(kind) or asked.away(kind) for kind in ("final", "input")),
            k=max(sums.k, int(is_final and "final" in asked.targets)),
        )

    def _expected_row(self, name: str, vectors: Float[Tensor, "1 position d_model"]) -> ExpectedRow | None:
        kinds = [kind for kind, stage in self._plan.references.items() if stage == name]
        # The last stage alone is finished without it; a softcap bends logits, so that they have no mean row.
        if self._plan.head.softcap is not None or not any(self._plan.asked.away(kind) for kind in kinds):
            return None
        if not set(self._plan.stages) - {self._plan.references.get("final")}:
            return None
        return ExpectedRow(vectors.shape[1], vectors.shape[2], vectors.device)

    def _aim_at_the_final_guess(self, state: State) -> None:
        span = self._targets.spans.get("final")
        if span is None:
            return
        guess = state.top.logits[:, 0]
        self._targets.ids[slice(*span)] = state.top.ids[:, 0].masked_fill(guess.isnan(), -1).long()
        state.logit[slice(*span)] = guess

    def _gaps_of_final(self, final: str, states: dict[str, State]) -> dict[str, Gap]:
        gaps = {}
        for kind, reference in self._references.items():
            own, other = states[final], states[reference.name]
            # The reference's sum toward the final stage is the final stage's away from the reference.
            toward, away = (
                (own.toward[0] / own.exp_sum, other.toward[0] / other.exp_sum)
                if reference.name != final
                else (own.logsumexp * 0, own.logsumexp * 0)
            )
            gaps[kind] = self._gap(kind, (final,), toward, away)
        return gaps

    # ------------------------------------------------------------------------------------------------- pass 1

    def _read_stages(self) -> Iterator[tuple[Group, dict[str, Tensor]]]:
        plan, workspace, asked = self._plan, self._workspace, self._plan.asked
        groups = self._groups(plan.references.get("final"))
        if not groups:
            return
        compared = [
            kind
            for kind, reference in self._references.items()
            if asked.toward(kind) or (asked.away(kind) and reference.row is None)
        ]
        states: dict[Group, State] = {}
        away: dict[Group, dict[str, Tensor | None]] = {}
        for group in groups:
            vectors = self._stacks(group)
            states[group] = self._state(vectors, asked.sums, len(compared))
            away[group] = {
                kind: reference.expected_gap(plan.head.multiplier, vectors)
                for kind, reference in self._references.items()
                if reference.row is not None
            }
        for start, weight, bias in self._tiles():
            logits_of: dict[Group, Tensor] = {}
            others = []
            for kind in compared:
                reference = self._references[kind]
                logits = decode_tile(plan.head, reference.vectors[None], weight, bias, workspace.reference[kind])
                logits_of[reference.name,] = logits
                weighted = asked.away(kind) and reference.row is None
                weights = reference.weights(logits[0], workspace.weights[kind]) if weighted else None
                others.append(Compared(logits[0], asked.toward(kind), weights))
            for group in groups:
                shared = logits_of.get(group)
                if shared is None:
                    shared = decode_tile(plan.head, self._stacks(group), weight, bias, workspace.logits)
                self._reduce(states[group], shared, start, asked.sums, tuple(others))
        for group, state in states.items():
            gaps = {}
            for kind, reference in self._references.items():
                index = compared.index(kind) if kind in compared else None
                toward = None if index is None else state.toward[index] / state.exp_sum
                gap = away[group].get(kind)
                if gap is None and index is not None:
                    gap = state.away[index] / reference.exp_sum
                gaps[kind] = self._gap(kind, group, toward, gap)
            yield group, self._finish(group, state, gaps)

    # ------------------------------------------------------------------------------------------------- pass 2

    def _read_histograms(self) -> Iterator[tuple[Group, dict[str, Tensor]]]:
        head = self._plan.head
        histograms = {group: Histogram(*moments) for group, moments in self._spreads.items()}
        for start, weight, bias in self._tiles():
            for group, histogram in histograms.items():
                logits = decode_tile(head, self._stacks(group), weight, bias, self._workspace.logits)
                histogram.add(logits, start, self._n_real(start, logits.shape[-1]))
        for group, histogram in histograms.items():
            found = {"histogram": histogram.counts, "histogram_samples": histogram.samples}
            yield group, {name: value for name, value in found.items() if name in self._plan.asked.names}

    # -------------------------------------------------------------------------------------------------- parts

    def _tiles(self) -> Iterator[tuple[int, Float[Tensor, "column d_model"], Float[Tensor, " column"] | None]]:
        head = self._plan.head
        for start in range(0, head.n_vocab, self._plan.vocab_tile):
            if self._plan.cancelled is not None and self._plan.cancelled():
                raise Cancelled("the readout was cancelled.")
            stop = min(start + self._plan.vocab_tile, head.n_vocab)
            yield start, head.weight(start, stop), head.bias(start, stop)

    def _groups(self, already_read: str | None) -> list[Group]:
        rest = [stage for stage in self._plan.stages if stage != already_read]
        size = max(1, self._plan.n_rows // max(1, self._targets.ids.shape[1]))
        return [tuple(rest[i : i + size]) for i in range(0, len(rest), size)]

    def _n_real(self, start: int, n_columns: int) -> int:
        return min(max(self._plan.head.n_tokens - start, 0), n_columns)

    def _state(self, vectors: Float[Tensor, "stage position d_model"], sums: Sums, n_references: int) -> State:
        thresholds = None
        if sums.counts:
            head, ids = self._plan.head, self._targets.ids
            thresholds = torch.stack([decode_ids(head, vectors, target.clamp(min=0)) for target in ids])
        return State(len(vectors), self._targets, sums.k, n_references, thresholds)

    def _reduce(
        self,
        state: State,
        logits: Float[Tensor, "stage position column"],
        start: int,
        sums: Sums,
        compared: tuple[Compared, ...],
    ) -> None:
        n_real = self._n_real(start, logits.shape[-1])
        tile = Tile(logits, start, n_real, state.thresholds, state.floor, compared)
        state.merge(tile, self._plan.reducer(tile, sums))

    def _gap(self, kind: str, group: Group, toward: Tensor | None, away: Tensor | None) -> Gap:
        asked, reference = self._plan.asked, self._references[kind]
        return Gap(
            reference.logsumexp,
            toward if asked.toward(kind) else None,
            away if asked.away(kind) else None,
            tuple(i for i, stage in enumerate(group) if stage == reference.name),
        )

    def _finish(self, group: Group, state: State, gaps: dict[str, Gap]) -> dict[str, Tensor]:
        plan = self._plan
        if plan.asked.histogram:
            self._spreads[group] = spread(state, plan.head.n_vocab)
        return numbers(plan.asked, state, self._targets, gaps, plan.head.n_vocab)
