"""The text as runs: exact, summed right, coloured right, and honest about what has no number."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from logitscope.errors import InputError
from logitscope.trace import Trace
from logitscope.trace.summary import summarise, token_bits
from logitscope.view import likelihood
from logitscope.view.colour import NOT_SCORED
from tests.traces import make_trace
from tests.view.passages import code, prose


def even(pieces: list[bytes], **more: object) -> Trace:
    """All tokens equally likely everywhere: each costs log2 of the vocabulary."""
    n_vocab = len({*pieces, *([b"<s>"] if more.get("bos") else []), b"x1", b"x2", b"x3", b"x4"})
    n = len(pieces) + bool(more.get("bos"))
    return make_trace(pieces, logits=np.zeros((2, n, n_vocab)), stages=("embed", "0.mlp"),
                      extra=(b"x1", b"x2", b"x3", b"x4"), **more)  # fmt: skip


@pytest.mark.parametrize("by", ["token", "word", "line", "sentence"])
@pytest.mark.parametrize("made", [prose, code], ids=["prose", "code"])
def test_joined_runs_are_the_text(made, by: str) -> None:
    trace = made()
    assert "".join(run.text for run in likelihood(trace, by=by).runs) == trace.tokens.text


def test_a_token_costs_what_was_read_before_it() -> None:
    trace = even([b"a", b"b", b"c", b"d"])  # 8 in the vocabulary
    runs = likelihood(trace).runs
    assert [run.bits for run in runs] == [None, pytest.approx(3.0), pytest.approx(3.0), pytest.approx(3.0)]
    assert [run.place for run in runs][1:] == [pytest.approx(3 / 16)] * 3


def test_bits_are_those_of_the_last_stage() -> None:
    trace = prose()
    bits = token_bits(trace, "2.mlp")
    pieces = [piece for run in likelihood(trace).runs for piece in run.pieces]
    assert [piece.bits for piece in pieces][1:] == [pytest.approx(float(b)) for b in bits[1:]]
    assert [piece.position for piece in pieces] == list(range(len(trace.ids)))


def test_the_first_token_is_not_scored_and_never_zero() -> None:
    run = likelihood(prose()).runs[0]
    assert (run.text, run.bits, run.place, run.colour) == ("The", None, None, NOT_SCORED)
    assert run.pieces[0].rank is None


def test_after_a_prefix_the_first_token_is_scored() -> None:
    view = likelihood(code())
    prefix, first = view.runs[:2]
    assert (prefix.text, prefix.label, prefix.bits) == ("", "<s>", None)
    assert first.text == "def"
    assert first.bits is not None
    assert "prefix stood before" in view.source.prefix


def test_parts_of_an_emoji_are_one_run_that_lists_its_pieces() -> None:
    run = next(run for run in likelihood(prose()).runs if len(run.pieces) > 1)
    assert run.text == " 👩‍🔬"
    assert [piece.label for piece in run.pieces][:2] == ["␣\\xF0\\x9F", "\\x91\\xA9"]
    assert not run.partial
    assert run.bits == pytest.approx(math.fsum(piece.bits for piece in run.pieces))


def test_bytes_that_are_no_character_are_drawn_as_bytes() -> None:
    run = likelihood(make_trace([b"a", b"\xff", b"b"])).runs[1]
    assert (run.partial, run.label) == (True, "\\xFF")


@pytest.mark.parametrize("by", ["token", "word", "line", "sentence"])
def test_sums_over_runs_are_the_texts_total(by: str) -> None:
    trace = code()  # the prefix leaves no token of the text unscored
    total = math.fsum(run.bits for run in likelihood(trace, by=by).runs if run.bits is not None)
    assert total == pytest.approx(summarise(trace).total_bits)


def test_a_word_of_which_a_part_has_no_bits_has_none_but_a_line_has_those_of_the_rest() -> None:
    trace = even([b"un", b"like", b"ly", b" so", b"\n"])
    words = likelihood(trace, by="word").runs
    assert [word.bits is None for word in words] == [True, False]
    (line,) = likelihood(trace, by="line").runs
    assert line.bits == pytest.approx(4 * math.log2(9))
    assert line.number == pytest.approx(math.log2(9))


def test_lines_are_coloured_by_their_mean_on_half_the_axis() -> None:
    view = likelihood(even([b"a", b"b", b"c", b"d"]), by="line")
    assert view.legend.high == 8.0
    assert view.runs[0].place == pytest.approx(3 / 8)


def test_words_are_coloured_by_their_sum() -> None:
    view = likelihood(even([b"a", b" b", b"c", b"d"]), by="word")
    assert view.runs[1].bits == pytest.approx(9.0)
    assert view.runs[1].place == pytest.approx(9 / 16)


def test_the_relative_scale_places_tokens_by_the_texts_own_log_probabilities() -> None:
    trace = prose()
    view = likelihood(trace, scale="relative")
    logprobs = trace["next_logprob"][-1][:-1].astype(np.float64)
    low, high = logprobs.mean() - 2.5 * logprobs.std(), logprobs.mean() + 2.5 * logprobs.std()
    tide = view.runs[1]
    expected = (min(max(logprobs[0], low), high) - low) / (high - low)
    assert tide.place == pytest.approx(expected, rel=1e-5)
    assert "relative" in view.legend.note


def test_a_seam_is_where_the_first_token_read_in_a_further_window_stands() -> None:
    view = likelihood(code())  # position 5 is read in a further window, so token 6 is scored by it
    (seam,) = [run for run in view.runs if run.seam]
    assert seam.pieces[0].position == 6


def test_the_most_surprising_tokens_come_worst_first_with_what_would_have_been_said() -> None:
    trace = prose()
    bits = token_bits(trace)
    view = likelihood(trace, top=3)
    order = np.argsort(-np.nan_to_num(bits[1:], nan=-1), kind="stable")[:3] + 1
    assert [s.position for s in view.surprises] == order.tolist()
    for surprise in view.surprises:
        column = surprise.position - 1
        assert [a.id for a in surprise.alternatives] == trace["top_ids"][-1, column].tolist()
        assert math.fsum(a.probability for a in surprise.alternatives) + surprise.rest == pytest.approx(1.0)
        assert surprise.rank == trace["next_rank"][-1, column]
        assert surprise.probability == pytest.approx(float(trace["next_prob"][-1, column]), rel=1e-4)
        start, end = trace.tokens.spans[surprise.position]
        assert trace.tokens.text[:start].endswith(surprise.before)
        assert trace.tokens.text[end:].startswith(surprise.after)


def test_an_alternative_that_is_the_token_itself_says_so_by_its_id() -> None:
    logits = np.zeros((1, 2, 6))
    logits[0, 0, 1] = 5.0
    view = likelihood(make_trace([b"a", b"b"], logits=logits, stages=("0.mlp",)), top=1)
    assert [a.actual for a in view.surprises[0].alternatives] == [True, False, False]


def test_more_surprises_than_tokens_are_all_of_them() -> None:
    assert len(likelihood(even([b"a", b"b", b"c"]), top=99).surprises) == 2


def test_a_piece_of_a_trace_leaves_what_it_did_not_read_without_a_number() -> None:
    whole = prose()
    piece = whole.select(positions=[3, 4])
    runs = likelihood(piece, top=2).runs
    assert [p.position for run in runs for p in run.pieces if p.bits is not None] == [4, 5]


def test_one_token_alone_is_a_run_without_a_number() -> None:
    view = likelihood(make_trace([b"a"]), top=3)
    assert [run.bits for run in view.runs] == [None]
    assert view.surprises == ()
    assert view.to_dict()["summary"]["total_bits"] is None


def test_the_spec_is_strict_json() -> None:
    for view in (likelihood(prose(), top=2), likelihood(make_trace([b"a"]), scale="relative")):
        assert json.loads(json.dumps(view.to_dict(), allow_nan=False))["view"] == "likelihood"


def test_a_trace_without_ranks_or_entropies_is_enough() -> None:
    trace = prose()
    bare = trace.replace(arrays={name: trace[name] for name in ("next_logprob", "top_ids", "top_logprobs")})
    view = likelihood(bare, top=1)
    assert (view.surprises[0].rank, view.surprises[0].expected_bits) == (None, None)
    assert view.runs[1].pieces[0].rank is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "log"}, 'scale "log" was asked for; there are bits, relative'),
        ({"by": "page"}, 'by "page"'),
        ({"top": -1}, "it takes 0 or more"),
    ],
)
def test_what_does_not_exist_is_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        likelihood(prose(), **options)
