"""Finds a model's Anatomy from its config and from what flows between its modules.

One pass over a few tokens is recorded; every statement of the Anatomy is then an equation between recorded tensors.
What no equation explains is refused, or, inside a block, left `opaque`. Knows no family by name.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from logitscope.errors import ModelError
from logitscope.model.anatomy import Anatomy, Block, Sublayer
from logitscope.model.dataflow import Call, record, same
from logitscope.model.running import device_of

__all__ = ["discover", "probe_ids"]

# Tried in turn on the sublayers' own names; only values decide whether the choice was right.
_MIXES_POSITIONS = [re.compile(p, re.IGNORECASE) for p in (r"att", r"mixer|mamba|ssm|conv|recurr|temporal")]


def probe_ids(n_tokens: int, length: int = 6) -> Tensor:
    """The fixed short input of discovery and self-check: distinct ids spread over the vocabulary, `[1, length]`."""
    step = max(1, n_tokens // length)
    return torch.tensor([[(7 + step * i) % n_tokens for i in range(length)]])


def discover(model: Any, n_tokens: int) -> Anatomy:
    """Takes a loaded Hugging Face causal language model apart.

    Args:
        model: a `PreTrainedModel` with a language-model head, in eval mode.
        n_tokens: ids below this may be fed to it.

    Raises:
        ModelError: the blocks, the path to the head or the head's arithmetic could not be found.
    """
    name = type(model).__name__
    head = model.get_output_embeddings()
    if head is None or getattr(head, "weight", None) is None or head.weight.ndim != 2:
        raise ModelError(f"{name} has no output matrix over a vocabulary; Logitscope needs a causal language model.")
    window = _context_window(model.config)
    ids = probe_ids(n_tokens)[:, : window or None].to(device_of(model))
    calls, output = record(model, lambda: model(input_ids=ids, use_cache=False))
    if torch.isnan(output.logits).any() or torch.isposinf(output.logits).any():
        raise ModelError(
            f"the logits of {name} are not finite even for a short input. Half precision may have overflowed: use "
            "dtype float32 or bfloat16. If they stay so, the weights are broken."
        )
    paths = {module: path for path, module in model.named_modules()}
    blocks_path, blocks = _find_blocks(name, model, calls)
    inside = f"{blocks_path}."
    after = _final(calls, blocks[-1]).order
    head_call = next((c for c in reversed(calls) if c.module is head), None)
    if head_call is None:
        raise ModelError(f"{name} did not call its own head; its logits are made in a way Logitscope does not know.")
    body_call = _find_body(name, calls, blocks_path, head_call)
    tail = _find_tail(
        name, [c for c in calls if c.order > after and not c.name.startswith(inside)], calls, blocks[-1], body_call
    )
    multiplier, softcap = _find_head_arithmetic(name, model.config, head_call, output.logits)

    numbers = tuple(_numbers(model.config).values())
    first = _final(calls, blocks[0])
    if first.read is None:
        raise ModelError(f"the blocks of {name} read no residual stream that Logitscope can see.")
    norms = [i for i, c in enumerate(tail) if is_norm(c.module)]
    embedding = model.get_input_embeddings()
    return Anatomy(
        model_class=name,
        body=body_call.module,
        body_path=body_call.name,
        blocks=tuple(_find_block(i, block, calls, paths[block], numbers) for i, block in enumerate(blocks)),
        blocks_path=blocks_path,
        tail=tuple(c.module for c in tail),
        tail_paths=tuple(c.name for c in tail),
        norm_index=norms[-1] if norms else None,
        head=head,
        head_path=paths[head],
        multiplier=multiplier,
        softcap=softcap,
        d_model=first.read.shape[-1],
        n_vocab=head.weight.shape[0],
        context_window=window,
        tied=embedding is not None and embedding.weight is head.weight,
    )


def is_norm(module: nn.Module) -> bool:
    """A normalisation: named so, and without matrices."""
    return "norm" in type(module).__name__.lower() and all(p.ndim < 2 for p in module.parameters())


def _final(calls: Sequence[Call], module: nn.Module) -> Call:
    return next(c for c in reversed(calls) if c.module is module)


def _find_blocks(name: str, model: nn.Module, calls: Sequence[Call]) -> tuple[str, list[nn.Module]]:
    """The longest list of modules in which each reads exactly what the one before returned."""
    called = {c.module: c for c in calls}
    best: tuple[str, list[nn.Module]] = ("", [])
    for path, candidate in model.named_modules():
        if not isinstance(candidate, nn.ModuleList) or len(candidate) <= len(best[1]):
            continue
        chain = list(candidate)
        if all(m in called for m in chain) and all(
            same(called[a].returned, called[b].read) for a, b in itertools.pairwise(chain)
        ):
            first, last = called[chain[0]], called[chain[-1]]
            if first.read is not None and last.returned is not None and first.read.shape == last.returned.shape:
                best = (path, chain)
    if not best[1]:
        raise ModelError(
            f"no stack of blocks was found in {name} in which each reads what the one before returned; "
            "models with several residual streams, or without one, cannot be looked into."
        )
    return best


def _find_body(name: str, calls: Sequence[Call], blocks_path: str, head: Call) -> Call:
    """The outermost module around the blocks that returns exactly what the head reads."""
    around = [c for c in calls if blocks_path.startswith(f"{c.name}.") and same(c.returned, head.read)]
    if not around:
        raise ModelError(f"{name} changes the last hidden state between body and head; Logitscope does not know how.")
    return min(around, key=lambda c: len(c.name))


def _find_tail(name: str, candidates: Sequence[Call], calls: Sequence[Call], last: nn.Module, body: Call) -> list[Call]:
    """The modules that lead from the last block's output to what the head reads."""
    tail: list[Call] = []
    current = _final(calls, last).returned
    while not same(current, body.returned):
        step = next((c for c in candidates if same(c.read, current) and not same(c.returned, current)), None)
        if step is None or step in tail or step.module is body.module:
            raise ModelError(f"the way from the last block of {name} to its head could not be followed.")
        tail.append(step)
        current = step.returned
    return tail


def _find_head_arithmetic(name: str, config: Any, head: Call, logits: Tensor) -> tuple[float, float | None]:
    """Which multiplier and softcap of the config turn the head's output into the model's logits.

    The fullest reading of the config is tried first, so that a softcap that a probe barely feels is not left out.
    """
    raw = head.returned.float() if head.returned is not None else None
    wanted = logits.detach().float().reshape(-1, logits.shape[-1])
    if raw is None or raw.shape != wanted.shape:
        raise ModelError(f"the head of {name} returned no logits that Logitscope can see.")
    ulp = 1e-6 if logits.dtype == torch.float32 else 2.0**-7
    limit = ulp * max(10.0, wanted.abs().max().item())
    for multiplier, softcap in _readings(config):
        z = raw * multiplier
        if softcap is not None:
            z = softcap * torch.tanh(z / softcap)
        if (z - wanted.to(z.device)).abs().max().item() <= limit:
            return multiplier, softcap
    raise ModelError(
        f"the logits of {name} are not its head's output under any multiplier or softcap named in its config."
    )


def _readings(config: Any) -> Iterable[tuple[float, float | None]]:
    values = {key: value for key, value in _numbers(config).items() if re.search(r"logit|lm_head", key)}
    caps = [v for k, v in values.items() if "cap" in k and "att" not in k]
    scales = [v for k, v in values.items() if "cap" not in k and v != 1 and re.search(r"scal|mult", k)]
    for scale in [*itertools.chain.from_iterable((v, 1 / v) for v in scales), 1.0]:
        for cap in [*caps, None]:
            yield scale, cap


def _numbers(config: Any) -> dict[str, float]:
    """The config's own numbers that are not zero."""
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    return {
        key: float(value)
        for key, value in config.to_dict().items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value
    }


def _context_window(config: Any) -> int:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    for key in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"):
        value = getattr(text, key, None)
        # A window has to be a number of tokens; ALiBi models carry a training length here and may read on.
        if isinstance(value, int) and 0 < value < 10**8:
            return value
    return 0


def _find_block(index: int, block: nn.Module, calls: Sequence[Call], path: str, numbers: Sequence[float]) -> Block:
    whole = _final(calls, block)
    prefix = f"{path}."
    inside = [c for c in calls if c.name.startswith(prefix)]
    width = whole.read.shape[-1] if whole.read is not None else 0
    direct = [c for c in inside if "." not in c.name[len(prefix) :]]
    sublayers = [c for c in direct if not is_norm(c.module) and _has_matrix(c.module)]
    named = ([c for c in sublayers if pattern.search(c.name[len(prefix) :])] for pattern in _MIXES_POSITIONS)
    attention = next((found for found in named if found), [])
    mlp = [c for c in sublayers if c not in attention]
    opaque = Block(index, block, "opaque")
    if len(attention) != 1 or not mlp or attention[0].returned is None or attention[0].returned.shape[-1] != width:
        return opaque
    norms = [c for c in inside if is_norm(c.module)]
    return _Equations(index, whole, attention[0], mlp, norms, prefix, numbers).solve() or opaque


def _has_matrix(module: nn.Module) -> bool:
    return any(p.ndim >= 2 for p in module.parameters())


class _Equations:
    """The residual equations of one block, tried in turn on what was recorded."""

    def __init__(
        self,
        index: int,
        whole: Call,
        attention: Call,
        mlp: Sequence[Call],
        norms: Sequence[Call],
        prefix: str,
        numbers: Sequence[float],
    ) -> None:
        self.index, self.whole, self.prefix, self.numbers = index, whole, prefix, numbers
        self.attention, self.mlp, self.norms = attention, mlp, norms
        if whole.read is None or whole.returned is None:
            raise ModelError(f"block {index} reads or returns no residual stream that Logitscope can see.")
        self.x, self.y = whole.read, whole.returned

    def solve(self) -> Block | None:
        before = next((n for n in self.norms if same(n.returned, self.mlp[0].read)), None)
        attention, mlp = self._output(self.attention, before), self._output(self.mlp[-1], before)
        mlp_name = " + ".join(c.name[len(self.prefix) :] for c in self.mlp)
        middle = before.read if before is not None else self.mlp[0].read
        if middle is None:
            return None
        if same(middle, self.x):
            both = self._parallel(attention, mlp)
            if both is None:
                return None
            return Block(
                self.index,
                self.whole.module,
                "parallel",
                self._sublayer(self.attention, attention, both),
                self._sublayer(self.mlp[-1], mlp, both, mlp_name),
            )
        first, second = self._adds(self.x, attention, middle), self._adds(middle, mlp, self.y)
        if first is not None and second is not None:
            at = before if before is not None else self.mlp[0]
            return Block(
                self.index,
                self.whole.module,
                "sequential",
                self._sublayer(self.attention, attention, first),
                self._sublayer(self.mlp[-1], mlp, second, mlp_name),
                (at.module, "read"),
            )
        if before is not None and first is not None:
            return self._post_norm(before, attention, mlp, first, mlp_name)
        return None

    def _post_norm(
        self, between: Call, attention: Call, mlp: Call, first: tuple[float, bool], mlp_name: str
    ) -> Block | None:
        """Normalised after each add: what the MLP reads is the stage between (opt-350m, GPT-1)."""
        last = next((n for n in self.norms if same(n.returned, self.y)), None)
        if last is None or last.read is None or between.returned is None:
            return None
        second = self._adds(between.returned, mlp, last.read)
        if second is None:
            return None
        return Block(
            self.index,
            self.whole.module,
            "post-norm",
            self._sublayer(self.attention, attention, first),
            self._sublayer(self.mlp[-1], mlp, second, mlp_name),
            (between.module, "returned"),
        )

    def _output(self, call: Call, before: Call | None) -> Call:
        """The sublayer itself, or the norm that reads its output before it is added (sandwich and post-norm).

        The norm before the MLP is none of these: it reads what BLOOM's attention returns, residual included.
        """
        return next((n for n in self.norms if n is not before and same(n.read, call.returned)), call)

    def _sublayer(self, call: Call, output: Call, how: tuple[float, bool], name: str | None = None) -> Sublayer:
        return Sublayer(name or call.name[len(self.prefix) :], output.module, *how)

    def _parallel(self, attention: Call, mlp: Call) -> tuple[float, bool] | None:
        if attention.returned is None or mlp.returned is None or attention.returned.shape != mlp.returned.shape:
            return None
        total = attention.returned.double() + mlp.returned.double()
        return self._solve_multiplier(self.x, total, self.y)

    def _adds(self, before: Tensor, output: Call, after: Tensor) -> tuple[float, bool] | None:
        """How `before` becomes `after`: (multiplier of the output, whether the output holds `before` already)."""
        returned = output.returned
        if returned is None or returned.shape != after.shape:
            return None
        if same(returned, after):
            return 1.0, True
        return self._solve_multiplier(before, returned.double(), after)

    def _solve_multiplier(self, before: Tensor, output: Tensor, after: Tensor) -> tuple[float, bool] | None:
        difference = after.double() - before.double()
        power = output.pow(2).sum().item()
        if power == 0:
            return (1.0, False) if difference.abs().max().item() == 0 else None
        multiplier = (difference * output).sum().item() / power
        # Rounding of the sum, in the stream's own type, is all that may remain.
        limit = 8 * torch.finfo(after.dtype).eps * after.abs().max().item()
        if (difference - multiplier * output).abs().max().item() > limit:
            return None
        # The config's own number, where one is what was found up to that rounding.
        error = 2 * limit * math.sqrt(output.numel() / power)
        named = [number for number in (1.0, *self.numbers) if abs(number - multiplier) <= error]
        return min(named, key=lambda number: abs(number - multiplier), default=multiplier), False
