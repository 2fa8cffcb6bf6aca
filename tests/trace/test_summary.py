from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace import KINDS, Tokens, Trace, bits_by, summarise, token_bits, token_kinds
from tests.trace.examples import cut, tokens, trace_of

LN2 = math.log(2)


def scored_with(read: Tokens, bits: list[float], prefix: str = "none") -> Trace:
    """A trace in which position t gives the next token these bits."""
    trace = trace_of(read, ("embed", "0.mlp"), ("next_logprob",), watched=())
    last = -np.array([*bits, math.nan], dtype=np.float32) * np.float32(LN2)
    provenance = trace.provenance.__class__(**(trace.provenance.to_dict() | {"bos": prefix}))
    return trace.replace(arrays={"next_logprob": np.stack([last * 2, last])}, provenance=provenance)


def test_without_a_prefix_the_first_token_is_unscored() -> None:
    trace = scored_with(cut("ab cd", [1, 1]), [1, 3])
    np.testing.assert_array_equal(token_bits(trace), [math.nan, 1, 3])
    found = summarise(trace)
    assert (found.tokens, found.scored, found.unscored, found.not_held) == (3, 2, 1, 0)
    assert (found.bytes, found.words, found.stage, found.prefix) == (4, 2, "0.mlp", "none")
    assert (found.total_bits, found.bits_per_token, found.bits_per_byte, found.bits_per_word) == (4, 2, 1, 2)
    assert found.perplexity == 4


def test_with_a_prefix_every_token_of_the_text_is_scored() -> None:
    trace = scored_with(cut("ab cd", [1, 1], bos=True), [2, 1, 3], "added")
    np.testing.assert_array_equal(token_bits(trace), [math.nan, 2, 1, 3])
    found = trace.summary()
    assert (found.tokens, found.scored, found.unscored, found.bytes, found.total_bits) == (4, 3, 0, 5, 6)
    assert found.prefix == "added"


def test_other_stages_have_their_own_bits() -> None:
    trace = scored_with(cut("ab cd", [1, 1]), [1, 3])
    np.testing.assert_array_equal(token_bits(trace, "embed"), [math.nan, 2, 6])
    assert summarise(trace, 0).total_bits == summarise(trace, "embed").total_bits == 8
    with pytest.raises(InputError, match="stage 2 was asked for"):
        token_bits(trace, 2)
    with pytest.raises(InputError, match=r'"1\.mlp" was asked for'):
        summarise(trace, "1.mlp")


def test_a_piece_counts_what_it_holds() -> None:
    trace = scored_with(cut("ab cd", [1, 1, 1, 1]), [1, 2, 4, 8]).select(positions=[1, 2])
    found = summarise(trace)
    assert (found.scored, found.unscored, found.not_held, found.total_bits) == (2, 1, 2, 6)
    assert (found.bytes, found.words) == (2, 1)


def test_one_token_without_a_prefix_has_no_total() -> None:
    found = summarise(scored_with(cut("a", []), []))
    assert (found.tokens, found.scored, found.unscored) == (1, 0, 1)
    ratios = (found.total_bits, found.bits_per_token, found.bits_per_byte, found.bits_per_word, found.perplexity)
    assert all(math.isnan(ratio) for ratio in ratios)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["total_bits"] is None


def test_no_tokens_at_all_can_be_summed_up() -> None:
    found = summarise(trace_of(cut("", []), names=("next_logprob",)))
    assert (found.tokens, found.scored, found.unscored, found.bytes, found.words) == (0, 0, 0, 0, 0)


def test_an_impossible_token_costs_infinitely_much() -> None:
    found = summarise(scored_with(cut("ab", [1]), [math.inf]))
    assert found.total_bits == found.perplexity == math.inf
    assert found.to_dict()["perplexity"] is None


def test_bytes_of_a_lossy_tokenizer_are_those_of_the_characters_it_read() -> None:
    read = Tokens.from_pieces([1, 2], [b"a", b"<unk>"], [False, False], text="Aéè", spans=[(0, 1), (1, 3)])
    assert summarise(scored_with(read, [8])).bits_per_byte == 2


def test_bytes_of_broken_characters_are_those_of_the_tokens() -> None:
    read = Tokens.from_pieces([1, 2], [b"a", b"\xf0"], [False, False])
    assert summarise(scored_with(read, [8])).bytes == 1


def test_the_table_by_kind_splits_the_total() -> None:
    read = cut("a b, 12\n  é\n😀", [1, 2, 1, 2, 1, 1, 2, 1, 1, 1])
    bits = [2.0**i for i in range(len(read) - 1)]
    found = summarise(scored_with(read, bits))
    assert [row.kind for row in found.kinds] == list(KINDS)
    assert sum(row.total_bits for row in found.kinds) == found.total_bits
    assert sum(row.tokens for row in found.kinds) == found.scored
    expected = {kind: [0.0, *bits][t] for t, kind in enumerate(token_kinds(read)) for kind in [KINDS[kind]] if t == 2}
    assert found.kinds[KINDS.index("punctuation")].total_bits == expected["punctuation"] == 2
    only_start = found.kinds[KINDS.index("word starts")]
    assert (only_start.tokens, only_start.mean_bits) == (2, (1 + bits[6]) / 2)


def test_a_kind_without_tokens_has_no_mean() -> None:
    row = summarise(scored_with(cut("ab", [1]), [3])).kinds[KINDS.index("digits")]
    assert row.tokens == 0
    assert math.isnan(row.mean_bits)


@settings(max_examples=100)
@given(tokens(), st.data())
def test_sums_over_words_lines_and_tokens_are_the_same(read: Tokens, data: st.DataObject) -> None:
    n = len(read)
    # Sixteenths add up without rounding, so that "the same" is exact.
    logprobs = [data.draw(st.one_of(st.just(math.nan), st.integers(0, 400).map(lambda i: -i / 16))) for _ in range(n)]
    trace = trace_of(read, ("0.mlp",), ("next_logprob",), watched=())
    trace = trace.replace(arrays={"next_logprob": np.array([logprobs], dtype=np.float32).reshape(1, n)})
    naive = [math.nan] * n
    for t in range(n - 1):
        naive[t + 1] = float(-np.float32(logprobs[t]) / np.float32(LN2))
    np.testing.assert_array_equal(token_bits(trace), np.array(naive, dtype=np.float32))
    for unit in ("token", "word", "line", "sentence"):
        spans, bits = bits_by(trace, unit)
        for span, found in zip(spans, bits, strict=True):
            scored = [b for b in naive[span.first : span.stop] if not math.isnan(b)]
            assert found == math.fsum(scored) if scored else math.isnan(found)
        assert np.nansum(bits) == pytest.approx(np.nansum(naive), rel=1e-14)


@settings(max_examples=60)
@given(tokens(), st.data())
def test_whole_bits_add_up_to_the_last_digit_however_they_are_grouped(read: Tokens, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.integers(0, 64), min_size=len(read), max_size=len(read)))
    sums = [sum(bits[span.first : span.stop]) for span in read.words()]
    assert sum(sums) == sum(bits) == sum(sum(bits[span.first : span.stop]) for span in read.lines())


def test_units_other_than_the_three_are_refused() -> None:
    with pytest.raises(InputError, match='"page" were asked for'):
        bits_by(scored_with(cut("ab", [1]), [3]), "page")
