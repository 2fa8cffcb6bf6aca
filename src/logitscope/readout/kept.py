"""The logits of one block of positions: multiplied when a tile is first asked for, and kept as far as that helps.

Knows neither what the stages are called nor what becomes of their logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logitscope.readout.logits import Buffer, decode_tile

if TYPE_CHECKING:
    from jaxtyping import Float

    from logitscope.readout.head import Head

__all__ = ["KeptLogits"]


class KeptLogits:
    """Tiles of the final stage, which are kept, and of all others, which take each other's place or are kept too.

    Args:
        head: turns vectors into logits.
        factors: what it multiplies, the final stage's first.
        n_final: 1, or 0 where the final stage is one of the others.
        columns: of a tile.
        keeps_all: whether the others are kept too; all stages then share one product.
        final: memory for the final stage's logits.
        others: memory for the others'; for all, where all are kept.
    """

    def __init__(
        self,
        head: Head,
        factors: Float[Tensor, "stage position d_model"],
        n_final: int,
        columns: int,
        keeps_all: bool,
        final: Buffer,
        others: Buffer,
    ) -> None:
        n_stages, self._n_positions, _ = factors.shape
        self._head = head
        self._factors = factors
        self._n_final = n_final
        self._keeps_all = keeps_all
        self._done: set[int] = set()
        if keeps_all:
            self._others = others.view(n_stages * self._n_positions * head.n_vocab)
        else:
            self._final = final.view(n_final * self._n_positions * head.n_vocab)
            self._others = others.view((n_stages - n_final) * self._n_positions * min(columns, head.n_vocab))

    def final(self, start: int, stop: int) -> Float[Tensor, "1 position column"]:
        """A tile of the final stage's logits."""
        if self._keeps_all:
            return self._all(start, stop)[: self._n_final]
        logits = self._place(self._final, self._n_final, start, stop)
        if start not in self._done:
            self._multiply(self._factors[: self._n_final], start, stop, logits)
            self._done.add(start)
        return logits

    def others(self, start: int, stop: int) -> Float[Tensor, "stage position column"]:
        """A tile of all others' logits; unless they are kept, the next one overwrites it."""
        if self._keeps_all:
            return self._all(start, stop)[self._n_final :]
        factors = self._factors[self._n_final :]
        logits = self._place(self._others, len(factors), 0, stop - start)
        self._multiply(factors, start, stop, logits)
        return logits

    def _all(self, start: int, stop: int) -> Float[Tensor, "stage position column"]:
        logits = self._place(self._others, len(self._factors), start, stop)
        if start not in self._done:
            self._multiply(self._factors, start, stop, logits)
            self._done.add(start)
        return logits

    def _place(self, memory: Tensor, n_stages: int, start: int, stop: int) -> Float[Tensor, "stage position column"]:
        n_rows = n_stages * self._n_positions
        return memory[start * n_rows : stop * n_rows].view(n_stages, self._n_positions, stop - start)

    def _multiply(self, factors: Tensor, start: int, stop: int, out: Tensor) -> None:
        head = self._head
        rows = head.weight if factors.dtype == torch.float32 else head.kept  # type: ignore[attr-defined]
        decode_tile(head, factors, rows(start, stop), head.bias(start, stop), out)
