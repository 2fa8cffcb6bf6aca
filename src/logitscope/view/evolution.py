"""How the model decides: the followed tokens' scores at one position, stage by stage.

A curve per token and a segment per sublayer, told apart by what moved it: attention, MLP, or a whole block where the
model adds both at once or the trace holds no stages between. Knows nothing of pixels or models.

Source: R. Claus, "Logit Evolution: How the model decides", figures 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from logitscope.errors import InputError
from logitscope.trace.stages import stage_key
from logitscope.trace.trace import Trace
from logitscope.view.followed import Place, column_of, followed_at, place_of
from logitscope.view.labels import id_label
from logitscope.view.palette import pair
from logitscope.view.plain import plain, real
from logitscope.view.source import Source, source_of

__all__ = ["Curve", "Evolution", "Moment", "Score", "evolution", "moments"]

Score = Literal["logit", "rank", "logprob"]

By = Literal["start", "attention", "mlp", "block"]


@dataclass(frozen=True)
class Moment:
    """A stage, and what the model did between the one before and it.

    Attributes:
        stage: its name.
        block: from 0; -1 for `embed`.
        by: `attention`, `mlp`, `block` (both at once), or `start` for the first stage.
    """

    stage: str
    block: int
    by: By


@dataclass(frozen=True)
class Curve:
    """One token through the stages.

    Attributes:
        id: in the model's vocabulary.
        label: its text made visible.
        came_next: the text goes on with it.
        logits: per stage; None where missing.
        logprobs: nats, per stage; None where missing.
        ranks: per stage, 1 = likeliest; None where missing.
        light: `#rrggbb` of what attention did.
        dark: `#rrggbb` of what the MLP did.
    """

    id: int
    label: str
    came_next: bool
    logits: tuple[float | None, ...]
    logprobs: tuple[float | None, ...]
    ranks: tuple[int | None, ...]
    light: str
    dark: str

    def scores(self, value: Score) -> Sequence[float | int | None]:
        """The row that `value` names."""
        return {"logit": self.logits, "rank": self.ranks, "logprob": self.logprobs}[value]


@dataclass(frozen=True)
class Evolution:
    """What to draw.

    Attributes:
        value: which score is drawn.
        unit: of it.
        place: where in the text.
        moments: the stages, in the model's order.
        curves: the followed tokens, in the order in which they were named.
        source: for the caption.
    """

    value: Score
    unit: str
    place: Place
    moments: tuple[Moment, ...]
    curves: tuple[Curve, ...]
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "evolution", "version": 1, **plain(self)}


def evolution(trace: Trace, position: int = -1, value: Score = "logit", top_k: int | None = None) -> Evolution:
    """The scores of the followed tokens at one position, at every stage.

    Args:
        trace: must follow tokens (`watch`), in most cases those that the last stage ranks highest at this position.
        position: of the text; negative ones count from its end.
        value: `logit`, `rank` or `logprob`.
        top_k: only the first so many followed tokens.

    Raises:
        InputError: an unknown `value`, a position that is not held, or a trace that follows no tokens.
    """
    if value not in get_args(Score):
        raise InputError(f'the value "{value}" was asked for; there are {", ".join(get_args(Score))}.')
    column = column_of(trace, position)
    ids = followed_at(trace, top_k)
    place = place_of(trace, column)
    following = None if place.next is None else int(trace.ids[place.position + 1])
    logits, logprobs, ranks = (trace[f"watch_{name}"][:, column] for name in ("logit", "logprob", "rank"))
    curves = []
    for i, token in enumerate(ids):
        light, dark = pair(i)
        curves.append(
            Curve(
                id=token,
                label=id_label(trace.vocabulary, token),
                came_next=token == following,
                logits=tuple(real(x) for x in logits[:, i]),
                logprobs=tuple(real(x) for x in logprobs[:, i]),
                ranks=tuple(int(rank) or None for rank in ranks[:, i]),
                light=light,
                dark=dark,
            )
        )
    unit = {"logit": "logit", "rank": "rank", "logprob": "nats"}[value]
    return Evolution(value, unit, place, moments(trace.stages), tuple(curves), source_of(trace))


def moments(stages: Sequence[str]) -> tuple[Moment, ...]:
    """What moved the residual stream to each of these stages from the one before.

    >>> [moment.by for moment in moments(["embed", "0.attn", "0.mlp", "1.mlp"])]
    ['start', 'attention', 'mlp', 'block']
    """
    out: list[Moment] = []
    for i, stage in enumerate(stages):
        block, sublayer = stage_key(stage)
        by: By = "block"
        if i == 0:
            by = "start"
        elif (
            sublayer == 0 and stage_key(stages[i - 1]) in ((block - 1, 1), (-1, 0)) and block in (0, out[-1].block + 1)
        ):
            by = "attention"
        elif sublayer == 1 and stages[i - 1] == f"{block}.attn":
            by = "mlp"
        out.append(Moment(stage, block, by))
    return tuple(out)
