"""From vectors to logits: a vocabulary tile at a time into reused memory, or single tokens by their rows.

Fresh memory costs more than arithmetic here: a page that is touched for the first time is slower to write than the sum
over it. Knows nothing of what the logits are for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from logitscope.readout.head import Head

__all__ = ["UNDERFLOW", "Buffer", "decode_ids", "decode_tile", "exponentials_of"]

UNDERFLOW = -87.0
"""About the smallest power of e that is a normal fp32 number. Smaller ones add nothing to a sum that holds a 1, but exp
and all that follows it run ten times slower on denormals, and 0 · −inf is NaN."""


class Buffer:
    """Memory that is taken once and seen in many shapes; every view overwrites the one before."""

    def __init__(self, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self._flat = torch.empty(0, device=device, dtype=dtype)

    def view(self, *shape: int) -> Tensor:
        """Uninitialised memory of a shape."""
        size = math.prod(shape)
        if size > self._flat.numel():
            self._flat = torch.empty(size, device=self._flat.device, dtype=self._flat.dtype)
        return self._flat[:size].view(shape)


def decode_tile(
    head: Head,
    vectors: Float[Tensor, "stage position d_model"],
    weight: Float[Tensor, "column d_model"],
    bias: Float[Tensor, " column"] | None,
    into: Buffer,
) -> Float[Tensor, "stage position column"]:
    """The logits of one vocabulary tile, in fp32; they live in `into`."""
    n_stages, n_positions, d_model = vectors.shape
    rows = vectors.reshape(-1, d_model)
    out = into.view(rows.shape[0], weight.shape[0])
    if bias is None:
        torch.mm(rows, weight.T, out=out)
    else:
        torch.addmm(bias, rows, weight.T, out=out)
    return _finish(head, out).view(n_stages, n_positions, -1)


def decode_ids(
    head: Head, vectors: Float[Tensor, "stage position d_model"], ids: Int[Tensor, " position"]
) -> Float[Tensor, "stage position"]:
    """The logit of one token per position, without the others'.

    It may differ in its last bits from the one that `decode_tile` finds, since the sum runs in another order.
    """
    weight, bias = head.rows(ids)
    out = torch.stack([(stage * weight).sum(-1) for stage in vectors])
    return _finish(head, out if bias is None else out.add_(bias))


def exponentials_of(
    logits: Float[Tensor, "position column"], peak: Float[Tensor, "position 1"], into: Buffer
) -> Float[Tensor, "position column"]:
    """exp(logit − peak), for logits that are nowhere above it."""
    return torch.sub(logits, peak, out=into.view(*logits.shape)).clamp_(min=UNDERFLOW).exp_()


def _finish(head: Head, product: Tensor) -> Tensor:
    if head.multiplier != 1.0:
        product.mul_(head.multiplier)
    if head.softcap is not None:
        product.div_(head.softcap).tanh_().mul_(head.softcap)
    return product
