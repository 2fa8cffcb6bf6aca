"""Where the followed tokens stand among all others: the standardised logits of one position, at several stages.

At each stage the logits are moved to mean 0 and scaled to deviation 1, so that stages can be compared. Knows nothing of
pixels or models.

Source: R. Claus, "Logit Evolution: How the model decides", figure 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.statistics import BINS
from logitscope.trace.trace import Trace
from logitscope.view.evolution import moments
from logitscope.view.followed import Place, column_of, followed_at, place_of
from logitscope.view.labels import id_label
from logitscope.view.palette import pair
from logitscope.view.plain import plain
from logitscope.view.source import Source, source_of

__all__ = ["SPAN", "Bin", "Histogram", "Panel", "Standing", "histogram", "spaced"]

SPAN = 8.0
"""Standard deviations from the mean to the outermost edges."""

PANELS = 6
"""Stages that are shown unless told otherwise."""


@dataclass(frozen=True)
class Bin:
    """Tokens whose standardised logit lies in `low:high`; the outermost bins are open.

    Attributes:
        low: standard deviations.
        high: standard deviations.
        count: how many of the vocabulary.
        samples: labels of a few of them.
    """

    low: float
    high: float
    count: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A followed token within the distribution.

    Attributes:
        id: in the model's vocabulary.
        label: its text made visible.
        came_next: the text goes on with it.
        deviations: its standardised logit; None where all logits are equal, or it is missing.
        rank: 1 = likeliest; None where missing.
        light: `#rrggbb` of its area, as in the evolution.
        dark: `#rrggbb` of its lines and letters.
    """

    id: int
    label: str
    came_next: bool
    deviations: float | None
    rank: int | None
    light: str
    dark: str


@dataclass(frozen=True)
class Panel:
    """One stage.

    Attributes:
        stage: its name.
        mean: of the logits; None where missing.
        deviation: of the logits (population); None where missing.
        bins: those that hold tokens, ascending.
        standings: the followed tokens, in the order in which they were named.
    """

    stage: str
    mean: float | None
    deviation: float | None
    bins: tuple[Bin, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True)
class Histogram:
    """What to draw.

    Attributes:
        place: where in the text.
        panels: the stages, in the model's order.
        highest: the largest count of any bin, for one axis for all panels.
        skipped: stages that the trace holds and that are not among the panels.
        source: for the caption.
    """

    place: Place
    panels: tuple[Panel, ...]
    highest: int
    skipped: tuple[str, ...]
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "histogram", "version": 1, **plain(self)}


def histogram(
    trace: Trace, position: int = -1, stage: str | Sequence[str] | None = None, top_k: int | None = None
) -> Histogram:
    """The standardised logits at one position, and where the followed tokens lie among them.

    Args:
        trace: made with `histogram=True`; the tokens that it follows (`watch`), if any, are placed.
        position: of the text; negative ones count from its end.
        stage: one or several; six evenly spaced ones by default, the first and the last among them.
        top_k: only the first so many followed tokens.

    Raises:
        InputError: a stage or position that is not held, or a trace without histograms.
    """
    if "histogram" not in trace:
        raise InputError("this trace holds no histograms; make it with histogram=True.")
    column = column_of(trace, position)
    if stage is None:
        # Where there are stages between blocks, whole blocks say enough.
        outputs = [moment.stage for moment in moments(trace.stages) if moment.by != "attention"]
        chosen = spaced(outputs, PANELS)
    else:
        chosen = tuple(dict.fromkeys([stage] if isinstance(stage, str) else stage))
    rows = sorted(trace.stage(name) for name in chosen)
    ids = followed_at(trace, top_k) if trace.watched or top_k is not None else ()
    place = place_of(trace, column)
    panels = tuple(_panel(trace, row, column, ids, place) for row in rows)
    return Histogram(
        place=place,
        panels=panels,
        highest=max((bin.count for panel in panels for bin in panel.bins), default=0),
        skipped=tuple(name for i, name in enumerate(trace.stages) if i not in rows),
        source=source_of(trace),
    )


def spaced(names: Sequence[str], most: int) -> tuple[str, ...]:
    """At most `most` of the names, evenly spaced, the first and the last among them.

    >>> spaced(["a", "b", "c", "d", "e"], 3)
    ('a', 'c', 'e')
    """
    if len(names) <= most:
        return tuple(names)
    step = (len(names) - 1) / (most - 1)
    return tuple(names[math.floor(i * step + 0.5)] for i in range(most))


def _panel(trace: Trace, row: int, column: int, ids: tuple[int, ...], place: Place) -> Panel:
    counts = trace["histogram"][row, column]
    samples = trace["histogram_samples"][row, column] if "histogram_samples" in trace else np.full((BINS, 0), -1)
    width = 2 * SPAN / BINS
    mean, deviation = (_number(trace, name, row, column) for name in ("logit_mean", "logit_std"))
    following = None if place.next is None else int(trace.ids[place.position + 1])
    standings = []
    for i, token in enumerate(ids):
        light, dark = pair(i)
        logit = float(trace["watch_logit"][row, column, i])
        flat = mean is None or deviation is None or deviation <= 1e-6 * max(1.0, abs(mean)) or math.isnan(logit)
        standings.append(
            Standing(
                id=token,
                label=id_label(trace.vocabulary, token),
                came_next=token == following,
                deviations=None if flat else (logit - (mean or 0.0)) / (deviation or 1.0),
                rank=int(trace["watch_rank"][row, column, i]) or None,
                light=light,
                dark=dark,
            )
        )
    bins = tuple(
        Bin(
            low=b * width - SPAN,
            high=(b + 1) * width - SPAN,
            count=int(counts[b]),
            samples=tuple(id_label(trace.vocabulary, int(i)) for i in samples[b] if i >= 0),
        )
        for b in range(BINS)
        if counts[b]
    )
    return Panel(trace.stages[row], mean, deviation, bins, tuple(standings))


def _number(trace: Trace, name: str, row: int, column: int) -> float | None:
    if name not in trace:
        return None
    number = float(trace[name][row, column])
    return number if math.isfinite(number) else None
