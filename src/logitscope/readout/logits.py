"""From vectors to logits: a vocabulary tile at a time into reused memory, or single tokens by their rows.

Fresh memory costs more than arithmetic here: a page that is touched for the first time is slower to write than the sum
over it. Knows nothing of what the logits are for.
"""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.readout.halves import multiply_halves

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.head import Head

__all__ = ["Buffer", "decode_ids", "decode_tile"]

_LARGE = 4 << 20
"""Bytes from which memory is taken in pages of its own."""


class Buffer:
    """Memory that is taken once and seen in many shapes; every view overwrites the one before."""

    def __init__(self, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._flat = torch.empty(0, device=device, dtype=dtype)

    def view(self, *shape: int) -> Tensor:
        """Uninitialised memory of a shape."""
        size = math.prod(shape)
        if size > self._flat.numel():
            self._flat = _empty(size, self._flat.device, self._flat.dtype)
        return self._flat[:size].view(shape)


def _empty(size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Fresh memory, in large pages where Linux has them: they are touched for the first time 512 times less often."""
    n_bytes = size * dtype.itemsize
    if device.type != "cpu" or n_bytes < _LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(size, device=device, dtype=dtype)
    memory = mmap.mmap(-1, n_bytes)
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype)


def decode_tile(
    head: Head,
    vectors: Float[Tensor, "stage position d_model"],
    weight: Float[Tensor, "column d_model"],
    bias: Float[Tensor, " column"] | None,
    out: Float[Tensor, "stage position column"],
) -> None:
    """The logits of one vocabulary tile, in fp32, into `out`; vectors and rows are both fp32, or both the same half."""
    rows, product = vectors.flatten(0, 1), out.flatten(0, 1)
    if weight.dtype != product.dtype:
        multiply_halves(rows, weight, bias, product)
    elif bias is None:
        torch.mm(rows, weight.T, out=product)
    else:
        torch.addmm(bias, rows, weight.T, out=product)
    _finish(head, product)


def decode_ids(
    head: Head, vectors: Float[Tensor, "stage position d_model"], ids: Int[Tensor, "target position"]
) -> Float[Tensor, "target stage position"]:
    """The logits of a few tokens per position, without the others'.

    They may differ in their last bits from those that `decode_tile` finds, since the sums run in another order.
    """
    n_targets, n_positions = ids.shape
    weight, bias = head.rows(ids.flatten())
    columns = weight.view(n_targets, n_positions, -1).permute(1, 2, 0)
    out = torch.bmm(vectors.transpose(0, 1), columns).permute(2, 1, 0)
    if bias is not None:
        out += bias.view(n_targets, 1, n_positions)
    return _finish(head, out.contiguous())


def _finish(head: Head, product: Tensor) -> Tensor:
    if head.multiplier != 1.0:
        product.mul_(head.multiplier)
    if head.softcap is not None:
        product.div_(head.softcap).tanh_().mul_(head.softcap)
    return product
