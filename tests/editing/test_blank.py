"""Where the blank is, and what is no blank."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.editing.blank import Blank, find_blank
from logitscope.errors import InputError


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("a ____ b", "a ", " b"),
        ("____", "", ""),
        ("a________b", "a", "b"),  # a longer run is one blank
        (r"\____ and ____", "____ and ", ""),
        (r"____ and \______", "", " and ______"),
        (r"\\____", "\\", ""),
        (r"\\\____ ____", r"\____ ", ""),
        (r"a\b ____ c\d", r"a\b ", r" c\d"),
        ("__init__ ____ ___", "__init__ ", " ___"),
        ("漢👩 ____\n", "漢👩 ", "\n"),
    ],
)
def test_a_blank_is_found_and_escapes_are_resolved(template: str, before: str, after: str) -> None:
    assert find_blank(template) == Blank(before, after)


def test_another_mark() -> None:
    assert find_blank("a [MASK] b ____", "[MASK]") == Blank("a ", " b ____")
    assert find_blank(r"\??? ???", "???") == Blank("??? ", "")


@pytest.mark.parametrize(
    ("template", "blank", "said"),
    [
        ("no blank", "____", "has no blank; put ____"),
        (r"only \____", "____", "has no blank"),
        ("____ and ____", "____", "2 blanks, at characters 0, 9"),
        ("a", "", "cannot mark"),
        ("a", "  ", "cannot mark"),
        ("a", "\\", "cannot mark"),
        (7, "____", "give a string"),
    ],
)
def test_what_is_no_blank_is_said(template: str, blank: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_blank(template, blank)


@given(st.text(alphabet="ab _\\é", max_size=12), st.text(alphabet="ab _\\é", max_size=12))
def test_any_text_can_stand_around_a_blank(before: str, after: str) -> None:
    """Escaping is: a backslash before underscores that look like a blank, and two for each one before those."""
    before, after = before.rstrip("_\\"), after.lstrip("_")

    def escaped(text: str) -> str:
        import re

        return re.sub(r"(\\*)(____+)", lambda m: m[1] * 2 + "\\" + m[2], text)

    assert find_blank(escaped(before) + "____" + escaped(after)) == Blank(before, after)
