"""The lens grid: the right stages, the right positions, the right guesses, the right marks."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.trace.statistics import DERIVED, STATISTICS
from logitscope.view import grid
from logitscope.view.colour import NOT_SCORED
from logitscope.view.grid import every_nth
from tests.traces import make_trace
from tests.view.passages import PROSE, prose

DEEP = ("embed", *(f"{i}.{part}" for i in range(6) for part in ("attn", "mlp")))


def test_the_last_stage_is_on_top_and_the_input_at_the_bottom() -> None:
    assert [row.stage for row in grid(prose()).rows] == ["2.mlp", "1.mlp", "0.mlp", "embed"]
    assert [row.stage for row in grid(prose(), top_down=True).rows] == ["embed", "0.mlp", "1.mlp", "2.mlp"]


def test_cells_are_the_stages_own_guesses() -> None:
    trace = prose()
    view = grid(trace)
    for row in view.rows:
        s = trace.stage(row.stage)
        assert [cell.id for cell in row.cells] == trace["top_ids"][s, :, 0].tolist()
        assert [cell.number for cell in row.cells] == [pytest.approx(float(x)) for x in trace["top_prob"][s]]


def test_cells_that_equal_the_final_guess_are_marked_and_all_of_the_last_row_do() -> None:
    trace = prose()
    final = trace["top_ids"][-1, :, 0]
    for row in grid(trace).rows:
        guesses = trace["top_ids"][trace.stage(row.stage), :, 0]
        assert [cell.matches_final for cell in row.cells] == (guesses == final).tolist()
    assert all(cell.matches_final for cell in grid(trace).rows[0].cells)


def test_marks_need_no_ranks() -> None:
    trace = prose()
    bare = trace.replace(arrays={name: trace[name] for name in ("top_ids", "top_logprobs")})
    for with_ranks, without in zip(grid(trace).rows, grid(bare).rows, strict=True):
        assert [c.matches_final for c in with_ranks.cells] == [c.matches_final for c in without.cells]


def test_marks_are_right_where_the_last_stage_is_not_held() -> None:
    trace = prose()
    piece = trace.select(stages=["embed", "0.mlp"])
    expected = {row.stage: [c.matches_final for c in row.cells] for row in grid(trace).rows}
    assert {row.stage: [c.matches_final for c in row.cells] for row in grid(piece).rows}.items() <= expected.items()


def test_a_trace_without_the_models_last_stage_marks_and_stars_nothing_that_it_cannot_know() -> None:
    trace = prose()
    assert any(column.right for column in grid(trace).columns)
    piece = trace.select(stages=["embed", "0.mlp"])
    assert not any(column.right for column in grid(piece).columns)
    bare = piece.replace(arrays={name: piece[name] for name in ("top_ids", "top_logprobs")})
    assert not any(cell.matches_final for row in grid(bare).rows for cell in row.cells)


def test_a_file_that_does_not_say_which_stage_is_the_last_is_taken_to_hold_it() -> None:
    trace = prose()
    old = trace.replace(provenance=replace(trace.provenance, last_stage=""))
    assert grid(old).to_dict() == grid(trace).to_dict()


def test_a_column_is_starred_where_the_final_guess_came_true() -> None:
    trace = prose()
    guesses, ids = trace["top_ids"][-1, :, 0].tolist(), trace.ids.tolist()
    right = [guess == following for guess, following in zip(guesses, ids[1:], strict=False)]
    assert [column.right for column in grid(trace).columns] == [*right, False]


def test_headers_are_what_stands_there_and_what_came_next() -> None:
    columns = grid(prose()).columns
    assert [c.input for c in columns][:2] == ["The", "␣tide"]
    assert [c.next for c in columns][:1] == ["␣tide"]
    assert columns[-1].next is None
    assert columns[4].input == "␣\\xF0\\x9F"


@pytest.mark.parametrize(
    ("every", "blocks"), [(1, [0, 1, 2, 3, 4, 5]), (2, [1, 3, 5]), (3, [2, 5]), (4, [1, 5]), (99, [5])]
)
def test_skipping_keeps_the_last_block_and_the_input(every: int, blocks: list[int]) -> None:
    kept = every_nth(DEEP, every)
    assert kept == ("embed", *(f"{i}.{part}" for i in blocks for part in ("attn", "mlp")))
    assert every_nth(DEEP, every, embed=False) == kept[1:]


def test_what_is_skipped_is_named() -> None:
    assert grid(prose(), every=2).skipped == ("1.mlp",)


@pytest.mark.parametrize(
    ("window", "positions"),
    [
        (None, list(range(9))),
        ((2, 4), [2, 3]),
        ((None, 2), [0, 1]),
        ((7, None), [7, 8]),
        ((-2, None), [7, 8]),
        ((0, 9), list(range(9))),
        ((6, 100), [6, 7, 8]),
        ((-2, 100), [7, 8]),
    ],
)
def test_windows_are_python_slices(window, positions: list[int]) -> None:
    assert [column.position for column in grid(prose(), window=window).columns] == positions


@pytest.mark.parametrize("window", [(9, 12), (100, None), (5, 5), (4, 2), (-99, None), (None, -9), (0, 0)])
def test_a_window_that_is_empty_or_outside_is_an_error_that_says_what_there_is(window) -> None:
    with pytest.raises(InputError, match=r"were asked for, but the text's positions are 0 to 8"):
        grid(prose(), window=window)


def test_a_piece_shows_the_positions_that_it_holds() -> None:
    piece = prose().select(positions=[2, 5])
    assert [(c.position, c.input) for c in grid(piece).columns] == [(2, "␣came"), (5, "\\x91\\xA9")]
    with pytest.raises(InputError, match="of which this trace holds 2"):
        grid(piece, window=(0, 2))


@pytest.mark.parametrize(
    "name", [n for n in [*STATISTICS, *DERIVED] if not n.endswith("ids") and not n.startswith("histogram")]
)
def test_every_statistic_can_be_drawn(name: str) -> None:
    trace = prose()
    array = trace[name] if trace[name].ndim == 2 else trace[name][..., 0]
    view = grid(trace, name)
    for row in view.rows:
        for cell, number in zip(row.cells, array[trace.stage(row.stage)].tolist(), strict=True):
            missing = math.isnan(number) or (name.endswith("rank") and number == 0)
            assert cell.number is None if missing else cell.number == pytest.approx(number)
            assert (cell.place is None) == missing
            assert (cell.colour == NOT_SCORED) == missing


def test_the_last_position_has_no_next_token_and_is_drawn_as_missing() -> None:
    for name in ("next_logprob", "next_rank", "surprisal_bits"):
        assert [row.cells[-1].number for row in grid(prose(), name).rows] == [None] * 4


def test_logits_take_their_limits_from_what_is_shown() -> None:
    trace = prose()
    view = grid(trace, "logsumexp", window=(2, 5), every=2)
    shown = np.array([[cell.number for cell in row.cells] for row in view.rows])
    assert (view.legend.low, view.legend.high) == tuple(pytest.approx(x) for x in np.percentile(shown, [5, 95]))


def test_a_followed_token_is_chosen_by_its_id() -> None:
    trace = prose()
    dot = PROSE.index(b".")
    view = grid(trace, "watch_prob", watch=dot)
    assert view.watched == "."
    assert view.rows[0].cells[0].number == pytest.approx(float(trace["watch_prob"][-1, 0, 1]))
    assert grid(trace, "watch_prob").watched == "␣tide"
    with pytest.raises(InputError, match="token 3 was not watched"):
        grid(trace, "watch_prob", watch=3)


def test_a_hostile_guess_is_harmless() -> None:
    view = grid(make_trace([b"\x1b[2J", b"\x1b[2J\n"], extra=()))
    texts = {cell.text for row in view.rows for cell in row.cells} | {c.input for c in view.columns}
    assert texts <= {"\\x1B[2J", "\\x1B[2J⏎"}


def test_the_spec_is_strict_json() -> None:
    assert json.loads(json.dumps(grid(prose(), "next_rank").to_dict(), allow_nan=False))["view"] == "grid"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value": "final_rnk"}, 'Did you mean "final_rank"'),
        ({"value": "histogram"}, "no number per cell"),
        ({"every": 0}, "it takes 1"),
    ],
)
def test_what_does_not_exist_is_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        grid(prose(), **options)


def test_leaving_out_the_only_stage_is_an_error() -> None:
    with pytest.raises(InputError, match="holds no other"):
        grid(prose().select(stages=["embed"]), embed=False)
