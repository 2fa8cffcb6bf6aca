"""An ONNX graph, node by node: values that can be added and multiplied, small constants, weights that lie elsewhere.

The graphs are written down rather than recorded from a run: what stands in the file is what was written, weights are
named and never copied, no length is fixed by an example, and the same model gives the same bytes. Knows no models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from logitscope.export.weights import Weights

__all__ = ["BOOL", "DOUBLE", "FLOAT", "HALF", "INT32", "INT64", "WEIGHTS_FILE", "Nodes", "Value", "on_processor"]

FLOAT, DOUBLE, HALF = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16
INT32, INT64, BOOL = TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL

OPSET = 20
"""The first with GELU as an operator; the runtimes of browsers know it."""

IR_VERSION = 10

CONTRIBUTED = "com.microsoft"
"""Operators of ONNX Runtime that are not part of ONNX."""

WEIGHTS_FILE = "weights.bin"
"""What all graphs call the file that their weights lie in."""

_ON_PROCESSOR = "on_processor"
"""How names of nodes begin that no graphics processor is to compute."""


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor that a graph computes or is given."""

    nodes: Nodes
    name: str

    def __add__(self, other: Operand) -> Value:
        return self.nodes("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.nodes("Sub", self, other)

    def __mul__(self, other: Operand) -> Value:
        return self.nodes("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.nodes("Div", self, other)

    def __matmul__(self, other: Value) -> Value:
        return self.nodes("MatMul", self, other)

    def cast(self, to: int) -> Value:
        return self.nodes("Cast", self, to=to)

    def reshape(self, *shape: int) -> Value:
        """0 keeps the size of that axis, −1 is what is left."""
        return self.nodes("Reshape", self, ints(*shape))

    def transpose(self, *axes: int) -> Value:
        return self.nodes("Transpose", self, perm=axes)

    def unsqueeze(self, *axes: int) -> Value:
        return self.nodes("Unsqueeze", self, ints(*axes))

    def squeeze(self, *axes: int) -> Value:
        return self.nodes("Squeeze", self, ints(*axes))

    def sum(self, *axes: int, keep: bool = False) -> Value:
        return self.nodes("ReduceSum", self, ints(*axes), keepdims=int(keep))

    def mean(self, *axes: int, keep: bool = False) -> Value:
        return self.nodes("ReduceMean", self, ints(*axes), keepdims=int(keep))

    def size(self, axis: int) -> Value:
        """The length of an axis, as int64 `[1]`."""
        return self.nodes("Shape", self, start=axis, end=axis + 1)

    def slice(self, axis: int, start: int, stop: int) -> Value:
        return self.nodes("Slice", self, ints(start), ints(stop), ints(axis))


Operand = Value | np.ndarray | np.float32 | float


def ints(*values: int) -> np.ndarray:
    """What shapes and axes are given as."""
    return np.array(values, np.int64)


class Nodes:
    """A graph while it is written; called with an operator's name it adds a node.

    Args:
        name: of the graph.
        weights: which numbers lie where.
        kind: of the real numbers that it computes with: `FLOAT` or `DOUBLE`.
        halved: what is multiplied by weights is rounded to half precision, and so is the product.
        wide: whether it may use float64 here and there, which runtimes for graphics processors do not know.
    """

    def __init__(
        self, name: str, weights: Weights, kind: int = FLOAT, *, halved: bool = False, wide: bool = True
    ) -> None:
        self.name = name
        self.weights = weights
        self.kind = kind
        self.halved = halved
        self.wide = wide
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._count = 0

    def __call__(self, operator: str, *inputs: Operand | None, domain: str = "", **attributes: Any) -> Value:
        """A node with one output; numbers become constants, None is an input that is left out."""
        return self.several(operator, 1, *inputs, domain=domain, **attributes)[0]

    def on_processor(self, operator: str, *inputs: Operand | None, **attributes: Any) -> Value:
        """The same of a node that no graphics processor is to compute, as its name says."""
        return self(operator, *inputs, name=self._fresh(_ON_PROCESSOR), **attributes)

    def several(
        self, operator: str, n_outputs: int, *inputs: Operand | None, domain: str = "", **attributes: Any
    ) -> list[Value]:
        """A node with several outputs."""
        names = ["" if one is None else self.value(one).name for one in inputs]
        outputs = [self._fresh(operator) for _ in range(n_outputs)]
        self._nodes.append(helper.make_node(operator, names, outputs, domain=domain, **attributes))
        return [Value(self, name) for name in outputs]

    def value(self, operand: Operand) -> Value:
        """A value as it is; numbers as a constant, each only once in the graph. A float is what the graph computes
        with."""
        if isinstance(operand, Value):
            return operand
        real = np.float64 if self.kind == DOUBLE else np.float32
        array = np.array(operand, real if isinstance(operand, float) else None, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._fresh("constant")
            self._constants[key] = name
            self._initializers[name] = numpy_helper.from_array(array, name)
        return Value(self, self._constants[key])

    def weight(self, name: str) -> Value:
        """A tensor of the weights' file as it is stored."""
        stored = self.weights[name]
        if name not in self._initializers:
            tensor = TensorProto(name=name, data_type=stored.onnx_type, dims=stored.shape)
            tensor.data_location = TensorProto.EXTERNAL
            places = {"location": WEIGHTS_FILE, "offset": stored.offset, "length": stored.n_bytes}
            for key, value in places.items():
                tensor.external_data.add(key=key, value=str(value))
            self._initializers[name] = tensor
        return Value(self, name)

    def input(self, name: str, kind: int, *shape: int | str) -> Value:
        """What the graph is given; axes that have a name may have any length."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return Value(self, name)

    def output(self, name: str, value: Value, kind: int, *shape: int | str) -> None:
        """What the graph gives back."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def for_each(self, rows: Value, kind: int, body: Callable[[Value], Sequence[tuple[Value, int]]]) -> list[Value]:
        """Runs `body` on each row of a tensor and stacks what it gives: one row at a time is held, not all.

        Args:
            rows: `[row, …]`.
            kind: of its numbers.
            body: returns values with their kinds.
        """
        outside, self._nodes = self._nodes, []
        row_name = self._fresh("row")
        row = helper.make_tensor_value_info(row_name, kind, None)
        results = body(Value(self, row_name))
        outputs = [helper.make_tensor_value_info(value.name, kind, None) for value, kind in results]
        inner, self._nodes = self._nodes, outside
        graph = helper.make_graph(inner, self._fresh("body"), [row], outputs)
        return self.several("Scan", len(results), rows, num_scan_inputs=1, body=graph)

    def model(self) -> onnx.ModelProto:
        """The graph, whole."""
        graph = helper.make_graph(
            self._nodes, self.name, self._inputs, self._outputs, initializer=list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CONTRIBUTED for node in self._nodes):
            opsets.append(helper.make_opsetid(CONTRIBUTED, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="logitscope")

    def _fresh(self, what: str) -> str:
        self._count += 1
        return f"{what.lower()}_{self._count}"


def on_processor(graph: onnx.ModelProto) -> list[str]:
    """The names of nodes that no graphics processor is to compute."""
    return [node.name for node in graph.graph.node if node.name.startswith(_ON_PROCESSOR)]
