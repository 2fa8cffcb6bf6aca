"""Tokens that a user names to have them followed: by text, or by id as `#123`. Knows no vocabulary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from logitscope.cli.options import option

__all__ = ["Watch", "watched"]

Watch = Annotated[
    list[str] | None,
    option("--watch", "Follow a token everywhere, such as ' Paris', or '#123' by its id; may be repeated."),
]


def watched(names: Sequence[str] | None) -> list[str | int]:
    """What was named, as `Scope.trace` takes it: texts, and ids as numbers.

    >>> watched([" Paris", "#123"])
    [' Paris', 123]
    """
    return [int(name[1:]) if re.fullmatch("#[0-9]{1,10}", name) else name for name in names or ()]
