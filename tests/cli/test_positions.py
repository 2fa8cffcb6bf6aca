"""Positions as they are typed: numbers and ranges where they can be read as such, else the text of a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.cli.positions import parse_positions
from logitscope.errors import InputError


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["3"], [3]),
        (["-1", "3,4"], [-1, 3, 4]),
        (["0:3, 7"], [slice(0, 3), 7]),
        ([":2"], [slice(None, 2)]),
        ([","], [","]),
        ([":"], [":"]),
        ([",,"], [",,"]),
        (["-"], ["-"]),
        ([" the"], [" the"]),
        (["3rd"], ["3rd"]),
        (["1.5"], ["1.5"]),
    ],
)
def test_what_is_read(typed: list[str], read: list[object]) -> None:
    assert parse_positions(typed) == read


def test_nothing_is_no_position() -> None:
    with pytest.raises(InputError, match="write numbers such as 3,17"):
        parse_positions([""])


@given(st.lists(st.integers(-99, 99), min_size=1, max_size=5))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert parse_positions([",".join(map(str, numbers))]) == numbers


@given(st.text(min_size=1, max_size=6))
def test_any_text_is_read_as_something(text: str) -> None:
    assert parse_positions([text])
