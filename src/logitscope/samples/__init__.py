"""Short texts that the gallery, the web page and the examples begin with, as files beside this one.

Knows no models; README.md beside it says where each text is from.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from logitscope.errors import InputError

__all__ = ["NAMES", "Sample", "sample"]

_TITLES = {
    "eiffel-tower": "The Eiffel Tower",
    "gpt3-abstract": "An abstract",
    "plasma": "A rare word, twice",
    "repetition": "Extreme repetition",
    "kraemer": "Kraemer",
    "median": "Python",
    "emoji": "Emoji and Chinese",
}
_LOOKED_AT = {"kraemer": ".. Kra", "plasma": "people say plasma"}
"""What ends with the character that a sample is about; the last occurrence counts."""

NAMES = tuple(_TITLES)
"""What `sample` knows, in the order in which they are shown."""


@dataclass(frozen=True)
class Sample:
    """One text.

    Attributes:
        name: as in `NAMES`.
        title: what a button says.
        text: exactly as it is read.
        focus: the character that the text is about, counted from 0; tokenizers cut texts in different places, so it
            is a character and no token. The last one by default.
    """

    name: str
    title: str
    text: str
    focus: int


def sample(name: str) -> Sample:
    """One of the texts of `NAMES`.

    Raises:
        InputError: there is no such text.

    >>> sample("plasma").text[-6:]
    'plasma'
    """
    if name not in _TITLES:
        raise InputError(f'there is no sample "{name}"; there are {", ".join(NAMES)}.')
    text = files(__name__).joinpath(f"{name}.txt").read_bytes().decode("utf-8")
    looked_at = _LOOKED_AT.get(name, "")
    focus = text.rindex(looked_at) + len(looked_at) - 1 if looked_at else len(text) - 1
    return Sample(name, _TITLES[name], text, focus)
