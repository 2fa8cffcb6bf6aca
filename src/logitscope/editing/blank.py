r"""A text with one blank in it, taken apart.

`____` is a blank, a longer run of underscores too; `\____` is those underscores themselves. Knows characters only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from logitscope.errors import InputError

__all__ = ["BLANK", "Blank", "find_blank"]

BLANK = "____"


@dataclass(frozen=True)
class Blank:
    """What stands before a blank, and what after it, escapes resolved."""

    before: str
    after: str

    def filled(self, word: str) -> str:
        """The text with a word in its blank."""
        return self.before + word + self.after


def find_blank(template: str, blank: str = BLANK) -> Blank:
    r"""The one blank of a text.

    Args:
        template: the text.
        blank: what marks it. Where that is one character several times, a longer run of it is one blank too. A
            backslash before it makes it a part of the text; `\\` before it is a backslash before a blank.

    Raises:
        InputError: no blank, or several, or nothing that marks one.

    >>> find_blank(r"A \____ and a ____ end.")
    Blank(before='A ____ and a ', after=' end.')
    """
    if not isinstance(template, str):
        raise InputError(f"the text is a {type(template).__name__}; give a string with a blank ({blank}) in it.")
    if not blank or blank.isspace() or "\\" in blank:
        raise InputError(f"{blank!r} cannot mark a blank; take something that is seen, such as {BLANK}.")
    run = re.escape(blank[0]) + f"{{{len(blank)},}}" if len(set(blank)) == 1 else re.escape(blank)
    parts, at, places = [""], 0, []
    for match in re.finditer(rf"(\\*)({run})", template):
        slashes, mark = len(match[1]), match[2]
        parts[-1] += template[at : match.start()] + "\\" * (slashes // 2)
        if slashes % 2:
            parts[-1] += mark
        else:
            places.append(match.start(2))
            parts.append("")
        at = match.end()
    parts[-1] += template[at:]
    if not places:
        raise InputError(f"the text has no blank; put {blank} where the model shall fill something in.")
    if len(places) > 1:
        raise InputError(
            f"the text has {len(places)} blanks, at characters {', '.join(map(str, places))}; one can be filled at a "
            f"time. Fill the others, or write \\{blank} for those that are meant as they stand."
        )
    return Blank(parts[0], parts[1])
