"""Positions that somebody looks at are read before all others; what is read is the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import Cancelled, InputError
from logitscope.scope import Scope, pieces
from logitscope.scope.plan import plan_trace
from logitscope.trace import Trace, merge
from tests.scope.closeness import assert_close
from tests.understood import ids_of, understood

N = 40
EARLIER = ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp", "2.attn")


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece holds one position where none is faster than a clock that counts says."""
    monkeypatch.setattr(pieces, "_ROWS", 0)


def scope_of(name: str = "gpt2") -> Scope:
    return Scope(understood(name))


def ticking() -> Iterator[float]:
    return (float(tick) for tick in count())


def columns(made: list[Trace]) -> list[list[int]]:
    """The positions of each piece after the likelihood."""
    return [piece.positions.tolist() for piece in made[1:]]


def slowly(first: Any, **asked: Any) -> list[Trace]:
    """Pieces of a reading in which each takes a second, so that each holds one position."""
    clock = ticking()
    plan = plan_trace(understood("gpt2"), ids=ids_of(N).tolist(), subblocks=True, **asked)
    made = pieces.read_pieces(understood("gpt2"), plan, first=pieces.first_of(first), clock=lambda: next(clock))
    return list(made)


def test_all_stages_come_where_they_are_wanted_then_around_there(small_pieces: None) -> None:
    made = slowly([7, 30, -40])
    assert made[0].stages == ("2.mlp",)
    assert made[0].positions.tolist() == list(range(N))
    assert {piece.stages for piece in made[1:]} == {EARLIER}
    assert columns(made)[:9] == [[7], [30], [0], [1], [6], [8], [29], [31], [2]]
    assert sorted(np.concatenate(columns(made)).tolist()) == list(range(N))


def test_where_nothing_is_wanted_positions_come_as_they_stand(small_pieces: None) -> None:
    assert np.concatenate(columns(slowly([]))).tolist() == list(range(N))


def test_what_is_not_read_is_passed_over(small_pieces: None) -> None:
    made = slowly([5, 500, -500, 5, 11, 13], positions=[3, 11, 13])
    assert columns(made) == [[11], [13], [3]]
    assert [piece.stages for piece in slowly([3], stages=["2.mlp"])] == [("2.mlp",)]


def test_who_looks_elsewhere_meanwhile_is_served_next(small_pieces: None) -> None:
    seen: list[list[int]] = []
    looking = [[4], [4], [20], [20]]

    def first() -> list[int]:
        seen.append(looking[min(len(seen), 3)])
        return seen[-1]

    assert columns(slowly(first))[:5] == [[4], [3], [20], [19], [21]]


@pytest.mark.parametrize(("seconds", "sizes"), [(0.0, [1, 39]), (0.125, [1, 2, 4, 8, 16, 9]), (1.0, [1] * 40)])
def test_pieces_hold_what_a_quarter_of_a_second_can_read(
    seconds: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece takes as long as every other, whatever it holds; `0.0` is a machine that takes no time."""
    monkeypatch.setattr(pieces, "_ROWS", 0)
    plan = plan_trace(understood("gpt2"), ids=ids_of(N).tolist())
    clock = (seconds * tick for tick in count())
    made = list(pieces.read_pieces(understood("gpt2"), plan, first=lambda: (), clock=lambda: next(clock)))
    assert [len(piece.positions) for piece in made[1:]] == sizes


def test_the_output_matrix_is_not_fetched_for_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_ROWS", 10 * len(EARLIER))
    assert [len(positions) for positions in columns(slowly([3]))] == [1, 10, 10, 10, 9]


@given(
    first=st.lists(st.integers(-60, 60), max_size=8),
    positions=st.none() | st.sets(st.integers(0, 29), min_size=1),
    name=st.sampled_from(["gpt2", "gemma2", "opt-350m"]),
    lens=st.sampled_from(["logit", "tail:1"]),
    histogram=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_order_changes_no_number(
    first: list[int], positions: set[int] | None, name: str, lens: str, histogram: bool
) -> None:
    asked: dict[str, Any] = {
        "ids": ids_of(30).tolist(), "watch": (5, 17), "lens": lens, "histogram": histogram, "positions": positions,
    }  # fmt: skip
    made = list(scope_of(name).pieces(**asked, first=first))
    whole = merge(made)
    assert_close(whole, scope_of(name).trace(**asked))
    assert_close(whole, merge(scope_of(name).pieces(**asked)))
    # No cell comes twice.
    assert sum(len(piece.stages) * len(piece.positions) for piece in made) == whole["entropy"].size


@pytest.mark.parametrize("sweep_bytes", [1, 3 * 4 * 150 * 32, 1 << 20])
def test_a_long_text_is_read_around_the_places_that_are_wanted(
    sweep_bytes: int, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    monkeypatch.setattr(pieces, "SWEEP_BYTES", sweep_bytes)
    scope, ids = scope_of(), ids_of(150).tolist()
    made = list(scope.pieces(ids=ids, bos=True, first=[140, 70]))
    assert made[0].positions.tolist() == list(range(151))
    assert 140 in made[1].positions
    assert_close(merge(made), scope.trace(ids=ids, bos=True))


def test_what_is_remembered_is_not_read_again(small_pieces: None) -> None:
    scope, ids = scope_of(), ids_of(N).tolist()
    prefix = scope.remember()
    stopped = scope.pieces(ids=ids, prefix=prefix, first=[9])
    made = [next(stopped), next(stopped)]
    stopped.close()
    known = made[1].positions.tolist()
    assert 9 in known
    again = list(scope.pieces(ids=ids, prefix=prefix, first=[30]))
    assert set(known) < set(again[1].positions.tolist())
    np.testing.assert_array_equal(
        again[1]["entropy"][:, np.isin(again[1].positions, known)], made[1]["entropy"], strict=True
    )
    assert_close(merge(again), scope.trace(ids=ids))
    # Everything is known now, or a token more: nothing has to come before the rest.
    assert [piece.positions.tolist() for piece in scope.pieces(ids=ids, prefix=prefix, first=[30])] == [list(range(N))]
    assert len(list(scope.pieces(ids=[*ids, 3], prefix=prefix, first=[30]))) == 1


def test_it_stops_as_soon_as_nobody_wants_it(small_pieces: None) -> None:
    plan = plan_trace(understood("gpt2"), ids=ids_of().tolist())

    def asked_until(stop: int) -> tuple[list[Trace], int]:
        polls, clock = count(), ticking()
        made = pieces.read_pieces(
            understood("gpt2"), plan, first=lambda: [3],
            cancelled=lambda: next(polls) == stop, clock=lambda: next(clock),
        )  # fmt: skip
        return list(made), next(polls)

    whole, n_polls = asked_until(-1)
    assert n_polls > len(whole) == len(plan.positions) + 1
    for stop in range(0, n_polls, 7):
        with pytest.raises(Cancelled):
            asked_until(stop)


def test_progress_counts_cells() -> None:
    seen: list[tuple[int, int]] = []
    made = list(scope_of().pieces(ids=[1, 2, 3], first=[2], progress=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (12, 12)
    assert len(seen) == len(made)


def test_a_place_that_is_no_whole_number_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"position 1\.5 was given"):
        scope_of().pieces(ids=[1, 2, 3], first=[1.5])  # type: ignore[list-item]
