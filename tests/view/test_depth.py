"""A text over depth: every figure against a plain loop over the positions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from statistics import fmean, median
from typing import Any

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.trace import Trace
from logitscope.view.depth import QUANTILES, Band, Rarity, depth
from tests.traces import make_trace

Golden = Callable[[str, Any], None]

WORDS = [b"the", b" sea", b" and", b" the", b" sea", b" and", b" the", b" sea", b" the", b" the", b" the", b"."]


def words(**options: Any) -> Trace:
    return make_trace(WORDS, stages=("embed", "0.attn", "0.mlp", "1.attn", "1.mlp"), **options)


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("words.depth", depth(words(bos=True)).to_dict())


def test_the_view_by_surprisal(golden: Golden) -> None:
    golden("words.depth.surprisal", depth(words(), "surprisal").to_dict())


@pytest.mark.parametrize("name", ["kl_from_final", "kl_from_input", "final_rank"])
def test_means_and_medians_are_those_of_a_plain_loop(name: str) -> None:
    trace = words()
    band: Band = getattr(depth(trace), name)
    for stage, row in enumerate(trace[name].tolist()):
        assert band.mean[stage] == pytest.approx(fmean(row), rel=1e-6)
        assert band.median[stage] == pytest.approx(median(row), rel=1e-6)
        for share, quantile in zip(QUANTILES, band.quantiles, strict=True):
            at, ordered = share * (len(row) - 1), sorted(row)
            below, above = ordered[math.floor(at)], ordered[math.ceil(at)]
            assert quantile[stage] == pytest.approx(below + (at - math.floor(at)) * (above - below), rel=1e-6)


def test_shares_count_final_guesses_and_those_that_stay_so() -> None:
    trace = words()
    view = depth(trace)
    first = trace["top_ids"][..., 0]
    for stage in range(len(trace.stages)):
        same = [first[stage, t] == first[-1, t] for t in range(len(trace.ids))]
        stay = [all(first[later, t] == first[-1, t] for later in range(stage, len(trace.stages)))
                for t in range(len(trace.ids))]  # fmt: skip
        assert view.final_share is not None
        assert view.settled_share is not None
        assert view.final_share[stage] == pytest.approx(sum(same) / len(same))
        assert view.settled_share[stage] == pytest.approx(sum(stay) / len(stay))
    assert view.final_share[-1] == view.settled_share[-1] == 1.0  # type: ignore[index]


def test_groups_are_told_apart_by_how_often_a_token_stands_in_the_text() -> None:
    trace = words(bos=True)
    view = depth(trace)
    counts = Counter(trace.ids.tolist())
    limits = {"5 times or more": (5, 99), "2 to 4 times": (2, 4), "once in this text": (1, 1)}
    assert [group.name for group in view.groups] == list(limits)
    for group in view.groups:
        low, high = limits[group.name]
        # Position 0 is BOS, which is no token of the text.
        inside = [t for t in range(1, len(trace.ids)) if low <= counts[int(trace.ids[t])] <= high]
        assert group.n == len(inside)
        for stage in range(len(trace.stages)):
            ranks = [int(trace["input_rank"][stage, t]) for t in inside]
            assert group.ranks.median[stage] == median(ranks)


@pytest.mark.parametrize("rarity", ["text", "surprisal", "id"])
def test_each_kind_of_rarity_is_named(rarity: Rarity) -> None:
    view = depth(words(), rarity)
    assert view.rarity == rarity
    assert sum(group.n for group in view.groups) == len(WORDS) - (rarity == "surprisal")  # the first cost nothing known
    assert ("a proxy" in view.rarity_note) == (rarity == "id")


def test_what_a_trace_does_not_hold_is_left_out() -> None:
    trace = words()
    only = depth(trace.replace(arrays={"final_rank": trace["final_rank"]}))
    assert (only.kl_from_final, only.kl_from_input, only.groups) == (None, None, ())
    assert only.final_rank is not None
    with pytest.raises(InputError, match="holds none of kl_from_final, kl_from_input, final_rank, input_rank"):
        depth(trace.replace(arrays={"entropy": trace["entropy"]}))
    with pytest.raises(InputError, match='rarity "surprisal" needs next_logprob'):
        depth(trace.replace(arrays={"input_rank": trace["input_rank"]}), "surprisal")
    with pytest.raises(InputError, match="there are text, surprisal, id"):
        depth(trace, "rare")  # type: ignore[arg-type]


def test_missing_numbers_are_left_out_of_means_and_impossible_ones_are_no_number() -> None:
    trace = words()
    kl = np.array(trace["kl_from_final"])
    kl[0, :] = np.nan
    kl[1, 0] = np.nan
    kl[2, 0] = np.inf
    view = depth(trace.replace(arrays={**trace.arrays, "kl_from_final": kl}))
    assert view.kl_from_final is not None
    assert view.kl_from_final.mean[0] is None
    assert view.kl_from_final.mean[1] == pytest.approx(float(kl[1, 1:].mean()), rel=1e-6)
    assert view.kl_from_final.mean[2] is None
    assert view.kl_from_final.median[2] is not None
