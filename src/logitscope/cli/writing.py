"""Where a command's result goes: numbers to a file or as JSON, a picture to the terminal, a page. Knows no models."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.boundary import say
from logitscope.cli.options import PAGES, PICTURES, Request, option
from logitscope.errors import InputError, ResourceError, TraceError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from logitscope.render.page import View
    from logitscope.render.terminal import Screen
    from logitscope.trace import Increments, Trace

__all__ = [
    "TABLES",
    "Pager",
    "check_out",
    "only_drawn",
    "show",
    "write_increments",
    "write_numbers",
    "write_page",
    "write_picture",
    "write_values",
]

Pager = Annotated[bool, option("--pager", "Page what is taller than the screen.")]

SUFFIXES = (".safetensors", ".json", ".csv", ".parquet")

TABLES = (".json", ".csv", ".parquet")
"""The same for what is no trace."""


def check_out(
    out: Path | None, *, pictures: bool = False, pages: bool = False, known: Sequence[str] = SUFFIXES
) -> None:
    """Refuses an output file that could not be written, before any time is spent on a model.

    Args:
        out: the file.
        pictures: whether the command draws into files too.
        pages: whether it writes pages.
        known: suffixes of the numbers that the command writes.
    """
    if out is None:
        return
    final = Path(os.path.realpath(out))
    if final.is_dir():
        raise TraceError(f"{out} is a folder; name a file in it.")
    suffix = out.suffix.lower()
    known = (*known, *(PICTURES if pictures else ()), *(PAGES if pages else ()))
    if suffix not in known:
        why = "no format of this command" if suffix in (*PICTURES, *PAGES) else "no format"
        raise InputError(f'{out} ends in "{suffix}", which is {why}; use {", ".join(known)}.')
    if not final.parent.is_dir():
        raise TraceError(f"the folder of {out} does not exist; make it first.")
    if not os.access(final.parent, os.W_OK):
        raise ResourceError(f"{out} could not be written: its folder may not be written to.")
    if suffix in PAGES:
        from logitscope.render.page import read_parts

        read_parts()  # says what to do where they were not built
    if suffix in PICTURES:
        import logitscope.render.figure  # noqa: F401 - says what to install where matplotlib is not


def only_drawn(request: Request, options: Mapping[str, Any]) -> None:
    """Refuses options that say how a picture is drawn where only numbers are written.

    Args:
        request: the shared options.
        options: as they are typed; None where not given.
    """
    given = [name for name, value in options.items() if value is not None]
    if given and request.numeric and not request.drawn:
        where = "--json" if request.out is None else f"-o {request.out}"
        raise InputError(f"{given[0]} says how a picture is drawn, but {where} writes numbers; leave one of them out.")


def write_numbers(trace: Trace, request: Request) -> bool:
    """Writes what was asked for; returns whether anything was, so that no picture is drawn."""
    if request.out is not None and not request.drawn:
        from logitscope.trace.export import write

        write(trace, request.out)
        say(f"wrote {request.out}")
    if request.json:
        # Escapes instead of UTF-8, as in files: a text can hold half of a surrogate pair.
        numbers: dict[str, Any] = {**trace.to_dict(), "summary": _summary(trace)}
        sys.stdout.write(json.dumps(numbers, allow_nan=False) + "\n")
    return request.numeric and not request.drawn


def write_increments(found: Increments, request: Request) -> bool:
    """The same for increments, which are no trace."""
    if request.out is not None and not request.drawn:
        from logitscope.trace.export import write_increments as write

        write(found, request.out)
        say(f"wrote {request.out}")
    if request.json:
        sys.stdout.write(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    return request.numeric and not request.drawn


def write_values(values: Mapping[str, Any], request: Request) -> bool:
    """The same for plain values, which go into JSON alone."""
    text = json.dumps(values, allow_nan=False) + "\n" if request.numeric else ""
    if request.out is not None and not request.drawn:
        from logitscope.trace.atomic import write_atomically

        with write_atomically(request.out) as file:
            file.write(text.encode("ascii"))
        say(f"wrote {request.out}")
    if request.json:
        sys.stdout.write(text)
    return request.numeric and not request.drawn


def write_picture(figure: Figure, out: Path) -> None:
    """Writes a figure to the file that was asked for."""
    from logitscope.render.figure import write_figure

    write_figure(figure, out)
    say(f"wrote {out}")


def write_page(traces: Sequence[Trace], out: Path, view: View, place: Mapping[str, object]) -> None:
    """Writes traces as a page to the file that was asked for.

    Args:
        traces: what it holds.
        out: the file.
        view: what is open first.
        place: where the reader begins, by the names of the page's address; what is None or False is left as it comes.
    """
    from logitscope.render.page import large_words, render_page
    from logitscope.trace.atomic import write_atomically

    said = {name: "1" if value is True else str(value) for name, value in place.items() if value not in (None, False)}
    page = render_page(traces, view=view, place=said)
    with write_atomically(out) as file:
        file.write(page.encode())
    large = large_words(page)
    if large:
        say(large)
    say(f"wrote {out}")


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
