"""Matrices in few bits: each block of 32 numbers that a product sums over shares one scale.

Only weights are rounded. Activations never are: a scale that is taken from a whole text would let later tokens change
earlier numbers. Knows numbers only; the layout is that of ONNX Runtime's MatMulNBits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

__all__ = ["BLOCK", "Blocks", "quantised"]

BLOCK = 32
"""Numbers of one scale."""

_SMALLEST = 2.0**-24
"""The smallest scale that half precision holds."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """A matrix `[output, input]` as `(code − middle) × scale`.

    Attributes:
        codes: of 8 bits, or of 4, two in a byte, the first in the lower half; inputs are filled up to whole blocks.
        scales: of each block.
        bits: 8 or 4.
        n_inputs: columns of the matrix.
        inputs_first: the model keeps the matrix as `[input, output]`.
    """

    codes: UInt8[Tensor, "output block byte"]
    scales: Float[Tensor, "output block"]
    bits: int
    n_inputs: int
    inputs_first: bool = False

    @property
    def n_outputs(self) -> int:
        return self.codes.shape[0]

    @property
    def middle(self) -> int:
        """The code of 0."""
        return int(2 ** (self.bits - 1))

    def numbers(self) -> Float[Tensor, "output input"]:
        """What the codes stand for."""
        codes = self.codes
        if self.bits == 4:
            codes = torch.stack([codes & 15, codes >> 4], dim=-1).flatten(-2)
        matrix = (codes.float() - self.middle) * self.scales.float().unsqueeze(-1)
        return matrix.flatten(1)[:, : self.n_inputs].contiguous()

    def as_kept(self) -> Float[Tensor, "row column"]:
        """The same in the model's own layout."""
        return self.numbers().t().contiguous() if self.inputs_first else self.numbers()


def quantised(matrix: Float[Tensor, "output input"], bits: int, *, inputs_first: bool = False) -> Blocks:
    """A matrix in blocks; the number that is furthest from 0 in each is met exactly, but for its scale's rounding.

    Args:
        matrix: in fp32.
        bits: 8 or 4.
        inputs_first: the model keeps it the other way round; said of the result.
    """
    n_outputs, n_inputs = matrix.shape
    filled = F.pad(matrix.float(), (0, -n_inputs % BLOCK)).view(n_outputs, -1, BLOCK)
    furthest = filled.gather(-1, filled.abs().argmax(-1, keepdim=True))
    middle = 2 ** (bits - 1)
    # The range of codes is lopsided: −8 … 7. What is furthest gets the end that has one more.
    scales = (furthest.abs() / (middle - 1) if bits == 8 else furthest / -middle).half()
    tiny = scales.float().abs() < _SMALLEST
    divisors = scales.float().masked_fill(tiny, 1.0)
    codes = (filled / divisors).masked_fill(tiny, 0.0).round().add(middle).clamp(0, 2 * middle - 1).to(torch.uint8)
    if bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return Blocks(codes.contiguous(), scales.squeeze(-1).contiguous(), bits, n_inputs, inputs_first)
