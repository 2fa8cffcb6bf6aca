"""Alternatives at any position: the kept guesses, the actual token, and what is left for the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.view import alternatives
from tests.traces import make_trace
from tests.view.following import following, logits
from tests.view.passages import code, prose


@given(st.integers(1, 9), st.sampled_from(["embed", "0.mlp", "2.mlp"]))
def test_all_probability_is_shared_out(position: int, stage: str) -> None:
    view = alternatives(prose(), position, stage)
    shown = {choice.id: choice.probability for choice in view.choices}
    if view.actual is not None:
        shown[view.actual.id] = view.actual.probability
    assert view.rest is not None
    assert sum(shown.values()) + view.rest == pytest.approx(1, abs=1e-6)  # type: ignore[arg-type]


def test_numbers_are_those_of_the_naive_distribution() -> None:
    trace = following()
    row = trace.stage("1.attn")
    z = logits(len(trace.stages))[row, 3]
    p = np.exp(z) / np.exp(z).sum()
    view = alternatives(trace, 4, "1.attn")
    for choice in view.choices:
        assert choice.probability == pytest.approx(p[choice.id], rel=1e-5)
        assert choice.bits == pytest.approx(-math.log2(p[choice.id]), rel=1e-5)
        assert choice.rank == 1 + int((z > z[choice.id]).sum())
    assert view.actual is not None
    assert (view.actual.label, view.actual.rank) == ("␣Paris", 1 + int((z > z[4]).sum()))
    assert view.actual.probability == pytest.approx(p[4], rel=1e-5)


def test_what_the_output_thinks_stands_beside_it_where_it_is_known() -> None:
    trace = following()
    final = {choice.id: choice.probability for choice in alternatives(trace, 4).choices}
    for choice in alternatives(trace, 4, "embed").choices:
        assert choice.output_probability == final.get(choice.id)
    early = trace.select(stages=["embed", "0.mlp"])
    assert {choice.output_probability for choice in alternatives(early, 4).choices} == {None}


def test_equal_logits_share_a_rank() -> None:
    trace = make_trace([b"a", b"b"], logits=np.zeros((4, 2, 6)))
    assert [choice.rank for choice in alternatives(trace, 1).choices] == [1, 1, 1]


def test_the_end_of_the_text_has_guesses_and_no_actual_token() -> None:
    view = alternatives(prose(), 9)
    assert view.actual is None
    assert len(view.choices) == 3


def test_where_nothing_was_read_there_are_no_guesses() -> None:
    view = alternatives(code(), 0)
    assert (view.choices, view.rest, view.expected_bits) == ((), None, None)
    assert view.actual is not None
    assert (view.actual.bits, view.actual.rank) == (None, None)
    piece = prose().select(positions=[2])
    assert alternatives(piece, 5).choices == ()
    assert alternatives(piece, 3).to_dict() == alternatives(prose(), 3).to_dict()


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(InputError, match="what can be foretold is 0 to 9"):
        alternatives(prose(), 10)
    with pytest.raises(InputError, match=r'stage "9\.mlp" was asked for'):
        alternatives(prose(), 1, "9.mlp")
