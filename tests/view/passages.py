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
