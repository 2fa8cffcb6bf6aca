"""The conditions under which a model is run: no dropout, no autocast, no shortened products; and where its tensors are.

What the caller had set is put back afterwards. Knows torch, and where accelerate puts weights that are offloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["device_of", "exact_products", "present", "undisturbed"]


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Runs a model as it predicts, whatever mode its owner has left it in."""
    training = [m for m in module.modules() if m.training]
    for m in training:
        m.training = False
    try:
        with exact_products(device_of(module)):
            yield
    finally:
        for m in training:
            m.training = True


@contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Matrix products in the type of their factors: no autocast, no TF32, no bf16 for fp32."""
    precision = torch.get_float32_matmul_precision()
    if precision != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)


def device_of(module: nn.Module) -> torch.device:
    """Where a module computes: where its weights are, or where they are taken for a while if they are offloaded."""
    for parameter in module.parameters():
        if parameter.device.type != "meta":
            return parameter.device
    for part in module.modules():
        device = getattr(getattr(part, "_hf_hook", None), "execution_device", None)
        if device is not None:
            return torch.device(device)
    return torch.device("cpu")


def present(module: nn.Module, name: str) -> Tensor | None:
    """A module's weight or bias as real numbers, also where accelerate keeps it elsewhere until it is needed."""
    value: Any = getattr(module, name, None)
    if isinstance(value, Tensor) and value.device.type == "meta":
        value = module._hf_hook.weights_map[name]  # type: ignore[union-attr, index]
    return value.detach() if isinstance(value, Tensor) else None
