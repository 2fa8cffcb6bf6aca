"""A whole text over depth: how far each stage is from the final answer, and from the input, at all of its positions.

Means with quantile bands, the share of positions whose guess is already the final one, and how rare and common input
tokens are kept. Knows nothing of pixels or models.

Source: what nostalgebraist, "interpreting GPT: the logit lens" (2020), says of its grids in words.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.summary import token_bits
from logitscope.trace.trace import Trace
from logitscope.view.evolution import Moment, moments
from logitscope.view.palette import pair
from logitscope.view.plain import plain
from logitscope.view.source import Source, source_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Num

__all__ = ["QUANTILES", "Band", "Depth", "Group", "Rarity", "depth"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Rarity = Literal["text", "surprisal", "id"]

_NOTES = {
    "text": "rare and common: by how often a token stands in this text",
    "surprisal": "rare and common: by what the token cost the model when it was read",
    "id": "rare and common: by token id, a proxy: it holds where the vocabulary was made by merging frequent pairs",
}

Row = tuple[float | None, ...]


@dataclass(frozen=True)
class Band:
    """One statistic over the positions, at each stage; None where no position has it.

    Attributes:
        mean: arithmetic.
        quantiles: a row for each of `QUANTILES`, between positions interpolated.
    """

    mean: Row
    quantiles: tuple[Row, ...]

    @property
    def median(self) -> Row:
        return self.quantiles[2]


@dataclass(frozen=True)
class Group:
    """Positions whose input tokens are about equally common.

    Attributes:
        name: what they have in common.
        n: positions.
        ranks: of the input token.
        light: `#rrggbb` of its band.
        dark: `#rrggbb` of its line.
    """

    name: str
    n: int
    ranks: Band
    light: str
    dark: str


@dataclass(frozen=True)
class Depth:
    """What to draw; a statistic that the trace does not hold is None.

    Attributes:
        moments: the stages, in the model's order.
        n_positions: of the text, that were read.
        kl_from_final: KL(final ‖ stage), in nats.
        kl_from_input: KL(input ‖ stage), in nats.
        final_rank: of the last stage's top guess.
        final_share: positions whose top guess is the final one, 0..1 at each stage.
        settled_share: the same, and it stays so at every later stage that was read.
        rarity: how rare tokens are told from common ones.
        rarity_note: the same in words.
        groups: from common to rare, those that have positions; special tokens belong to none.
        source: for the caption.
    """

    moments: tuple[Moment, ...]
    n_positions: int
    kl_from_final: Band | None
    kl_from_input: Band | None
    final_rank: Band | None
    final_share: Row | None
    settled_share: Row | None
    rarity: Rarity
    rarity_note: str
    groups: tuple[Group, ...]
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "depth", "version": 1, **plain(self)}


def depth(trace: Trace, rarity: Rarity = "text") -> Depth:
    """A text over depth.

    Args:
        trace: should hold `kl_from_final`, `kl_from_input`, `final_rank` and `input_rank`.
        rarity: what makes a token rare: `text` (it stands once in this text), `surprisal` (it cost the model many bits
            when it was read) or `id` (a high token id: a proxy, named as such).

    Raises:
        InputError: an unknown `rarity`, or a trace that holds none of these statistics.
    """
    if rarity not in get_args(Rarity):
        raise InputError(f'rarity "{rarity}" was given; there are {", ".join(get_args(Rarity))}.')
    needed = ("kl_from_final", "kl_from_input", "final_rank", "input_rank")
    if not any(name in trace for name in needed):
        raise InputError(f"this trace holds none of {', '.join(needed)}, which is what is summed up over depth.")
    if rarity == "surprisal" and "next_logprob" not in trace:
        raise InputError('rarity "surprisal" needs next_logprob, which this trace does not hold; take "text" or "id".')
    ranks = _known(trace, "final_rank")
    same = None if ranks is None else np.where(np.isnan(ranks), np.nan, ranks == 1)
    return Depth(
        moments=moments(trace.stages),
        n_positions=len(trace.positions),
        kl_from_final=_band(_known(trace, "kl_from_final")),
        kl_from_input=_band(_known(trace, "kl_from_input")),
        final_rank=_band(ranks),
        final_share=None if same is None else _mean(same),
        # From a stage on: the smallest of it and all later ones.
        settled_share=None if same is None else _mean(np.minimum.accumulate(same[::-1], axis=0)[::-1]),
        rarity=rarity,
        rarity_note=_NOTES[rarity],
        groups=tuple(_groups(trace, rarity)),
        source=source_of(trace),
    )


def _groups(trace: Trace, rarity: Rarity) -> Iterator[Group]:
    ranks = _known(trace, "input_rank")
    if ranks is None:
        return
    text = ~trace.tokens.special[trace.positions]
    for i, (name, inside) in enumerate(_GROUPINGS[rarity](trace)):
        chosen = inside[trace.positions] & text
        band = _band(ranks[:, chosen]) if chosen.any() else None
        if band is not None:
            light, dark = pair(i)
            yield Group(name, int(chosen.sum()), band, light, dark)


def _by_text(trace: Trace) -> Iterator[tuple[str, Bool[np.ndarray, " position"]]]:
    counts = Counter(trace.ids.tolist())
    often = np.array([counts[token] for token in trace.ids.tolist()])
    yield "5 times or more", often >= 5
    yield "2 to 4 times", (often >= 2) & (often < 5)
    yield "once in this text", often == 1


def _by_surprisal(trace: Trace) -> Iterator[tuple[str, Bool[np.ndarray, " position"]]]:
    bits = token_bits(trace)
    yield "under 4 bits", bits < 4
    yield "4 to 10 bits", (bits >= 4) & (bits < 10)
    yield "10 bits or more", bits >= 10


def _by_id(trace: Trace) -> Iterator[tuple[str, Bool[np.ndarray, " position"]]]:
    ids = trace.ids
    yield "ids below 1,000", ids < 1000
    yield "1,000 to 9,999", (ids >= 1000) & (ids < 10_000)
    yield "10,000 and above", ids >= 10_000


_GROUPINGS = {"text": _by_text, "surprisal": _by_surprisal, "id": _by_id}


def _known(trace: Trace, name: str) -> Num[np.ndarray, "stage position"] | None:
    """A statistic in float64, NaN where it is missing."""
    if name not in trace:
        return None
    values = trace[name].astype(np.float64)
    return np.where(values > 0, values, np.nan) if name.endswith("_rank") else values


def _band(values: Num[np.ndarray, "stage position"] | None) -> Band | None:
    if values is None:
        return None
    # Of an infinite divergence the mean is infinite, and what lies between it and a neighbour is no number.
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a stage at which no position has a number
        quantiles = np.nanquantile(values, QUANTILES, axis=1)
    return Band(_mean(values), tuple(_row(row) for row in quantiles))


def _mean(values: Num[np.ndarray, "stage position"]) -> Row:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return _row(np.nanmean(values, axis=1))


def _row(values: Num[np.ndarray, " stage"]) -> Row:
    return tuple(float(x) if np.isfinite(x) else None for x in values)
