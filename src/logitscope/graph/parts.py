"""The pieces that both families are made of: norms, attention from queries to its output, the way to probabilities.

Each returns blocks in the order in which they are computed. Knows no configurations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from logitscope.graph.block import Axis, Block, Formula, Index, Operand, at

__all__ = [
    "KEY",
    "POSITION",
    "attention",
    "layer_norm",
    "linear",
    "n_parameters",
    "output",
    "residual",
    "rms_norm",
    "weight",
]

POSITION = Axis("position", None)
KEY = Axis("key", None)


def n_parameters(blocks: Iterable[Block]) -> int:
    """How many numbers were learned."""
    return sum(prod(axis.size or 0 for axis in block.axes) for block in blocks if block.kind == "weight")


def weight(block_id: str, title: str, section: tuple[str, ...], *axes: Axis) -> Block:
    return Block(block_id, title, section, "weight", axes)


def value(
    block_id: str, title: str, section: tuple[str, ...], axes: tuple[Axis, ...], formula: Formula, causal: bool = False
) -> Block:
    return Block(block_id, title, section, "value", axes, formula, causal)


def linear(
    block_id: str, title: str, section: tuple[str, ...], source: str, source_axis: Axis, to: Axis, bias: bool
) -> Iterator[Block]:
    """A matrix product with its weights: `[position, to] = Σ source[position, k] × weight[k, to] + bias`."""
    # A square matrix has one axis twice: what is summed over gets a name of its own.
    inner = Axis(f"{source_axis.name}_in", source_axis.size) if source_axis.name == to.name else source_axis
    yield weight(f"{block_id}.weight", f"{title} weight", section, inner, to)
    operands = [
        Operand("left", source, at("position", inner.name)),
        Operand("right", f"{block_id}.weight", at(inner.name, to.name)),
    ]
    if bias:
        yield weight(f"{block_id}.bias", f"{title} bias", section, to)
        operands.append(Operand("bias", f"{block_id}.bias", at(to.name)))
    yield value(block_id, title, section, (POSITION, to), Formula("dot", tuple(operands), (inner,)))


def layer_norm(block_id: str, section: tuple[str, ...], source: str, d_model: Axis, epsilon: float) -> Iterator[Block]:
    """Centred and scaled to unit variance, then the learned scale and shift."""
    here = at("position", "d_model")
    over = (d_model,)
    read = Operand("input", source, here)
    mean = Operand("mean", f"{block_id}.mean", at("position"))
    variance = Operand("variance", f"{block_id}.variance", at("position"))
    yield value(f"{block_id}.mean", "Mean", section, (POSITION,), Formula("mean", (read,), over))
    yield value(f"{block_id}.variance", "Variance", section, (POSITION,), Formula("variance", (read, mean), over))
    yield weight(f"{block_id}.scale", "Norm scale", section, d_model)
    yield weight(f"{block_id}.shift", "Norm shift", section, d_model)
    scale = Operand("scale", f"{block_id}.scale", at("d_model"))
    shift = Operand("shift", f"{block_id}.shift", at("d_model"))
    formula = Formula("layer_norm", (read, mean, variance, scale, shift), constants={"epsilon": epsilon})
    yield value(block_id, "Layer norm", section, (POSITION, d_model), formula)


def rms_norm(
    block_id: str, title: str, section: tuple[str, ...], source: str, axes: tuple[Axis, ...], epsilon: float
) -> Iterator[Block]:
    """Divided by the root of the mean square along the last axis, then the learned scale."""
    outer, last = axes[:-1], axes[-1]
    names = tuple(a.name for a in axes)
    read = Operand("input", source, at(*names))
    square = Operand("mean_square", f"{block_id}.mean_square", at(*names[:-1]))
    yield value(f"{block_id}.mean_square", "Mean square", section, outer, Formula("mean_square", (read,), (last,)))
    yield weight(f"{block_id}.scale", "Norm scale", section, last)
    scale = Operand("scale", f"{block_id}.scale", at(last.name))
    yield value(
        block_id, title, section, axes, Formula("rms_norm", (read, square, scale), constants={"epsilon": epsilon})
    )


def attention(
    prefix: str,
    section: tuple[str, ...],
    query: str,
    key: str,
    n_heads: int,
    n_shared: int,
    d_head: Axis,
    d_model: Axis,
    scale: float,
    bias: bool,
) -> Iterator[Block]:
    """From queries, keys and values to what is added to the residual stream.

    Args:
        prefix: such as `3.attn`; values stand at `3.attn.v`.
        query, key: the blocks `[head, position, d_head]` that are compared.
        n_heads: of queries.
        n_shared: heads of keys and values.
    """
    head = Axis("head", n_heads)
    shared = Index("head", divisor=n_heads // n_shared)
    cells = (head, POSITION, KEY)
    here = at("head", "position", "key")
    row = at("head", "position")
    compared = (
        Operand("left", query, at("head", "position", "d_head")),
        Operand("right", key, at(shared, "key", "d_head")),
    )
    scores = Formula("dot", compared, (d_head,), {"scale": scale})
    yield value(f"{prefix}.scores", "Attention scores", section, cells, scores, causal=True)
    score = Operand("input", f"{prefix}.scores", here)
    yield from _softmax(prefix, section, score, (head, POSITION), cells, KEY, row, causal=True)
    mixed = (
        Operand("left", f"{prefix}.pattern", here),
        Operand("right", f"{prefix}.v", at(shared, "key", "d_head")),
    )
    yield value(f"{prefix}.mix", "Weighted values", section, (head, POSITION, d_head), Formula("dot", mixed, (KEY,)))
    yield weight(f"{prefix}.out.weight", "Projection weight", section, head, d_head, d_model)
    projected = [
        Operand("left", f"{prefix}.mix", at("head", "position", "d_head")),
        Operand("right", f"{prefix}.out.weight", at("head", "d_head", "d_model")),
    ]
    if bias:
        yield weight(f"{prefix}.out.bias", "Projection bias", section, d_model)
        projected.append(Operand("bias", f"{prefix}.out.bias", at("d_model")))
    formula = Formula("dot", tuple(projected), (head, d_head))
    yield value(f"{prefix}.out", "Projection", section, (POSITION, d_model), formula)


def _softmax(
    prefix: str,
    section: tuple[str, ...],
    score: Operand,
    row_axes: tuple[Axis, ...],
    axes: tuple[Axis, ...],
    over: Axis,
    row: tuple[Index, ...],
    causal: bool,
    name: str = "pattern",
    title: str = "Attention pattern",
) -> Iterator[Block]:
    maximum = Operand("maximum", f"{prefix}.maximum", row)
    exp_sum = Operand("exp_sum", f"{prefix}.exp_sum", row)
    yield value(f"{prefix}.maximum", "Largest", section, row_axes, Formula("maximum", (score,), (over,)))
    total = Formula("exp_sum", (score, maximum), (over,))
    yield value(f"{prefix}.exp_sum", "Sum of exponentials", section, row_axes, total)
    yield value(f"{prefix}.{name}", title, section, axes, Formula("softmax", (score, maximum, exp_sum)), causal)


def residual(block_id: str, section: tuple[str, ...], stream: str, added: str, d_model: Axis) -> Block:
    """The residual stream after a sublayer."""
    here = at("position", "d_model")
    terms = (Operand("stream", stream, here), Operand("added", added, here))
    return value(block_id, "Residual stream", section, (POSITION, d_model), Formula("add", terms))


def output(source: str, head: str | None, bias: bool, d_model: Axis, vocab: Axis) -> Iterator[Block]:
    """From the normed last state to logits and probabilities.

    Args:
        source: the block that the head reads.
        head: the embedding matrix where the head is tied to it; None where it has its own.
        bias: the head has one.
    """
    section = ("output",)
    if head is None:
        head = "output.head"
        yield weight(head, "Output matrix", section, vocab, d_model)
    operands = [
        Operand("left", source, at("position", "d_model")),
        Operand("right", head, at("vocab", "d_model")),
    ]
    if bias:
        yield weight("output.bias", "Output bias", section, vocab)
        operands.append(Operand("bias", "output.bias", at("vocab")))
    cells = (POSITION, vocab)
    yield value("output.logits", "Logits", section, cells, Formula("dot", tuple(operands), (d_model,)))
    score = Operand("input", "output.logits", at("position", "vocab"))
    names = {"name": "probabilities", "title": "Probabilities"}
    yield from _softmax("output", section, score, (POSITION,), cells, vocab, at("position"), causal=False, **names)
