"""Limits, directions and titles are those of the numeric contract."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace.statistics import DERIVED, STATISTICS
from logitscope.view.colour import NOT_SCORED, hsl
from logitscope.view.scale import drawable, relative, scale_of, surprisal

GRID = np.linspace(-5.0, 15.0, 201).reshape(3, 67)
DRAWABLE = [n for n in [*STATISTICS, *DERIVED] if not n.endswith("ids") and not n.startswith("histogram")]


@pytest.mark.parametrize(
    ("name", "low", "high", "log"),
    [
        ("top_prob", 0.0, 1.0, False),
        ("final_rank", 100.0, 1.0, True),
        ("input_rank", 1000.0, 1.0, True),
        ("kl_from_final", 30.0, 0.0, False),
        ("kl_to_input", 30.0, 0.0, False),
        ("surprisal_bits", 0.0, 16.0, False),
        ("entropy_bits", 16.0, 0.0, False),
        ("next_logprob", -11.09, 0.0, False),
        ("top_logits", -4.0, 14.0, False),
        ("logit_std", -4.0, 14.0, False),
    ],
)
def test_limits(name: str, low: float, high: float, log: bool) -> None:
    scale = scale_of(name, GRID)
    assert (scale.low, scale.high, scale.log) == (pytest.approx(low), pytest.approx(high), log)


@pytest.mark.parametrize("name", DRAWABLE)
def test_every_statistic_has_an_axis_whose_ticks_stand_where_they_say(name: str) -> None:
    scale = scale_of(name, GRID)
    places = [tick.place for tick in scale.ticks]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)
    for tick in scale.ticks:
        shown = float(tick.label.rstrip("+"))
        # A label has three digits at most.
        assert scale.place(shown) == pytest.approx(tick.place, abs=0.02)
    assert scale.title


def test_percentiles_of_logits_are_of_what_is_shown_and_leave_out_what_is_missing() -> None:
    numbers = np.array([[0.0] * 90 + [100.0] * 10, [math.nan] * 100])
    scale = scale_of("next_logit", numbers)
    assert (scale.low, scale.high) == (0.0, 100.0)
    assert scale_of("next_logit", np.full((1, 3), math.nan)).place(0.5) == 0.5


def test_ranks_are_on_a_log_axis_and_rank_zero_is_no_rank() -> None:
    scale = scale_of("final_rank", np.ones((1, 1)))
    assert scale.place(1) == 1.0
    assert scale.place(10) == pytest.approx(0.5)
    assert scale.place(100) == scale.place(50_000) == 0.0
    assert scale.place(0) is None


def test_what_is_missing_has_no_place_and_is_grey() -> None:
    scale = surprisal("bits per token")
    assert scale.place(None) is None
    assert scale.place(math.nan) is None
    assert scale.colour(None) == NOT_SCORED
    assert scale.ink(None) == "#000000"


@given(st.lists(st.floats(-40, 0), min_size=1, max_size=30))
def test_the_relative_axis_is_the_seeds_rule(logprobs: list[float]) -> None:
    scale = relative(np.array(logprobs), "bits per token")
    mean = math.fsum(logprobs) / len(logprobs)
    std = math.sqrt(math.fsum((x - mean) ** 2 for x in logprobs) / len(logprobs))
    low, high = mean - 2.5 * std, mean + 2.5 * std
    assert scale.low == pytest.approx(low, abs=1e-6)
    assert scale.high == pytest.approx(high, abs=1e-6)
    for x in logprobs:
        if std > 1e-6:
            hue = (min(max(x, low), high) - low) / (high - low) * 150
            place = scale.place(x)
            assert place is not None
            assert 150 * place == pytest.approx(hue, abs=1e-3)
            assert scale.colour(place) == hsl(150 * place, 0.60, 0.85)
    for tick in scale.ticks:  # labelled in bits, where they are
        place = scale.place(-float(tick.label) * math.log(2))
        assert std < 0.5 or place == pytest.approx(tick.place, abs=0.05)
    assert "two texts cannot be compared" in scale.note


def test_one_token_alone_stands_in_the_middle_of_the_relative_axis() -> None:
    assert relative(np.array([-3.0, math.nan]), "bits").place(-3.0) == 0.5


def test_absolute_bits_do_not_depend_on_the_text() -> None:
    assert surprisal("bits").place(4.0) == 0.25
    assert surprisal("bits").place(40.0) == 1.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("final_rnk", 'Did you mean "final_rank"'),
        ("top_ids", "is no number per cell"),
        ("histogram", "is no number per cell"),
        ("zzz", '"zzz" is no statistic. There are'),
    ],
)
def test_a_name_that_cannot_be_drawn_is_an_error_that_lists_those_that_can(name: str, message: str) -> None:
    with pytest.raises(InputError, match="There are top_prob, ") as caught:
        drawable(name)
    assert message in str(caught.value)
