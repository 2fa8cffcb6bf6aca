"""Texts of different lengths run together, without a number of theirs changing.

Shorter ones are filled up behind their end. No mask is needed: in a causal model nothing looks there. Whether that is
true of a model, and whether it can run texts together at all, is tried out, not looked up. Knows ids, no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from logitscope.errors import LogitscopeError
from logitscope.model.capture import capture
from logitscope.model.discover import probe_ids
from logitscope.model.model import Model
from logitscope.model.prefix import rounding_only
from logitscope.model.self_check import stream_disagreement

if TYPE_CHECKING:
    from jaxtyping import Int

__all__ = ["Together", "pad", "together"]

Together = Literal["any", "equal", "one"]
"""Which texts a model can run together: of any length, of equal length, or none."""

_TRIED: WeakKeyDictionary[nn.Module, Together] = WeakKeyDictionary()


def pad(texts: Sequence[Int[np.ndarray, " _"]]) -> Int[Tensor, "text position"]:
    """Rows of ids, each filled up with its own last one."""
    width = max(len(ids) for ids in texts)
    rows = [np.concatenate([ids, np.full(width - len(ids), ids[-1])]) for ids in texts]
    return torch.from_numpy(np.stack(rows).astype(np.int64))


def together(model: Model) -> Together:
    """Which texts this model can run together."""
    body = model.anatomy.body
    if body not in _TRIED:
        ways: tuple[Together, ...] = ("equal",) if model.length_dependent else ("any", "equal")
        _TRIED[body] = next((way for way in ways if _works(model, way)), "one")
    return _TRIED[body]


def _works(model: Model, way: Together) -> bool:
    """Whether texts that are run together get what each gets alone."""
    anatomy, last = model.anatomy, model.anatomy.last_stage
    window = anatomy.context_window
    ids = probe_ids(model.n_tokens, min(12, window or 12))[0].numpy()
    length = max(1, len(ids) - 3)
    texts = [ids, ids[::-1][:length], ids[1:2]] if way == "any" else [ids, ids[::-1]]
    alone = [capture(anatomy, torch.from_numpy(some.copy()), (last,)).vectors[last] for some in texts]
    try:
        rows = capture(anatomy, pad(texts), (last,)).vectors[last].view(len(texts), len(ids), -1)
    except LogitscopeError:
        raise
    except Exception:  # noqa: BLE001 - whatever a model of any class raises when it is given several texts
        return False
    return rounding_only(
        model, max(stream_disagreement(row[: len(own)], own) for row, own in zip(rows, alone, strict=True))
    )
