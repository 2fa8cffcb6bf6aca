"""What Python's pure parts say, which the browser's engine has again in TypeScript: windows, tokens, blanks, draws.

`python -m pytest tests/web/test_browser_goldens.py --update-goldens` writes them anew. Knows no page and no model.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import torch

from logitscope.editing.blank import find_blank
from logitscope.editing.reader import Distribution
from logitscope.editing.sample import Sampler, draw
from logitscope.errors import InputError
from logitscope.graph.activations import _averaged
from logitscope.model.windows import plan_windows
from logitscope.trace import Tokens

__all__ = ["goldens"]


def goldens() -> dict[str, Any]:
    """Everything, ready for JSON."""
    return {
        "windows": [_windows(*asked) for asked in _WINDOWS],
        "blanks": [_blank(*asked) for asked in _BLANKS],
        "cuts": [_cut(pieces, text) for pieces, text in _CUTS],
        "distributions": [_distribution(seed, size) for seed, size in ((0, 7), (1, 40), (2, 3))],
        "means": [_means(*asked) for asked in _MEANS],
        "halves": {str(bits): _half(bits) for bits in (0x0000, 0x8000, 0x0001, 0x03FF, 0x3C00, 0xC9A0, 0x7BFF, 0x1234)},
        "sums": [{"of": of, "sum": math.fsum(of)} for of in _SUMS],
        "erf": {repr(x): math.erf(x) for x in (0.0, 1e-9, 0.3, -0.7, 1.0, 1.9, 2.4, 2.6, -3.1, 4.5, 6.5)},
        "shortest": {str(x): str(np.array([x], np.float32).astype("U")[0]) for x in _NUMBERS},
    }


_WINDOWS = [
    (5, 8, None, 0), (8, 8, None, 0), (9, 8, None, 0), (40, 8, None, 1), (40, 8, 3, 1), (40, 8, 8, 0), (40, 8, 7, 1),
    (13, 2, None, 1), (100, 0, None, 0), (100, 0, 5, 1), (10, 4, 0, 0), (10, 4, 5, 0), (10, 4, 4, 1), (10, 1, None, 1),
    (10, 1, None, 0), (1, 1, None, 0),
]  # fmt: skip

_BLANKS = [
    ("The ____ sat.", "____"), ("____", "____"), ("a _______ b", "____"), (r"A \____ and a ____ end.", "____"),
    (r"C:\\____ x", "____"), (r"\\\____ and ____", "____"), ("no blank", "____"), ("____ two ____", "____"),
    ("🙂 ____ and ____", "____"), ("x [?] y", "[?]"), (r"x \[?] [?] y", "[?]"), ("a ** b", "**"), ("ab", " "),
    ("ab", ""), ("a\\b", "\\"), ("🙂🙂🙂 x", "🙂"), ("___ short", "____"),
]  # fmt: skip

_CUTS: list[tuple[list[bytes], str | None]] = [
    ([b"the", b" tin"], None), (["\U0001f642".encode()], None), ([b"\xf0\x9f", b"\x99\x82 a"], None),
    ([b"\xf0\x9f"], None), ([b"a\xff\xfe", b"b\xc3"], None), ([b"", b"\xc3\xa9", b"", b"\xc3\xa8"], None),
    ([b"\xe0\x80", b"\x80"], None), ([b"\xed\xa0\x80"], None), ([b"\xf4\x90\x80\x80", b"x"], None),
    ([b"\xef\xbb\xbf", b"a"], None), ([], None), ([b"\xf0\x9f\x99", b"\xf0\x9f\x99\x82"], None),
    ([b"a\xff"], "a\ufffd"), ([b"ab", b"c"], "abc"),
]  # fmt: skip

_SUMS = [[], [0.1] * 10, [1e100, 1.0, -1e100], [1e16, 1.0, 1e-16], [2.0**53, 1.0, 2.0**-30], [-1e-3, 5.0, 1e-20, -5.0]]

_NUMBERS = [0.0, -0.0, 1.0, -2.5, 0.1, 1e-4, 9.99e-5, 1e-5, -3.25e-7, 123456.79, 3.4e38, 1 / 3]

_MEANS = [
    ([5], [[1, 5]], 0), ([5], [[0, 5]], 1), ([4, 6], [[0, 4], [1, 6]], 1), ([4, 6], [[1, 4], [0, 6]], 2),
    ([2, 5, 5], [[1, 2], [0, 5], [0, 5]], 1), ([2, 5, 5], [[0, 2], [2, 5], [0, 4]], 0), ([3, 3], [[0, 3], [0, 3]], 5),
]  # fmt: skip


def _windows(length: int, context: int, stride: int | None, prefix: int) -> dict[str, Any]:
    asked = {"length": length, "context": context, "stride": stride, "prefix": prefix}
    try:
        windows = [vars(window) for window in plan_windows(length, context, stride, prefix)]
    except InputError as error:
        return {**asked, "refused": str(error)}
    return {**asked, "windows": windows}


def _blank(template: str, mark: str) -> dict[str, Any]:
    try:
        return {"text": template, "blank": mark, "found": vars(find_blank(template, mark))}
    except InputError as error:
        return {"text": template, "blank": mark, "refused": str(error)}


def _cut(pieces: list[bytes], text: str | None) -> dict[str, Any]:
    tokens = Tokens.from_pieces(list(range(len(pieces))), pieces, [False] * len(pieces), text)
    return {
        "pieces": [piece.hex() for piece in pieces],
        "given": text,
        "text": tokens.text,
        "spans": tokens.spans.tolist(),
        "lossy": tokens.lossy,
        "tokens": list(tokens.texts),
    }


def _distribution(seed: int, size: int) -> dict[str, Any]:
    logits = np.random.default_rng(seed).normal(0, 3, size + 2).astype(np.float32)
    logits[1] = logits[0]
    predicted = Distribution(logits.astype(np.float64), size)
    samplers = [
        Sampler("greedy"), Sampler("sample"), Sampler("sample", temperature=0.3), Sampler("sample", top_k=2),
        Sampler("sample", top_p=0.6), Sampler("sample", temperature=1.7, top_k=5, top_p=0.8),
        Sampler("sample", temperature=1e-9),
    ]  # fmt: skip
    drawn = []
    for sampler in samplers:
        probs = sampler.probs(predicted)
        rules = {
            "method": sampler.method,
            "temperature": sampler.temperature,
            "topK": sampler.top_k,
            "topP": sampler.top_p,
        }
        ids = [draw(probs, u) for u in (0.0, 0.2, 0.5, 0.77, 0.999, 1 - 2**-53)]
        drawn.append({"rules": rules, "probs": probs.tolist(), "ids": ids})
    return {
        "logits": logits.tolist(),
        "n_tokens": size,
        "logprobs": predicted.logprobs.tolist(),
        "entropy": predicted.entropy,
        "ranks": [predicted.rank(i) for i in range(size)],
        "likeliest": predicted.likeliest().tolist(),
        "drawn": drawn,
    }


def _means(shape: list[int], ranges: list[list[int]], level: int) -> dict[str, Any]:
    data = torch.arange(math.prod(shape)).float().sin().reshape(shape)
    if len(shape) > 1:
        data[..., -1] = torch.nan
    part = data[tuple(slice(a, b) for a, b in ranges)]
    means = part.numpy() if level == 0 else _averaged(part, 2**level)
    listed = [None if math.isnan(x) else x for x in means.reshape(-1).tolist()]
    whole = [None if math.isnan(x) else x for x in data.reshape(-1).tolist()]
    return {
        "data": whole,
        "shape": shape,
        "ranges": ranges,
        "level": level,
        "sizes": list(means.shape),
        "means": listed,
    }


def _half(bits: int) -> float:
    return float(struct.unpack("<e", struct.pack("<H", bits))[0])
