"""The models that ship inside the package."""

from __future__ import annotations

from pathlib import Path

from logitscope.errors import ModelError

__all__ = ["DEFAULT", "EMBEDDED", "PREFIX", "embedded_folder"]

PREFIX = "embedded:"

EMBEDDED = {
    "tales": "a small GPT-2-class storyteller that has read books and Python; the default",
    "sort": "the nano-GPT task: six letters A, B or C in, the same sorted out",
}

DEFAULT = f"{PREFIX}tales"


def embedded_folder(name: str) -> Path:
    """The folder of `embedded:NAME` inside the package.

    Raises:
        ModelError: there is no such model, or its weights are missing from this installation.
    """
    short = name.removeprefix(PREFIX)
    if short not in EMBEDDED:
        raise ModelError(f"there is no embedded model {short!r}; there are {', '.join(PREFIX + n for n in EMBEDDED)}.")
    folder = Path(__file__).parent.parent / "embedded" / short
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{name} is missing from this installation ({folder.name}/config.json not found). Install logitscope again."
        )
    return folder
