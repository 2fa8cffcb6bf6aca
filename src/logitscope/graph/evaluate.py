"""Whole blocks from the description of their cells: every formula kind once, over all cells at the same time.

Reads operands through their index expressions and nothing else, so that it computes what the description says. fp32;
tests hold the results against what PyTorch's own modules return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from logitscope.errors import ModelError
from logitscope.graph.block import Block, Formula, Index, Operand

__all__ = ["ACTIVATIONS", "evaluate"]

ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
    "relu": F.relu,
}
"""By the names of `transformers` configurations."""


def evaluate(block: Block, read: Callable[[str], Tensor], n_positions: int) -> Tensor:
    """All cells of a computed block, fp32, shaped as its axes.

    Args:
        block: with a formula.
        read: the numbers of the blocks that it is computed from.
        n_positions: tokens of the text.
    """
    formula = block.formula
    if formula is None:
        raise ModelError(f'block "{block.id}" is not computed.')
    sizes = {axis.name: n_positions if axis.size is None else axis.size for axis in (*block.axes, *formula.over)}
    reading = _Reading(read, sizes, block.names, tuple(axis.name for axis in formula.over))
    result = _KINDS[formula.kind](formula, reading, block)
    return result.expand(block.shape(n_positions)).contiguous()


class _Reading:
    """Operands as tensors whose dimensions are named by the cell's axes, then those that are summed over."""

    def __init__(
        self, read: Callable[[str], Tensor], sizes: Mapping[str, int], cell: tuple[str, ...], over: tuple[str, ...]
    ) -> None:
        self._read, self._sizes, self.cell, self.over = read, sizes, cell, over

    def labelled(self, operand: Operand) -> tuple[Tensor, tuple[str, ...]]:
        """The operand with one dimension per index expression, and the axes that these are."""
        tensor = self._read(operand.block)
        for dimension, index in enumerate(operand.index):
            tensor = self._moved(tensor, dimension, index)
        return tensor, tuple(index.axis for index in operand.index)

    def _moved(self, tensor: Tensor, dimension: int, index: Index) -> Tensor:
        size = self._sizes[index.axis]
        if index.lookup:
            rows = self._read(index.lookup).long()
        elif index.divisor == 1 and not index.modulus and not index.offset:
            return tensor.narrow(dimension, 0, size)
        else:
            rows = torch.tensor([index.resolve(i) for i in range(size)], device=tensor.device)
        return tensor.index_select(dimension, rows.to(tensor.device))

    def aligned(self, operand: Operand | None) -> Tensor:
        """The operand with all of the cell's dimensions and the summed ones, of size 1 where it has none."""
        if operand is None:
            return torch.zeros(())
        tensor, names = self.labelled(operand)
        order = [name for name in (*self.cell, *self.over) if name in names]
        tensor = tensor.float().permute([names.index(name) for name in order])
        shape = [self._sizes[name] if name in names else 1 for name in (*self.cell, *self.over)]
        return tensor.reshape(shape)

    def visible(self, cells: Tensor, fill: float) -> Tensor:
        """Cells that the mask leaves out, filled."""
        return self.masked(cells, (*self.cell, *self.over), fill)

    def masked(self, cells: Tensor, names: tuple[str, ...], fill: float) -> Tensor:
        """Cells with keys after their position, filled; `names` are the dimensions."""
        if "key" not in names or "position" not in names:
            return cells
        n = self._sizes["position"]
        mask = torch.ones(n, n, dtype=torch.bool).tril()
        if names.index("key") < names.index("position"):
            mask = mask.t()
        shape = [n if name in ("position", "key") else 1 for name in names]
        return cells.masked_fill(~mask.reshape(shape).to(cells.device), fill)


def _dot(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    left, right = (reading.labelled(formula.operands[i]) for i in (0, 1))
    if any(axis.name == "key" for axis in formula.over):
        # What the mask leaves out has no number; in a sum it counts nothing.
        left = (reading.masked(*left, 0.0), left[1])
    letters = {name: chr(ord("a") + i) for i, name in enumerate((*reading.cell, *reading.over))}
    sums = ",".join("".join(letters[name] for name in names) for _, names in (left, right))
    product = torch.einsum(f"{sums}->{''.join(letters[n] for n in reading.cell)}", left[0].float(), right[0].float())
    product = product * formula.constants.get("scale", 1.0)
    bias = formula.operand("bias")
    if bias is not None:
        plain = _Reading(reading._read, reading._sizes, reading.cell, ())
        product = product + plain.aligned(bias)
    return reading.masked(product, reading.cell, torch.nan) if block.causal else product


def _lookup(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    return sum((reading.aligned(operand) for operand in formula.operands), torch.zeros(()))


def _product(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    return reading.aligned(formula.operand("left")) * reading.aligned(formula.operand("right"))


def _dims(reading: _Reading) -> tuple[int, ...]:
    return tuple(range(len(reading.cell), len(reading.cell) + len(reading.over)))


def _mean(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    return reading.aligned(formula.operand("input")).mean(_dims(reading))


def _variance(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    centred = reading.aligned(formula.operand("input")) - reading.aligned(formula.operand("mean"))
    return centred.square().mean(_dims(reading))


def _mean_square(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    return reading.aligned(formula.operand("input")).square().mean(_dims(reading))


def _layer_norm(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    x, mean, variance, scale, shift = (
        reading.aligned(formula.operand(role)) for role in ("input", "mean", "variance", "scale", "shift")
    )
    return (x - mean) * (variance + formula.constants["epsilon"]).rsqrt() * scale + shift


def _rms_norm(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    x, square, scale = (reading.aligned(formula.operand(role)) for role in ("input", "mean_square", "scale"))
    return x * (square + formula.constants["epsilon"]).rsqrt() * scale


def _activation(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    return ACTIVATIONS[formula.function](reading.aligned(formula.operand("input")))


def _rotary(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    x, cos, other, sin = (reading.aligned(formula.operand(role)) for role in ("input", "cos", "other", "sin"))
    return x * cos + other * sin


def _maximum(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    cells = reading.visible(reading.aligned(formula.operand("input")), -torch.inf)
    return cells.amax(_dims(reading))


def _exp_sum(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    shifted = reading.aligned(formula.operand("input")) - reading.aligned(formula.operand("maximum"))
    return reading.visible(shifted, -torch.inf).exp().sum(_dims(reading))


def _softmax(formula: Formula, reading: _Reading, block: Block) -> Tensor:
    x, maximum, total = (reading.aligned(formula.operand(role)) for role in ("input", "maximum", "exp_sum"))
    return (x - maximum).exp() / total


_KINDS: Final[Mapping[str, Callable[[Formula, _Reading, Block], Tensor]]] = {
    "lookup": _lookup,
    "dot": _dot,
    "add": _lookup,
    "product": _product,
    "mean": _mean,
    "variance": _variance,
    "layer_norm": _layer_norm,
    "mean_square": _mean_square,
    "rms_norm": _rms_norm,
    "activation": _activation,
    "rotary": _rotary,
    "maximum": _maximum,
    "exp_sum": _exp_sum,
    "softmax": _softmax,
}
