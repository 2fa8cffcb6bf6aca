from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from logitscope.trace import Span, Tokens
from tests.trace.examples import cut, tokens


def words_and_tokens(read: Tokens) -> list[tuple[str, tuple[str, ...]]]:
    return [(read.text[w.start : w.end], read.texts[w.first : w.stop]) for w in read.words()]


def lines_and_tokens(read: Tokens) -> list[tuple[str, tuple[str, ...]]]:
    return [(read.text[w.start : w.end], read.texts[w.first : w.stop]) for w in read.lines()]


def assert_shared_out(units: tuple[Span, ...], n_tokens: int) -> None:
    assert [t for unit in units for t in range(unit.first, unit.stop)] == list(range(n_tokens))


@settings(max_examples=150)
@given(tokens())
def test_every_token_is_in_exactly_one_word_one_line_and_one_sentence(read: Tokens) -> None:
    assert_shared_out(read.words(), len(read))
    assert_shared_out(read.lines(), len(read))
    assert_shared_out(read.sentences(), len(read))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('"Stop!" he said. Then he left.', ['"Stop!" he said.', "Then he left."]),
        ("Mr. J. Smith left. So did I. And Dr. No.", ["Mr. J. Smith left.", "So did I.", "And Dr. No."]),
        ("e.g. this, i.e. that. Fine.", ["e.g. this, i.e. that.", "Fine."]),
        ("3.14 is pi... really. (Yes.) Ok", ["3.14 is pi... really.", "(Yes.)", "Ok"]),
        ("A title\n\nA text\nover two lines.\r\n \r\nMore", ["A title", "A text\nover two lines.", "More"]),
        ("你好。世界！「再见。」他说。", ["你好。", "世界！", "「再见。」", "他说。"]),
        ("यह है। और यह।", ["यह है।", "और यह।"]),
        ("  \n ", ["  \n "]),
    ],
)
def test_sentences_end_at_stops_and_empty_lines(text: str, expected: list[str]) -> None:
    read = Tokens.from_pieces(range(len(text)), [c.encode() for c in text], [False] * len(text))
    assert [text[s.start : s.end] for s in read.sentences()] == expected


@settings(max_examples=100)
@given(tokens())
def test_words_are_those_of_split_and_lines_are_those_of_a_file(read: Tokens) -> None:
    words = [read.text[word.start : word.end] for word in read.words()]
    if read.text.split():
        assert words == read.text.split()
    lines = [read.text[line.start : line.end] for line in read.lines()]
    broken = re.split(r"\r\n|\r|\n", read.text)
    assert lines == (broken[:-1] if not broken[-1] and (len(broken) > 1 or not len(read)) else broken)


@settings(max_examples=100)
@given(tokens())
def test_each_token_goes_where_the_stated_rule_puts_it(read: Tokens) -> None:
    """The naive loop over the rule in words: the last character that is not whitespace decides."""
    text = read.text
    for word in read.words():
        for t in range(word.first, word.stop):
            start, end = read.spans[t].tolist()
            inked = [i for i in range(start, end) if not text[i].isspace()]
            if inked:
                assert word.start <= inked[-1] < word.end
            elif end > start and text[end - 1 :].strip():
                # Whitespace before a word counts for that word.
                assert word.start >= end
                assert not text[end - 1 : word.start].strip()


@settings(max_examples=100)
@given(tokens())
def test_a_grapheme_holds_every_token_that_touches_it(read: Tokens) -> None:
    clusters = read.graphemes()
    assert "".join(read.text[c.start : c.end] for c in clusters) == read.text
    for cluster in clusters:
        touching = [t for t, (a, b) in enumerate(read.spans.tolist()) if a < cluster.end and b > cluster.start]
        assert (cluster.first, cluster.stop) == (touching[0], touching[-1] + 1)


def test_a_token_over_two_lines_counts_where_its_last_letter_stands() -> None:
    read = cut("end.\n\nThe man", [3, 6])
    assert read.texts == ("end", ".\n\nThe", " man")
    assert words_and_tokens(read) == [("end.", ("end",)), ("The", (".\n\nThe",)), ("man", (" man",))]
    assert lines_and_tokens(read) == [("end.", ("end",)), ("", ()), ("The man", (".\n\nThe", " man"))]


def test_leading_whitespace_belongs_to_the_word_that_follows_and_the_rest_to_the_last() -> None:
    read = cut("\n a  bc \n", [1, 1, 1, 1, 2, 1, 1])
    assert words_and_tokens(read) == [("a", ("\n", " ", "a")), ("bc", (" ", " b", "c", " ", "\n"))]


def test_lines_end_with_crlf_cr_or_lf() -> None:
    read = cut("a\r\nb\rc\n\nd", [1, 1, 1, 1, 1, 1, 1, 1, 1])
    expected = [("a", ("a", "\r", "\n")), ("b", ("b", "\r")), ("c", ("c", "\n")), ("", ("\n",)), ("d", ("d",))]
    assert lines_and_tokens(read) == expected


def test_a_line_break_with_the_indentation_after_it_counts_for_the_next_line() -> None:
    read = cut("x:\n  y", [2, 3, 1])
    assert lines_and_tokens(read) == [("x:", ("x:",)), ("  y", ("\n  ", "y"))]


def test_a_text_without_spaces_is_one_word() -> None:
    assert words_and_tokens(cut("我喜歡你", [3, 6])) == [("我喜歡你", ("我", "喜歡", "你"))]


@pytest.mark.parametrize("text", [" ", "\r\n", " \u2028\t"])
def test_whitespace_alone_is_one_unit(text: str) -> None:
    assert cut(text, [1]).words() == (Span(0, len(text), 0, len(cut(text, [1]))),)


def test_tokens_without_text_belong_where_they_stand() -> None:
    read = Tokens.from_pieces([0, 5, 9, 6, 0], [b"", b"a\n", b"", b"b", b""], [True, False, True, False, True], "a\nb")
    assert [(w.first, w.stop) for w in read.words()] == [(0, 2), (2, 5)]
    assert [(w.first, w.stop) for w in read.lines()] == [(0, 2), (2, 5)]


def test_a_prefix_alone_is_one_unit() -> None:
    read = Tokens.from_pieces([0], [b""], [True], "")
    assert read.words() == read.lines() == (Span(0, 0, 0, 1),)
    assert read.graphemes() == ()


def test_offsets_that_step_back_still_share_out_every_token_once() -> None:
    read = Tokens.from_pieces([1, 2, 3], [b"x", b"y", b"z"], [False] * 3, text="ab cd", spans=[(3, 5), (0, 2), (3, 4)])
    assert_shared_out(read.words(), 3)


def test_a_word_inside_a_token_of_many_words_has_no_token() -> None:
    read = cut("a b c", [])
    assert [word.n_tokens for word in read.words()] == [0, 0, 1]
