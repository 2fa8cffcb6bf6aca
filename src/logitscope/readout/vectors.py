"""The vectors that meet the head, fetched a block of positions at a time.

A normed copy of every stage would not fit beside the readout's own memory, so what does not fit is fetched again for
each vocabulary tile. Knows nothing of logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from logitscope.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["KEPT_BYTES", "Source", "Stacks", "Vectors", "as_vectors"]

KEPT_BYTES = 12 << 20
"""How much of what was fetched is kept for the next vocabulary tile."""


@runtime_checkable
class Vectors(Protocol):
    """Stages that can be fetched by blocks of positions; best for texts much longer than one block."""

    def block(self, stage: str, start: int, stop: int) -> Float[Tensor, "position d_model"]:
        """Positions `start` to `stop` of one stage, as they go into the head."""


Source = Mapping[str, Tensor] | Callable[[str], Tensor] | Vectors


def as_vectors(source: Source, n_positions: int, d_model: int) -> Vectors:
    """One manner of fetching for all that a caller may hand in."""
    return _Checked(source, n_positions, d_model)


class _Checked:
    def __init__(self, source: Source, n_positions: int, d_model: int) -> None:
        self._source = source
        self._shape = (n_positions, d_model)

    def block(self, stage: str, start: int, stop: int) -> Float[Tensor, "position d_model"]:
        n_positions, d_model = self._shape
        if isinstance(self._source, Vectors):
            return self._fits(stage, self._source.block(stage, start, stop), stop - start, d_model)
        if isinstance(self._source, Mapping):
            if stage not in self._source:
                raise InputError(
                    f'stage "{stage}" is to be read, but vectors were given for {", ".join(self._source)}.'
                )
            return self._fits(stage, self._source[stage], n_positions, d_model)[start:stop]
        whole = self._fits(stage, self._source(stage), n_positions, d_model)
        # A view would hold on to all positions for as long as the block is kept.
        return whole if stop - start == n_positions else whole[start:stop].clone()

    @staticmethod
    def _fits(stage: str, tensor: Tensor, n_positions: int, d_model: int) -> Tensor:
        if tensor.shape != (n_positions, d_model):
            given = tuple(tensor.shape)
            raise InputError(
                f'stage "{stage}" has vectors of shape {given}; the ids and the head need {n_positions, d_model}.'
            )
        return tensor.detach()


class Stacks:
    """One block of positions: groups of stages as one tensor each, the first ones kept."""

    def __init__(
        self, vectors: Vectors, start: int, stop: int, device: torch.device, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._vectors = vectors
        self._range = start, stop
        self._device = device
        self._room = kept_bytes
        self._kept: dict[tuple[str, ...], Tensor] = {}

    def __call__(self, stages: tuple[str, ...]) -> Float[Tensor, "stage position d_model"]:
        """The vectors of some stages, in fp32 on the head's device."""
        kept = self._kept.get(stages)
        if kept is not None:
            return kept
        blocks = [self._vectors.block(stage, *self._range).to(self._device, torch.float32) for stage in stages]
        stack = blocks[0].unsqueeze(0) if len(blocks) == 1 else torch.stack(blocks)
        n_bytes = stack.numel() * stack.element_size()
        if n_bytes <= self._room:
            self._room -= n_bytes
            self._kept[stages] = stack
        return stack
