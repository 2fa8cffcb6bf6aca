from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.trace import Trace, Vocabulary
from logitscope.trace.statistics import STATISTICS
from tests.trace.examples import cut, trace_of


@pytest.fixture
def trace() -> Trace:
    return trace_of(cut("a bc d", [1, 1, 1, 1]), ("embed", "0.attn", "0.mlp"))


def test_arrays_stand_in_the_order_of_the_contract_and_cannot_be_written_to(trace: Trace) -> None:
    assert list(trace.replace(arrays=dict(reversed(trace.arrays.items()))).arrays) == list(STATISTICS)
    with pytest.raises(ValueError, match="read-only"):
        trace["entropy"][0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [1, 0, 2, 3, 4]}, "must ascend"),
        ({"positions": [0, 0, 1, 2, 3]}, "must ascend"),
        ({"positions": [[0, 1, 2, 3, 4]]}, "must ascend"),
        ({"positions": [1, 2, 3, 4, 5]}, "do not fit a text of 5 tokens"),
        ({"positions": [-1, 0, 1, 2, 3]}, "do not fit a text of 5 tokens"),
        ({"context_lengths": [1, 2]}, "do not fit 5 positions"),
        ({"stages": ("embed", "embed", "0.mlp")}, "stands twice"),
        ({"watched": (5,)}, "expected .3 stage, 5 position, 1 watch."),
        ({"arrays": {"entropy": np.zeros((3, 4))}}, r"has shape \(3, 4\); expected"),
        ({"arrays": {"histogram": np.zeros((3, 5, 63), np.int32)}}, "64 bin"),
        ({"arrays": {"top_ids": np.zeros((3, 5, 2)), "top_logits": np.zeros((3, 5, 1))}}, "2 k"),
        ({"arrays": {"surprisal": np.zeros((3, 5))}}, "cannot hold 'surprisal'"),
    ],
)
def test_what_does_not_fit_together_is_refused(trace: Trace, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        trace.replace(**changes)


def test_derived_values_are_computed_from_stored_ones(trace: Trace) -> None:
    np.testing.assert_array_equal(trace["surprisal_bits"], -trace["next_logprob"] / np.float32(np.log(2)))
    assert "top_prob" in trace


def test_a_value_that_was_not_asked_for_and_one_that_does_not_exist_say_so(trace: Trace) -> None:
    bare = trace.replace(arrays={"entropy": trace["entropy"]})
    with pytest.raises(InputError, match="was not asked for"):
        bare["next_prob"]
    with pytest.raises(InputError, match="is no statistic"):
        bare["perplexity"]


def test_special_tokens_take_their_names_from_the_vocabulary() -> None:
    trace = trace_of(cut("ab", [1], bos=True))
    nameless = trace.replace(tokens=copy.copy(trace.tokens).__class__(**{**vars_of(trace), "names": {}}))
    assert nameless.tokens.texts == ("<s>", "a", "b")
    assert nameless.replace(vocabulary=Vocabulary({})).tokens.texts == ("<s>", "a", "b")


def vars_of(trace: Trace) -> dict[str, Any]:
    names = ("text", "ids", "pieces", "spans", "special", "lossy")
    return {name: getattr(trace.tokens, name) for name in names}


def test_select_cuts_a_piece_by_names_and_text_positions(trace: Trace) -> None:
    piece = trace.select(["0.mlp", "embed"], [-1, 1])
    assert piece.stages == ("embed", "0.mlp")
    assert piece.positions.tolist() == [1, 4]
    assert piece.context_lengths.tolist() == [2, 5]
    np.testing.assert_array_equal(piece["top_ids"], trace["top_ids"][np.ix_([0, 2], [1, 4])])
    assert piece.select(positions=[4]).positions.tolist() == [4]
    assert trace.select([], []).arrays["top_ids"].shape == (0, 0, 2)
    assert trace.select().identical(trace)


def test_select_refuses_what_a_trace_does_not_hold(trace: Trace) -> None:
    with pytest.raises(InputError, match="position 0 was asked for, but this trace holds 1, 2"):
        trace.select(positions=[1, 2]).select(positions=[0])
    with pytest.raises(InputError, match=r'"9\.mlp" was asked for'):
        trace.select(["9.mlp"])


def test_identical_sees_a_changed_number(trace: Trace) -> None:
    other = trace["entropy"].copy()
    other[0, 0] += 1
    assert trace.identical(trace.replace())
    assert not trace.identical(trace.replace(arrays={**trace.arrays, "entropy": other}))
    assert not trace.identical(trace.replace(seams=()))
    assert not trace.identical(trace.replace(vocabulary=Vocabulary({1: b"x"})))


def test_a_trace_travels_between_processes(trace: Trace) -> None:
    assert pickle.loads(pickle.dumps(trace)).identical(trace)
    assert copy.deepcopy(trace).identical(trace)


def test_a_trace_says_what_it_is(trace: Trace) -> None:
    shown = repr(trace)
    assert "5 of 5 positions, 3 stages (embed … 0.mlp), model tiny, lens logit" in shown
    assert "Tokens(5: 'a', ' ', 'b', 'c', ' d')" in shown
    assert len(shown.splitlines()) == 3
    assert "0 stages, model" in repr(trace.select([], []))
