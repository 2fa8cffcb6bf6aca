"""The strip: each token's bits beside the entropy of the very prediction that scored it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from logitscope.errors import InputError
from logitscope.view.strip import strip
from logitscope.view.words import caption_words, number_words
from tests.traces import make_trace
from tests.view.passages import code

Golden = Callable[[str, Any], None]


def test_the_view_to_the_last_name_and_colour(golden: Golden) -> None:
    golden("code.strip", strip(code()).to_dict())


def test_a_token_is_beside_the_entropy_of_the_position_before_it() -> None:
    trace = code()
    bars = strip(trace).bars
    assert bars[0].bits is None
    assert bars[0].expected_bits is None
    for t in range(1, len(bars)):
        assert bars[t].bits == trace["surprisal_bits"][-1, t - 1]
        assert bars[t].expected_bits == trace["entropy_bits"][-1, t - 1]


def test_it_is_read_at_the_stage_that_is_named() -> None:
    trace = code()
    view = strip(trace, "0.mlp")
    row = trace.stage("0.mlp")
    assert [bar.bits for bar in view.bars[1:]] == trace["surprisal_bits"][row, :-1].tolist()
    assert [bar.expected_bits for bar in view.bars[1:]] == trace["entropy_bits"][row, :-1].tolist()
    assert view.source.stage == "0.mlp"


def test_without_entropy_there_is_no_expectation() -> None:
    trace = make_trace([b"a", b"b"])
    trace = trace.replace(arrays={"next_logprob": trace["next_logprob"]})
    assert [bar.expected_bits for bar in strip(trace).bars] == [None, None]
    with pytest.raises(InputError, match="does not hold"):
        strip(trace.replace(arrays={}))


def test_the_caption_says_which_norm_the_stages_were_read_through() -> None:
    source = strip(code()).source
    assert "final norm" not in caption_words(source)  # one stage, the model's own output
    assert "no norm" in caption_words(replace(source, stage=None, norm="none"))
    assert "final norm" in caption_words(replace(source, stage=None))
    assert "norm without its scale and shift" in caption_words(replace(source, norm="plain"))


def test_the_caption_names_the_stage_where_it_is_not_the_models_last() -> None:
    whole = code()
    piece = whole.select(stages=["embed", "0.mlp"])
    assert not any("read at" in word for word in caption_words(strip(whole).source))
    assert {"read at 0.mlp", "logit lens", "final norm"} <= set(caption_words(strip(piece).source))
    old = piece.replace(provenance=replace(piece.provenance, last_stage=""))
    assert not any("read at" in word for word in caption_words(strip(old).source))


def test_the_caption_says_where_numbers_depend_on_the_length() -> None:
    source = strip(code()).source
    said = "rotary scaling depends on the text's length"
    assert said not in caption_words(source)
    assert said in caption_words(replace(source, length_dependent=True))


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (9999, "rank", "9,999"), (50257, "rank", "50.3k"), (128256, "rank", "128k"), (1.0, "probability", "1"),
        (0.997, "probability", ".99+"), (0.0, "probability", ".00"), (2e-7, "probability", "2e-7"),
        (31.25, "nats", "31.2"), (None, "rank", "–"),
    ],
)  # fmt: skip
def test_a_number_fits_its_cell(number: float | None, unit: str, text: str) -> None:
    assert number_words(number, unit) == text
    assert len(text) <= 5
