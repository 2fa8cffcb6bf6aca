"""The two texts that the goldens show: prose with an emoji cut into bytes, and source code with a seam."""

from __future__ import annotations

from logitscope.trace import Trace
from tests.traces import make_trace

PROSE = [b"The", b" tide", b" came", b" in", b" \xf0\x9f", b"\x91\xa9", b"\xe2\x80\x8d\xf0\x9f\x94\xac", b".", b"\n"]

CODE = [b"def", b" f", b"(x", b"):", b"\n", b"    ", b"return", b" <b>", b"&", b"\x1b[2J", b"\n"]


def prose() -> Trace:
    return make_trace(PROSE, watch=[b" tide", b"."])


def code() -> Trace:
    return make_trace(CODE, bos=True, seams=(5,), seed=3, stages=("embed", "0.attn", "0.mlp", "1.attn", "1.mlp"))


_SCIENTIST = " 👩\u200d🔬".encode()

SCRIPTS = [
    *("你好".encode(), "。世界".encode(), "！".encode(), _SCIENTIST[:3], _SCIENTIST[3:7], _SCIENTIST[7:]),
    *(piece.encode() for piece in (" na", "i", "\u0308ve", " مرح", "با", " بالعالم", ".", " Mr", ".", " Who", " went")),
    *(piece.encode() for piece in ('!"', "\r\n\r\n", "Then", " nothing", ".", "\t🇫🇷🇩🇪", "\xa0end", "\u202e?", " ")),
]
"""Chinese, an emoji cut into bytes, a combining mark, Arabic, sentences, flags and invisible ink."""


def scripts() -> Trace:
    return make_trace(SCRIPTS, seed=5)


def retold() -> Trace:
    """The prose once more with other words in it, and read by a model that is one block deeper."""
    pieces = [b"The", b" tide", b" ran", b" far", b" in", b".", b"\n"]
    return make_trace(pieces, stages=("embed", "0.mlp", "1.mlp", "2.mlp", "3.mlp"), seed=2)
