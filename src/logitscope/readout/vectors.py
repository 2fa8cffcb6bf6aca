"""The vectors that meet the head, fetched a block of positions at a time.

A normed copy of every stage would not fit beside the readout's own memory. Knows nothing of logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

from logitscope.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Source", "Vectors", "as_vectors"]


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
        self._one_at_a_time = Lock()

    def block(self, stage: str, start: int, stop: int) -> Float[Tensor, "position d_model"]:
        with self._one_at_a_time:
            return self._block(stage, start, stop)

    def _block(self, stage: str, start: int, stop: int) -> Float[Tensor, "position d_model"]:
        n_positions, d_model = self._shape
        if isinstance(self._source, Vectors):
            return self._fits(stage, self._source.block(stage, start, stop), stop - start, d_model)
        if isinstance(self._source, Mapping):
            if stage not in self._source:
                raise InputError(
                    f'stage "{stage}" is to be read, but vectors were given for {", ".join(self._source)}.'
                )
            return self._fits(stage, self._source[stage], n_positions, d_model)[start:stop]
        return self._fits(stage, self._source(stage), n_positions, d_model)[start:stop]

    @staticmethod
    def _fits(stage: str, tensor: Tensor, n_positions: int, d_model: int) -> Tensor:
        if tensor.shape != (n_positions, d_model):
            given = tuple(tensor.shape)
            raise InputError(
                f'stage "{stage}" has vectors of shape {given}; the ids and the head need {n_positions, d_model}.'
            )
        return tensor.detach()
