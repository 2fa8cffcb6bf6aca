"""Every tensor of a model reading one text, as a graph made of the descriptions in `logitscope.graph`.

    in    ids [T]
    out   one tensor for each computed block, under the block's id; NaN where the mask leaves a cell out

Each kind of formula is written once, reading its operands through their index expressions, as `graph.evaluate` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor

from logitscope.errors import ModelError
from logitscope.export.forward import rotary_of, rotary_tables
from logitscope.export.layers import activation
from logitscope.export.nodes import FLOAT, INT64, Nodes, Value, ints
from logitscope.export.weights import Weights
from logitscope.graph import Block, Formula, Graph, Index, Operand
from logitscope.graph.build import weights_of

__all__ = ["activations_graph", "n_bytes"]

_ITEM = 4


def n_bytes(graph: Graph, n_positions: int) -> int:
    """What all computed blocks of a text take together."""
    return _ITEM * sum(prod(block.shape(n_positions)) for block in graph if block.kind == "value")


def activations_graph(hf: Any, graph: Graph, weights: Weights) -> onnx.ModelProto:
    """The graph of all blocks.

    Args:
        hf: the model.
        graph: its description.
        weights: where its parameters lie; each as numbers, none in few bits.
    """
    nodes = Nodes("activations", weights)
    ids = nodes.input("ids", INT64, "T")
    text = _Text(nodes, ids, hf, weights_of(hf))
    for block in graph:
        if block.kind == "input" and block.id != "ids":
            text.put(block.id, text.rotary(block.id))
        elif block.formula is not None:
            text.put(block.id, _KINDS[block.formula.kind](_Cell(text, block, block.formula)))
        else:
            continue
        shape = ("T" if axis.size is None else axis.size for axis in block.axes)
        nodes.output(block.id, text.read(block.id), FLOAT, *shape)
    return nodes.model()


class _Text:
    """The blocks of one text by their ids, as far as they are written."""

    def __init__(self, nodes: Nodes, ids: Value, hf: Any, parameters: Mapping[str, Tensor]) -> None:
        self.nodes, self.ids, self._hf, self._parameters = nodes, ids, hf, parameters
        self._values: dict[str, Value] = {"ids": ids}
        n = ids.size(0).squeeze(0)
        self.n_positions = n
        places = nodes("Range", np.array(0, np.int64), n, np.array(1, np.int64))
        self.places = places
        self.visible = nodes("LessOrEqual", places.unsqueeze(0), places.unsqueeze(1))

    def read(self, block_id: str) -> Value:
        if block_id not in self._values:
            self._values[block_id] = _window(self.nodes, self._parameters[block_id])
        return self._values[block_id]

    def put(self, block_id: str, value: Value) -> None:
        self._values[block_id] = value

    def rotary(self, block_id: str) -> Value:
        """Both halves of a head turn by the same angles; the sign of the rotation stands in the table of sines."""
        cos, sin = rotary_tables(self.nodes, rotary_of(self._hf), self.places)
        if block_id == "rotary.cos":
            return self.nodes("Concat", cos, cos, axis=1)
        return self.nodes("Concat", self.nodes("Neg", sin), sin, axis=1)


class _Cell:
    """The operands of one formula, with one dimension for each axis of the cell, then those that are summed over."""

    def __init__(self, text: _Text, block: Block, formula: Formula) -> None:
        self.text, self.nodes, self.block, self.formula = text, text.nodes, block, formula
        self.cell = block.names
        self.over = tuple(axis.name for axis in formula.over)
        self.sizes = {axis.name: axis.size for axis in (*block.axes, *formula.over)}

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions that are summed over."""
        return tuple(range(len(self.cell), len(self.cell) + len(self.over)))

    def of(self, role: str) -> Value:
        operand = self.formula.operand(role)
        if operand is None:
            raise ModelError(f'"{self.block.id}" has no operand "{role}".')
        return self.aligned(operand, (*self.cell, *self.over))

    def labelled(self, operand: Operand) -> tuple[Value, tuple[str, ...]]:
        value = self.text.read(operand.block)
        for dimension, index in enumerate(operand.index):
            value = self._moved(value, dimension, index)
        return value, tuple(index.axis for index in operand.index)

    def aligned(self, operand: Operand, axes: Sequence[str]) -> Value:
        """The operand with all of these axes, of size 1 where it has none."""
        value, names = self.labelled(operand)
        order = [names.index(name) for name in axes if name in names]
        if order != list(range(len(order))):
            value = value.transpose(*order)
        missing = [i for i, name in enumerate(axes) if name not in names]
        return value.unsqueeze(*missing) if missing else value

    def masked(self, value: Value, names: Sequence[str], fill: float) -> Value:
        """Cells with keys after their position, filled."""
        if "key" not in names or "position" not in names:
            return value
        visible = self.text.visible
        if names.index("key") < names.index("position"):
            visible = visible.transpose(1, 0)
        missing = [i for i, name in enumerate(names) if name not in ("position", "key")]
        visible = visible.unsqueeze(*missing) if missing else visible
        return self.nodes("Where", visible, value, np.float32(fill))

    def seen(self, value: Value, fill: float) -> Value:
        return self.masked(value, (*self.cell, *self.over), fill)

    def _moved(self, value: Value, dimension: int, index: Index) -> Value:
        size = self.sizes[index.axis]
        if index.lookup:
            return self.nodes("Gather", value, self.text.read(index.lookup), axis=dimension)
        if index.divisor == 1 and not index.modulus and not index.offset:
            if size is None:
                # Of a learned table only the text's own positions; of a block that is as long as the text, all.
                stop = self.text.n_positions.unsqueeze(0)
                return self.nodes("Slice", value, ints(0), stop, ints(dimension))
            return value
        if size is None:
            raise ModelError(f'"{self.block.id}" reads along the text in a way that cannot be exported.')
        rows = np.array([index.resolve(i) for i in range(size)], np.int64)
        return self.nodes("Gather", value, rows, axis=dimension)


def _dot(cell: _Cell) -> Value:
    left, right = (cell.labelled(cell.formula.operands[i]) for i in (0, 1))
    if "key" in cell.over:
        # What the mask leaves out has no number; in a sum it counts nothing.
        left = (cell.masked(*left, 0.0), left[1])
    letters = {name: chr(ord("a") + i) for i, name in enumerate((*cell.cell, *cell.over))}
    sums = ",".join("".join(letters[name] for name in names) for _, names in (left, right))
    equation = f"{sums}->{''.join(letters[name] for name in cell.cell)}"
    product = cell.nodes("Einsum", left[0], right[0], equation=equation)
    if "scale" in cell.formula.constants:
        product = product * float(cell.formula.constants["scale"])
    bias = cell.formula.operand("bias")
    if bias is not None:
        product = product + cell.aligned(bias, cell.cell)
    return cell.masked(product, cell.cell, np.nan) if cell.block.causal else product


def _total(cell: _Cell) -> Value:
    first, *others = (cell.aligned(operand, cell.cell) for operand in cell.formula.operands)
    for other in others:
        first = first + other
    return first


def _variance(cell: _Cell) -> Value:
    centred = cell.of("input") - cell.of("mean")
    return (centred * centred).mean(*cell.dims)


def _mean_square(cell: _Cell) -> Value:
    x = cell.of("input")
    return (x * x).mean(*cell.dims)


def _layer_norm(cell: _Cell) -> Value:
    spread = cell.nodes("Sqrt", cell.of("variance") + float(cell.formula.constants["epsilon"]))
    return (cell.of("input") - cell.of("mean")) / spread * cell.of("scale") + cell.of("shift")


def _rms_norm(cell: _Cell) -> Value:
    size = cell.nodes("Sqrt", cell.of("mean_square") + float(cell.formula.constants["epsilon"]))
    return cell.of("input") / size * cell.of("scale")


def _maximum(cell: _Cell) -> Value:
    return cell.nodes("ReduceMax", cell.seen(cell.of("input"), -np.inf), ints(*cell.dims), keepdims=0)


def _exp_sum(cell: _Cell) -> Value:
    shifted = cell.seen(cell.of("input") - cell.of("maximum"), -np.inf)
    return cell.nodes("Exp", shifted).sum(*cell.dims)


def _softmax(cell: _Cell) -> Value:
    return cell.nodes("Exp", cell.of("input") - cell.of("maximum")) / cell.of("exp_sum")


def _window(nodes: Nodes, view: Tensor) -> Value:
    """A view of a parameter, in fp32: some of its columns, parted and turned.

    Raises:
        ModelError: it is a view of another kind.
    """
    name, offset = nodes.weights.place(view)
    value = nodes.weight(name)
    shape = nodes.weights[name].shape
    if nodes.weights[name].dtype != "float32":
        value = value.cast(FLOAT)
    given = list(zip(view.stride(), view.shape, strict=True))
    order = sorted(range(view.ndim), key=lambda i: (-given[i][0], -given[i][1]))
    sizes, strides = [given[i][1] for i in order], [given[i][0] for i in order]
    width = shape[-1]
    n_rows = shape[0] if len(shape) == 2 else 1
    n_columns = view.numel() // n_rows
    if len(shape) == 2 and n_columns < width:
        value = value.slice(1, offset, offset + n_columns)
    elif len(shape) == 1 and n_columns < width:
        value = value.slice(0, offset, offset + n_columns)
    value = nodes("Reshape", value, np.array(sizes, np.int64)) if tuple(sizes) != shape else value
    if not _is_parted(sizes, strides, width, n_columns):
        raise ModelError(f"a part of {name} lies in a way that cannot be exported.")
    turned = [order.index(i) for i in range(view.ndim)]
    return value.transpose(*turned) if turned != sorted(turned) else value


def _is_parted(sizes: Sequence[int], strides: Sequence[int], width: int, n_columns: int) -> bool:
    """Whether strides are those of whole rows, or of the same columns of each row, cut into axes."""
    parted = torch.empty(prod(sizes) // n_columns, width, device="meta")[:, :n_columns]
    try:
        wanted = parted.view(*sizes).stride()
    except RuntimeError:
        return False
    # An axis of one cell has a stride that says nothing.
    return all(size == 1 or own == stride for size, own, stride in zip(sizes, strides, wanted, strict=True))


_KINDS: Final[Mapping[str, Callable[[_Cell], Value]]] = {
    "lookup": _total,
    "dot": _dot,
    "add": _total,
    "product": lambda cell: cell.of("left") * cell.of("right"),
    "mean": lambda cell: cell.of("input").mean(*cell.dims),
    "variance": _variance,
    "mean_square": _mean_square,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "activation": lambda cell: activation(cell.nodes, cell.of("input"), cell.formula.function),
    "rotary": lambda cell: cell.of("input") * cell.of("cos") + cell.of("other") * cell.of("sin"),
    "maximum": _maximum,
    "exp_sum": _exp_sum,
    "softmax": _softmax,
}
