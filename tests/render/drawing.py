"""Draws into a string, as a terminal of a given width and depth would be written to."""

from __future__ import annotations

import io
import re

from rich.console import RenderableType

from logitscope.render.terminal import Screen, screen

ENVIRONMENTS = {
    "truecolor": {"FORCE_COLOR": "3"},
    "256": {"FORCE_COLOR": "2"},
    "16": {"FORCE_COLOR": "1"},
    "none": {},
}

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def at(width: int = 80, depth: str = "none") -> Screen:
    return screen(io.StringIO(), ENVIRONMENTS[depth], width)


def written(on: Screen, picture: RenderableType) -> str:
    """Everything that reached the terminal, escape codes and all."""
    on.console.print(picture)
    return on.console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def plain(text: str) -> str:
    """Without styles; nothing else is taken away."""
    return STYLE.sub("", text)
