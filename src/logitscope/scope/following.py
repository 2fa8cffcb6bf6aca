"""A trace of one position with the tokens followed that the model ranks highest there.

Which tokens those are is known only once the text has been read, so it is read twice: first the last stage of the one
position, then every stage of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.scope.plan import Keywords, plan_trace
from logitscope.scope.reading import read_whole
from logitscope.trace import Trace

__all__ = ["read_following"]


def read_following(
    model: Model,
    text: str | None,
    ids: Sequence[int] | None,
    position: int,
    asked: Keywords,
    progress: Callable[[int, int], None] | None,
) -> Trace:
    """What `Scope.follow` is to do, which takes the same arguments.

    Raises:
        InputError: something asked for does not exist.
    """
    for name in ("watch", "positions"):
        if name in asked:
            raise InputError(f"follow says itself what {name} is; leave it out, or use trace.")
    # Which tokens are likeliest is the whole model's answer, whatever lens or norm the stages are then read through.
    first = read_whole(
        model,
        plan_trace(
            model, text, ids, stages=[model.anatomy.last_stage], positions=[position], statistics=["top_ids"],
            top_k=asked.get("top_k"), bos=asked.get("bos", False), window=asked.get("window"),
            stride=asked.get("stride"),
        ),
    )  # fmt: skip
    every: Keywords = {"subblocks": True, **asked, "positions": [position], "watch": first["top_ids"][0, 0].tolist()}
    return read_whole(model, plan_trace(model, text, ids, **every), progress=progress)
