"""What each sublayer added to the scores of a few tokens: a row of bars per token.

Bars add up to the token's score. Knows nothing of pixels or models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.increments import Increments
from logitscope.trace.stages import stage_key
from logitscope.view.evolution import By, Moment
from logitscope.view.followed import Place, place_at
from logitscope.view.labels import id_label
from logitscope.view.palette import pair
from logitscope.view.plain import plain, real
from logitscope.view.source import Source, source_of

__all__ = ["IncrementBars", "Tally", "increments"]

SEEN = 0.005
"""Logits of rounding below which nothing of it is shown: what two decimals would not show."""


@dataclass(frozen=True)
class Tally:
    """One token's score, taken apart.

    Attributes:
        id: in the model's vocabulary.
        label: its text made visible.
        came_next: the text goes on with it.
        added: by each part, in logits; None where missing.
        constant: what no part brings.
        rounding: what the model's own type lost.
        score: all of these together, before a softcap.
        logit: the model's own, after it.
        rank: 1 = likeliest; None where missing.
        light: `#rrggbb` of what attention added, as in the evolution.
        dark: `#rrggbb` of what the MLP added.
    """

    id: int
    label: str
    came_next: bool
    added: tuple[float | None, ...]
    constant: float | None
    rounding: float | None
    score: float | None
    logit: float | None
    rank: int | None
    light: str
    dark: str


@dataclass(frozen=True)
class IncrementBars:
    """What to draw.

    Attributes:
        place: where in the text.
        parts: what added something, in the model's order; a part is named as the stage that it led to, also in parallel
            blocks, where both were added at once.
        tallies: the scored tokens, in the order in which they were named.
        average: what each part added to the mean over the vocabulary; None where missing.
        average_constant: of that mean.
        centred: numbers are less that mean: what a part did to the token that it did not do to all.
        constants: there is a constant at all.
        roundings: rounding is large enough to be seen.
        softcap: of the model's logits; None where there is none.
        source: for the caption.
    """

    place: Place
    parts: tuple[Moment, ...]
    tallies: tuple[Tally, ...]
    average: tuple[float | None, ...]
    average_constant: float | None
    centred: bool
    constants: bool
    roundings: bool
    softcap: float | None
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "increments", "version": 1, **plain(self)}


def increments(found: Increments, top_k: int | None = None, centred: bool = False) -> IncrementBars:
    """The bars of what was measured.

    Args:
        found: as `Scope.increments` returns it.
        top_k: only the first so many tokens.
        centred: take off what each part added to the mean over the vocabulary, which changes no probability.

    Raises:
        InputError: more tokens than were measured.
    """
    n = len(found.followed)
    if top_k is not None and not 1 <= top_k <= n:
        raise InputError(f"{top_k} tokens were asked for, but increments of {n} were measured; give 1 to that.")
    place = place_at(found.tokens, found.position)
    following = None if place.next is None else int(found.ids[place.position + 1])
    off, off_constant = (found.average, found.average_constant) if centred else (np.zeros(len(found.parts)), 0.0)
    tallies = []
    for i, token in enumerate(found.followed[:top_k]):
        light, dark = pair(i)
        tallies.append(
            Tally(
                id=token,
                label=id_label(found.vocabulary, token),
                came_next=token == following,
                added=tuple(real(x) for x in found.added[:, i] - off),
                constant=real(found.constant[i] - off_constant),
                rounding=real(found.rounding[i]),
                score=real(found.score[i] - off.sum() - off_constant),
                logit=real(found.logit[i]),
                rank=int(found.rank[i]) or None,
                light=light,
                dark=dark,
            )
        )
    shown = [tally.rounding for tally in tallies if tally.rounding is not None]
    return IncrementBars(
        place=place,
        parts=tuple(_part(name) for name in found.parts),
        tallies=tuple(tallies),
        average=tuple(real(x) for x in found.average - off),
        average_constant=real(found.average_constant - off_constant),
        centred=centred,
        constants=bool(np.any(found.constant)),
        roundings=any(abs(rounding) >= SEEN for rounding in shown),
        softcap=found.softcap,
        source=source_of(found),
    )


def _part(name: str) -> Moment:
    block, sublayer = stage_key(name)
    by: By = "start" if block < 0 else "mlp" if sublayer else "attention"
    return Moment(name, block, by)
