"""The histogram of one position: bins that hold all tokens, and followed tokens within them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from logitscope.errors import InputError
from logitscope.view.histogram import histogram, spaced
from tests.traces import make_trace
from tests.view.following import PARALLEL, following

Golden = Callable[[str, Any], None]


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("following.histogram", histogram(following(), 3, ["embed", "2.mlp"], 2).to_dict())


def test_every_token_of_the_vocabulary_is_in_one_bin() -> None:
    for panel in histogram(following(), 2).panels:
        assert sum(b.count for b in panel.bins) == 40


def test_a_followed_token_stands_in_a_bin_that_holds_it() -> None:
    trace = following()
    for panel in histogram(trace, 3).panels:
        for standing in panel.standings:
            assert standing.deviations is not None
            own = [b for b in panel.bins if b.low - 1e-5 <= standing.deviations < b.high + 1e-5]
            assert own
            assert any(standing.label in b.samples or b.count > 3 for b in own)


def test_stages_after_attention_are_shown_only_when_named() -> None:
    assert [p.stage for p in histogram(following()).panels] == ["embed", "0.mlp", "1.mlp", "2.mlp"]
    assert [p.stage for p in histogram(following(), stage="1.attn").panels] == ["1.attn"]
    assert [p.stage for p in histogram(following(), stage=["2.mlp", "embed", "2.mlp"]).panels] == ["embed", "2.mlp"]


def test_equal_logits_have_no_deviations_and_one_bin() -> None:
    for panel in histogram(following(PARALLEL, flat=True)).panels:
        assert [b.count for b in panel.bins] == [40]
        assert [s.deviations for s in panel.standings] == [None] * 5


def test_a_trace_without_followed_tokens_is_drawn_without_them() -> None:
    trace = following(watch=0)
    assert histogram(trace).panels[0].standings == ()
    with pytest.raises(InputError, match="follows no tokens"):
        histogram(trace, top_k=3)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(InputError, match="make it with histogram=True"):
        histogram(make_trace([b"a"]))
    with pytest.raises(InputError, match=r'stage "9\.mlp" was asked for'):
        histogram(following(), stage="9.mlp")


def test_spaced_keeps_first_and_last() -> None:
    names = [str(i) for i in range(49)]
    assert spaced(names, 6) == ("0", "10", "19", "29", "38", "48")
    assert spaced(names[:3], 6) == ("0", "1", "2")
