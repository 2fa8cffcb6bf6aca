"""Muon in fp32, with the layers' matrices of one shape stepped together.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024): momentum, then the nearest
semi-orthogonal matrix by a quintic Newton-Schulz iteration. `torch.optim.Muon` iterates in bf16, which crawls on
processors without bf16 arithmetic; here everything stays in fp32 and equal shapes share one batched product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The semi-orthogonal matrices nearest to `[n, rows, cols]`, singular values within about 0.7 to 1.2."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised per matrix; for the two-dimensional weights inside the blocks only.

    Args:
        parameters: weights stored `[in, out]`, as in GPT-2's classes.
        lr: step, as a root-mean-square change per entry relative to a square matrix.
        momentum: Nesterov momentum.
        weight_decay: decoupled, multiplied by `lr`.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure: one gradient a step
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append((parameter, parameter.grad))
            for (n_in, n_out), pairs in by_shape.items():
                updates = []
                for parameter, grad in pairs:
                    state = self.state[parameter]
                    if not state:
                        state["momentum"] = torch.zeros_like(parameter)
                    state["momentum"].lerp_(grad, 1 - group["momentum"])
                    updates.append(grad.lerp(state["momentum"], group["momentum"]))
                # A fused query-key-value matrix is three square ones side by side.
                parts = n_out // n_in if n_out == 3 * n_in else 1
                stacked = torch.stack(updates)
                if parts > 1:
                    stacked = torch.cat(stacked.chunk(parts, dim=-1))
                steps = orthogonalise(stacked)
                if parts > 1:
                    steps = torch.cat(steps.chunk(parts), dim=-1)
                scale = max(1.0, n_out / parts / n_in) ** 0.5
                for (parameter, _), update in zip(pairs, steps, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * scale)
