"""The input token over depth: the trace's own numbers, at positions named by number, slice or token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace import Tokens, Trace
from logitscope.view.evolution import Score
from logitscope.view.inputs import inputs, positions_of
from tests.traces import make_trace

Golden = Callable[[str, Any], None]

COMMAS = [b"Few", b",", b" very", b" few", b",", b" say", b" <b>", b",", b"\xf0\x9f", b"\x98\x80"]


def commas() -> Trace:
    return make_trace(COMMAS, stages=("embed", "0.attn", "0.mlp", "1.mlp"))


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("commas.inputs", inputs(commas(), ",").to_dict())


@pytest.mark.parametrize("value", ["logit", "rank", "logprob"])
def test_curves_are_the_traces_own_numbers(value: Score) -> None:
    trace = commas()
    for curve in inputs(trace, [0, 3, -1], value).curves:
        assert np.array_equal(curve.scores(value), trace[f"input_{value}"][:, curve.position])


def test_a_token_stands_for_each_place_where_it_stands() -> None:
    tokens = commas().tokens
    assert positions_of(tokens, ",") == [1, 4, 7]
    assert positions_of(tokens, [",", 4, -1, slice(0, 2), slice(-2, None)]) == [0, 1, 4, 7, 8, 9]
    assert [curve.position for curve in inputs(commas()).curves] == list(range(10))


def test_what_stands_around_a_token_is_the_text() -> None:
    view = inputs(commas(), ",")
    text = commas().tokens.text
    for curve in view.curves:
        assert f"{curve.before},{curve.after}" in text
        assert curve.cut_after == (not text.endswith(curve.after))
        assert curve.cut_before == (not text.startswith(curve.before))


def test_a_position_that_a_piece_does_not_hold_is_refused() -> None:
    piece = commas().select(positions=[1, 4])
    assert [curve.position for curve in inputs(piece).curves] == [1, 4]
    with pytest.raises(InputError, match="position 7 was asked for, but this trace holds 1, 4"):
        inputs(piece, ",")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("very", "no token of this text is exactly 'very'. There is ' very'."),
        ("plasma", "no token of this text is exactly 'plasma'. Give a number, or the exact text of one token."),
        (10, "position 10 was asked for, but the text's positions are 0 to 9."),
        (slice(10, None), "positions 10: were asked for, but the text's positions are 0 to 9."),
        ((), "no positions were asked for; give numbers, or the text of a token."),
        ("", "no token of this text is exactly ''. Give a number, or the exact text of one token."),
    ],
)
def test_what_is_not_there_is_said(named: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        positions_of(commas().tokens, named)
    assert str(caught.value) == said


def test_an_unknown_value_is_refused() -> None:
    with pytest.raises(InputError, match="there are logit, rank, logprob"):
        inputs(commas(), 0, "prob")  # type: ignore[arg-type]


@given(st.lists(st.sampled_from([b"a", b",", b" ", b"\xff"]), min_size=1, max_size=8), st.integers(-8, 7))
def test_positions_ascend_and_are_inside_the_text(pieces: list[bytes], one: int) -> None:
    tokens = Tokens.from_pieces(list(range(len(pieces))), pieces, [False] * len(pieces))
    if -len(pieces) <= one < len(pieces):
        found = positions_of(tokens, [one, slice(None)])
        assert found == list(range(len(pieces)))
    if b"," in pieces:
        assert [pieces[p] for p in positions_of(tokens, ",")] == [b","] * pieces.count(b",")
