"""The vectors of every stage of a GPT-2 of transformers, by hooks: for those who need them as they are.

`embed` is what enters block 0, `i.attn` what the norm before block i's MLP reads, `i.mlp` what leaves block i.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["captured", "load_plain", "made_from"]


def load_plain(folder: Path) -> Any:
    """The model as transformers loads it, in fp32, ready to read."""
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    return model.eval().requires_grad_(False)  # type: ignore[no-untyped-call]


def captured(model: Any, ids: list[int], subblocks: bool) -> list[Tensor]:
    """`[position, d_model]` of each stage; the head itself is not run."""
    found: list[Tensor] = []

    def before(_module: Any, inputs: tuple[Any, ...]) -> None:
        found.append(inputs[0][0])

    def after(_module: Any, _inputs: Any, output: Any) -> None:
        found.append((output[0] if isinstance(output, tuple) else output)[0])

    blocks = model.transformer.h
    hooks = [blocks[0].register_forward_pre_hook(before)]
    for block in blocks:
        if subblocks:
            hooks.append(block.ln_2.register_forward_pre_hook(before))
        hooks.append(block.register_forward_hook(after))
    try:
        model.transformer(torch.tensor([ids]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def made_from(model: Any, ids: list[int], subblocks: bool, positions: list[int]) -> dict[str, np.ndarray]:
    """What the head reads at some positions, and the head."""
    vectors = torch.stack([model.transformer.ln_f(stage)[positions] for stage in captured(model, ids, subblocks)])
    return {"vectors": vectors.numpy(), "weight": model.lm_head.weight.numpy()}
