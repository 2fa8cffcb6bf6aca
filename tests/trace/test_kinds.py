from __future__ import annotations

import pytest
from hypothesis import given, settings

from logitscope.trace import KINDS, Tokens, token_kinds
from tests.trace.examples import FAMILY, cut, tokens

SHORT = {
    "indent": "indentation and line breaks",
    "punct": "punctuation",
    "start": "word starts",
    "rest": "word continuations",
    "digit": "digits",
    "other": "other",
}


def kinds(read: Tokens) -> list[str]:
    return [KINDS[kind] for kind in token_kinds(read)]


def of(*cases: tuple[str, str]) -> None:
    """Each token with the kind it must have; together they are the text."""
    text = "".join(piece for piece, _ in cases)
    read = cut(text, [len(piece.encode()) for piece, _ in cases])
    assert list(zip(read.texts, kinds(read), strict=True)) == [(piece, SHORT[kind]) for piece, kind in cases]


def test_source_code() -> None:
    of(
        ("def", "start"), (" re", "start"), ("turn", "rest"), ("_x", "rest"), ("(self", "start"), (",", "punct"),
        (" 3", "digit"), (".5", "digit"), ("):", "punct"), ("\n", "indent"), ("    ", "indent"), ("  x", "start"),
        (" ", "other"), ("==", "punct"), (" ", "other"), ("0", "digit"), ("xFF", "rest"), (" \n", "indent"),
        ("\t", "indent"), ("y", "start"), (" +=", "punct"), ("$^`|", "punct"), ("__", "punct"),
    )  # fmt: skip


def test_prose() -> None:
    of(
        ("The", "start"), (" dog", "start"), ("'s", "rest"), (" don", "start"), ("'t", "rest"), (" '", "punct"),
        ("quoted", "start"), ("'", "punct"), (".\n\nThe", "start"), (" 1", "digit"), ("st", "rest"),
        (" half-", "start"), ("way", "start"), (" ½", "digit"), ("\r\n", "indent"),
        ("٣", "digit"), ("—", "punct"), ("»", "punct"),
    )  # fmt: skip


def test_scripts_without_spaces_are_one_word_and_marks_stay_with_letters() -> None:
    of(("我", "start"), ("喜歡", "rest"), ("。", "punct"), ("你", "start"))
    of(
        ("हि", "start"),
        ("न्", "rest"),
        ("दी", "rest"),
        (" e", "start"),
        ("\u0301", "rest"),
        (" مر", "start"),
        ("حبا", "rest"),
    )


def test_emoji_and_control_characters_are_other() -> None:
    of(("😀", "other"), ("\x00", "other"), ("❤", "other"), ("\ufe0f", "other"), ("\ufeff", "other"))
    assert set(kinds(cut(FAMILY, [1] * 18))) == {"other"}


def test_a_letter_cut_by_tokens_begins_in_the_first_of_them() -> None:
    assert kinds(cut(" é", [2])) == ["word starts", "word continuations"]
    assert kinds(cut("a é", [1, 2])) == ["word starts", "word starts", "word continuations"]


def test_tokens_without_text_are_other() -> None:
    assert kinds(cut("a", [], bos=True)) == ["other", "word starts"]
    assert kinds(cut("", [], bos=True)) == ["other"]
    assert kinds(cut("", [])) == []


@settings(max_examples=100)
@given(tokens())
def test_every_token_has_one_kind(read: Tokens) -> None:
    found = token_kinds(read)
    assert found.shape == (len(read),)
    assert ((found >= 0) & (found < len(KINDS))).all()


@pytest.mark.parametrize("text", ["word", " word", "(word", "\nword"])
def test_a_word_in_one_token_starts_there(text: str) -> None:
    assert kinds(cut(text, [])) == ["word starts"]
