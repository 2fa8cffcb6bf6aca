"""From a number to a place on a ramp: limits, direction and ticks, as plain data that a legend can print.

The limits are those of the numeric contract's "Colours". The deeper the colour, the surer the stage or the closer it is
to what it is compared with; surprise alone runs the other way, on a ramp of its own; differences have a pale middle.
Knows nothing of traces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.statistics import DERIVED, STATISTICS, Derived, Statistic
from logitscope.view.colour import BALANCE, EMBER, NOT_SCORED, RAMPS, TIDE, ink_on, pastel

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = [
    "BITS_END",
    "DIFFERENCE_END",
    "KL_END",
    "LINE_BITS_END",
    "Scale",
    "Tick",
    "balance",
    "difference_of",
    "drawable",
    "relative",
    "scale_of",
    "surprisal",
]

BITS_END = 16.0
"""Where the axis of absolute bits ends: 2^-16 is about a vocabulary's worth of surprise."""

LINE_BITS_END = 8.0
"""The same for a line's mean bits per token, which varies half as much."""

DIFFERENCE_END = 8.0
"""Where the axis of differences of bits ends, on either side."""

KL_END = 30.0
"""Where the axis of KL divergences ends, in nats."""

_RANK_ENDS = {"final_rank": 100, "input_rank": 1000, "next_rank": 1000, "watch_rank": 1000}

_TITLES = {
    "top_logits": "logit of the stage's own guess",
    "top_logprobs": "natural-log probability of the stage's own guess",
    "top_prob": "probability of the stage's own guess",
}
"""Where only the first of the top k is drawn."""


@dataclass(frozen=True)
class Tick:
    """A marked place of a legend.

    Attributes:
        place: 0..1 along the ramp.
        label: the number there, as a person reads it.
    """

    place: float
    label: str


@dataclass(frozen=True)
class Scale:
    """How numbers become colours, and what the legend says about it.

    Attributes:
        name: the statistic, as the numeric contract calls it.
        title: what it is, in words.
        unit: its unit.
        ramp: `ember`, `tide`, `balance` (pale in the middle), or `pastel` (the seed's rule).
        low: the number at the pale end (for `pastel`: at hue 0; for `balance`: at the blue end).
        high: the number at the deep end (for `balance`: at the rust end); less than `low` where small numbers are the
            deep ones.
        log: whether the axis is logarithmic.
        ticks: marked places, from 0 to 1.
        note: how the limits were chosen, for the legend.
    """

    name: str
    title: str
    unit: str
    ramp: str
    low: float
    high: float
    log: bool = False
    ticks: tuple[Tick, ...] = ()
    note: str = ""

    def place(self, number: float | None) -> float | None:
        """Where `number` stands, 0..1; numbers beyond an end take that end, missing ones have no place."""
        if number is None or math.isnan(number) or (self.unit == "rank" and number < 1):
            return None
        low, high = self.low, self.high
        if self.log:
            low, high, number = math.log(low), math.log(high), math.log(max(number, 1e-300))
        if low == high:
            return 0.5
        return min(1.0, max(0.0, (number - low) / (high - low)))

    def colour(self, place: float | None) -> str:
        """The colour at a place, as `#rrggbb`; grey where there is none."""
        if place is None:
            return NOT_SCORED
        if self.ramp == "pastel":
            return pastel(place)
        return (BALANCE if self.ramp == BALANCE.name else RAMPS[self.ramp]).at(place)

    def ink(self, place: float | None) -> str:
        """The text colour that reads well there."""
        return ink_on(self.colour(place))


def surprisal(title: str, *, end: float = BITS_END, note: str = "") -> Scale:
    """The absolute axis of bits, 0 to `end`, the same for every text and every model."""
    ticks = tuple(Tick(i / 4, f"{end * i / 4:g}" + ("+" if i == 4 else "")) for i in range(5))
    return Scale("surprisal_bits", title, "bits", EMBER.name, 0.0, end, ticks=ticks, note=note)


def balance(name: str, title: str, unit: str, end: float, *, note: str = "") -> Scale:
    """The axis of a difference: nothing in the middle, `end` more at the one end and `end` less at the other."""
    ends = [f"{end * share:.2f}".rstrip("0").rstrip(".") for share in (1.0, 0.5)]
    labels = (f"≤ −{ends[0]}", f"−{ends[1]}", "0", f"+{ends[1]}", f"≥ +{ends[0]}")
    ticks = tuple(Tick(i / 4, label) for i, label in enumerate(labels))
    return Scale(name, title, unit, BALANCE.name, -end, end, ticks=ticks, note=note)


def difference_of(name: str, differences: Float[np.ndarray, "stage position"]) -> Scale:
    """The axis that a grid of differences uses for a statistic; of ranks it is the ratio that is drawn.

    Args:
        name: stored or derived, as in the numeric contract.
        differences: the ones that will be drawn; only those of logits and divergences set their limits.
    """
    statistic = drawable(name)
    title = f"change of {_TITLES.get(name) or _title(statistic)}"
    if statistic.unit == "rank":
        labels = ("≤ ÷100", "÷10", "same", "×10", "≥ ×100")
        ticks = tuple(Tick(i / 4, label) for i, label in enumerate(labels))
        note = "ratio of ranks, log scale"
        return Scale(name, title, "ratio", BALANCE.name, 0.01, 100.0, log=True, ticks=ticks, note=note)
    if statistic.unit == "probability":
        return balance(name, title, statistic.unit, 1.0)
    if statistic.unit == "bits":
        return balance(name, title, statistic.unit, DIFFERENCE_END)
    if statistic.unit == "nats" and not name.startswith("kl_"):
        return balance(name, title, statistic.unit, round(DIFFERENCE_END * math.log(2), 2))
    known = np.abs(np.asarray(differences, dtype=np.float64))
    known = known[np.isfinite(known)]
    end = float(np.percentile(known, 95)) if known.size else 0.0
    note = "up to the 95th percentile of what is shown"
    return balance(name, title, statistic.unit, end or 1.0, note=note)


def relative(logprobs: Float[np.ndarray, " n"], title: str) -> Scale:
    """The seed's axis: natural-log probabilities between mean ∓ 2.5 standard deviations of this text's own.

    Args:
        logprobs: nats, one per scored unit; missing ones are left out.

    Source: the token-wise likelihood visualiser's author, in the thread about it.
    """
    known = np.asarray(logprobs, dtype=np.float64)
    known = known[np.isfinite(known)]
    mean, spread = (float(known.mean()), float(known.std())) if known.size else (0.0, 0.0)
    low, high = mean - 2.5 * spread, mean + 2.5 * spread
    ticks: tuple[Tick, ...] = (Tick(0.5, _bits(mean)),)
    if spread:
        # Where the axis reaches beyond certainty, which no token can, its last number is that of certainty.
        end = min(high, 0.0)
        ticks = (Tick(0.0, _bits(low)), *ticks, Tick((end - low) / (high - low), _bits(end)))
    note = "relative to this text: mean ∓ 2.5 standard deviations; two texts cannot be compared by it"
    return Scale("next_logprob", title, "nats", "pastel", low, high, ticks=ticks, note=note)


def drawable(name: str) -> Statistic | Derived:
    """The statistic of that name, if it is one number per cell.

    Raises:
        InputError: there is no such name, or it names ids or histograms.
    """
    statistic = STATISTICS.get(name) or DERIVED.get(name)
    names = [*DERIVED, *(s.name for s in STATISTICS.values() if not s.is_id and s.axes[2:3] != ("bin",))]
    if statistic is None or name not in names:
        what = "is no number per cell" if statistic is not None else "is no statistic"
        near = _closest(name, names)
        hint = f' Did you mean "{near}"?' if near else ""
        raise InputError(f'"{name}" {what}.{hint} There are {", ".join(names)}.')
    return statistic


def scale_of(name: str, numbers: Float[np.ndarray, "stage position"]) -> Scale:
    """The axis that the lens grid uses for a statistic.

    Args:
        name: stored or derived, as in the numeric contract.
        numbers: the ones that will be drawn; only logits take their limits from them.
    """
    statistic = drawable(name)
    unit = statistic.unit
    title = _TITLES.get(name) or _title(statistic)
    if unit == "rank":
        end = _RANK_ENDS[name]
        ticks = tuple(
            Tick(1 - math.log(n) / math.log(end), f"{n}" + ("+" if n == end else ""))
            for n in (1000, 100, 10, 1)
            if n <= end
        )
        return Scale(name, title, unit, TIDE.name, float(end), 1.0, log=True, ticks=ticks, note="log scale")
    if unit == "probability":
        return Scale(name, title, unit, TIDE.name, 0.0, 1.0, ticks=_ticks(0.0, 1.0))
    if name == "surprisal_bits":
        return surprisal(title)
    if unit == "bits":
        return Scale(name, title, unit, TIDE.name, BITS_END, 0.0, ticks=_ticks(BITS_END, 0.0, beyond=0))
    if name == "entropy":
        end_nats = round(BITS_END * math.log(2), 2)
        return Scale(name, title, unit, TIDE.name, end_nats, 0.0, ticks=_ticks(end_nats, 0.0, beyond=0))
    if name.startswith("kl_"):
        return Scale(name, title, unit, TIDE.name, KL_END, 0.0, ticks=_ticks(KL_END, 0.0, beyond=0))
    if unit == "nats":  # log-probabilities, on the axis of the bits
        low = -round(BITS_END * math.log(2), 2)
        return Scale(name, title, unit, TIDE.name, low, 0.0, ticks=_ticks(low, 0.0))
    known = np.asarray(numbers, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(x) for x in np.percentile(known, [5, 95])) if known.size else (0.0, 1.0)
    note = "between the 5th and 95th percentile of what is shown"
    return Scale(name, title, unit, TIDE.name, low, high, ticks=_ticks(low, high), note=note)


def _bits(logprob: float) -> str:
    return f"{abs(logprob) / math.log(2):.1f}"


def _title(statistic: Statistic | Derived) -> str:
    """What the registry says of it, without the legend of special values."""
    if isinstance(statistic, Derived) and statistic.unit == "probability":
        return f"probability {statistic.help}"
    return statistic.help.partition(",")[0]


def _ticks(low: float, high: float, *, beyond: int | None = None) -> tuple[Tick, ...]:
    """Five ticks, evenly spaced; `beyond` is the one whose number stands for everything further out too."""
    digits = 2 if abs(high - low) <= 2 else 1
    labels = [f"{low + (high - low) * i / 4:.{digits}f}" for i in range(5)]
    labels = [label.rstrip("0").rstrip(".") if "." in label else label for label in labels]
    return tuple(Tick(i / 4, label + ("+" if i == beyond else "")) for i, label in enumerate(labels))


def _closest(name: str, names: list[str]) -> str | None:
    from difflib import get_close_matches  # only on the way to an error

    return next(iter(get_close_matches(name, names, n=1)), None)
