"""The order of stages: where in the model each point of the residual stream lies.

Knows the names only, not which of them a model has.
"""

from __future__ import annotations

import re

from logitscope.errors import InputError

__all__ = ["stage_key"]

_BLOCK = re.compile(r"(0|[1-9][0-9]{0,5})\.(attn|mlp)")
"""No model has a million blocks, and a file could name more digits than Python reads as a number."""


def stage_key(name: str) -> tuple[int, int]:
    """Sorts stage names as the model computes them: `embed`, `0.attn`, `0.mlp`, `1.attn`, ...

    Raises:
        InputError: the name is none that a stage can have.

    >>> sorted(["10.mlp", "embed", "2.mlp", "2.attn"], key=stage_key)
    ['embed', '2.attn', '2.mlp', '10.mlp']
    """
    if name == "embed":
        return (-1, 0)
    block = _BLOCK.fullmatch(name)
    if block is None:
        raise InputError(f'"{name}" is no name of a stage; they are "embed", "0.attn", "0.mlp", "1.attn" and so on.')
    return (int(block[1]), 0 if block[2] == "attn" else 1)
