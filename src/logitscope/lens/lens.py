"""What is done to a stage's vectors before they are decoded.

A lens maps the residual stream at a stage to what stands in for the model's last residual. Knows the model room; knows
no statistics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from logitscope.errors import InputError
from logitscope.model.anatomy import Anatomy
from logitscope.model.capture import Captured, resume

__all__ = ["Lens", "LogitLens", "TailLens", "parse_lens"]

_TAIL = re.compile(r"tail:(\d+)(\.mlp)?")


class Lens(Protocol):
    """A way to read a stage."""

    @property
    def name(self) -> str: ...

    @property
    def needs_whole_window(self) -> bool:
        """Whether vectors of all positions, and how the blocks were called, have to be kept."""
        ...

    def transform(self, captured: Captured, stage: str) -> Tensor:
        """`[position, d_model]` in place of the model's last residual, for the captured vectors of one stage."""
        ...


@dataclass(frozen=True)
class LogitLens:
    """Nothing is done: later blocks are skipped (nostalgebraist, "interpreting GPT: the logit lens", 2020)."""

    name: str = "logit"
    needs_whole_window: bool = False

    def transform(self, captured: Captured, stage: str) -> Tensor:
        return captured.vectors[stage]


@dataclass(frozen=True)
class TailLens:
    """The model's last blocks are run on every earlier stage; stages of those blocks are read plainly.

    Attributes:
        anatomy: of the model.
        first: number of the first block that is run.
        mlp_only: of that block, run the MLP only.
    """

    anatomy: Anatomy
    first: int
    mlp_only: bool = False
    needs_whole_window: bool = True

    @property
    def name(self) -> str:
        return f"tail:{self.first}{'.mlp' if self.mlp_only else ''}"

    def transform(self, captured: Captured, stage: str) -> Tensor:
        vectors = captured.vectors[stage]
        if stage != "embed" and int(stage.partition(".")[0]) >= self.first:
            return vectors
        if self.mlp_only:
            entry = f"{self.first}.attn"
        else:
            entry = "embed" if self.first == 0 else f"{self.first - 1}.mlp"
        return resume(self.anatomy, captured, vectors, entry)


def parse_lens(spec: str, anatomy: Anatomy) -> Lens:
    """The lens that a name such as `logit`, `tail:11` or `tail:11.mlp` stands for.

    Raises:
        InputError: no such lens, or no such block.
    """
    if spec == "logit":
        return LogitLens()
    match = _TAIL.fullmatch(spec)
    if match is None:
        raise InputError(
            f'lens "{spec}" was asked for; there are "logit", "tail:N" and "tail:N.mlp" with a block number N.'
        )
    first, mlp_only = int(match[1]), match[2] is not None
    anatomy.require_stage(f"{first}.attn" if mlp_only else f"{first}.mlp")
    return TailLens(anatomy, first, mlp_only)
