"""Models of the zoo as the package understands them, once per test run; for tests that change nothing in them."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from logitscope.model.capture import Captured, capture
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser
from logitscope.readout import MatrixHead
from tests.families import FAMILIES, TOKENIZER_SIZE, random_ids, shared_model, tiny_tokenizer

__all__ = [
    "LENGTH",
    "captured",
    "close",
    "ids_of",
    "tolerance",
    "true_head",
    "true_vectors",
    "understand",
    "understood",
]

LENGTH = 20
"""Longer than the sliding windows of the zoo, shorter than its contexts."""


def understand(hf: Any, name: str = "a model") -> Model:
    """Any model with the tiny tokenizer, taken apart and checked."""
    return Model.of(name, hf, Tokeniser(tiny_tokenizer()))


@cache
def understood(name: str) -> Model:
    """One family's model."""
    return understand(shared_model(FAMILIES[name].name), name)


@cache
def captured(name: str) -> Captured:
    """Every stage of a family's model on `ids_of()`, with what `resume` needs."""
    anatomy = understood(name).anatomy
    return capture(anatomy, ids_of(), anatomy.stages(subblocks=True), keep_calls=True)


def ids_of(length: int = LENGTH, seed: int = 0) -> Tensor:
    """Random ids `[position]` that the tiny tokenizer has."""
    return random_ids(length, seed=seed)[0]


def tolerance(reference: Tensor) -> float:
    """The numeric contract's, where fp32 meets fp32."""
    return 1e-6 * max(10.0, float(reference.abs().max()))


def close(ours: Tensor, reference: Tensor, times: float = 1.0) -> bool:
    """Whether two tensors agree to `times` the contract's tolerance; NaN agrees with nothing."""
    if ours.shape != reference.shape:
        return False
    difference = (ours.double() - reference.double()).abs().max()
    return bool(difference <= times * tolerance(reference)) and bool(torch.isfinite(ours).all())


def true_head(name: str) -> MatrixHead:
    """A family's head as the registry has it, not as it was found."""
    family = FAMILIES[name]
    head: Any = shared_model(name).get_submodule(family.head)
    offset = head.bias if family.head_bias else None
    return MatrixHead(head.weight, TOKENIZER_SIZE, offset, family.multiplier, family.softcap)


@torch.no_grad()
def true_vectors(name: str, ids: Tensor) -> dict[str, Tensor]:
    """What the head reads at every stage, through the norm and the projection that the registry has."""
    family, model, anatomy = FAMILIES[name], shared_model(name), understood(name).anatomy
    vectors = dict(capture(anatomy, ids, anatomy.stages(subblocks=True)).vectors)
    for path in (family.final_norm, family.project_out):
        if path is not None:
            vectors = {stage: model.get_submodule(path)(x) for stage, x in vectors.items()}
    return vectors
