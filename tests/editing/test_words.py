"""Tokens as they are wanted in the middle of a text: no space that was not asked for, the one token where there is."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.editing.words import beginning, ids_of, text_of, token_position
from logitscope.errors import InputError
from logitscope.model.tokenise import Tokeniser
from logitscope.scope import Scope, load
from tests.families import tiny_tokenizer
from tests.understood import understood


@cache
def tiny() -> Tokeniser:
    return Tokeniser(tiny_tokenizer())


def written(tokeniser: Tokeniser, ids: list[int]) -> bytes:
    return b"".join(tokeniser.bytes_of(i) for i in ids)


@given(st.text(max_size=12).filter(lambda t: t.isprintable() or "\n" in t))
@settings(max_examples=60)
def test_ids_of_a_text_write_exactly_that_text(text: str) -> None:
    assert written(tiny(), ids_of(tiny(), text)) == text.encode()


@pytest.mark.parametrize("text", [" girl", "girl", " Lily and", "é漢👩", "\n", ".", " ", "  two", "<x>"])
def test_no_space_is_put_where_none_was_asked_for(shared, text: str) -> None:  # type: ignore[no-untyped-def]
    """SentencePiece puts one before every text; within a text that would be a word of its own."""
    tokeniser = load(str(shared / "models" / "stories260k")).model.tokeniser
    assert written(tokeniser, ids_of(tokeniser, text)) == text.encode()


def test_one_token_is_taken_where_one_is_exactly_that_text() -> None:
    tokeniser = load("embedded:tales").model.tokeniser
    assert ids_of(tokeniser, " sea") == [tokeniser.token_id(" sea")]
    assert len(ids_of(tokeniser, " seashells")) > 1
    assert ids_of(tokeniser, 5) == [5]
    assert ids_of(tokeniser, [5, 6]) == [5, 6]
    assert ids_of(tokeniser, "") == []


@pytest.mark.parametrize(
    ("wanted", "said"), [(10**6, "vocabulary"), ([1, -1], "vocabulary"), (1.5, "whole"), ("\ud800", "surrogate")]
)
def test_what_no_token_is_is_said(wanted: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ids_of(tiny(), wanted)  # type: ignore[arg-type]


def test_a_text_of_which_no_tokens_can_be_made() -> None:
    tokeniser = load("embedded:sort").model.tokeniser
    with pytest.raises(InputError, match="makes no tokens of"):
        ids_of(tokeniser, "?")
    assert ids_of(tokeniser, "CAB") == tokeniser.encode("CAB")[0].ids.tolist()


def test_sources_are_texts_ids_and_traces() -> None:
    model = understood("gpt2")
    plain = text_of(model, "the hat")
    assert plain.bos == "none"
    assert text_of(model, plain.ids).ids == plain.ids
    assert text_of(model, Scope(model).trace("the hat")).tokens.identical(plain.tokens)
    assert text_of(model, "the hat", bos=True).ids == text_of(model, plain.ids, bos=True).ids == [299, *plain.ids]
    assert text_of(model, [299, *plain.ids], bos=True).ids == [299, *plain.ids]
    assert text_of(model, Scope(model).trace("the hat", bos=True), bos=True).bos == "added"
    with pytest.raises(InputError, match="trace that was made without"):
        text_of(model, Scope(model).trace("the hat"), bos=True)
    with pytest.raises(InputError, match="no BOS token"):
        text_of(load("embedded:sort").model, [0, 1], bos=True)


def test_what_stands_before_any_text() -> None:
    assert beginning(understood("gpt2")) == []
    assert beginning(understood("gpt2"), bos=True) == [299]


def test_positions_are_numbers_or_the_text_that_stands_there() -> None:
    tokens = load("embedded:tales").model.tokeniser.encode("The old man looked at the sea, and the sea fell.")[0]
    assert token_position(tokens, 2) == (2, 1)
    assert token_position(tokens, -1) == (len(tokens) - 1, 1)
    assert token_position(tokens, " old man") == (1, 2)
    assert token_position(tokens, "The") == (0, 1)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (99, "position 99 was asked for, but the text's positions are 0 to 12"), (-14, "position -14"),
        (1.0, "whole number"),
        (" sea", "2 times, at positions 6, 10"), ("ol", r"does not begin and end where tokens do \(' old'\)"),
        (" cat", "does not stand in the text"), ("", "does not stand in the text"),
    ],
)  # fmt: skip
def test_a_position_that_is_none_is_said(wanted: object, said: str) -> None:
    tokens = load("embedded:tales").model.tokeniser.encode("The old man looked at the sea, and the sea fell.")[0]
    with pytest.raises(InputError, match=said):
        token_position(tokens, wanted)  # type: ignore[arg-type]
