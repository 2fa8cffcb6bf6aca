"""How a stream of pieces is cut: each frame is its kind (1 byte), its length (4 bytes, little-endian), its payload.

Knows no HTTP and no model.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

from pydantic import BaseModel

from logitscope.errors import InputError

__all__ = ["END", "MEDIA_TYPE", "Kind", "frame", "said", "split"]

MEDIA_TYPE = "application/vnd.logitscope.frames"

_HEAD = struct.Struct("<BI")


class Kind(IntEnum):
    """What a frame holds."""

    PIECE = 0
    """A piece of a trace, exactly the bytes that `Trace.save` writes."""
    SAID = 1
    """JSON: a Progress of a trace, a Step of a continuation."""
    FAILED = 2
    """JSON: a Failure. Nothing follows."""
    END = 3
    """Nothing: everything was sent. A stream that stops without it was cut."""


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """One frame.

    >>> frame(Kind.END)
    b'\\x03\\x00\\x00\\x00\\x00'
    """
    return _HEAD.pack(kind, len(payload)) + payload


def said(kind: Kind, message: BaseModel) -> bytes:
    """One frame of JSON."""
    return frame(kind, message.model_dump_json().encode())


END = frame(Kind.END)


def split(stream: bytes) -> Iterator[tuple[Kind, bytes]]:
    """The frames of a whole stream.

    Raises:
        InputError: it is cut within a frame, or no such stream.
    """
    at = 0
    while at < len(stream):
        if at + _HEAD.size > len(stream):
            raise InputError("the stream of frames was cut short; ask again.")
        kind, length = _HEAD.unpack_from(stream, at)
        at += _HEAD.size
        if kind not in Kind.__members__.values() or at + length > len(stream):
            raise InputError("the stream of frames was cut short, or is none; ask again.")
        yield Kind(kind), stream[at : at + length]
        at += length
