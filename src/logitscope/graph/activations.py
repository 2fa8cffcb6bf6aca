"""The numbers of one run: every block of the graph for one text, computed when it is first asked for.

A weight is a window into the model's own parameters. What is computed is held until a limit of memory is reached; then
the blocks that were asked for longest ago go, and are computed again when they are needed.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.graph.block import Block, Graph, Operand
from logitscope.graph.build import graph_of, weights_of
from logitscope.graph.evaluate import evaluate

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Activations"]

_AT_ONCE = 2**20
"""Cells that are averaged at one time."""


class Activations:
    """Every tensor of a model reading one text."""

    def __init__(self, model: Any, ids: Sequence[int], limit_mib: float = 512) -> None:
        """Computes nothing yet.

        Args:
            model: of a family that has a graph.
            ids: the text, at least one token, at most the model's context.
            limit_mib: of computed blocks held at once.

        Raises:
            InputError: no tokens, too many, or ids that are none of the vocabulary.
            ModelError: the model has no graph.
        """
        self.graph: Graph = graph_of(model.config)
        sizes = self.graph.sizes
        if not 1 <= len(ids) <= sizes["context"]:
            raise InputError(f"{len(ids):,} tokens were given; this model reads 1 to {sizes['context']:,} at once.")
        if not all(0 <= i < sizes["vocab"] for i in ids):
            raise InputError(f"an id outside 0 to {sizes['vocab'] - 1} was given; it is none of the vocabulary.")
        self.n_positions = len(ids)
        self._model = model
        self._weights = weights_of(model)
        self._inputs: dict[str, Tensor] = {"ids": torch.tensor(list(ids))}
        self._held: OrderedDict[str, Tensor] = OrderedDict()
        self._limit = limit_mib * 2**20
        self._spread: dict[str, tuple[float, float]] = {}

    def block(self, block_id: str) -> Tensor:
        """All numbers of a block, in the order of its axes; NaN where the mask leaves a cell out."""
        block = self.graph[block_id]
        if block.kind == "weight":
            return self._weights[block_id]
        if block.kind == "input":
            return self._input(block_id)
        if block_id not in self._held:
            self._compute(self._missing(block_id))
        self._held.move_to_end(block_id)
        self._forget({block_id})
        return self._held[block_id]

    @property
    def n_bytes(self) -> int:
        """What is held of computed blocks."""
        return sum(tensor.nbytes for tensor in self._held.values())

    def _compute(self, missing: Sequence[str]) -> None:
        """Each block in turn; what no later one reads may go at once, so that a deep model never lies there whole."""
        read = [{operand.block for operand in self._operands(block_id)} for block_id in missing]
        last = {block_id: n for n, blocks in enumerate(read) for block_id in blocks}
        with torch.inference_mode():
            for n, block_id in enumerate(missing):
                self._held[block_id] = evaluate(self.graph[block_id], self._read, self.n_positions)
                self._forget({block_id, *(block for block, use in last.items() if use > n)})

    def _forget(self, needed: Collection[str]) -> None:
        """Blocks that were asked for longest ago, until the rest fits."""
        held = self.n_bytes
        for block_id in list(self._held):
            if held <= self._limit:
                return
            if block_id not in needed:
                held -= self._held.pop(block_id).nbytes

    def _operands(self, block_id: str) -> Sequence[Operand]:
        formula = self.graph[block_id].formula
        return () if formula is None else formula.operands

    def _read(self, block_id: str) -> Tensor:
        return self._held[block_id] if block_id in self._held else self.block(block_id)

    def _missing(self, block_id: str) -> list[str]:
        """The computed blocks that a block needs and that are not held, it included, in the graph's order."""
        found, open_ends = set(), [block_id]
        while open_ends:
            block = self.graph[open_ends.pop()]
            if block.id in found or block.id in self._held or block.formula is None:
                continue
            found.add(block.id)
            open_ends += [operand.block for operand in self._operands(block.id)]
        return [block.id for block in self.graph if block.id in found]

    def _input(self, block_id: str) -> Tensor:
        if block_id not in self._inputs:
            rotary = self._model.model.rotary_emb
            device = self._model.device
            positions = torch.arange(self.n_positions, device=device).unsqueeze(0)
            with torch.inference_mode():
                cos, sin = rotary(torch.zeros(1, 1, 1, device=device), positions)
            half = sin.shape[-1] // 2
            self._inputs["rotary.cos"] = cos[0].float()
            self._inputs["rotary.sin"] = torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1).float()
        return self._inputs[block_id]

    def cell(self, block_id: str, index: Sequence[int]) -> float:
        """One number.

        Args:
            index: a coordinate per axis of the block.

        Raises:
            InputError: the block has no such cell.
        """
        block = self.graph[block_id]
        self.require(block, index)
        return float(self.block(block_id)[tuple(index)])

    def require(self, block: Block, index: Sequence[int]) -> None:
        """Raises InputError where a block has no such cell."""
        shape = block.shape(self.n_positions)
        if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
            raise InputError(f'cell {list(index)} was asked for, but block "{block.id}" has shape {list(shape)}.')

    def tile(self, block_id: str, ranges: Sequence[tuple[int, int]], level: int = 0) -> Float[np.ndarray, "*cells"]:
        """A part of a block, or honest averages of it.

        Args:
            ranges: first and one past the last coordinate, per axis.
            level: each cell of the answer is the mean of 2^level × 2^level cells along the last two axes (fewer at the
                ends; masked cells do not count, and a mean of none is NaN).

        Raises:
            InputError: a range outside the block, or a negative level.
        """
        block = self.graph[block_id]
        shape = block.shape(self.n_positions)
        if level < 0 or len(ranges) != len(shape):
            raise InputError(f'block "{block.id}" takes {len(shape)} ranges and a level of at least 0.')
        for (first, stop), size in zip(ranges, shape, strict=True):
            if not 0 <= first < stop <= size:
                raise InputError(f'range {first}:{stop} was asked for, but block "{block.id}" has shape {list(shape)}.')
        part = self.block(block_id)[tuple(slice(first, stop) for first, stop in ranges)]
        return part.float().cpu().numpy() if level == 0 else _averaged(part, 2**level)

    def spread(self, block_id: str) -> tuple[float, float]:
        """How far a block's numbers are from 0: the root of their mean square, and the largest absolute value.

        What the mask leaves out does not count.
        """
        if block_id not in self._spread:
            total = count = largest = 0.0
            for part in torch.split(self.block(block_id).reshape(-1), _AT_ONCE):
                cells = part.float()
                cells = cells[torch.isfinite(cells)].double()
                total, count = total + float(cells.square().sum()), count + cells.numel()
                largest = max(largest, float(cells.abs().max())) if cells.numel() else largest
            self._spread[block_id] = math.sqrt(total / max(1.0, count)), largest
        return self._spread[block_id]


def _averaged(part: Tensor, step: int) -> Float[np.ndarray, "*means"]:
    """Means over squares of cells along the last two axes; what is no number does not count."""
    if part.ndim < 2:
        total, count = _along_rows(part.float().cpu().numpy(), step)
    else:
        # Along the rows first, some rows at a time: a large matrix is never there twice.
        n_rows = max(1, _AT_ONCE // max(1, part[..., :1, :].numel()))
        pieces = [_along_rows(rows.float().cpu().numpy(), step) for rows in torch.split(part, n_rows, dim=-2)]
        starts = np.arange(0, part.shape[-2], step)
        total, count = (
            np.add.reduceat(np.concatenate(sums, axis=-2), starts, axis=-2) for sums in zip(*pieces, strict=True)
        )
    with np.errstate(invalid="ignore"):
        means: np.ndarray = (total / count).astype(np.float32)
    return means


def _along_rows(
    cells: Float[np.ndarray, "*cells"], step: int
) -> tuple[Float[np.ndarray, "*sums"], Float[np.ndarray, "*sums"]]:
    """Sums of what are numbers, and how many there are."""
    there = np.isfinite(cells)
    starts = np.arange(0, cells.shape[-1], step)
    sums = np.where(there, cells, np.float32(0.0)).astype(np.float64)
    return np.add.reduceat(sums, starts, axis=-1), np.add.reduceat(there.astype(np.float64), starts, axis=-1)
