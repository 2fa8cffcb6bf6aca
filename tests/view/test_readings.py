"""What a text is coloured by: each number against a loop, and how several become one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.view import likelihood
from logitscope.view.readings import axis_of, combine, readings
from tests.traces import make_trace
from tests.view.following import following
from tests.view.passages import code, prose


@given(st.lists(st.lists(st.integers(1, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_token_settles_where_it_stays_the_top_guess_from(ranks: list[list[int]]) -> None:
    trace = make_trace([b"a", b"b", b"c", b"d", b"e"], stages=[f"{i}.mlp" for i in range(len(ranks))])
    rows = np.array([[*row, 0] for row in ranks], dtype=np.int32)
    found = readings(trace.replace(arrays={**trace.arrays, "next_rank": rows}), "settled_stage")
    assert math.isnan(found[0])
    for t in range(4):
        column = [row[t] for row in ranks]
        first = len(column)
        while first and column[first - 1] == 1:
            first -= 1
        assert found[t + 1] == (first if first < len(column) else math.inf)


def test_every_reading_of_a_token_is_the_traces_own_at_the_position_before_it() -> None:
    trace = code()
    row = trace.stage("0.mlp")
    for value, name in (
        ("surprisal_bits", "surprisal_bits"),
        ("next_rank", "next_rank"),
        ("entropy_bits", "entropy_bits"),
    ):
        found = readings(trace, value, "0.mlp")  # type: ignore[arg-type]
        assert math.isnan(found[0])
        assert found[1:].tolist() == trace[name][row, :-1].astype(float).tolist()
    excess = readings(trace, "excess_bits", "0.mlp")
    assert excess[1:] == pytest.approx(trace["surprisal_bits"][row, :-1] - trace["entropy_bits"][row, :-1], abs=1e-5)


def test_words_have_the_sum_or_the_worst_and_lines_the_mean_or_the_median() -> None:
    numbers, texty = np.array([4.0, 1.0, 2.0, np.nan]), np.array([True, True, True, True])
    assert combine(numbers[:3], texty[:3], "word", "entropy_bits") == 7.0
    assert combine(numbers[:3], texty[:3], "word", "next_rank") == 4.0
    assert combine(numbers, texty, "line", "excess_bits") == pytest.approx(7 / 3)
    assert combine(numbers, texty, "sentence", "next_rank") == 2.0
    assert combine(np.array([3.0, 1.0]), texty[:2], "line", "settled_stage") == 1.0
    assert combine(numbers, texty, "word", "next_rank") is None
    assert combine(numbers[3:], texty[3:], "line", "next_rank") is None


def test_a_prefix_without_text_takes_no_word_its_number() -> None:
    assert combine(np.array([np.nan, 2.0]), np.array([False, True]), "word", "next_rank") == 2.0


def test_a_token_that_was_never_the_top_guess_is_drawn_as_that_and_not_as_missing() -> None:
    view = likelihood(following(), value="settled_stage")
    assert view.runs[0].place is None  # nothing stood before it
    never = [run for run in view.runs if run.number is not None and math.isinf(run.number)]
    assert never
    assert {run.place for run in never} == {0.0}
    assert view.legend.ticks[0].label == "never"
    assert view.to_dict()["runs"][1]["number"] is None


def test_bits_are_those_of_the_stage_that_is_named() -> None:
    trace = prose()
    for row, stage in enumerate(trace.stages):
        view = likelihood(trace, top=1, stage=stage)
        assert view.source.stage == view.summary.stage == stage
        bits = [piece.bits for run in view.runs for piece in run.pieces]
        assert bits[1:] == trace["surprisal_bits"][row, :-1].tolist()
        assert view.surprises[0].bits == max(bits[1:])  # type: ignore[type-var]


def test_the_axis_of_stages_is_the_models_and_not_the_texts() -> None:
    axis = axis_of("settled_stage", "token", ("embed", "0.mlp", "1.mlp", "2.mlp"))
    assert [tick.label for tick in axis.ticks] == ["never", "2.mlp", "0.mlp", "embed"]
    assert [axis.place(i) for i in (0.0, 1.0, 3.0)] == [1.0, 0.8, pytest.approx(0.4)]
    assert axis.place(math.inf) == 0.0


def test_what_cannot_be_read_is_said() -> None:
    with pytest.raises(InputError, match='the value "bits" was asked for; there are surprisal_bits, next_rank'):
        likelihood(prose(), value="bits")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the relative scale is one of surprisal_bits"):
        likelihood(prose(), "relative", value="next_rank")
    bare = prose().replace(arrays={"next_logprob": prose()["next_logprob"]})
    with pytest.raises(InputError, match="does not hold 'entropy_bits'"):
        likelihood(bare, value="excess_bits")
