"""Random heads and vectors that a readout can be tried on; everything follows from a few plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from logitscope.readout import MatrixHead, Request, read_out
from tests.agreement import assert_agrees

__all__ = ["Case", "case"]


@dataclass(frozen=True)
class Case:
    head: MatrixHead
    vectors: Mapping[str, Tensor]
    input_ids: Tensor
    next_ids: Tensor
    request: Request = field(default_factory=Request)
    input_stage: str | None = "embed"
    final: str = "last"

    @property
    def stages(self) -> list[str]:
        return list(self.vectors)

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "final": self.final,
            "input_stage": self.input_stage,
            "input_ids": self.input_ids,
            "next_ids": self.next_ids,
            "request": self.request,
        }

    def read(self, **options: Any) -> dict[str, np.ndarray]:
        options = {"vocab_tile": 64, "position_block": 3, **options}
        return read_out(self.head, options.pop("stages", self.stages), self.vectors, **self.arguments, **options)

    def check(self, found: Mapping[str, np.ndarray], **changes: Any) -> None:
        assert_agrees(
            found, **{"head": self.head, "stages": self.stages, "vectors": self.vectors, **self.arguments, **changes}
        )


def case(
    *,
    seed: int = 0,
    n_positions: int = 5,
    n_stages: int = 4,
    d_model: int = 16,
    n_vocab: int = 150,
    n_padding: int = 0,
    spread: float = 3.0,
    bias: bool = False,
    multiplier: float = 1.0,
    softcap: float | None = None,
    dtype: torch.dtype = torch.float32,
    integers: bool = False,
    **request: Any,
) -> Case:
    """Logits with about the given standard deviation (before the softcap)."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=random)
        return (2 * drawn).round() / 2 if integers else drawn

    matrix = normal(n_vocab, d_model).to(dtype)
    names = ["embed", *(f"{i}.mlp" for i in range(n_stages - 2)), "last"][-n_stages:]
    scale = 1.0 if integers else spread / (multiplier * d_model**0.5)
    vectors = {name: normal(n_positions, d_model) * scale for name in names}
    ids = torch.randint(n_vocab - n_padding, (n_positions + 1,), generator=random)
    next_ids = ids[1:].clone()
    next_ids[-1] = -1
    return Case(
        MatrixHead(matrix, n_vocab - n_padding, normal(n_vocab) if bias else None, multiplier, softcap),
        vectors,
        ids[:-1],
        next_ids,
        Request(**request),
        input_stage=names[0],
    )
