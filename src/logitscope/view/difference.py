"""Two texts, or two readings of one: what each token that is in both costs more or less than before.

The later text is drawn; tokens of the earlier one that it lacks are named where they stood. Knows nothing of pixels or
models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.trace.summary import token_bits
from logitscope.trace.trace import Trace
from logitscope.view.align import align
from logitscope.view.labels import token_label
from logitscope.view.likelihood import shown
from logitscope.view.plain import plain, real
from logitscope.view.readings import has_mean
from logitscope.view.scale import DIFFERENCE_END, Scale, balance
from logitscope.view.source import Source, source_of
from logitscope.view.units import By, Stretch, stretches

__all__ = ["ChangedPiece", "ChangedRun", "Difference", "Kept", "Removed", "difference"]


@dataclass(frozen=True)
class ChangedPiece:
    """One token of the later text.

    Attributes:
        position: in the later text, from 0.
        id: in its vocabulary.
        label: its text made visible.
        before: its position in the earlier text; None where it is new.
        bits: what it costs; None where it is not scored.
        bits_before: what it cost; None likewise, or where it is new.
        change: the one less the other; None where either is missing.
    """

    position: int
    id: int
    label: str
    before: int | None
    bits: float | None
    bits_before: float | None
    change: float | None


@dataclass(frozen=True)
class ChangedRun:
    """A stretch of the later text that is drawn in one colour.

    Attributes:
        text: the characters, exactly; joined runs are the later text.
        label: as in `view.likelihood.Run`.
        start: the first character.
        partial: as in `view.likelihood.Run`.
        pieces: its tokens.
        new: it holds a token that the earlier text lacks.
        number: the change in bits that is coloured; the sum over its tokens, or their mean for lines and sentences;
            None where a token of it is new or not scored (for lines and sentences: where all are).
        place: 0..1 along the legend's ramp; None is drawn as missing.
        colour: `#rrggbb`.
        ink: a text colour that reads well on it.
    """

    text: str
    label: str
    start: int
    partial: bool
    pieces: tuple[ChangedPiece, ...]
    new: bool
    number: float | None
    place: float | None
    colour: str
    ink: str


@dataclass(frozen=True)
class Removed:
    """A token of the earlier text that the later one lacks.

    Attributes:
        at: the position in the later text before which it would stand.
        position: in the earlier text.
        label: its text made visible.
        bits: what it cost; None where it was not scored.
    """

    at: int
    position: int
    label: str
    bits: float | None


@dataclass(frozen=True)
class Kept:
    """The tokens that are in both texts and scored in both.

    Attributes:
        tokens: how many.
        bits_before: theirs together.
        bits: theirs together now.
        change: the one less the other.
    """

    tokens: int
    bits_before: float
    bits: float
    change: float


@dataclass(frozen=True)
class Difference:
    """What to draw.

    Attributes:
        by: what a run is.
        legend: the axis of the changes.
        runs: joined, they are the later text.
        removed: what is gone, in order.
        kept: totals over what is in both.
        total_before: bits of the earlier text, all of it; None where nothing was scored.
        total: bits of the later one; None likewise.
        source: of the later one, for the caption.
        source_before: of the earlier one.
    """

    by: By
    legend: Scale
    runs: tuple[ChangedRun, ...]
    removed: tuple[Removed, ...]
    kept: Kept
    total_before: float | None
    total: float | None
    source: Source
    source_before: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "difference", "version": 1, **plain(self)}


def difference(before: Trace, after: Trace, by: By = "token", stage: str | int = -1) -> Difference:
    """What each token costs in one trace, less what it cost in another.

    The texts may be the same, read by two models, or differ; their tokens are aligned by their bytes.

    Args:
        before: must hold `next_logprob`, as must `after`.
        by: what is drawn as one.
        stage: name or index of the stage that both are read at; each one's last by default.

    Raises:
        InputError: an unknown `by`, a stage that one of them lacks, or texts that are too long and too different.
    """
    old, new = (np.asarray(token_bits(trace, stage), dtype=np.float64) for trace in (before, after))
    partner = {j: i for i, j in align(before.tokens, after.tokens)}
    pieces = [_piece(after, t, partner.get(t), old, new) for t in range(len(after.tokens))]
    title = f"mean change in bits per token of a {by}" if has_mean(by) else f"change in bits per {by}"
    legend = balance("surprisal_bits", title, "bits", DIFFERENCE_END / 2 if has_mean(by) else DIFFERENCE_END)
    names = [trace.stages[trace.stage(stage) if isinstance(stage, str) else stage] for trace in (before, after)]
    return Difference(
        by=by,
        legend=legend,
        runs=tuple(_run(after, stretch, pieces, by, legend) for stretch in stretches(after.tokens, by)),
        removed=_removed(before, partner, old, len(after.tokens)),
        kept=_kept(pieces),
        total_before=_total(old),
        total=_total(new),
        source=source_of(after, names[1]),
        source_before=source_of(before, names[0]),
    )


def _piece(after: Trace, t: int, before: int | None, old: np.ndarray, new: np.ndarray) -> ChangedPiece:
    bits, was = real(new[t]), None if before is None else real(old[before])
    change = None if bits is None or was is None else real(bits - was)
    return ChangedPiece(t, int(after.ids[t]), token_label(after.tokens, t), before, bits, was, change)


def _run(after: Trace, stretch: Stretch, pieces: list[ChangedPiece], by: By, legend: Scale) -> ChangedRun:
    held = tuple(pieces[stretch.first : stretch.stop])
    text, label, partial = shown(after.tokens, stretch)
    known = [piece.change for piece in held if piece.change is not None]
    lacks = any(piece.change is None and after.tokens.pieces[piece.position] for piece in held)
    number = None
    if known and (has_mean(by) or not lacks):
        number = real(math.fsum(known) / len(known) if has_mean(by) else math.fsum(known))
    place = legend.place(number)
    return ChangedRun(
        text=text,
        label=label,
        start=stretch.start,
        partial=partial,
        pieces=held,
        new=any(piece.before is None for piece in held),
        number=number,
        place=place,
        colour=legend.colour(place),
        ink=legend.ink(place),
    )


def _removed(before: Trace, partner: dict[int, int], old: np.ndarray, n_after: int) -> tuple[Removed, ...]:
    now = {i: j for j, i in partner.items()}
    gone = []
    at = n_after
    for t in reversed(range(len(before.tokens))):
        if t in now:
            at = now[t]
        else:
            gone.append(Removed(at, t, token_label(before.tokens, t), real(old[t])))
    return tuple(reversed(gone))


def _kept(pieces: list[ChangedPiece]) -> Kept:
    both = [(p.bits_before, p.bits) for p in pieces if p.bits is not None and p.bits_before is not None]
    was, now = (math.fsum(side) for side in zip(*both, strict=True)) if both else (0.0, 0.0)
    return Kept(len(both), was, now, now - was)


def _total(bits: np.ndarray) -> float | None:
    scored = bits[~np.isnan(bits)]
    return math.fsum(scored.tolist()) if scored.size else None
