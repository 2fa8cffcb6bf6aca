"""Where a command's result goes: numbers to a file or as JSON, or a picture to the terminal. Knows no models."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.boundary import say
from logitscope.cli.options import Request, option
from logitscope.errors import InputError, ResourceError, TraceError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from logitscope.render.terminal import Screen
    from logitscope.trace import Trace

__all__ = ["Pager", "check_out", "show", "write_numbers"]

Pager = Annotated[bool, option("--pager", "Page what is taller than the screen.")]

SUFFIXES = (".safetensors", ".json", ".csv", ".parquet")

PICTURES = (".png", ".svg", ".pdf", ".html")
"""What a later version writes; named so that the error can say "not yet"."""


def check_out(out: Path | None) -> None:
    """Refuses an output file that could not be written, before any time is spent on a model."""
    if out is None:
        return
    final = Path(os.path.realpath(out))
    if final.is_dir():
        raise TraceError(f"{out} is a folder; name a file in it.")
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        not_yet = "not written yet" if suffix in PICTURES else "no format"
        raise InputError(f'{out} ends in "{suffix}", which is {not_yet}; use one of {", ".join(SUFFIXES)}.')
    if not final.parent.is_dir():
        raise TraceError(f"the folder of {out} does not exist; make it first.")
    if not os.access(final.parent, os.W_OK):
        raise ResourceError(f"{out} could not be written: its folder may not be written to.")


def write_numbers(trace: Trace, request: Request) -> bool:
    """Writes what was asked for; returns whether anything was, so that no picture is drawn."""
    if request.out is not None:
        from logitscope.trace.export import write

        write(trace, request.out)
        say(f"wrote {request.out}")
    if request.json:
        # Escapes instead of UTF-8, as in files: a text can hold half of a surrogate pair.
        numbers: dict[str, Any] = {**trace.to_dict(), "summary": _summary(trace)}
        sys.stdout.write(json.dumps(numbers, allow_nan=False) + "\n")
    return request.numeric


def show(screen: Screen, picture: RenderableType, *, pager: bool = False) -> None:
    """Prints a picture; through a pager if asked for and standard output is a terminal."""
    if pager and screen.console.is_terminal and sys.stdout.isatty():
        # As git does: colours through, no paging of what fits one screen.
        os.environ.setdefault("LESS", "FRX")
        with screen.console.pager(styles=True):
            screen.console.print(picture)
    else:
        screen.console.print(picture)


def _summary(trace: Trace) -> dict[str, Any] | None:
    """The totals of the last stage, where its likelihoods are held."""
    return trace.summary().to_dict() if "next_logprob" in trace else None
