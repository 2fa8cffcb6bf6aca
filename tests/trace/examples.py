"""Texts that have broken tools before, and traces of them with made-up numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from logitscope.trace import Provenance, Tokens, Trace, Vocabulary, stage_key
from logitscope.trace.statistics import BINS, SAMPLES_PER_BIN, STATISTICS

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one grapheme of five code points and 18 bytes

NASTY = [
    "",
    "a",
    "The Eiffel Tower is in Rome.\n\nThe end",
    f"hi {FAMILY}!",
    "مرحبا بالعالم",
    "שָׁלוֹם עולם",
    "one\r\ntwo\r\n\r\nthree\rfour\n",
    "if x:\n\treturn\t1\n",
    "nul\x00nul",
    "<b>&amp;</b> \"quoted, 'so'\"",
    "我喜歡你",
    "e\u0301\ufeff\u00a0\u2028x",
    "   \n\n  ",
    "NA,null\n#12",
    "half a pair \ud83d alone",
    "\ud83d\ude00",
]

texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=24), st.text("ab \n\r\t.é我\U0001f600'1_", max_size=24))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def cut(text: str, sizes: Sequence[int], bos: bool = False) -> Tokens:
    """A text cut into tokens of these many bytes, the rest in one, as a byte-level tokenizer might."""
    left, pieces = encoded(text), []
    for size in sizes:
        pieces.append(left[:size])
        left = left[size:]
    pieces = [piece for piece in [*pieces, left] if piece]
    ids = [int.from_bytes(piece[:3], "big") for piece in pieces]
    front = [0] if bos else []
    return Tokens.from_pieces(
        [*front, *ids],
        [*(b"" for _ in front), *pieces],
        [*(True for _ in front), *(False for _ in ids)],
        text=text,
        names={0: "<s>"} if bos else None,
    )


@st.composite
def tokens(draw: st.DrawFn) -> Tokens:
    text = draw(texts)
    return cut(text, draw(st.lists(st.integers(1, 5), max_size=len(encoded(text)))), draw(st.booleans()))


STAGES = ["embed", "0.attn", "0.mlp", "1.mlp", "10.attn", "10.mlp"]


def trace_of(
    read: Tokens,
    stages: Sequence[str] = ("embed", "0.mlp"),
    names: Sequence[str] = tuple(STATISTICS),
    k: int = 2,
    watched: Sequence[int] = (5, 7),
    seed: int = 0,
) -> Trace:
    """A trace whose numbers are random, some of them missing."""
    random = np.random.default_rng(seed)
    sizes = {"stage": len(stages), "position": len(read), "k": k, "watch": len(watched)}
    sizes |= {"bin": BINS, "sample": SAMPLES_PER_BIN}
    arrays = {}
    for name in names:
        shape = [sizes[axis] for axis in STATISTICS[name].axes]
        if STATISTICS[name].dtype == "int32":
            arrays[name] = random.integers(-1 if STATISTICS[name].is_id else 0, 300, shape).astype(np.int32)
        else:
            arrays[name] = np.where(random.random(shape) < 0.1, np.nan, -random.random(shape) * 20).astype(np.float32)
    if "next_logprob" in arrays:
        arrays["next_logprob"][:, -1:] = np.nan
    return Trace(
        tokens=read,
        stages=tuple(stages),
        positions=np.arange(len(read)),
        arrays=arrays,
        vocabulary=Vocabulary({i: bytes([i % 256, 128 + i % 64]) for i in range(300)} | {0: b"<s>"}, frozenset({0})),
        provenance=Provenance(
            "tiny",
            "GPT2LMHeadModel",
            "float32",
            self_check=1e-7,
            bos="none",
            created="2026-01-01",
            versions={"numpy": "2"},
        ),
        watched=tuple(watched),
        context_lengths=np.arange(1, len(read) + 1),
        seams=(1,) if len(read) > 1 else (),
    )


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    names = draw(st.lists(st.sampled_from(list(STATISTICS)), unique=True))
    stages = sorted(draw(st.lists(st.sampled_from(STAGES), unique=True)), key=stage_key)
    watched = draw(st.lists(st.integers(0, 400), max_size=2))
    return trace_of(draw(tokens()), stages, names, draw(st.integers(1, 3)), watched, draw(st.integers(0, 99)))
