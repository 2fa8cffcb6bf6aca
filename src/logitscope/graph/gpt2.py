"""The GPT-2 family: learned positions, layer norm before each sublayer, one product for queries, keys and values.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the classes of `transformers`.
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
    layer_norm,
    linear,
    n_parameters,
    output,
    residual,
    value,
    weight,
)

__all__ = ["gpt2_graph", "gpt2_weights"]


def gpt2_graph(config: Any) -> Graph:
    """The graph of a configuration; no weights are needed.

    Args:
        config: a `GPT2Config`.
    """
    d, heads, inner = config.n_embd, config.n_head, config.n_inner or 4 * config.n_embd
    if getattr(config, "add_cross_attention", False):
        raise ModelError("a GPT-2 with cross-attention reads another text as well; the walkthrough knows none.")
    blocks = tuple(_blocks(config, d, heads, inner))
    sizes = {
        "n_blocks": config.n_layer, "n_heads": heads, "n_key_heads": heads, "d_model": d, "d_head": d // heads,
        "d_mlp": inner, "vocab": config.vocab_size, "context": config.n_positions, "n_parameters": n_parameters(blocks),
    }  # fmt: skip
    return Graph("gpt2", blocks, sizes)


def _blocks(config: Any, d: int, heads: int, inner: int) -> Iterator[Block]:
    d_model, vocab = Axis("d_model", d), Axis("vocab", config.vocab_size)
    eps = config.layer_norm_epsilon
    section = ("embedding",)
    yield Block("ids", "Tokens", section, "input", (POSITION,))
    yield weight("embed.tokens", "Token embedding", section, vocab, d_model)
    yield weight("embed.positions", "Position embedding", section, Axis("context", config.n_positions), d_model)
    looked_up = (
        Operand("token", "embed.tokens", at(Index("position", lookup="ids"), "d_model")),
        Operand("position", "embed.positions", at("position", "d_model")),
    )
    yield value("embed", "Input embedding", section, (POSITION, d_model), Formula("lookup", looked_up))
    stream = "embed"
    for i in range(config.n_layer):
        name = f"block {i}"
        yield from layer_norm(f"{i}.attn.norm", (name, "attention"), stream, d_model, eps)
        yield from _heads(i, name, heads, d // heads, d_model)
        scale = (d // heads) ** -0.5 if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            scale /= i + 1
        d_head = Axis("d_head", d // heads)
        within = (name, "attention")
        yield from attention(
            f"{i}.attn", within, f"{i}.attn.q", f"{i}.attn.k", heads, heads, d_head, d_model, scale, bias=True
        )
        yield residual(f"{i}.attn.residual", within, stream, f"{i}.attn.out", d_model)
        yield from _mlp(i, (name, "mlp"), f"{i}.attn.residual", d_model, inner, config.activation_function, eps)
        stream = f"{i}.mlp.residual"
    yield from layer_norm("output.norm", ("output",), stream, d_model, eps)
    tied = "embed.tokens" if config.tie_word_embeddings else None
    yield from output("output.norm", tied, False, d_model, vocab)


def _heads(i: int, name: str, heads: int, d_head: int, d_model: Axis) -> Iterator[Block]:
    head, dim = Axis("head", heads), Axis("d_head", d_head)
    for letter, title, along in (("q", "Queries", POSITION), ("k", "Keys", KEY), ("v", "Values", KEY)):
        section = (name, "attention", title.lower())
        yield weight(f"{i}.attn.{letter}.weight", f"{title} weight", section, head, d_model, dim)
        yield weight(f"{i}.attn.{letter}.bias", f"{title} bias", section, head, dim)
        operands = (
            Operand("left", f"{i}.attn.norm", at(along.name, "d_model")),
            Operand("right", f"{i}.attn.{letter}.weight", at("head", "d_model", "d_head")),
            Operand("bias", f"{i}.attn.{letter}.bias", at("head", "d_head")),
        )
        yield value(f"{i}.attn.{letter}", title, section, (head, along, dim), Formula("dot", operands, (d_model,)))


def _mlp(
    i: int, section: tuple[str, ...], stream: str, d_model: Axis, inner: int, function: str, eps: float
) -> Iterator[Block]:
    d_mlp = Axis("d_mlp", inner)
    yield from layer_norm(f"{i}.mlp.norm", section, stream, d_model, eps)
    yield from linear(f"{i}.mlp.up", "Expansion", section, f"{i}.mlp.norm", d_model, d_mlp, bias=True)
    read = Operand("input", f"{i}.mlp.up", at("position", "d_mlp"))
    formula = Formula("activation", (read,), function=function)
    yield value(f"{i}.mlp.act", "Activation", section, (POSITION, d_mlp), formula)
    yield from linear(f"{i}.mlp.out", "Contraction", section, f"{i}.mlp.act", d_mlp, d_model, bias=True)
    yield residual(f"{i}.mlp.residual", section, stream, f"{i}.mlp.out", d_model)


def gpt2_weights(model: Any) -> Mapping[str, Tensor]:
    """The model's parameters as the graph's blocks see them: views, no copies."""
    config, body = model.config, model.transformer
    d, heads = config.n_embd, config.n_head
    found: dict[str, Tensor] = {"embed.tokens": body.wte.weight, "embed.positions": body.wpe.weight}
    for i, block in enumerate(body.h):
        qkv = block.attn.c_attn
        for n, letter in enumerate("qkv"):
            window = slice(n * d, (n + 1) * d)
            found[f"{i}.attn.{letter}.weight"] = qkv.weight[:, window].view(d, heads, d // heads).permute(1, 0, 2)
            found[f"{i}.attn.{letter}.bias"] = qkv.bias[window].view(heads, d // heads)
        found[f"{i}.attn.out.weight"] = block.attn.c_proj.weight.view(heads, d // heads, d)
        found[f"{i}.attn.out.bias"] = block.attn.c_proj.bias
        found[f"{i}.mlp.up.weight"], found[f"{i}.mlp.up.bias"] = block.mlp.c_fc.weight, block.mlp.c_fc.bias
        found[f"{i}.mlp.out.weight"], found[f"{i}.mlp.out.bias"] = block.mlp.c_proj.weight, block.mlp.c_proj.bias
        for name, norm in (("attn", block.ln_1), ("mlp", block.ln_2)):
            found[f"{i}.{name}.norm.scale"], found[f"{i}.{name}.norm.shift"] = norm.weight, norm.bias
    found["output.norm.scale"], found["output.norm.shift"] = body.ln_f.weight, body.ln_f.bias
    if not config.tie_word_embeddings:
        found["output.head"] = model.lm_head.weight
    return {name: tensor.detach() for name, tensor in found.items()}
