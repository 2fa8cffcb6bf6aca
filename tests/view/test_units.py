"""Stretches share out the text and its tokens, whatever the tokens cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.trace import Tokens
from logitscope.view.units import stretches

TEXTS = st.text(st.sampled_from(list("ab \n\té漢👩\u200d🔬\r.🇫🇷e\u0301")), max_size=14)


def tokens_of(pieces: list[bytes], *, bos: bool = False) -> Tokens:
    pieces = ([b""] if bos else []) + pieces
    return Tokens.from_pieces(range(len(pieces)), pieces, [bos and i == 0 for i in range(len(pieces))])


def drawn(tokens: Tokens, by: str) -> list[str]:
    return [tokens.text[s.start : s.end] for s in stretches(tokens, by)]


@st.composite
def cut_texts(draw: st.DrawFn) -> Tokens:
    """A text whose bytes are cut into tokens anywhere, also within characters."""
    data = draw(TEXTS).encode()
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=8)))
    ends = [0, *(c for c in cuts if c < len(data)), len(data)]
    pieces = [data[a:b] for a, b in pairwise(ends) if a < b]
    return tokens_of(pieces, bos=draw(st.booleans()))


@given(cut_texts(), st.sampled_from(["token", "word", "line", "sentence"]))
def test_joined_stretches_are_the_text_and_hold_each_token_once(tokens: Tokens, by: str) -> None:
    cut = stretches(tokens, by)
    assert "".join(tokens.text[s.start : s.end] for s in cut) == tokens.text
    assert [t for s in cut for t in range(s.first, s.stop)] == list(range(len(tokens)))


@given(cut_texts())
def test_no_grapheme_cluster_is_cut(tokens: Tokens) -> None:
    clusters = {m.start() for m in regex.finditer(r"\X", tokens.text)} | {len(tokens.text)}
    assert {s.start for s in stretches(tokens, "token")} <= clusters


def test_an_emoji_of_many_tokens_is_one_stretch() -> None:
    data = "a 👩‍🔬!".encode()
    tokens = tokens_of([b"a", b" ", *(bytes([b]) for b in data[2:-1]), b"!"])
    assert drawn(tokens, "token") == ["a", " ", "👩‍🔬", "!"]


def test_words_have_the_whitespace_before_them_and_lines_their_breaks() -> None:
    tokens = tokens_of([b"if", b" x", b":", b"\n", b"    ", b"y", b"\n"])
    assert drawn(tokens, "word") == ["if", " x:", "\n    y\n"]
    assert drawn(tokens, "line") == ["if x:\n", "    y\n"]


def test_lines_that_no_token_is_counted_for_join_the_one_where_it_is() -> None:
    tokens = tokens_of([b"a", b".\n\n\nThe", b" end"])
    assert drawn(tokens, "line") == ["a.\n", "\n\nThe end"]


def test_a_prefix_without_text_is_a_stretch_of_its_own() -> None:
    tokens = tokens_of([b"a", b"b"], bos=True)
    assert drawn(tokens, "token") == ["", "a", "b"]


def test_no_tokens_make_no_stretches() -> None:
    assert stretches(tokens_of([]), "word") == ()


def test_only_four_ways_of_cutting_exist() -> None:
    with pytest.raises(InputError, match='by "page" were asked for; there are token, word, line, sentence'):
        stretches(tokens_of([b"a"]), "page")
