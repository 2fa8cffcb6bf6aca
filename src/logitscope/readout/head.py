"""What stands between a vector and its logits: the output matrix and what is done to its product.

A model room gives any object with these attributes; `MatrixHead` serves where the matrix is at hand as one tensor.
Knows nothing of norms: the vectors that meet a head have been through theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from logitscope.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["Head", "MatrixHead"]


@runtime_checkable
class Head(Protocol):
    """`logits = softcap(multiplier × (x Wᵀ + b))`, where `softcap(z) = c·tanh(z / c)`.

    Rows are handed out in fp32, a tile at a time, whatever the type they are kept in. Rows from `n_tokens` on are
    padding: they belong to the distribution, but no token stands for them.
    """

    @property
    def n_vocab(self) -> int:
        """Rows of the output matrix, padding included."""

    @property
    def n_tokens(self) -> int:
        """Rows that the tokenizer knows."""

    @property
    def multiplier(self) -> float:
        """What the product and its bias are multiplied by; 1 where the model has none."""

    @property
    def softcap(self) -> float | None:
        """The bound that logits are squashed into by tanh, if the model has one."""

    @property
    def device(self) -> torch.device:
        """Where the rows live; the readout computes there."""

    def weight(self, start: int, stop: int) -> Float[Tensor, "row d_model"]:
        """Rows `start` to `stop` in fp32."""

    def bias(self, start: int, stop: int) -> Float[Tensor, " row"] | None:
        """Their biases in fp32, if the head has any."""

    def rows(self, ids: Int[Tensor, " row"]) -> tuple[Float[Tensor, "row d_model"], Float[Tensor, " row"] | None]:
        """Single rows in fp32 and their biases, by token id."""


@dataclass(frozen=True, eq=False)
class MatrixHead:
    """A head whose matrix is one tensor of any floating type; only the tile in use is ever turned into fp32.

    Attributes:
        matrix: one row per entry of the vocabulary.
        n_tokens: rows that the tokenizer knows; the rest is padding.
        offset: one bias per row, if the head has any.
        multiplier: what the product and its bias are multiplied by.
        softcap: the bound of the logits, if the model has one.

    Raises:
        InputError: the parts do not fit together.
    """

    matrix: Float[Tensor, "row d_model"]
    n_tokens: int
    offset: Float[Tensor, " row"] | None = None
    multiplier: float = 1.0
    softcap: float | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2:
            raise InputError(
                f"a head's matrix has 2 axes, row and d_model; one of shape {_shape(self.matrix)} was given."
            )
        if not 1 <= self.n_tokens <= self.n_vocab:
            raise InputError(
                f"n_tokens is {self.n_tokens}, but the head has {self.n_vocab} rows; give 1 to {self.n_vocab}."
            )
        if self.offset is not None and self.offset.shape != (self.n_vocab,):
            raise InputError(f"a bias of shape {_shape(self.offset)} was given for {self.n_vocab} rows; give one each.")
        if self.softcap is not None and not self.softcap > 0:
            raise InputError(f"softcap is {self.softcap}; it must be above 0, or None where the model has none.")

    @property
    def n_vocab(self) -> int:
        return self.matrix.shape[0]

    @property
    def device(self) -> torch.device:
        return self.matrix.device

    def weight(self, start: int, stop: int) -> Float[Tensor, "row d_model"]:
        return self.matrix[start:stop].detach().float()

    def kept(self, start: int, stop: int) -> Float[Tensor, "row d_model"]:
        """The same rows in the type that they are kept in; a head that has this method need not be turned into fp32."""
        return self.matrix[start:stop].detach()

    def bias(self, start: int, stop: int) -> Float[Tensor, " row"] | None:
        return None if self.offset is None else self.offset[start:stop].detach().float()

    def rows(self, ids: Int[Tensor, " row"]) -> tuple[Float[Tensor, "row d_model"], Float[Tensor, " row"] | None]:
        offset = None if self.offset is None else self.offset.detach()[ids].float()
        return self.matrix.detach()[ids].float(), offset


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
