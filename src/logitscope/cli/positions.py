"""Positions that a user names: numbers, ranges, or a token for every place where it stands. Knows no texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from logitscope.cli.options import option
from logitscope.errors import InputError

__all__ = ["Positions", "parse_positions", "parse_window"]

Positions = Annotated[
    list[str] | None,
    option(
        "--positions",
        "How the input token is kept at several places: 3,17,-1 or 10:20 or each of a token such as ','; may "
        "be repeated.",
    ),
]

_NUMBER = r"-?[0-9]{1,10}"
_RANGE = rf"(?:{_NUMBER})?:(?:{_NUMBER})?"
_NUMBERS = re.compile(rf"\s*(?:{_NUMBER}|{_RANGE})(?:\s*,\s*(?:{_NUMBER}|{_RANGE}))*\s*")


def parse_positions(names: Sequence[str]) -> list[int | slice | str]:
    """What was named, as `view.inputs` takes it: numbers, slices, and texts of tokens.

    What has a digit and reads as numbers and ranges is that; anything else is the text of a token.

    >>> parse_positions(["3, -1", "10:20", ",", " the", ":"])
    [3, -1, slice(10, 20, None), ',', ' the', ':']
    """
    found: list[int | slice | str] = []
    for name in names:
        if not name:
            raise InputError('--positions "" was given; write numbers such as 3,17, a range such as 10:20, or a token.')
        if not (_NUMBERS.fullmatch(name) and re.search("[0-9]", name)):
            found.append(name)
            continue
        for part in name.split(","):
            window = parse_window(part, "--positions") if ":" in part else None
            found.append(int(part) if window is None else slice(*window))
    return found


def parse_window(window: str | None, name: str = "--window") -> tuple[int | None, int | None] | None:
    """`A:B` as the two ends of a Python slice.

    >>> parse_window("3:10"), parse_window(":-2"), parse_window(None)
    ((3, 10), (None, -2), None)
    """
    if window is None:
        return None
    match = re.fullmatch(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*", window, re.ASCII)
    if match is None:
        raise InputError(f'{name} "{window}" was given; write A:B, such as 0:12, 40: or :-1.')
    start, stop = (None if end is None else int(end) for end in match.groups())
    return start, stop
