"""One block of positions from its vectors to its statistics: in what order tiles, stages and references are read.

    first   the final stage, whose logits are kept. Its likeliest token is then a target of all others.
    then    for each vocabulary tile: every other stage in one product, the input's first; all are compared with the
            final stage's kept tile and with the input's.
    last    histograms, which need the mean and the standard deviation of whole rows: from logits that were all kept,
            in blocks of fewer positions, or, where those of a single position would not fit, from a second product.

Nothing is multiplied twice but for that. KL(reference ‖ stage) is summed beside KL(stage ‖ reference), as logits of
both are at hand: Σ p (z_reference − z_stage). The known shortcut by u = Σ p(v) W[v], where E_p[z_stage] = u · x_stage,
costs one product more for each reference, and bends under a softcap.

Knows neither how a tile is reduced nor how sums become numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.errors import Cancelled
from logitscope.readout.halves import halves
from logitscope.readout.histogram import Histogram
from logitscope.readout.kept import KeptLogits
from logitscope.readout.logits import Buffer, decode_ids
from logitscope.readout.numbers import Gap, numbers, spread
from logitscope.readout.reducer import Reducer
from logitscope.readout.request import Sums
from logitscope.readout.state import State, Targets
from logitscope.readout.tile import Compared, Tile

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.head import Head
    from logitscope.readout.request import Asked
    from logitscope.readout.sizes import Sizes
    from logitscope.readout.vectors import Vectors

__all__ = ["Block", "Plan", "Workspace"]


@dataclass(frozen=True)
class Plan:
    """What is the same for every block of positions.

    Attributes:
        head: turns vectors into logits.
        asked: what the caller wants.
        stages: the output's stages.
        references: the stage of each kind of reference that something refers to: `final`, `input`.
        sizes: of the pieces.
        cancelled: asked before each tile whether to go on.
    """

    head: Head
    asked: Asked
    stages: tuple[str, ...]
    references: dict[str, str]
    sizes: Sizes
    cancelled: Callable[[], bool] | None = None

    @property
    def final(self) -> str | None:
        """The stage that is read first, if anything refers to it."""
        return self.references.get("final")

    @property
    def others(self) -> tuple[str, ...]:
        """All other stages to read, the input's first if anything refers to it."""
        names = dict.fromkeys((*([self.references["input"]] if "input" in self.references else []), *self.stages))
        return tuple(name for name in names if name != self.final)


class Workspace:
    """One thread's memory for vectors, logits and what its reducer keeps, taken once for all of its blocks."""

    def __init__(self, device: torch.device, reducer: Reducer) -> None:
        self.vectors = Buffer(device)
        self.final = Buffer(device)
        self.others = Buffer(device)
        self.reducer = reducer


class Block:
    """Reads all stages at one block of positions.

    Args:
        plan: of the readout.
        vectors: where they are fetched from.
        start: the first position.
        targets: of the block's positions.
        workspace: of the calling thread; what it held before is overwritten.
    """

    def __init__(self, plan: Plan, vectors: Vectors, start: int, targets: Targets, workspace: Workspace) -> None:
        self._plan = plan
        self._workspace = workspace
        self._targets = targets
        n_positions = targets.ids.shape[1]
        names = [*([plan.final] if plan.final is not None else []), *plan.others]
        d_model = plan.head.weight(0, 1).shape[1]
        stack = workspace.vectors.view(len(names), n_positions, d_model)
        for place, name in zip(stack, names, strict=True):
            place.copy_(vectors.block(name, start, start + n_positions))
        n_first = len(names) - len(plan.others)
        self._vectors = {"final": stack[:n_first], "others": stack[n_first:]}
        shortened = halves(plan.head, stack)
        self._logits = KeptLogits(
            plan.head,
            stack if shortened is None else shortened,
            n_first,
            plan.sizes.columns,
            plan.sizes.keeps_all,
            workspace.final,
            workspace.others,
        )

    def read(self) -> Iterator[tuple[Sequence[str], dict[str, Tensor]]]:
        """Statistics `[stage, position, ...]` of some stages at a time, until all are read."""
        plan = self._plan
        final = None if plan.final is None else self._read_final()
        others = self._read_others() if plan.others else None
        if final is not None and plan.final in plan.stages:
            yield from self._finish((str(plan.final),), final, self._gaps_of_final(final, others))
        if others is not None:
            yield from self._finish(plan.others, others, self._gaps(final, others))

    # --------------------------------------------------------------------------------------------------- passes

    def _read_final(self) -> State:
        plan = self._plan
        sums = plan.asked.sums if plan.final in plan.stages else Sums(normaliser=False)
        sums = replace(
            sums,
            normaliser=sums.normaliser or bool(self._compared),
            k=max(sums.k, int("final" in plan.asked.targets)),
        )
        state = self._state("final", sums, 0)
        for start, stop in self._tiles():
            self._reduce(state, self._logits.final(start, stop), start, sums, ())
        span = self._targets.spans.get("final")
        if span is not None:
            guess = state.top.logits[:, 0]
            self._targets.ids[slice(*span)] = state.top.ids[:, 0].masked_fill(guess.isnan(), -1).long()
            state.logit[slice(*span)] = guess
        return state

    def _read_others(self) -> State:
        plan = self._plan
        sums = plan.asked.sums
        compared = {name: self._directions(name) for name in self._compared}
        state = self._state("others", sums, len(compared))
        for start, stop in self._tiles():
            logits = self._logits.others(start, stop)
            references = [
                Compared(self._logits.final(start, stop)[0] if name == plan.final else logits[0], *which)
                for name, which in compared.items()
            ]
            self._reduce(state, logits, start, sums, tuple(references))
        return state

    def _finish(
        self, stages: Sequence[str], state: State, gaps: dict[str, Gap]
    ) -> Iterator[tuple[Sequence[str], dict[str, Tensor]]]:
        plan = self._plan
        yield stages, numbers(plan.asked, state, self._targets, gaps, plan.head.n_vocab)
        if not plan.asked.histogram:
            return
        histogram = Histogram(*spread(state, plan.head.n_vocab))
        tile_of = self._logits.final if stages == (plan.final,) else self._logits.others
        for start, stop in self._tiles():
            tile = Tile(tile_of(start, stop), start, self._n_real(start, stop - start))
            self._workspace.reducer.bin(histogram, tile)
        found = {"histogram": histogram.counts, "histogram_samples": histogram.samples}
        yield stages, {name: value for name, value in found.items() if name in plan.asked.names}

    # --------------------------------------------------------------------------------------- what is compared

    @property
    def _compared(self) -> tuple[str, ...]:
        """The stages that all others are compared with, tile by tile: none, one or two."""
        return tuple(name for name in dict.fromkeys(self._plan.references.values()) if any(self._directions(name)))

    def _directions(self, reference: str) -> tuple[bool, bool]:
        """Whether sums toward a reference stage are wanted, and away from it."""
        plan, asked = self._plan, self._plan.asked
        kinds = [kind for kind, name in plan.references.items() if name == reference]
        toward, away = any(map(asked.toward, kinds)), any(map(asked.away, kinds))
        if reference == plan.final and plan.final in plan.stages and "input" in plan.references:
            # What lies between the final stage and the input's is told from the input's side.
            toward, away = toward or asked.away("input"), away or asked.toward("input")
        return toward, away

    def _gaps(self, final: State | None, others: State) -> dict[str, Gap]:
        """From all stages but the final one to the references."""
        gaps = {}
        for kind, name in self._plan.references.items():
            reference = final if final is not None and name == self._plan.final else others
            toward = away = None
            if name in self._compared:
                i = self._compared.index(name)
                toward = others.toward[i] / others.exp_sum
                away = others.away[i] / reference.exp_sum[0]
            gaps[kind] = self._gap(kind, self._plan.others, reference, toward, away)
        return gaps

    def _gaps_of_final(self, final: State, others: State | None) -> dict[str, Gap]:
        """From the final stage to the references; to the input's by what the input's stage says of both."""
        gaps = {}
        for kind, name in self._plan.references.items():
            reference, toward, away = final, final.logsumexp * 0, final.logsumexp * 0
            if others is not None and name != self._plan.final and self._plan.final in self._compared:
                i = self._compared.index(self._plan.final)
                reference = others
                toward = others.away[i, :1] / final.exp_sum
                away = others.toward[i, :1] / others.exp_sum[:1]
            gaps[kind] = self._gap(kind, (str(self._plan.final),), reference, toward, away)
        return gaps

    def _gap(
        self, kind: str, stages: Sequence[str], reference: State, toward: Tensor | None, away: Tensor | None
    ) -> Gap:
        asked, name = self._plan.asked, self._plan.references[kind]
        return Gap(
            reference.logsumexp[0],
            toward if asked.toward(kind) else None,
            away if asked.away(kind) else None,
            tuple(i for i, stage in enumerate(stages) if stage == name),
        )

    # -------------------------------------------------------------------------------------------------- parts

    def _tiles(self) -> Iterator[tuple[int, int]]:
        n_vocab, columns = self._plan.head.n_vocab, self._plan.sizes.columns
        for start in range(0, n_vocab, columns):
            if self._plan.cancelled is not None and self._plan.cancelled():
                raise Cancelled("the readout was cancelled.")
            yield start, min(start + columns, n_vocab)

    def _n_real(self, start: int, n_columns: int) -> int:
        return min(max(self._plan.head.n_tokens - start, 0), n_columns)

    def _state(self, which: str, sums: Sums, n_references: int) -> State:
        thresholds = None
        vectors = self._vectors[which]
        if sums.counts:
            thresholds = decode_ids(self._plan.head, vectors, self._targets.ids.clamp(min=0))
        return State(len(vectors), self._targets, sums.k, n_references, thresholds)

    def _reduce(
        self,
        state: State,
        logits: Float[Tensor, "stage position column"],
        start: int,
        sums: Sums,
        compared: tuple[Compared, ...],
    ) -> None:
        n_columns = logits.shape[-1]
        n_real, bias = self._n_real(start, n_columns), self._plan.head.bias(start, start + n_columns)
        forbids = bias is not None and bool(bias.isneginf().any())
        self._workspace.reducer.add(
            state, Tile(logits, start, n_real, state.thresholds, state.floor, compared, forbids), sums
        )
