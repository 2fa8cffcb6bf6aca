"""A model's computation as data: blocks of numbers, and for each computed block how one of its cells comes about.

A formula is written down once, as index expressions: which cells of which other blocks a cell is made of. What draws a
scene, explains a cell or computes a whole block reads the same description. Knows no models and no numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from logitscope.errors import InputError

__all__ = ["Axis", "Block", "Formula", "Graph", "Index", "Operand", "at"]

Kind = Literal["weight", "input", "value"]
FormulaKind = Literal[
    "lookup", "dot", "add", "product", "mean", "variance", "layer_norm", "mean_square", "rms_norm", "activation",
    "rotary", "maximum", "exp_sum", "softmax",
]  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One direction of a block.

    Attributes:
        name: `position`, `key`, `head`, `d_model`, `vocab`, ...; the same name within a graph is the same direction.
        size: how many cells; None for `position` and `key`, which are as long as the text.
    """

    name: str
    size: int | None


@dataclass(frozen=True)
class Index:
    """One coordinate of an operand's cell: an axis, moved.

    `(coordinate of axis // divisor + offset) % modulus`; with `lookup`, that is a position of the ids, and the token
    there is the coordinate. Without an axis it is the offset alone.

    Attributes:
        axis: of the cell that is computed, or of the sum.
        divisor: several heads of queries share one head of keys.
        offset, modulus: rotary embeddings pair the two halves of a head.
        lookup: the block of ids to look the coordinate up in.
    """

    axis: str
    divisor: int = 1
    offset: int = 0
    modulus: int = 0
    lookup: str = ""

    def __str__(self) -> str:
        text = self.axis
        if self.divisor != 1:
            text = f"{text} // {self.divisor}"
        if self.modulus:
            text = f"({text} + {self.offset}) % {self.modulus}"
        return f"{self.lookup}[{text}]" if self.lookup else text

    def resolve(self, coordinate: int) -> int:
        """The coordinate before any lookup."""
        moved = coordinate // self.divisor + self.offset
        return moved % self.modulus if self.modulus else moved


def at(*indices: str | Index) -> tuple[Index, ...]:
    """Index expressions; a bare name is the axis itself."""
    return tuple(index if isinstance(index, Index) else Index(index) for index in indices)


@dataclass(frozen=True)
class Operand:
    """Where a formula reads.

    Attributes:
        role: what it is to the formula: `left`, `right`, `bias`, `input`, `mean`, ...
        block: read from.
        index: one expression per axis of that block.
    """

    role: str
    block: str
    index: tuple[Index, ...]


@dataclass(frozen=True)
class Formula:
    """How one cell comes about.

    Attributes:
        kind: what is done; see `evaluate` for each.
        operands: what it is done to.
        over: axes that are summed (or maximised) over; they are not axes of the block.
        constants: numbers that belong to the formula: `scale`, `epsilon`.
        function: of an activation, its name.
    """

    kind: FormulaKind
    operands: tuple[Operand, ...]
    over: tuple[Axis, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    function: str = ""

    def operand(self, role: str) -> Operand | None:
        return next((operand for operand in self.operands if operand.role == role), None)


@dataclass(frozen=True)
class Block:
    """One tensor of the computation.

    Attributes:
        id: such as `3.attn.q`.
        title: what a person reads.
        section: from the whole to the part, such as `("block 3", "attention")`.
        kind: `weight` (learned), `input` (given: ids, rotary tables) or `value` (computed).
        axes: in order.
        formula: of a value.
        causal: cells with `key` after `position` do not exist: the mask leaves them out.
    """

    id: str
    title: str
    section: tuple[str, ...]
    kind: Kind
    axes: tuple[Axis, ...]
    formula: Formula | None = None
    causal: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    def shape(self, n_positions: int) -> tuple[int, ...]:
        """Sizes for a text of so many tokens."""
        return tuple(n_positions if axis.size is None else axis.size for axis in self.axes)


@dataclass(frozen=True)
class Graph:
    """All blocks of a model, each after those that it is computed from.

    Attributes:
        family: `gpt2` or `llama`.
        blocks: in order.
        sizes: the model's numbers: `n_blocks`, `n_heads`, `d_model`, ..., `n_parameters`.
    """

    family: str
    blocks: tuple[Block, ...]
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {block.id: block for block in self.blocks})

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __getitem__(self, block_id: str) -> Block:
        try:
            return self._by_id[block_id]  # type: ignore[attr-defined,no-any-return]
        except KeyError:
            raise InputError(f'this model has no block "{block_id}"; `graph` lists what there is.') from None

    def __contains__(self, block_id: str) -> bool:
        return block_id in self._by_id  # type: ignore[attr-defined]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"family": self.family, "sizes": dict(self.sizes), "blocks": [_block(block) for block in self.blocks]}


def _block(block: Block) -> dict[str, Any]:
    return {
        "id": block.id,
        "title": block.title,
        "section": list(block.section),
        "kind": block.kind,
        "axes": [_axis(axis) for axis in block.axes],
        "causal": block.causal,
        "formula": None if block.formula is None else _formula(block.formula),
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {"name": axis.name, "size": axis.size}


def _formula(formula: Formula) -> dict[str, Any]:
    return {
        "kind": formula.kind,
        "operands": [
            {"role": o.role, "block": o.block, "index": [vars(index) for index in o.index]} for o in formula.operands
        ],
        "over": [_axis(axis) for axis in formula.over],
        "constants": dict(formula.constants),
        "function": formula.function,
    }
