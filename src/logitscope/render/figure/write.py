"""A figure into a file: PNG, SVG or PDF by suffix, whole or not at all, and the same bytes for the same picture.

Text stays text: an SVG names its fonts, a PDF embeds them. Knows no view specs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

from logitscope.errors import InputError
from logitscope.trace.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "write_figure"]

FORMATS = ("png", "svg", "pdf")

DOTS = 200
"""Of a PNG, per inch: sharp on a screen that doubles its pixels, and in print."""

_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "logitscope", "pdf.fonttype": 42}

_UNDATED: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None, "Creator": "Logitscope"},
    "pdf": {"CreationDate": None, "Creator": "Logitscope"},
}


def write_figure(figure: Figure, path: str | os.PathLike[str], dots: int = DOTS) -> None:
    """Writes a figure; the suffix of `path` says how.

    Args:
        figure: as the functions of this room return it.
        path: ends in .png, .svg or .pdf.
        dots: per inch, of a PNG.

    Raises:
        InputError: another suffix.
        TraceError: the folder does not exist.
        ResourceError: the file system refuses.
    """
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise InputError(f'{path} ends in ".{kind}", which is no picture; use {", ".join("." + f for f in FORMATS)}.')
    with write_atomically(path) as file, matplotlib.rc_context(_STYLE):
        figure.savefig(file, format=kind, dpi=dots, metadata=_UNDATED[kind])
