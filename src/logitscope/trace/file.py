"""One trace in one safetensors file, and back; torch is not needed for either.

The statistics are tensors under their own names, so that any safetensors reader finds them; what was read is under
`tokens.*`, `vocabulary.*`, `positions` and `context_lengths`. Everything else is JSON in the file's metadata, under the
key `logitscope-trace`. Strings of bytes are one uint8 tensor and their n + 1 offsets. A file is not trusted: each shape
and bound is checked before a Trace is made of it. Knows nothing of other formats, which `trace.export` writes.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from logitscope.errors import InputError, ResourceError, TraceError
from logitscope.trace.atomic import write_atomically
from logitscope.trace.stages import stage_key
from logitscope.trace.statistics import STATISTICS
from logitscope.trace.tokens import Tokens, Vocabulary
from logitscope.trace.trace import Provenance, Trace

__all__ = ["FORMAT", "FORMAT_VERSION", "header", "open_trace", "save", "to_bytes"]

FORMAT = "logitscope-trace"
FORMAT_VERSION = 1

_TOKEN_ID = re.compile("[0-9]{1,10}")

_DTYPES = {"bool": "BOOL", "uint8": "U8", "int32": "I32", "int64": "I64", "float32": "F32"}

_TENSORS = {
    "tokens.ids": "int32",
    "tokens.spans": "int32",
    "tokens.special": "bool",
    "tokens.text": "uint8",
    "tokens.bytes": "uint8",
    "tokens.offsets": "int64",
    "vocabulary.ids": "int32",
    "vocabulary.bytes": "uint8",
    "vocabulary.offsets": "int64",
    "vocabulary.special": "int32",
    "positions": "int32",
    "context_lengths": "int32",
}


def header(trace: Trace) -> dict[str, Any]:
    """All of a trace but its arrays and texts, as strict JSON."""
    provenance = trace.provenance.to_dict()
    check = provenance["self_check"]
    # JSON has no infinity or NaN; as text they survive.
    provenance["self_check"] = check if check is None or math.isfinite(check) else str(float(check))
    held = [STATISTICS[name] for name in trace.arrays]
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "provenance": provenance,
        "stages": list(trace.stages),
        "watched": list(trace.watched),
        "seams": list(trace.seams),
        "lossy": trace.tokens.lossy,
        "names": {str(token_id): name for token_id, name in trace.tokens.names.items()},
        "statistics": {s.name: {"unit": s.unit, "axes": list(s.axes)} for s in held},
    }


def save(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Writes a trace to one file, whole or not at all.

    Args:
        path: where to; the suggested suffix is `.trace.safetensors`.

    Raises:
        TraceError: `path` is a folder, or its folder does not exist.
        ResourceError: no permission, no space, or no memory for the copy that is written.
    """
    with write_atomically(path) as file:
        try:
            content = to_bytes(trace)
        except MemoryError as error:
            raise ResourceError(f"{path} could not be written: no memory for a copy of the trace.") from error
        file.write(content)


def to_bytes(trace: Trace) -> bytes:
    """What `save` writes into the file."""
    tokens, vocabulary = trace.tokens, trace.vocabulary
    vocabulary_ids = sorted(vocabulary.pieces)
    tensors = {
        "tokens.ids": tokens.ids,
        "tokens.spans": tokens.spans,
        "tokens.special": tokens.special,
        # A text can hold half of a surrogate pair, which strict UTF-8 has no bytes for.
        "tokens.text": np.frombuffer(tokens.text.encode("utf-8", "surrogatepass"), dtype=np.uint8),
        "vocabulary.ids": np.array(vocabulary_ids, dtype=np.int32),
        "vocabulary.special": np.array(sorted(vocabulary.special), dtype=np.int32),
        "positions": trace.positions,
        "context_lengths": trace.context_lengths,
        **_packed("tokens", tokens.pieces),
        **_packed("vocabulary", [vocabulary.pieces[token_id] for token_id in vocabulary_ids]),
        **trace.arrays,
    }
    metadata = {FORMAT: json.dumps(header(trace), allow_nan=False)}
    return to_safetensors({name: np.ascontiguousarray(a) for name, a in tensors.items()}, metadata)


def open_trace(path: str | os.PathLike[str]) -> Trace:
    """Reads back a trace that `Trace.save` wrote.

    Raises:
        TraceError: there is no such file, it is no trace, it is damaged or cut short, or a newer version wrote it.
        ResourceError: no permission to read it, or no memory for it.
    """
    if Path(path).is_dir():
        raise TraceError(f"{path} is a folder; name the trace file in it.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise TraceError(f"{path} is a safetensors file, but no trace; traces are written by `Trace.save`.")
            return _Reader(path).trace(metadata[FORMAT], file)
    except FileNotFoundError as error:
        raise TraceError(f"there is no file {path}.") from error
    except SafetensorError as error:
        if _begins_like_a_trace(path):
            raise TraceError(f"{path} is a trace, but damaged or cut short ({error}); write it again.") from error
        raise TraceError(f"{path} is no trace; traces are safetensors files written by `Trace.save`.") from error
    except MemoryError as error:
        raise ResourceError(f"{path} does not fit in memory.") from error
    except OSError as error:
        raise ResourceError(f"{path} could not be read: {error.strerror or error}.") from error


def _packed(name: str, pieces: Iterable[bytes]) -> dict[str, np.ndarray]:
    pieces = list(pieces)
    offsets = np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)
    return {f"{name}.bytes": np.frombuffer(b"".join(pieces), dtype=np.uint8), f"{name}.offsets": offsets}


def _begins_like_a_trace(path: str | os.PathLike[str]) -> bool:
    """Whether a file that cannot be read says that it is a trace: the metadata stands first in the header."""
    with Path(path).open("rb") as file:
        return FORMAT.encode() in file.read(256)


class _Reader:
    """Checks what a file holds, with the path at hand for the message."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path

    def trace(self, text: str, file: Any) -> Trace:
        head = self._header(text)
        tensors = self._tensors(file)
        try:
            vocabulary = self._vocabulary(tensors)
            return Trace(
                tokens=self._tokens(head, tensors),
                stages=self._stages(head),
                positions=tensors["positions"],
                arrays={name: array for name, array in tensors.items() if name in STATISTICS},
                vocabulary=vocabulary,
                provenance=self._provenance(self._field(head, "provenance", dict)),
                watched=self._watched(head),
                context_lengths=tensors["context_lengths"],
                seams=tuple(self._list(head, "seams", int)),
            )
        except InputError as error:
            raise self._damaged(str(error).rstrip(".")) from error

    def _damaged(self, why: str) -> TraceError:
        return TraceError(f"{self._path} is damaged: {why}; write it again.")

    def _require(self, holds: bool, why: str) -> None:
        if not holds:
            raise self._damaged(why)

    def _header(self, text: str) -> dict[str, Any]:
        try:
            head = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged("its header is no JSON") from error
        self._require(isinstance(head, dict), "its header is no JSON object")
        version = self._field(head, "version", int)
        if version > FORMAT_VERSION:
            raise TraceError(
                f"{self._path} was written by a newer Logitscope (format {version}; this one reads up to "
                f"{FORMAT_VERSION}); update logitscope."
            )
        self._require(version >= 1, f"its format version is {version}")
        return head  # type: ignore[no-any-return]

    def _tensors(self, file: Any) -> dict[str, np.ndarray]:
        wanted = _TENSORS | {name: statistic.dtype for name, statistic in STATISTICS.items()}
        names = set(file.keys())
        missing, unknown = sorted(_TENSORS.keys() - names), sorted(names - wanted.keys())
        self._require(not missing, f"it lacks {', '.join(missing)}")
        self._require(not unknown, f"it holds {', '.join(unknown)}, which no trace holds")
        for name in names:
            # The type is checked before numpy sees the data: some types it cannot read at all.
            found = file.get_slice(name).get_dtype()
            self._require(found == _DTYPES[wanted[name]], f"{name} is {found} and not {wanted[name]}")
        tensors = {name: file.get_tensor(name) for name in names}
        for name in names & STATISTICS.keys():
            least = 0 if STATISTICS[name].unit in ("rank", "count") else -1
            whole = tensors[name].dtype == np.int32
            self._require(not whole or (tensors[name] >= least).all(), f"{name} holds numbers below {least}")
        return tensors

    def _stages(self, head: Mapping[str, Any]) -> tuple[str, ...]:
        stages = self._list(head, "stages", str)
        for name in stages:
            stage_key(name)
        return tuple(stages)

    def _watched(self, head: Mapping[str, Any]) -> tuple[int, ...]:
        watched = self._list(head, "watched", int)
        self._require(all(0 <= token_id < 2**31 for token_id in watched), "it watches what can be no token id")
        return tuple(watched)

    def _tokens(self, head: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Tokens:
        names = self._field(head, "names", dict)
        self._require(
            all(_TOKEN_ID.fullmatch(key) and isinstance(name, str) for key, name in names.items()),
            "the names of its special tokens are no texts by id",
        )
        self._require(tensors["tokens.text"].ndim == 1, "its text is no row of bytes")
        try:
            text = tensors["tokens.text"].tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise self._damaged("its text is no UTF-8") from error
        return Tokens(
            text=text,
            ids=tensors["tokens.ids"],
            pieces=tuple(self._unpacked("tokens", tensors)),
            spans=tensors["tokens.spans"],
            special=tensors["tokens.special"],
            lossy=self._field(head, "lossy", bool),
            names={int(key): name for key, name in names.items()},
        )

    def _vocabulary(self, tensors: Mapping[str, np.ndarray]) -> Vocabulary:
        ids, special = tensors["vocabulary.ids"], tensors["vocabulary.special"]
        pieces = self._unpacked("vocabulary", tensors)
        self._require(ids.shape == (len(pieces),) and special.ndim == 1, "its vocabulary does not fit together")
        self._require(len(set(ids.tolist())) == len(ids), "its vocabulary names an id twice")
        return Vocabulary(dict(zip(ids.tolist(), pieces, strict=True)), frozenset(special.tolist()))

    def _unpacked(self, name: str, tensors: Mapping[str, np.ndarray]) -> list[bytes]:
        content, offsets = tensors[f"{name}.bytes"], tensors[f"{name}.offsets"]
        self._require(content.ndim == offsets.ndim == 1 and len(offsets) > 0, f"{name}.bytes is no row of bytes")
        in_order = offsets[0] == 0 and (np.diff(offsets) >= 0).all() and offsets[-1] == len(content)
        self._require(bool(in_order), f"{name}.offsets do not fit {name}.bytes")
        whole, bounds = content.tobytes(), offsets.tolist()
        return [whole[start:end] for start, end in pairwise(bounds)]

    def _provenance(self, found: Mapping[str, Any]) -> Provenance:
        known = {f.name: f for f in fields(Provenance)}
        unknown = sorted(found.keys() - known.keys())
        self._require(not unknown, f"its provenance holds {', '.join(unknown)}, which this version does not know")
        for name, f in known.items():
            required = f.default is MISSING and f.default_factory is MISSING
            self._require(name in found or not required, f"its provenance lacks {name}")
        values = dict(found)
        if isinstance(values.get("self_check"), str):
            self._require(values["self_check"] in ("nan", "inf", "-inf"), "its self-check figure is no number")
            values["self_check"] = float(values["self_check"])
        for name, value in values.items():
            # Annotations are text here, such as "str | None".
            self._require(_FITS[str(known[name].type)](value), f"its provenance says {name} = {value!r:.40}")
        return Provenance(**values)

    def _field(self, head: Mapping[str, Any], name: str, kind: type) -> Any:
        self._require(type(head.get(name)) is kind, f"its header has no {name}")
        return head[name]

    def _list(self, head: Mapping[str, Any], name: str, kind: type) -> list[Any]:
        values: list[Any] = self._field(head, name, list)
        self._require(all(type(value) is kind for value in values), f"its {name} are not what they should be")
        return values


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_FITS: Mapping[str, Callable[[object], bool]] = {
    "str": _is_text,
    "str | None": lambda value: value is None or _is_text(value),
    "int": lambda value: type(value) is int,
    "float | None": lambda value: value is None or type(value) is float or (type(value) is int and abs(value) < 2**53),
    "bool": lambda value: type(value) is bool,
    "Mapping[str, str]": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
}
