"""The evolution of followed tokens: what moved them, and the numbers of the trace themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.view.colour import luminance
from logitscope.view.evolution import Score, evolution, moments
from logitscope.view.palette import pair
from tests.traces import make_trace
from tests.view.following import PARALLEL, SUBBLOCKS, following

Golden = Callable[[str, Any], None]


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("following.evolution", evolution(following(), 3, "rank", 3).to_dict())


def test_a_segment_is_marked_by_the_sublayer_that_ends_it() -> None:
    assert [m.by for m in moments(SUBBLOCKS)] == ["start", *("attention", "mlp") * 3]


def test_parallel_blocks_are_one_segment_each() -> None:
    assert [m.by for m in moments(PARALLEL)] == ["start", "block", "block", "block"]


def test_stages_that_are_left_out_are_no_sublayer_of_their_neighbours() -> None:
    assert [m.by for m in moments(("embed", "2.attn", "3.mlp"))] == ["start", "block", "block"]
    assert [m.by for m in moments(("0.attn", "0.mlp", "3.attn", "3.mlp"))] == ["start", "mlp", "block", "mlp"]


@pytest.mark.parametrize("value", ["logit", "rank", "logprob"])
def test_curves_are_the_traces_own_numbers(value: Score) -> None:
    trace = following()
    drawn = evolution(trace, 2, value)
    for i, curve in enumerate(drawn.curves):
        assert np.array_equal(curve.scores(value), trace[f"watch_{value}"][:, 2, i])
    assert [curve.id for curve in drawn.curves] == list(trace.watched)


def test_the_token_that_came_next_is_marked_and_only_there() -> None:
    assert [curve.label for curve in evolution(following(), 3).curves if curve.came_next] == ["␣Paris"]
    assert not any(curve.came_next for curve in evolution(following(), 1).curves)
    assert not any(curve.came_next for curve in evolution(following(), -1).curves)


def test_negative_positions_count_from_the_end_of_the_text() -> None:
    assert evolution(following(), -3).to_dict() == evolution(following(), 3).to_dict()


def test_a_piece_that_holds_one_position_names_it_by_its_place_in_the_text() -> None:
    piece = following().select(positions=[3])
    assert evolution(piece, 3).to_dict() == evolution(following(), 3).to_dict()
    with pytest.raises(InputError, match="position 5 was asked for, but this trace holds 3"):
        evolution(piece)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(InputError, match="follows no tokens"):
        evolution(make_trace([b"a", b"b"]))
    with pytest.raises(InputError, match="6 tokens were asked for, but this trace follows 5"):
        evolution(following(), top_k=6)
    with pytest.raises(InputError, match=r"position 6 was asked for, but the text's positions are 0 to 5"):
        evolution(following(), 6)
    with pytest.raises(InputError, match="there are logit, rank, logprob"):
        evolution(following(), value="prob")  # type: ignore[arg-type]


def test_light_and_dark_can_be_told_apart_without_hue() -> None:
    for i in range(40):
        light, dark = pair(i)
        assert luminance(light) > 3 * luminance(dark)
