"""Nothing in a token can move a cursor, hide a neighbour or turn a line around."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.trace import Vocabulary
from logitscope.view.labels import decode_partly, flowing, has_partial, id_label, visible


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        (b" the", "␣the"),
        (b"\n\n", "⏎⏎"),
        (b"\r\n", "␍⏎"),
        (b"\tx", "⇥x"),
        (b"\xc2\xa0", "⍽"),
        (b"\x00", "\\x00"),
        (b"\x1b[31m", "\\x1B[31m"),
        ("\x9b1m", "\\x9B1m"),
        ("\u202eabc", "\\u202Eabc"),
        ("a\u200bb", "a\\u200Bb"),
        ("\ufeff", "\\uFEFF"),
        ("\u2028", "\\u2028"),
        ("\u200d", "\\u200D"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("\u0301", "◌\u0301"),
        ("\ud800", "\\uD800"),
        ("a\U000e0041", "a\\U000E0041"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0067\U000e007f"),
        (b"\xf0\x9f", "\\xF0\\x9F"),
        (b"a\xe2\x9db", "a\\xE2\\x9Db"),
        (b"[red]", "[red]"),
    ],
)
def test_labels(piece: bytes | str, label: str) -> None:
    assert visible(piece) == label


def test_a_label_can_keep_its_spaces() -> None:
    assert visible(" a b\n", spaces=True) == " a b⏎"


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a\r\nb\n\tc", "a\nb\n\tc"),
        ("a\rb", "a␍b"),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
        ("x\x1b]0;title\x07", "x\\x1B]0;title\\x07"),
        ("\u2066abc\u2069", "\\u2066abc\\u2069"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_running_text(text: str, drawn: str) -> None:
    assert flowing(text) == drawn


@given(st.one_of(st.binary(max_size=12), st.text(st.characters(codec=None), max_size=12)))
def test_no_label_holds_anything_that_is_not_ink(piece: bytes | str) -> None:
    for c in visible(piece):
        harmless = c in "\u200c\u200d" or 0xE0020 <= ord(c) < 0xE0080
        assert harmless or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    assert "\ufffd" not in visible(piece) or (isinstance(piece, str) and "\ufffd" in piece) or b"\xef\xbf\xbd" in piece


@given(st.text(st.characters(codec=None), max_size=20))
def test_running_text_can_always_be_written_and_only_newlines_and_tabs_control_it(text: str) -> None:
    drawn = flowing(text)
    drawn.encode("utf-8")
    assert not [c for c in drawn if unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in "\n\t"]


@given(st.binary(max_size=16))
def test_runs_of_a_piece_join_to_it(piece: bytes) -> None:
    runs = decode_partly(piece)
    assert b"".join(run if isinstance(run, bytes) else run.encode() for run in runs) == piece
    assert has_partial(piece) == any(isinstance(run, bytes) for run in runs)
    assert all(type(a) is not type(b) for a, b in pairwise(runs))


def test_an_id_without_bytes_is_shown_as_its_number() -> None:
    assert id_label(Vocabulary({3: b" a"}), 3) == "␣a"
    assert id_label(Vocabulary({3: b" a"}), 4) == "#4"
