"""What is said over HTTP of the inside of models: graphs, runs, parts of their blocks, cells explained.

A part of the contract, by its rules. The names are those of `logitscope.graph`. Knows no model and no HTTP.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from logitscope.server.contract import Name, Reading, Said, Tokenised

__all__ = [
    "MAX_TERMS",
    "ExplainRequest",
    "ExplainedCell",
    "ExplainedTerm",
    "Explanation",
    "Graph",
    "GraphAxis",
    "GraphBlock",
    "GraphFormula",
    "GraphIndex",
    "GraphOperand",
    "GraphRequest",
    "Run",
    "RunRequest",
    "Shape",
    "TilePart",
    "TileRequest",
    "TilesRequest",
]

MAX_TERMS = 4_096
MAX_AXES = 8
MAX_LEVEL = 20
MAX_PARTS = 64


class GraphRequest(Said):
    """Asks for a model's computation as data."""

    model: Name
    """One of the names that `/api/models` lists."""


class GraphAxis(Said):
    """One direction of a block."""

    name: str
    """`position`, `key`, `head`, `d_model`, `vocab`, ...; the same name is the same direction."""
    size: int | None
    """Cells; null for `position` and `key`, which are as long as the text."""


class GraphIndex(Said):
    """One coordinate of an operand's cell: `(coordinate of axis // divisor + offset) % modulus`."""

    axis: str
    """Of the cell that is computed, or of the sum."""
    divisor: int
    offset: int
    modulus: int
    """0 for none."""
    lookup: str
    """The block of ids in which the coordinate is looked up; empty for none."""


class GraphOperand(Said):
    """Where a formula reads."""

    role: str
    """What it is to the formula: `left`, `right`, `bias`, `input`, `mean`, ..."""
    block: str
    index: list[GraphIndex]
    """One for each axis of that block."""


class GraphFormula(Said):
    """How one cell of a block comes about."""

    kind: Literal[
        "lookup", "dot", "add", "product", "mean", "variance", "layer_norm", "mean_square", "rms_norm", "activation",
        "rotary", "maximum", "exp_sum", "softmax",
    ]  # fmt: skip
    operands: list[GraphOperand]
    over: list[GraphAxis]
    """What is summed, or looked for the largest, over."""
    constants: dict[str, float]
    """`scale`, `epsilon`."""
    function: str
    """Of an activation, its name."""


class GraphBlock(Said):
    """One tensor of a computation."""

    id: str
    title: str
    section: list[str]
    """From the whole to the part."""
    kind: Literal["weight", "input", "value"]
    """Learned, given, or computed."""
    axes: list[GraphAxis]
    causal: bool
    """Cells with `key` after `position` do not exist: the mask leaves them out."""
    formula: GraphFormula | None
    """Of what is computed."""


class Graph(Said):
    """A model's computation: every block, each after those that it is computed from."""

    family: str
    """`gpt2` or `llama`."""
    sizes: dict[str, int]
    """`n_blocks`, `n_heads`, `n_key_heads`, `d_model`, `d_head`, `d_mlp`, `vocab`, `context`, `n_parameters`."""
    blocks: list[GraphBlock]


class Shape(Said):
    """A known model for the sense of size: its computation without any numbers in it."""

    name: str
    n_parameters: int
    n_positions: int
    """Tokens of its context, which it is drawn with."""
    graph: Graph


class RunRequest(Reading):
    """Asks for a text to be read, so that every number of it can be looked at; at most the model's context."""


class Run(Said):
    """A text that is read: what tiles and explanations are asked of."""

    run: str
    """Its name; the same text read by the same model has the same."""
    model: str
    n_positions: int
    text: Tokenised


class TilePart(Said):
    """A part of a block, or averages of it."""

    block: Name
    ranges: Annotated[
        list[Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(min_length=2, max_length=2)]],
        Field(max_length=MAX_AXES),
    ]
    """For each axis the first coordinate and one past the last."""
    level: Annotated[int, Field(ge=0, le=MAX_LEVEL)] = 0
    """A cell of the answer is the mean of 2^level times 2^level cells along the last two axes; what the mask leaves out
    does not count."""


class TileRequest(TilePart):
    """Asks for a part of a block, or for averages of it."""

    model: Name
    run: Name


class TilesRequest(Said):
    """Asks for several parts at once."""

    model: Name
    run: Name
    parts: Annotated[list[TilePart], Field(min_length=1, max_length=MAX_PARTS)]


class ExplainRequest(Said):
    """Asks how one cell came about."""

    model: Name
    run: Name
    block: Name
    index: Annotated[list[Annotated[int, Field(ge=0, lt=2**31)]], Field(max_length=MAX_AXES)]
    """One coordinate for each axis."""
    n_terms: Annotated[int, Field(ge=0, le=MAX_TERMS)] = 12
    """How many of the largest terms; the rest is summed up."""


class ExplainedCell(Said):
    """A number that was read."""

    role: str
    block: str
    index: list[int]
    value: float


class ExplainedTerm(Said):
    """One summand."""

    cells: list[ExplainedCell]
    """What it is the product of, or the function of."""
    value: float


class Explanation(Said):
    """How a cell came about."""

    block: str
    index: list[int]
    kind: str
    """Of the formula; `weight` and `input` were not computed, `masked` is left out by the mask."""
    function: str
    """Of an activation."""
    stored: float | None
    """The number; null where the mask leaves it out."""
    computed: float | None
    """The same from the terms, in float64."""
    magnitude: float
    """The sum of the terms' absolute values, by which rounding is measured."""
    terms: list[ExplainedTerm]
    """The largest first."""
    rest: float
    """What the others come to together."""
    n_rest: int
    """How many others there are."""
    cells: list[ExplainedCell]
    """What else was read: bias, mean, variance, maximum, ..."""
    constants: dict[str, float]
    """`scale`, `epsilon`, `count`."""
    visible: int | None
    """How many positions, from the first, it depends on; null where it depends on none."""
