"""The Llama family: RMS norms, rotary positions, grouped heads of keys and values, a gated MLP.

Llama, Mistral, Qwen2 (biases on queries, keys and values) and Qwen3 (a norm on each head's queries and keys).
Sources: Touvron et al., "LLaMA", 2023; Su et al., "RoFormer", 2021; Shazeer, "GLU Variants", 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from logitscope.errors import ModelError
from logitscope.graph.block import Axis, Block, Formula, Graph, Index, Operand, at
from logitscope.graph.parts import (
    KEY,
    POSITION,
    attention,
    linear,
    n_parameters,
    output,
    residual,
    rms_norm,
    value,
    weight,
)

__all__ = ["llama_graph", "llama_weights"]


def llama_graph(config: Any) -> Graph:
    """The graph of a configuration; no weights are needed.

    Args:
        config: of Llama, Mistral, Qwen2 or Qwen3.
    """
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if window and window < config.max_position_embeddings:
        raise ModelError(
            f"attention of this model reaches back {window:,} tokens only; the walkthrough draws full attention."
        )
    heads = config.num_attention_heads
    d_head = getattr(config, "head_dim", None) or config.hidden_size // heads
    blocks = tuple(_blocks(config, heads, d_head))
    sizes = {
        "n_blocks": config.num_hidden_layers, "n_heads": heads, "n_key_heads": config.num_key_value_heads,
        "d_model": config.hidden_size, "d_head": d_head, "d_mlp": config.intermediate_size,
        "vocab": config.vocab_size, "context": config.max_position_embeddings, "n_parameters": n_parameters(blocks),
    }  # fmt: skip
    return Graph("llama", blocks, sizes)


def _blocks(config: Any, heads: int, d_head: int) -> Iterator[Block]:
    d_model, vocab, eps = Axis("d_model", config.hidden_size), Axis("vocab", config.vocab_size), config.rms_norm_eps
    dim = Axis("d_head", d_head)
    yield Block("ids", "Tokens", ("embedding",), "input", (POSITION,))
    yield weight("embed.tokens", "Token embedding", ("embedding",), vocab, d_model)
    looked_up = (Operand("token", "embed.tokens", at(Index("position", lookup="ids"), "d_model")),)
    yield value("embed", "Input embedding", ("embedding",), (POSITION, d_model), Formula("lookup", looked_up))
    yield Block("rotary.cos", "Rotary cosines", ("embedding",), "input", (POSITION, dim))
    # The sign of the rotation is in the table: minus in the first half of a head, plus in the second.
    yield Block("rotary.sin", "Rotary sines, signed", ("embedding",), "input", (POSITION, dim))
    stream = "embed"
    for i in range(config.num_hidden_layers):
        name = f"block {i}"
        within = (name, "attention")
        yield from rms_norm(f"{i}.attn.norm", "RMS norm", within, stream, (POSITION, d_model), eps)
        yield from _heads(config, i, name, heads, dim, d_model)
        yield from attention(
            f"{i}.attn", within, f"{i}.attn.q.rotated", f"{i}.attn.k.rotated", heads, config.num_key_value_heads, dim,
            d_model, d_head**-0.5, bias=_has_output_bias(config),
        )  # fmt: skip
        yield residual(f"{i}.attn.residual", within, stream, f"{i}.attn.out", d_model)
        yield from _mlp(config, i, (name, "mlp"), f"{i}.attn.residual", d_model, eps)
        stream = f"{i}.mlp.residual"
    yield from rms_norm("output.norm", "RMS norm", ("output",), stream, (POSITION, d_model), eps)
    tied = "embed.tokens" if config.tie_word_embeddings else None
    yield from output("output.norm", tied, False, d_model, vocab)


def _has_output_bias(config: Any) -> bool:
    return bool(getattr(config, "attention_bias", False))


def _heads(config: Any, i: int, name: str, heads: int, dim: Axis, d_model: Axis) -> Iterator[Block]:
    bias = config.model_type == "qwen2" or bool(getattr(config, "attention_bias", False))
    shared = Axis("key_head", config.num_key_value_heads)
    parts = (("q", "Queries", Axis("head", heads), POSITION), ("k", "Keys", shared, KEY), ("v", "Values", shared, KEY))
    for letter, title, head, along in parts:
        section = (name, "attention", title.lower())
        yield weight(f"{i}.attn.{letter}.weight", f"{title} weight", section, head, d_model, dim)
        operands = [
            Operand("left", f"{i}.attn.norm", at(along.name, "d_model")),
            Operand("right", f"{i}.attn.{letter}.weight", at(head.name, "d_model", "d_head")),
        ]
        if bias:
            yield weight(f"{i}.attn.{letter}.bias", f"{title} bias", section, head, dim)
            operands.append(Operand("bias", f"{i}.attn.{letter}.bias", at(head.name, "d_head")))
        cells = (head, along, dim)
        source = f"{i}.attn.{letter}"
        yield value(source, title, section, cells, Formula("dot", tuple(operands), (d_model,)))
        if letter == "v":
            continue
        if config.model_type == "qwen3":
            normed = f"{source}.normed"
            yield from rms_norm(normed, f"Normed {title.lower()}", section, source, cells, config.rms_norm_eps)
            source = normed
        yield _rotated(f"{i}.attn.{letter}.rotated", title, section, source, head, along, dim)


def _rotated(
    block_id: str, title: str, section: tuple[str, ...], source: str, head: Axis, along: Axis, dim: Axis
) -> Block:
    size = dim.size or 0
    other = Index("d_head", offset=size // 2, modulus=size)
    operands = (
        Operand("input", source, at(head.name, along.name, "d_head")),
        Operand("cos", "rotary.cos", at(along.name, "d_head")),
        Operand("other", source, at(head.name, along.name, other)),
        Operand("sin", "rotary.sin", at(along.name, "d_head")),
    )
    return value(block_id, f"Rotated {title.lower()}", section, (head, along, dim), Formula("rotary", operands))


def _mlp(config: Any, i: int, section: tuple[str, ...], stream: str, d_model: Axis, eps: float) -> Iterator[Block]:
    d_mlp, bias = Axis("d_mlp", config.intermediate_size), bool(getattr(config, "mlp_bias", False))
    yield from rms_norm(f"{i}.mlp.norm", "RMS norm", section, stream, (POSITION, d_model), eps)
    yield from linear(f"{i}.mlp.gate", "Gate", section, f"{i}.mlp.norm", d_model, d_mlp, bias)
    yield from linear(f"{i}.mlp.up", "Expansion", section, f"{i}.mlp.norm", d_model, d_mlp, bias)
    here = at("position", "d_mlp")
    opened = Formula("activation", (Operand("input", f"{i}.mlp.gate", here),), function=config.hidden_act)
    yield value(f"{i}.mlp.act", "Activation", section, (POSITION, d_mlp), opened)
    gated = Formula("product", (Operand("left", f"{i}.mlp.act", here), Operand("right", f"{i}.mlp.up", here)))
    yield value(f"{i}.mlp.gated", "Gated", section, (POSITION, d_mlp), gated)
    yield from linear(f"{i}.mlp.out", "Contraction", section, f"{i}.mlp.gated", d_mlp, d_model, bias)
    yield residual(f"{i}.mlp.residual", section, stream, f"{i}.mlp.out", d_model)


def llama_weights(model: Any) -> Mapping[str, Tensor]:
    """The model's parameters as the graph's blocks see them: views, no copies."""
    config, body = model.config, model.model
    found: dict[str, Tensor] = {"embed.tokens": body.embed_tokens.weight, "output.norm.scale": body.norm.weight}
    d = config.hidden_size
    for i, block in enumerate(body.layers):
        attn, mlp = block.self_attn, block.mlp
        d_head = attn.head_dim
        for letter in "qkv":
            product = getattr(attn, f"{letter}_proj")
            found[f"{i}.attn.{letter}.weight"] = product.weight.view(-1, d_head, d).permute(0, 2, 1)
            if product.bias is not None:
                found[f"{i}.attn.{letter}.bias"] = product.bias.view(-1, d_head)
        if config.model_type == "qwen3":
            found[f"{i}.attn.q.normed.scale"], found[f"{i}.attn.k.normed.scale"] = (
                attn.q_norm.weight,
                attn.k_norm.weight,
            )
        found[f"{i}.attn.out.weight"] = attn.o_proj.weight.t().view(-1, d_head, d)
        if attn.o_proj.bias is not None:
            found[f"{i}.attn.out.bias"] = attn.o_proj.bias
        for ours, theirs in (("gate", mlp.gate_proj), ("up", mlp.up_proj), ("out", mlp.down_proj)):
            found[f"{i}.mlp.{ours}.weight"] = theirs.weight.t()
            if theirs.bias is not None:
                found[f"{i}.mlp.{ours}.bias"] = theirs.bias
        found[f"{i}.attn.norm.scale"] = block.input_layernorm.weight
        found[f"{i}.mlp.norm.scale"] = block.post_attention_layernorm.weight
    if not config.tie_word_embeddings:
        found["output.head"] = model.lm_head.weight
    return {name: tensor.detach() for name, tensor in found.items()}
