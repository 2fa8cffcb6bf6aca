"""Whether a model has been understood, measured on every load.

Four questions on a short fixed input, answered by one figure: does the last stage, decoded, give the model's own
logits; does each block, run again on each captured stage, give the next one (so that, by induction, the remaining
blocks run on any stage give those logits); is each captured middle what the sublayers really returned, added up;
do later tokens leave earlier logits alone. A model that fails is refused with the figure.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from logitscope.errors import ModelError
from logitscope.model.anatomy import Anatomy, Block
from logitscope.model.capture import Captured, capture, resume
from logitscope.model.dataflow import first_tensor, hooked
from logitscope.model.decode import Decoder, head_logits
from logitscope.model.discover import probe_ids
from logitscope.model.running import device_of

__all__ = ["LIMIT", "LOGITS_LIMIT", "SelfCheck", "self_check", "stream_disagreement"]

LOGITS_LIMIT = 1e-6
"""Largest disagreement of fp32 logits, as a share of max(10, the largest of them): the numeric contract's tolerance."""

LIMIT = 1e-5
"""Largest disagreement of fp32 numbers of the residual stream, each as a share of max(10, its magnitude)."""


@dataclass(frozen=True)
class SelfCheck:
    """How far what Logitscope computes is from what the model does, as shares of max(10, magnitude).

    Attributes:
        logits: last stage decoded against the model's own logits (half precision: its head applied in fp32).
        blocks: blocks run again on captured stages against the next captured stage.
        residual: residual before + what each sublayer returned against the residual after.
        causal: logits of a prefix against those of the whole.
    """

    logits: float
    blocks: float
    residual: float
    causal: float

    @property
    def figure(self) -> float:
        return max(self.logits, self.blocks, self.residual, self.causal)


def self_check(model: Any, anatomy: Anatomy, n_tokens: int) -> SelfCheck:
    """Compares the Anatomy with the model itself.

    Raises:
        ModelError: they disagree by more than rounding; nothing is guessed.
    """
    ids = probe_ids(n_tokens)[0]
    window = anatomy.context_window
    ids = ids[: window or None]
    stages = anatomy.stages(subblocks=True)
    captured = capture(anatomy, ids, stages, keep_calls=True)
    half = torch.finfo(captured.vectors[anatomy.last_stage].dtype).bits < 32
    check = SelfCheck(
        logits=_logits(model, anatomy, captured, ids, n_tokens),
        blocks=_blocks(anatomy, captured, stages),
        residual=_residual(anatomy, captured, ids),
        causal=_causal(model, ids),
    )
    limit = 2.0**-7 if half else LIMIT
    # Half-precision logits are compared with the head applied in fp32, so that figure stays as strict.
    passed = check.logits <= LOGITS_LIMIT and max(check.blocks, check.residual) <= limit
    if not passed:
        parts = f"logits {check.logits:.1e}, blocks {check.blocks:.1e}, residual {check.residual:.1e}"
        raise ModelError(
            f"{anatomy.model_class} was taken apart wrongly: self-check figure {check.figure:.1e} ({parts}; at most "
            f"{LOGITS_LIMIT:.0e} for logits). Nothing can be said about its stages; please report the model."
        )
    if check.causal > max(limit, 1e-4):
        raise ModelError(
            f"{anatomy.model_class} reads the future: later tokens change earlier logits by {check.causal:.1e}. "
            "Logitscope needs a causal language model, not an encoder."
        )
    return check


def _disagreement(a: Tensor, b: Tensor) -> float:
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        return float("inf")
    return ((a - b).abs().max() / max(10.0, b.abs().max().item())).item()


def stream_disagreement(a: Tensor, b: Tensor) -> float:
    """The largest difference as a share of max(10, size), each number having its own: huge features hide no errors."""
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        return float("inf")
    return ((a - b).abs() / b.abs().clamp(min=10.0)).max().item()


@torch.no_grad()
def _logits(model: Any, anatomy: Anatomy, captured: Captured, ids: Tensor, n_tokens: int) -> float:
    decoder = Decoder(anatomy, n_tokens)
    read: list[Tensor] = []
    with hooked(lambda: anatomy.head.register_forward_pre_hook(lambda _m, args: read.append(args[0].detach().clone()))):
        own = model(input_ids=ids.to(device_of(model))[None], use_cache=False).logits[0]
    ours = decoder.logits(captured.vectors[anatomy.last_stage])
    # All the way from two early stages, beside the block by block check that holds for every stage.
    for stage in ("embed", f"{anatomy.n_blocks // 2}.mlp"):
        again = decoder.logits(resume(anatomy, captured, captured.vectors[stage], stage))
        if _disagreement(again, ours) > LOGITS_LIMIT:
            return _disagreement(again, ours)
    if torch.finfo(own.dtype).bits >= 32 and torch.finfo(anatomy.weight.dtype).bits >= 32:
        return _disagreement(ours, own)
    # A unit in the last place of the model's own type is allowed; beyond that the head's input decides.
    if _disagreement(ours, own) > 2.0**-7:
        return _disagreement(ours, own)
    exact = head_logits(anatomy, read[0][0])
    return _disagreement(ours, exact)


def _blocks(anatomy: Anatomy, captured: Captured, stages: tuple[str, ...]) -> float:
    worst = 0.0
    for stage, after in itertools.pairwise(stages):
        if after.endswith(".attn"):  # from a block's entry its middle is not returned; the next pair covers it
            continue
        worst = max(worst, _rerun(anatomy, captured, stage, after))
    for block in anatomy.blocks:
        if block.has_middle:
            entry = "embed" if block.index == 0 else f"{block.index - 1}.mlp"
            worst = max(worst, _rerun(anatomy, captured, entry, f"{block.index}.mlp"))
    return worst


def _rerun(anatomy: Anatomy, captured: Captured, stage: str, after: str) -> float:
    until = int(after.partition(".")[0]) + 1
    return stream_disagreement(
        resume(anatomy, captured, captured.vectors[stage], stage, until), captured.vectors[after]
    )


@torch.no_grad()
def _residual(anatomy: Anatomy, captured: Captured, ids: Tensor) -> float:
    """Residual sums with what the sublayers returned in a pass of their own."""
    returned: dict[tuple[int, str], Tensor] = {}

    def keep(index: int, part: str) -> Any:
        def hook(_module: Any, _args: Any, output: Any) -> None:
            tensor = first_tensor(output)
            if tensor is not None:
                returned[index, part] = tensor.detach().reshape(-1, tensor.shape[-1]).cpu().double()

        return hook

    parts = [(b, p, s) for b in anatomy.blocks for p, s in (("attn", b.attention), ("mlp", b.mlp)) if s is not None]
    with hooked(*(lambda b=b, p=p, s=s: s.module.register_forward_hook(keep(b.index, p)) for b, p, s in parts)):
        anatomy.body(input_ids=ids.to(device_of(anatomy.body))[None], use_cache=False)
    return max((_block_residual(block, captured, returned) for block in anatomy.blocks), default=0.0)


def _block_residual(block: Block, captured: Captured, returned: dict[tuple[int, str], Tensor]) -> float:
    if block.kind in {"opaque", "post-norm"} or block.attention is None or block.mlp is None:
        return 0.0

    def at(stage: str) -> Tensor:
        return captured.vectors[stage].cpu().double()

    entry, leave = at("embed" if block.index == 0 else f"{block.index - 1}.mlp"), at(f"{block.index}.mlp")
    attention, mlp = returned[block.index, "attn"], returned[block.index, "mlp"]
    if block.kind == "parallel":
        total = entry + block.mlp.multiplier * (attention + mlp)
        return stream_disagreement(total, leave)
    middle = at(f"{block.index}.attn")
    worst = 0.0
    for sublayer, output, before, after in (
        (block.attention, attention, entry, middle),
        (block.mlp, mlp, middle, leave),
    ):
        total = output if sublayer.includes_residual else before + sublayer.multiplier * output
        worst = max(worst, stream_disagreement(total, after))
    return worst


@torch.no_grad()
def _causal(model: Any, ids: Tensor) -> float:
    if len(ids) < 3:
        return 0.0
    device = device_of(model)
    whole = model(input_ids=ids.to(device)[None], use_cache=False).logits[0, : len(ids) - 2].float()
    prefix = model(input_ids=ids[:-2].to(device)[None], use_cache=False).logits[0].float()
    return _disagreement(prefix, whole)
