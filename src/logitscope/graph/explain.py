"""One cell, explained: which numbers it is made of, how, and that they give what is stored.

Works in float64 from the stored operands, cell by cell through the index expressions; shares no line with `evaluate`,
so that each can show the other wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Final

from logitscope.errors import InputError
from logitscope.graph.activations import Activations
from logitscope.graph.block import Block, Formula, Operand

__all__ = ["Cell", "Explanation", "Term", "explain"]


@dataclass(frozen=True)
class Cell:
    """A number that was read.

    Attributes:
        role: what it is to the formula.
        block: where it stands.
        index: at which coordinates.
        value: the number.
    """

    role: str
    block: str
    index: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class Term:
    """One summand.

    Attributes:
        cells: what it is the product of, or the function of.
        value: the summand.
    """

    cells: tuple[Cell, ...]
    value: float


@dataclass(frozen=True)
class Explanation:
    """How a cell came about.

    Attributes:
        block, index: which cell.
        kind: of the formula; `weight` and `input` were not computed, `masked` is left out by the mask.
        function: of an activation.
        stored: the number; None where the mask leaves it out.
        computed: the same from the terms, in float64.
        magnitude: the sum of the terms' absolute values: what rounding is measured by.
        terms: largest first.
        cells: what else was read: bias, mean, variance, maximum, ...
        constants: `scale`, `epsilon`, `count`.
        visible: how many positions, from the first, this cell depends on; None where it depends on none.
    """

    block: str
    index: tuple[int, ...]
    kind: str
    function: str
    stored: float | None
    computed: float | None
    magnitude: float
    terms: tuple[Term, ...]
    cells: tuple[Cell, ...]
    constants: Mapping[str, float]
    visible: int | None

    def to_dict(self, n_terms: int | None = None) -> dict[str, Any]:
        """Ready for JSON.

        Args:
            n_terms: only so many of the largest terms; the rest is summed up in `rest` and counted in `n_rest`.
        """
        kept = self.terms if n_terms is None else self.terms[:n_terms]
        rest = self.terms[len(kept) :]
        values = asdict(self) | {"terms": [asdict(term) for term in kept]}
        return values | {"rest": math.fsum(term.value for term in rest), "n_rest": len(rest)}


def explain(run: Activations, block_id: str, index: Sequence[int]) -> Explanation:
    """How one cell of a run came about.

    Args:
        run: the numbers.
        block_id: of the graph.
        index: a coordinate per axis of the block.

    Raises:
        InputError: there is no such block or cell.
    """
    block = run.graph[block_id]
    index = tuple(int(i) for i in index)
    run.require(block, index)
    here = dict(zip(block.names, index, strict=True))
    seen = here.get("position", here.get("key"))
    visible = None if seen is None or block.kind == "weight" else seen + 1
    stored = run.cell(block_id, index)
    if block.formula is None:
        return Explanation(block_id, index, block.kind, "", stored, stored, abs(stored), (), (), {}, visible)
    if block.causal and here["key"] > here["position"]:
        return Explanation(block_id, index, "masked", "", None, None, 0.0, (), (), {}, visible)
    reader = _Reader(run, block, block.formula, here)
    total, terms, cells = _KINDS[block.formula.kind](reader)
    ordered = tuple(sorted(terms, key=lambda term: -abs(term.value)))
    magnitude = max(reader.magnitude, math.fsum(abs(term.value) for term in terms))
    if block.formula.kind == "dot":
        magnitude += math.fsum(abs(cell.value) for cell in cells)
    return Explanation(
        block_id, index, block.formula.kind, block.formula.function, stored, total, magnitude, ordered, cells,
        dict(block.formula.constants) | reader.counted, visible,
    )  # fmt: skip


class _Reader:
    """The cells that one cell is made of."""

    def __init__(self, run: Activations, block: Block, formula: Formula, here: Mapping[str, int]) -> None:
        self.run, self.block, self.formula, self.here = run, block, formula, here
        self.counted: dict[str, float] = {}
        self.magnitude = 0.0

    def cell(self, role: str, over: Mapping[str, int] | None = None) -> Cell:
        operand = self.formula.operand(role)
        if operand is None:
            raise InputError(f'"{self.block.id}" has no operand "{role}".')
        return self.of(operand, over)

    def of(self, operand: Operand, over: Mapping[str, int] | None = None) -> Cell:
        coordinates = {**self.here, **(over or {})}
        index = []
        for one in operand.index:
            moved = one.resolve(coordinates[one.axis])
            index.append(int(self.run.cell(one.lookup, (moved,))) if one.lookup else moved)
        return Cell(operand.role, operand.block, tuple(index), self.run.cell(operand.block, index))

    def summed(self) -> Iterator[dict[str, int]]:
        """Every combination of the axes that are summed over; keys after the position are not among them."""
        names = [axis.name for axis in self.formula.over]
        sizes = [self.run.n_positions if axis.size is None else axis.size for axis in self.formula.over]
        for place in product(*(range(size) for size in sizes)):
            over = dict(zip(names, place, strict=True))
            if "key" not in over or over["key"] <= self.here.get("position", over["key"]):
                yield over


Answer = tuple[float, list[Term], tuple[Cell, ...]]


def _dot(reader: _Reader) -> Answer:
    left, right = reader.formula.operands[:2]
    scale = reader.formula.constants.get("scale", 1.0)
    terms = []
    for over in reader.summed():
        cells = reader.of(left, over), reader.of(right, over)
        terms.append(Term(cells, cells[0].value * cells[1].value * scale))
    others = tuple(reader.of(operand) for operand in reader.formula.operands[2:])
    return math.fsum([*(term.value for term in terms), *(cell.value for cell in others)]), terms, others


def _sum(reader: _Reader) -> Answer:
    cells = tuple(reader.of(operand) for operand in reader.formula.operands)
    terms = [Term((cell,), cell.value) for cell in cells]
    return math.fsum(cell.value for cell in cells), terms, ()


def _product(reader: _Reader) -> Answer:
    cells = reader.cell("left"), reader.cell("right")
    return cells[0].value * cells[1].value, [Term(cells, cells[0].value * cells[1].value)], ()


def _mean(reader: _Reader) -> Answer:
    cells = [reader.cell("input", over) for over in reader.summed()]
    reader.counted["count"] = len(cells)
    terms = [Term((cell,), cell.value / len(cells)) for cell in cells]
    return math.fsum(term.value for term in terms), terms, ()


def _variance(reader: _Reader) -> Answer:
    mean = reader.cell("mean")
    cells = [reader.cell("input", over) for over in reader.summed()]
    reader.counted["count"] = len(cells)
    terms = [Term((cell,), (cell.value - mean.value) ** 2 / len(cells)) for cell in cells]
    return math.fsum(term.value for term in terms), terms, (mean,)


def _mean_square(reader: _Reader) -> Answer:
    cells = [reader.cell("input", over) for over in reader.summed()]
    reader.counted["count"] = len(cells)
    terms = [Term((cell,), cell.value**2 / len(cells)) for cell in cells]
    return math.fsum(term.value for term in terms), terms, ()


def _layer_norm(reader: _Reader) -> Answer:
    x, mean, variance = reader.cell("input"), reader.cell("mean"), reader.cell("variance")
    scale, shift = reader.cell("scale"), reader.cell("shift")
    spread = scale.value / math.sqrt(variance.value + reader.formula.constants["epsilon"])
    terms = [Term((x,), x.value * spread), Term((mean,), -mean.value * spread), Term((shift,), shift.value)]
    return math.fsum(term.value for term in terms), terms, (variance, scale)


def _rms_norm(reader: _Reader) -> Answer:
    x, square, scale = reader.cell("input"), reader.cell("mean_square"), reader.cell("scale")
    total = x.value * scale.value / math.sqrt(square.value + reader.formula.constants["epsilon"])
    return total, [Term((x,), total)], (square, scale)


def _activation(reader: _Reader) -> Answer:
    x = reader.cell("input")
    total = _FUNCTIONS[reader.formula.function](x.value)
    # In the tail a GELU is half its input minus nearly the same: rounding is of the input's size.
    reader.magnitude = abs(x.value)
    return total, [Term((x,), total)], ()


def _rotary(reader: _Reader) -> Answer:
    first = reader.cell("input"), reader.cell("cos")
    second = reader.cell("other"), reader.cell("sin")
    terms = [Term(cells, cells[0].value * cells[1].value) for cells in (first, second)]
    return math.fsum(term.value for term in terms), terms, ()


def _maximum(reader: _Reader) -> Answer:
    cells = [reader.cell("input", over) for over in reader.summed()]
    largest = max(cells, key=lambda cell: cell.value)
    reader.counted["count"] = len(cells)
    return largest.value, [Term((largest,), largest.value)], ()


def _exp_sum(reader: _Reader) -> Answer:
    maximum = reader.cell("maximum")
    cells = [reader.cell("input", over) for over in reader.summed()]
    reader.counted["count"] = len(cells)
    terms = [Term((cell,), math.exp(cell.value - maximum.value)) for cell in cells]
    return math.fsum(term.value for term in terms), terms, (maximum,)


def _softmax(reader: _Reader) -> Answer:
    x, maximum, total = reader.cell("input"), reader.cell("maximum"), reader.cell("exp_sum")
    probability = math.exp(x.value - maximum.value) / total.value
    return probability, [Term((x,), probability)], (maximum, total)


def _tanh_gelu(x: float) -> float:
    return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


_FUNCTIONS: Final[Mapping[str, Callable[[float], float]]] = {
    "gelu_new": _tanh_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "gelu": lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))),
    "silu": lambda x: x / (1.0 + math.exp(-x)) if x > -700 else 0.0,
    "relu": lambda x: max(0.0, x),
}
"""Written out: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016; Elfwing et al. 2017 for SiLU."""

_KINDS: Final[Mapping[str, Callable[[_Reader], Answer]]] = {
    "lookup": _sum,
    "dot": _dot,
    "add": _sum,
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
