"""How texts of many scripts are cut, and what their tokens are called: every case is built again in TypeScript."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, get_args

from logitscope.trace import Tokens
from logitscope.trace.kinds import KINDS, token_kinds
from logitscope.view.labels import flowing, token_label, visible
from logitscope.view.units import By, stretches

TEXTS = [
    "def area(width, height):\n    return width * height  # m\u00b2\n\n\nclass A:\r\n\tpass\r\n",
    "你好。世界！「再见。」他说。没有空格的句子……然后？",
    "これはペンです。ありがとう！ﾊﾛｰ｡",
    "مرحبا بالعالم. هذا نص؟ نعم، إنه كذلك.",
    "שלום עולם! זה טקסט.",
    "นี่คือข้อความภาษาไทย ไม่มีช่องว่าง",
    "नमस्ते दुनिया। यह हिन्दी है।",
    "👩‍🔬👨‍👩‍👧‍👦 🇫🇷🇩🇪 👍🏽 ❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f x\U000e0041y",
    "e\u0301 n\u0303 Z\u0351\u036b\u0343 \u0301alone ﬁ ß ĳ",
    'Mr. J. R. Smith said "Stop!" and left. So did I. No. 5 is e.g. here... Then what?! (Nothing.) [1] Ok',
    "one line\n\n  \nanother\r\r\nthird\u2028fourth\u0085fifth\x1csixth",
    "a\u00a0b\u3000c\u200bd\ufeffe\u2060f\u202dg\u061ch\x00i\x7fj\x9fk",
    "don\u2019t can't snake_case kebab-case 3.14 \u0663\u0664 \u00bd \u2163 $5 a+b=c <b>&amp;</b> `x`",
    "   \n\t ",
    "",
]


def cases() -> Iterator[tuple[list[bytes], bool]]:
    """Each text cut at random places of its bytes, also within characters; with and without a prefix."""
    for i, text in enumerate(TEXTS):
        data = text.encode()
        for j, size in enumerate((1, 3, 6)):
            dice = random.Random(100 * i + j)
            cuts = [0, *(at for at in range(1, len(data)) if dice.random() < 1 / size), len(data)]
            yield [data[a:b] for a, b in pairwise(cuts) if a < b], j == 1


def test_how_texts_are_cut(golden: Callable[[str, Any], None]) -> None:
    drawn = []
    for pieces, bos in cases():
        held = ([b""] if bos else []) + pieces
        tokens = Tokens.from_pieces(
            range(len(held)), held, [bos and i == 0 for i in range(len(held))], names={0: "<s>"}
        )
        drawn.append(
            {
                "bytes": " ".join(piece.hex() for piece in held),
                "bos": bos,
                "text": tokens.text,
                "spans": " ".join(map(str, tokens.spans.ravel().tolist())),
                "lossy": tokens.lossy,
                # In one string each: a golden of some hundred lines can be looked at.
                "stretches": {
                    by: " ".join(f"{s.start}-{s.end}:{s.first}-{s.stop}" for s in stretches(tokens, by))
                    for by in get_args(By)
                },
                "kinds": " ".join(map(str, token_kinds(tokens).tolist())),
                "labels": [token_label(tokens, t) for t in range(len(held))],
                "visible": visible(tokens.text, spaces=True),
                "flowing": flowing(tokens.text),
            }
        )
    golden("units", {"kinds": list(KINDS), "cases": drawn})
