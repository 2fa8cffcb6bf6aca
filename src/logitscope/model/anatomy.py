"""Where a model keeps what the lens needs: blocks, sublayers, final norm, head, multiplier, softcap.

Plain data about modules. How it is found out stands in `discover.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from logitscope.errors import InputError, ModelError
from logitscope.model.running import present
from logitscope.trace.stages import stage_key

__all__ = ["Anatomy", "Block", "Sublayer"]

Kind = Literal["sequential", "parallel", "post-norm", "opaque"]


@dataclass(frozen=True)
class Sublayer:
    """Attention or MLP of one block.

    Attributes:
        name: path below the block, such as `self_attn`; several joined by ` + ` where a block has no one module for it.
        module: whose output is what the sublayer returns to the residual stream (a norm after it, if there is one).
        multiplier: what the block multiplies that output by before adding it.
        includes_residual: the module adds the residual itself (BLOOM, MPT's MLP).
    """

    name: str
    module: nn.Module
    multiplier: float = 1.0
    includes_residual: bool = False


@dataclass(frozen=True)
class Block:
    """One transformer block.

    Attributes:
        index: from 0.
        module: the block.
        kind: `sequential` (attention, then MLP), `parallel` (both read the same input), `post-norm` (normalised after
            each residual add) or `opaque` (only what enters and leaves it is understood).
        attention, mlp: the sublayers, if they were found.
        middle: the module at which the residual between attention and MLP can be seen, and on which side of it.
    """

    index: int
    module: nn.Module
    kind: Kind
    attention: Sublayer | None = None
    mlp: Sublayer | None = None
    middle: tuple[nn.Module, Literal["read", "returned"]] | None = None

    @property
    def has_middle(self) -> bool:
        return self.middle is not None


@dataclass(frozen=True)
class Anatomy:
    """A causal language model taken apart.

    Attributes:
        model_class: such as `GPT2LMHeadModel`.
        body: the model without its head.
        body_path, blocks_path: where they hang in the model.
        blocks: in the order in which they run.
        tail: modules between the last block and the head, in order: the final norm, a projection.
        tail_paths: their paths below the body.
        norm_index: which of `tail` is the final norm; None where the family has none.
        head: the output matrix's module.
        head_path: where it hangs.
        multiplier, softcap: `logits = softcap(multiplier * head(norm(h)))`.
        d_model: width of the residual stream.
        n_vocab: rows of the head.
        context_window: tokens that the model can read at once; 0 where nothing limits it.
        tied: the head is the embedding matrix.
    """

    model_class: str
    body: nn.Module
    body_path: str
    blocks: tuple[Block, ...]
    blocks_path: str
    tail: tuple[nn.Module, ...]
    tail_paths: tuple[str, ...]
    norm_index: int | None
    head: nn.Module
    head_path: str
    multiplier: float
    softcap: float | None
    d_model: int
    n_vocab: int
    context_window: int
    tied: bool

    @property
    def weight(self) -> Tensor:
        """The output matrix `[vocab, d]`, in its own type."""
        weight = present(self.head, "weight")
        if weight is None:
            raise ModelError(f"the head of {self.model_class} has no matrix.")
        return weight

    @property
    def bias(self) -> Tensor | None:
        """The output bias `[vocab]`, where the head has one."""
        return present(self.head, "bias")

    @property
    def device(self) -> torch.device:
        """Where the head lives."""
        return self.weight.device

    @property
    def n_blocks(self) -> int:
        return len(self.blocks)

    @property
    def last_stage(self) -> str:
        return f"{self.n_blocks - 1}.mlp"

    def stages(self, *, subblocks: bool = False, embed: bool = True) -> tuple[str, ...]:
        """Names of the stages that exist, in the model's order."""
        names = ["embed"] if embed else []
        for block in self.blocks:
            if subblocks and block.has_middle:
                names.append(f"{block.index}.attn")
            names.append(f"{block.index}.mlp")
        return tuple(names)

    def require_stage(self, name: str) -> None:
        """Raises InputError, with what to use instead, where a stage does not exist."""
        if name in self.stages(subblocks=True):
            return
        try:
            index, _ = stage_key(name)
        except InputError:
            first = ", ".join(f'"{stage}"' for stage in self.stages(subblocks=True)[:3])
            raise InputError(f'"{name}" is no stage. Stages are {first}, ... "{self.last_stage}".') from None
        if index >= self.n_blocks:
            raise InputError(
                f'stage "{name}" was asked for, but {self.model_class} has {self.n_blocks} blocks '
                f"(0 to {self.n_blocks - 1})."
            )
        if self.blocks[index].kind == "parallel":
            raise InputError(
                f'{self.model_class} blocks add attention and MLP in parallel, so there is no stage "{name}". '
                f'Use "{index}.mlp".'
            )
        raise InputError(
            f"block {index} of {self.model_class} could not be split into attention and MLP, so there is no stage "
            f'"{name}". Use "{index}.mlp".'
        )
