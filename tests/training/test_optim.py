"""Muon, against what its source promises."""

from __future__ import annotations

import pytest
import torch

from training.optim import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 4, 12), (1, 12, 4)])
def test_singular_values_end_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.4
    assert values.max() < 1.3


def test_one_matrix_is_stepped_as_it_would_be_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(6, 6, generator=generator) for _ in range(3)]
    grads = [torch.randn(6, 6, generator=generator) for _ in range(3)]

    def stepped(chosen: list[int]) -> list[torch.Tensor]:
        parameters = [torch.nn.Parameter(weights[i].clone()) for i in chosen]
        optimiser = Muon(parameters, lr=0.1)
        for parameter, i in zip(parameters, chosen, strict=True):
            parameter.grad = grads[i].clone()
        optimiser.step()
        return [p.detach() for p in parameters]

    together = stepped([0, 1, 2])
    for i in range(3):
        torch.testing.assert_close(together[i], stepped([i])[0])


def test_query_key_and_value_are_orthogonalised_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    fused = torch.nn.Parameter(torch.zeros(6, 18))
    fused.grad = torch.randn(6, 18, generator=generator)
    parts = [torch.nn.Parameter(torch.zeros(6, 6)) for _ in range(3)]
    for part, grad in zip(parts, fused.grad.chunk(3, dim=1), strict=True):
        part.grad = grad.clone()
    Muon([fused], lr=0.1).step()
    Muon(parts, lr=0.1).step()
    torch.testing.assert_close(fused.detach(), torch.cat([p.detach() for p in parts], dim=1))
