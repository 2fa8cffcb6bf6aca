"""The bars of increments: they add up to what stands beside them, with and without the mean over the vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.view.evolution import evolution
from logitscope.view.increments import IncrementBars, increments
from tests.view.following import following
from tests.view.measured import PARTS, measured

Golden = Callable[[str, Any], None]


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("measured.increments", increments(measured()).to_dict())


def test_the_view_of_a_softcapped_model_less_the_mean(golden: Golden) -> None:
    golden("measured.increments.centred", increments(measured(softcap=5.0, rounding=-0.25), 2, centred=True).to_dict())


def sums(view: IncrementBars) -> list[float]:
    return [
        sum(x or 0.0 for x in (*tally.added, tally.constant, tally.rounding)) - (tally.score or 0.0)
        for tally in view.tallies
    ]


@pytest.mark.parametrize("centred", [False, True])
def test_bars_add_up_to_the_score_beside_them(centred: bool) -> None:
    view = increments(measured(rounding=0.03), centred=centred)
    assert np.allclose(sums(view), 0.0)
    assert view.roundings
    assert view.constants


def test_what_the_mean_got_is_nothing_once_it_is_taken_off() -> None:
    plain, centred = increments(measured()), increments(measured(), centred=True)
    assert set(centred.average) == {0.0}
    assert centred.average_constant == 0.0
    # Which of two tokens is ahead, and by how much, is the same.
    ahead = [view.tallies[0].score - view.tallies[1].score for view in (plain, centred)]  # type: ignore[operator]
    assert ahead[0] == pytest.approx(ahead[1])


def test_parts_are_marked_by_the_sublayer_that_added_them() -> None:
    view = increments(measured())
    assert [part.by for part in view.parts] == ["start", "attention", "mlp", "attention", "mlp"]
    assert [part.stage for part in view.parts] == list(PARTS)


def test_the_token_that_came_next_is_marked() -> None:
    assert [tally.label for tally in increments(measured()).tallies if tally.came_next] == ["␣Paris"]
    assert not any(tally.came_next for tally in increments(measured(position=5)).tallies)
    assert increments(measured(position=5)).place.next is None


def test_a_token_has_the_colours_that_it_has_in_the_evolution() -> None:
    curves = evolution(following(), 3).curves
    for tally, curve in zip(increments(measured()).tallies, curves, strict=False):
        assert (tally.light, tally.dark) == (curve.light, curve.dark)


def test_rounding_that_two_decimals_do_not_show_is_not_shown() -> None:
    assert not increments(measured(rounding=1e-6)).roundings
    assert not increments(measured(constant=0.0)).constants


def test_more_tokens_than_were_measured_are_refused() -> None:
    with pytest.raises(InputError, match="4 tokens were asked for, but increments of 3 were measured"):
        increments(measured(), 4)
