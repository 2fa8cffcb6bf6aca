"""Products of half-precision factors as they are: exact products, fp32 sums, and no fp32 copy of the head's rows.

CUDA multiplies bf16 and fp16 with sums and results in fp32 (`torch.mm(…, out_dtype=torch.float32)`), many times faster
than fp32. Every product of two halves is exact in fp32, so nothing is lost, as long as the vectors are halves to begin
with: those of a half-precision model's own norm are. Others are never rounded to fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.head import Head

__all__ = ["exactly", "halves", "multiply_halves"]


def halves(head: Head, vectors: Float[Tensor, "stage position d_model"]) -> Tensor | None:
    """The vectors in the type of the head's rows, where the device multiplies that type and no vector is rounded."""
    kept = getattr(head, "kept", None)
    # Since torch 2.8.
    if head.device.type != "cuda" or kept is None or not hasattr(torch.ops.aten.mm, "dtype_out"):
        return None
    dtype = kept(0, 1).dtype
    return exactly(vectors, dtype) if dtype in (torch.bfloat16, torch.float16) else None


def exactly(vectors: Tensor, dtype: torch.dtype) -> Tensor | None:
    """The same numbers in another type, or None where they are not the same."""
    shortened = vectors.to(dtype)
    return shortened if torch.equal(shortened.to(vectors.dtype), vectors) else None


def multiply_halves(
    rows: Float[Tensor, "row d_model"],
    weight: Float[Tensor, "column d_model"],
    bias: Float[Tensor, " column"] | None,
    out: Float[Tensor, "row column"],
) -> None:
    """`rows @ weight.T + bias` into fp32 memory. The bias by itself: `addmm` refuses a result of another type."""
    torch.mm(rows, weight.T, out_dtype=torch.float32, out=out)
    if bias is not None:
        out += bias
