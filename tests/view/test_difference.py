"""Two texts against each other: what is aligned, what it changed, and what cannot be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace import Tokens
from logitscope.view import align as aligning
from logitscope.view import difference, grid_difference
from logitscope.view.align import align
from tests.traces import make_trace
from tests.view.passages import PROSE, code, prose, retold

WORDS = st.lists(st.sampled_from([b"a", b"b", b"c", b" d"]), max_size=9)


def tokens_of(pieces: Sequence[bytes]) -> Tokens:
    return Tokens.from_pieces(range(len(pieces)), pieces, [False] * len(pieces))


def longest(left: Sequence[bytes], right: Sequence[bytes]) -> int:
    if not left or not right:
        return 0
    if left[-1] == right[-1]:
        return 1 + longest(left[:-1], right[:-1])
    return max(longest(left[:-1], right), longest(left, right[:-1]))


@given(WORDS, WORDS)
def test_as_many_tokens_as_can_be_are_aligned_in_order(left: list[bytes], right: list[bytes]) -> None:
    pairs = align(tokens_of(left), tokens_of(right))
    assert all(left[i] == right[j] for i, j in pairs)
    assert [i for i, _ in pairs] == sorted({i for i, _ in pairs})
    assert [j for _, j in pairs] == sorted({j for _, j in pairs})
    assert len(pairs) == longest(left, right)


def test_tokens_without_text_align_by_their_names() -> None:
    assert align(code().tokens, code().tokens)[0] == (0, 0)


def test_texts_that_are_too_different_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligning, "MOST", 3)
    with pytest.raises(InputError, match="differ over 2 and 2 tokens, which is too long to align"):
        align(tokens_of([b"a", b"b"]), tokens_of([b"c", b"d"]))


def test_one_trace_against_itself_changes_nothing() -> None:
    view = difference(prose(), prose())
    assert view.removed == ()
    assert not any(run.new for run in view.runs)
    assert {run.number for run in view.runs[1:]} == {0.0}
    assert {run.place for run in view.runs[1:]} == {0.5}
    assert view.kept.change == 0
    assert view.kept.bits == view.total == view.total_before


def test_a_change_is_the_bits_now_less_the_bits_before() -> None:
    before, after = prose(), retold()
    view = difference(before, after)
    was, now = before["surprisal_bits"][-1], after["surprisal_bits"][-1]
    pieces = [piece for run in view.runs for piece in run.pieces]
    assert [piece.before for piece in pieces] == [0, 1, None, None, 3, 7, 8]
    for piece in pieces:
        if piece.before:
            assert piece.change == float(now[piece.position - 1]) - float(was[piece.before - 1])
        else:
            assert piece.change is None
    assert [(gone.at, gone.position) for gone in view.removed] == [(4, 2), (5, 4), (5, 5), (5, 6)]
    assert view.kept.change == pytest.approx(math.fsum(p.change for p in pieces if p.change is not None))
    assert "".join(run.text for run in view.runs) == after.tokens.text


def test_a_run_with_a_new_token_has_no_change_of_its_own() -> None:
    for run in difference(prose(), retold(), "word").runs:
        assert (run.number is None) == any(piece.change is None for piece in run.pieces)


def test_the_grid_compares_the_last_stages_of_models_of_different_depth() -> None:
    view = grid_difference(prose(), retold(), "entropy_bits")
    assert [(row.stage_before, row.stage) for row in view.rows] == [
        ("2.mlp", "3.mlp"), ("1.mlp", "1.mlp"), ("0.mlp", "0.mlp"), ("embed", "embed"),
    ]  # fmt: skip
    top = view.rows[0].cells[1]
    assert top.after == retold()["entropy_bits"][-1, 1]
    assert top.before == prose()["entropy_bits"][-1, 1]
    assert top.number == pytest.approx(top.after - top.before)


def test_a_score_of_the_next_token_is_compared_only_where_it_is_the_same_token() -> None:
    view = grid_difference(prose(), retold(), "next_rank")
    same = [column.next is not None and column.next == column.next_before for column in view.columns]
    assert same == [True, False, False, True, False]
    for row in view.rows:
        for cell, follows in zip(row.cells, same, strict=True):
            assert (cell.number is not None) == follows
            if cell.number is not None:
                assert cell.number == cell.after / cell.before  # type: ignore[operator]


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(InputError, match="share no token"):
        grid_difference(prose(), make_trace([b"x", b"y"]))
    with pytest.raises(InputError, match="tokens that each trace names for itself"):
        grid_difference(prose(), prose(), "watch_rank")
    with pytest.raises(InputError, match="share no stage"):
        grid_difference(make_trace(PROSE, stages=("5.mlp", "6.mlp")), prose().select(stages=["embed", "0.mlp"]))
