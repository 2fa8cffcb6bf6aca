"""Numbers that are no trace, as JSON or as a table in CSV: to a file, or to standard output."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logitscope.cli.boundary import say
from logitscope.cli.options import TextOptions
from logitscope.cli.writing import check_out
from logitscope.errors import InputError
from logitscope.trace.atomic import write_atomically

__all__ = ["check_rows_out", "write_rows"]

_SUFFIXES = (".json", ".csv")


def check_rows_out(out: Path | None) -> None:
    """Refuses an output file that could not be written, before any time is spent on a model."""
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f'{out} ends in "{out.suffix}", which is no format of this command; use {", ".join(_SUFFIXES)}.'
        )
    check_out(out)


def write_rows(options: TextOptions, whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Writes what was asked for; returns whether anything was, so that no picture is drawn.

    Args:
        options: where to.
        whole: everything, for JSON.
        rows: the table alone, for CSV.
    """
    text = json.dumps(whole, allow_nan=False) + "\n"
    if options.out is not None:
        table = options.out.suffix.lower() == ".csv"
        with write_atomically(options.out) as file:
            file.write((_table(rows) if table else text).encode("utf-8", "backslashreplace"))
        say(f"wrote {options.out}")
    if options.json:
        sys.stdout.write(text)
    return options.out is not None or options.json


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One row each; lists as numbers with spaces between, nothing for what is missing."""
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return made.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    if isinstance(value, bool):
        return int(value)
    return "" if value is None else value
