from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace import Tokens, Vocabulary
from tests.trace.examples import FAMILY, NASTY, cut, encoded, tokens


def spans_by_hand(read: Tokens, widths: list[int]) -> list[tuple[int, int]]:
    """The naive loop: for each token, the characters whose bytes meet its bytes."""
    starts = [sum(widths[:i]) for i in range(len(widths) + 1)]
    found, at = [], 0
    for piece in read.pieces:
        met = [i for i, width in enumerate(widths) if starts[i] < at + len(piece) and starts[i] + width > at]
        here = next(i for i, start in enumerate(starts) if start + (widths[i] if i < len(widths) else 1) > at)
        found.append((met[0], met[-1] + 1) if met else (here, here))
        at += len(piece)
    return found


@settings(max_examples=100)
@given(tokens())
def test_joined_bytes_give_the_text_back(read: Tokens) -> None:
    assert b"".join(read.pieces) == encoded(read.text)
    assert not read.lossy


@settings(max_examples=100)
@given(tokens())
def test_spans_are_those_of_a_naive_loop(read: Tokens) -> None:
    widths = [len(encoded(character)) for character in read.text]
    assert [tuple(span) for span in read.spans.tolist()] == spans_by_hand(read, widths)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=4), max_size=8))
def test_any_bytes_decode_as_python_does_and_every_character_is_spanned(pieces: list[bytes]) -> None:
    read = Tokens.from_pieces(range(len(pieces)), pieces, [False] * len(pieces))
    assert read.text == b"".join(pieces).decode("utf-8", "replace")
    assert {i for start, end in read.spans.tolist() for i in range(start, end)} == set(range(len(read.text)))
    assert not any(
        "\ufffd" in text for text, piece in zip(read.texts, pieces, strict=True) if b"\xef\xbf\xbd" not in piece
    )


def test_a_character_cut_by_tokens_is_in_the_span_of_each_and_shown_as_bytes() -> None:
    read = cut("a😀b", [3, 2])
    assert read.pieces == (b"a\xf0\x9f", b"\x98\x80", b"b")
    assert read.spans.tolist() == [[0, 2], [1, 2], [2, 3]]
    assert read.texts == ("a\\xF0\\x9F", "\\x98\\x80", "b")
    assert read.partial.tolist() == [True, True, False]


def test_a_family_split_into_bytes_is_one_grapheme_of_all_its_tokens() -> None:
    read = cut(f"x{FAMILY}", [1] * 19)
    first, family = read.graphemes()
    assert (first.first, first.stop) == (0, 1)
    assert (family.start, family.end, family.first, family.stop) == (1, 6, 1, 19)
    assert family.n_tokens == 18


def test_lone_continuation_bytes_given_as_ids_are_replaced_in_the_text_and_kept_as_bytes() -> None:
    read = Tokens.from_pieces([1, 2, 3], [b"\x80", b"a", b"\xf0\x9f"], [False] * 3)
    assert read.text == "\ufffda\ufffd"
    assert read.spans.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert read.texts == ("\\x80", "a", "\\xF0\\x9F")
    assert read.lossy


def test_a_special_token_shows_its_name_and_spans_nothing() -> None:
    read = cut("ab", [1], bos=True)
    assert read.texts == ("<s>", "a", "b")
    assert read.spans[0].tolist() == [0, 0]
    assert list(read) == ["<s>", "a", "b"]
    assert read[0] == "<s>"


def test_a_special_token_without_a_name_shows_its_id_until_a_vocabulary_names_it() -> None:
    read = Tokens.from_pieces([9, 4], [b"", b"x"], [True, False])
    assert read.texts == ("#9", "x")
    assert read.named(Vocabulary({9: b"<s>", 4: b"other"}, frozenset({9}))).texts == ("<s>", "x")


def test_a_lossy_tokenizer_brings_its_own_spans() -> None:
    read = Tokens.from_pieces([1, 2], [b"hello", b"world"], [False, False], text="Hello World", spans=[(0, 5), (6, 11)])
    assert read.lossy
    assert read.spans.tolist() == [[0, 5], [6, 11]]


def test_spans_are_taken_from_bytes_where_these_give_the_text() -> None:
    read = Tokens.from_pieces([1, 2], [b"a", b" b"], [False, False], text="a b", spans=[(0, 1), (2, 3)])
    assert read.spans.tolist() == [[0, 1], [1, 3]]


def test_bytes_that_are_not_the_text_need_spans() -> None:
    with pytest.raises(InputError, match="must give the character span"):
        Tokens.from_pieces([1], [b"hello"], [False], text="Hello")


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="one id, span, flag and piece each"):
        Tokens.from_pieces([1, 2], [b"a"], [False])


@pytest.mark.parametrize("span", [(0, 4), (-1, 1), (2, 1)])
def test_spans_outside_the_text_are_refused(span: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="text of 3 characters"):
        Tokens("abc", np.array([1]), (b"abc",), np.array([span]), np.array([False]))


def test_no_tokens_are_tokens_too() -> None:
    read = Tokens.from_pieces([], [], [])
    assert (len(read), read.text, read.texts, read.spans.shape) == (0, "", (), (0, 2))
    assert read.graphemes() == read.words() == read.lines() == ()


def test_arrays_cannot_be_written_to() -> None:
    read = cut("ab", [1])
    with pytest.raises(ValueError, match="read-only"):
        read.ids[0] = 3


@pytest.mark.parametrize("text", NASTY)
def test_identical_sees_every_field(text: str) -> None:
    read = cut(text, [1, 2])
    assert read.identical(cut(text, [1, 2]))
    assert not read.identical(cut(text + "!", [1, 2]))
    assert not read.identical(read.named(Vocabulary({}))) or read.named(Vocabulary({})) is read


def test_a_vocabulary_shows_bytes_ids_and_names() -> None:
    names = Vocabulary({0: b"<s>", 1: b" the", 2: b"\xf0\x9f", 3: b"\n\t\x00"}, frozenset({0}))
    assert [names[i] for i in range(5)] == ["<s>", " the", "\\xF0\\x9F", "\n\t\x00", "#4"]
    assert names.text(np.int32(1)) == " the"
