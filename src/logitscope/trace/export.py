"""A trace for other tools: xarray, pandas, JSON, CSV, Parquet.

The one file that touches pandas, xarray and pyarrow, each where it is needed; JSON and CSV work without them. Knows
nothing of the trace's own file, which `trace.file` writes.

What is missing (no next token, nothing scored) is null in JSON and Parquet, an empty cell in CSV and <NA> or NaN in
pandas, never 0. Numbers in JSON and CSV have the fewest digits that give the same float32 back.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from logitscope.errors import InputError, TraceError
from logitscope.trace.atomic import write_atomically
from logitscope.trace.file import header, save
from logitscope.trace.increments import Increments
from logitscope.trace.statistics import BINS, DERIVED, STATISTICS, Derived, Statistic
from logitscope.trace.table import Column, columns, missing
from logitscope.trace.trace import Trace

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = [
    "increments_to_dict",
    "increments_to_pandas",
    "to_dict",
    "to_pandas",
    "to_xarray",
    "write",
    "write_increments",
]


def to_xarray(trace: Trace) -> xarray.Dataset:
    """Every stored and derived statistic as a variable with named dimensions and its unit in `attrs`.

    Dimensions: `stage`, `position`, `k` (1 = likeliest), `watch`, `bin`, `sample`. Coordinates besides these:
    `token` and `token_id` by position, `watch_token`, `bin_centre` (standard deviations from the mean logit).
    Missing values are as in the trace: NaN, rank 0, id -1.

    Raises:
        TraceError: xarray is not installed.
    """
    xr = _imported("xarray", "to_xarray")
    texts = np.array(trace.tokens.texts, dtype=object)
    coordinates: dict[str, Any] = {
        "stage": np.array(trace.stages, dtype=object),
        "position": trace.positions,
        "token": ("position", texts[trace.positions]),
        "token_id": ("position", trace.ids[trace.positions]),
    }
    used = {axis for name in trace.arrays for axis in STATISTICS[name].axes}
    if "k" in used:
        size = next(a.shape[2] for name, a in trace.arrays.items() if "k" in STATISTICS[name].axes)
        coordinates["k"] = np.arange(1, size + 1)
    if "watch" in used:
        coordinates["watch"] = np.array(trace.watched, dtype=np.int32)
        names = [trace.vocabulary.text(token_id) for token_id in trace.watched]
        coordinates["watch_token"] = ("watch", np.array(names, dtype=object))
    if "bin" in used:
        coordinates["bin_centre"] = ("bin", (np.arange(BINS) + 0.5) * (16 / BINS) - 8)
    if len(trace.context_lengths):
        coordinates["context_length"] = ("position", trace.context_lengths)
    variables = {name: (_axes(name), trace[name], _attributes(name)) for name in trace}
    # netCDF has neither nulls nor truth values.
    made = trace.provenance.to_dict()
    plain = {n: int(v) if isinstance(v, bool) else v for n, v in made.items() if v is not None}
    attributes = plain | {"versions": json.dumps(plain["versions"]), "text": trace.tokens.text}
    return xr.Dataset(variables, coordinates, attributes)  # type: ignore[no-any-return]


def to_pandas(trace: Trace) -> pandas.DataFrame:
    """The long table of `trace.table`: one row per stage and position.

    `stage` is an ordered categorical in the model's order; ids and ranks are `Int32`, <NA> where there is none; units
    are in `attrs["units"]` by column.

    Raises:
        TraceError: pandas is not installed.
    """
    pd = _imported("pandas", "to_pandas")
    table = columns(trace)
    series: dict[str, Any] = {}
    for column in table:
        if column.name == "stage":
            series[column.name] = pd.Categorical(column.values, categories=list(trace.stages), ordered=True)
        elif column.values.dtype == object:
            series[column.name] = pd.array(_or_none(_encodable(column.values), column.missing), dtype="string")
        elif column.values.dtype.kind == "i" and column.missing is not None:
            series[column.name] = pd.arrays.IntegerArray(column.values.copy(), column.missing.copy())
        else:
            series[column.name] = column.values
    frame = pd.DataFrame(series)
    frame.attrs["units"] = {column.name: column.unit for column in table if column.unit}
    frame.attrs["provenance"] = trace.provenance.to_dict()
    return frame  # type: ignore[no-any-return]


def to_dict(trace: Trace) -> dict[str, Any]:
    """Everything in a trace as plain dicts, lists, strings and numbers; `None` for what is missing or not finite.

    The keys are those of the trace file's header and `text`, `ids`, `tokens` (what to show for each), `bytes` (in
    hexadecimal), `spans`, `special`, `partial`, `positions`, `context_lengths`, `vocabulary` (texts by id), and
    `values`: nested lists `[stage][position]...` by the names of the numeric contract, stored and derived.
    """
    return _described(trace) | {"values": {name: _listed(trace[name], _unit(name)) for name in trace}}


def increments_to_dict(increments: Increments) -> dict[str, Any]:
    """Everything in increments as plain dicts, lists, strings and numbers; `None` for what is not finite."""
    names = [increments.vocabulary.text(token) for token in increments.followed]
    numbers = ("added", "constant", "rounding", "score", "logit", "rank", "average")
    constant = increments.average_constant
    return {
        "text": increments.tokens.text,
        "ids": increments.ids.tolist(),
        "tokens": list(increments.tokens.texts),
        "position": increments.position,
        "followed": [{"id": token, "token": name} for token, name in zip(increments.followed, names, strict=True)],
        "parts": list(increments.parts),
        **{name: _listed(getattr(increments, name), "logit") for name in numbers},
        "average_constant": constant if np.isfinite(constant) else None,
        "softcap": increments.softcap,
        "provenance": increments.provenance.to_dict(),
    }


def increments_to_pandas(increments: Increments) -> pandas.DataFrame:
    """The long table of increments: one row per part and token, parts slowest, in logits.

    `part` is an ordered categorical: `embed`, the sublayers in the model's order, `constant` and `rounding`; the rows
    of one token add up to its `score`. `average` is what the part added to the mean over the vocabulary.

    Raises:
        TraceError: pandas is not installed.
    """
    pd = _imported("pandas", "to_pandas")
    parts, n = [*increments.parts, "constant", "rounding"], len(increments.followed)
    added = np.vstack([increments.added, increments.constant, increments.rounding])
    averages = np.append(increments.average, [increments.average_constant, np.nan])
    names = np.array([increments.vocabulary.text(token) for token in increments.followed], dtype=object)
    series = {
        "part": pd.Categorical(np.repeat(np.array(parts, dtype=object), n), categories=parts, ordered=True),
        "token_id": np.tile(np.array(increments.followed, np.int32), len(parts)),
        "token": pd.array(np.tile(_encodable(names), len(parts)), dtype="string"),
        "added": added.reshape(-1),
        "average": np.repeat(averages, n),
        "score": np.tile(increments.score, len(parts)),
    }
    frame = pd.DataFrame(series)
    frame.attrs["units"] = dict.fromkeys(("added", "average", "score"), "logit")
    frame.attrs["provenance"] = increments.provenance.to_dict()
    return frame  # type: ignore[no-any-return]


def write_increments(increments: Increments, path: str | os.PathLike[str]) -> None:
    """Writes increments: `.json` holds what `increments_to_dict` does, `.csv` and `.parquet` the table.

    Raises:
        InputError: the suffix names no format.
        TraceError: `path` is a folder, its folder does not exist, or pandas or pyarrow is not installed.
        ResourceError: no permission or no space.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        data = json.dumps(increments_to_dict(increments), allow_nan=False).encode("ascii") + b"\n"
    elif suffix == ".csv":
        data = increments_to_pandas(increments).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()
    elif suffix == ".parquet":
        _imported("pyarrow", "Parquet")
        data = increments_to_pandas(increments).to_parquet(None, index=False)
    else:
        raise InputError(f'{path} ends in "{suffix}", which names no format; use one of .json, .csv, .parquet.')
    with write_atomically(path) as file:
        file.write(data)


def write(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Writes a trace in the format that the suffix names, whole or not at all.

    `.safetensors` is the trace file, `.json` holds what `to_dict` does, `.csv` and `.parquet` the table of
    `trace.table`. CSV is UTF-8 with a header; texts are quoted, numbers are not. As a token can be the text `NA`, read
    it back with `pandas.read_csv(path, keep_default_na=False, na_values=[""])`.

    Raises:
        InputError: the suffix names no format.
        TraceError: `path` is a folder, its folder does not exist, or pyarrow is not installed.
        ResourceError: no permission or no space.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".safetensors":
        save(trace, path)
        return
    writer = _WRITERS.get(suffix)
    if writer is None:
        known = ", ".join([".safetensors", *_WRITERS])
        raise InputError(f'{path} ends in "{suffix}", which names no format; use one of {known}.')
    with write_atomically(path) as file:
        writer(trace, file)


def _write_json(trace: Trace, file: BinaryIO) -> None:
    # Escapes instead of UTF-8: a text can hold half of a surrogate pair. One statistic at a time keeps the lists small.
    head = json.dumps(_described(trace), allow_nan=False)
    file.write(head[:-1].encode("ascii") + b', "values": {')
    for i, name in enumerate(trace):
        values = json.dumps(_listed(trace[name], _unit(name)), allow_nan=False)
        file.write(f"{', ' if i else ''}{json.dumps(name)}: {values}".encode("ascii"))
    file.write(b"}}\n")


def _write_csv(trace: Trace, file: BinaryIO) -> None:
    names = [column.name for column in columns(trace, slice(0, 0))]
    file.write((",".join(names) + "\n").encode())
    for row in range(len(trace.stages)):
        cells = [_cells(column) for column in columns(trace, slice(row, row + 1))]
        text = "".join(",".join(line) + "\n" for line in zip(*cells, strict=True))
        file.write(text.encode("utf-8", "backslashreplace"))


def _cells(column: Column) -> list[str]:
    if column.values.dtype == object:
        # All texts are quoted: which line breaks a reader takes for the end of an unquoted cell differs.
        texts = ['"' + str(text).replace('"', '""') + '"' for text in column.values]
    else:
        texts = column.values.astype("U").tolist()
    if column.missing is None:
        return texts
    return ["" if absent else text for text, absent in zip(texts, column.missing.tolist(), strict=True)]


def _write_parquet(trace: Trace, file: BinaryIO) -> None:
    pa = _imported("pyarrow", "Parquet")
    parquet = _imported("pyarrow.parquet", "Parquet")
    kinds = {"O": pa.string(), "i": pa.int32(), "f": pa.float32()}
    fields = [
        pa.field(column.name, kinds[column.values.dtype.kind], metadata={"unit": column.unit} if column.unit else None)
        for column in columns(trace, slice(0, 0))
    ]
    schema = pa.schema(fields, metadata={"logitscope-trace": json.dumps(header(trace), allow_nan=False)})
    with parquet.ParquetWriter(file, schema) as writer:
        for row in range(len(trace.stages)):
            arrays = [
                pa.array(_encodable(column.values), type=field.type, mask=column.missing)
                for column, field in zip(columns(trace, slice(row, row + 1)), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


_WRITERS: Mapping[str, Callable[[Trace, BinaryIO], None]] = {
    ".json": _write_json,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}


def _described(trace: Trace) -> dict[str, Any]:
    """`to_dict` without its numbers."""
    tokens = trace.tokens
    return header(trace) | {
        "text": tokens.text,
        "ids": tokens.ids.tolist(),
        "tokens": list(tokens.texts),
        "bytes": [piece.hex() for piece in tokens.pieces],
        "spans": tokens.spans.tolist(),
        "special": tokens.special.tolist(),
        "partial": tokens.partial.tolist(),
        "positions": trace.positions.tolist(),
        "context_lengths": trace.context_lengths.tolist(),
        "vocabulary": {str(i): trace.vocabulary.text(i) for i in sorted(trace.vocabulary.pieces)},
    }


def _listed(array: np.ndarray, unit: str) -> list[Any]:
    """Nested lists of numbers, None for what is missing or not finite."""
    flat = array.reshape(-1)
    absent = missing(flat, unit)
    if flat.dtype.kind == "f":
        absent = absent | ~np.isfinite(flat)
        # By way of text: the shortest digits of a float32 are not those of the same number as a float64.
        flat = flat.astype("U").astype(np.float64)
    return _or_none(flat.astype(object), absent).reshape(array.shape).tolist()  # type: ignore[no-any-return]


def _or_none(values: np.ndarray, absent: np.ndarray | None) -> np.ndarray:
    filled = values.copy()
    if absent is not None:
        filled[absent] = None
    return filled


def _contract(name: str) -> Statistic | Derived:
    return STATISTICS[name] if name in STATISTICS else DERIVED[name]


def _unit(name: str) -> str:
    return _contract(name).unit


def _axes(name: str) -> tuple[str, ...]:
    if name in STATISTICS:
        return STATISTICS[name].axes
    return tuple(axis for axis in STATISTICS[DERIVED[name].source].axes if axis != "k")


def _attributes(name: str) -> dict[str, str]:
    return {"units": _unit(name), "long_name": _contract(name).help}


def _encodable(values: np.ndarray) -> np.ndarray:
    """Texts with half surrogate pairs, which names may hold, spelt out."""
    if values.dtype != object:
        return values
    return np.array([str(text).encode("utf-8", "backslashreplace").decode() for text in values], dtype=object)


def _imported(module: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise TraceError(f'{what} needs {package}, which is not installed: pip install "logitscope[data]"') from error
