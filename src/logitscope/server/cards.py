"""What a page is told of a model.

Knows the model's anatomy; says nothing of where its files are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from logitscope.errors import ModelError
from logitscope.graph import graph_of
from logitscope.model.anatomy import Anatomy
from logitscope.model.listing import notes
from logitscope.scope import Scope
from logitscope.server.contract import Ability, Limits, ModelCard

__all__ = ["card_of"]

_INSIDE: Final[tuple[Ability, ...]] = ("graph", "tile", "explain")
"""What needs a description of the model's computation."""


def card_of(scope: Scope, limits: Limits) -> ModelCard:
    """The card of a loaded model."""
    model, anatomy = scope.model, scope.model.anatomy
    stages = list(scope.stages(subblocks=True))
    bos = model.tokeniser.hf.bos_token_id
    cannot = _undescribed(scope)
    return ModelCard(
        name=model.name,
        model_class=anatomy.model_class,
        n_blocks=anatomy.n_blocks,
        n_parameters=model.n_parameters,
        d_model=anatomy.d_model,
        n_vocab=model.n_tokens,
        context_window=anatomy.context_window,
        stages=stages,
        has_subblocks=any(block.has_middle for block in anatomy.blocks),
        last_stage=anatomy.last_stage,
        lenses=["logit", *_tails(anatomy)],
        norms=["final", "plain", "none"],
        dtype=model.dtype,
        device=str(model.device),
        revision=model.revision,
        content_hash=model.content_hash,
        self_check=model.check.figure,
        bos_token=None if bos is None else model.tokeniser.bytes_of(int(bos)).decode(errors="replace"),
        length_dependent=model.length_dependent,
        tied=anatomy.tied,
        notes=list(notes(model)),
        can=[ability for ability in get_args(Ability) if ability not in cannot],
        cannot=cannot,
        limits=limits,
    )


def _undescribed(scope: Scope) -> dict[str, str]:
    """What cannot be asked of a model whose computation is not described, and why."""
    try:
        graph_of(scope.model.hf.config)
    except ModelError as error:
        return {ability: str(error) for ability in _INSIDE}
    return {}


def _tails(anatomy: Anatomy) -> Iterator[str]:
    """The tail lenses, in the order of the block that they begin with."""
    for block in anatomy.blocks:
        yield f"tail:{block.index}"
        if block.has_middle:
            yield f"tail:{block.index}.mlp"
