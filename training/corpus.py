"""What the embedded models read: books, Python's own source, and passages that repeat themselves.

Knows files and token ids; knows nothing of models or optimisers.

Every block of tokens is a pure function of (seed, step, row), so a run that was stopped and resumed
reads exactly what an uninterrupted run would have read.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END_OF_TEXT = "<|endoftext|>"

CODE_SHARE = 0.14
"""Share of training rows that are source code."""

REPEAT_SHARE = 0.09
"""Share of training rows that repeat themselves, half of them random ids, half real passages."""

HELD_OUT_CODE_IN = 20
"""One source file in this many (chosen by a hash of its name) is never trained on."""


@dataclass(frozen=True)
class Document:
    """One book or one source file."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def books(folder: Path, split: str) -> Iterator[Document]:
    """The books of `books-{split}*.jsonl.xz`, in file order."""
    paths = sorted(folder.glob(f"books-{split}*.jsonl.xz"))
    if not paths:
        raise SystemExit(f"{folder} holds no books-{split}*.jsonl.xz; give the folder that does with --corpus.")
    for path in paths:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                yield Document(f"{record['author']}: {record['title']}", record["text"])


def source_files(*, held_out: bool) -> Iterator[Document]:
    """Python's standard library without its tests, split by a hash of each file's name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if any(part in {"test", "tests", "site-packages", "lib2to3", "idlelib", "idle_test"} for part in path.parts):
            continue
        chosen = int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT_CODE_IN == 0
        if chosen is held_out:
            text = path.read_text(encoding="utf-8", errors="replace")
            if len(text) > 200:
                yield Document(f"python/{name}", text)


def train_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE in GPT-2's manner: no normaliser, no prefix space, every byte reachable."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode_stream(tokenizer: Tokenizer, documents: list[Document]) -> np.ndarray:
    """All documents as one int32 stream, each begun by the end-of-text id."""
    start = np.array([tokenizer.token_to_id(END_OF_TEXT)], dtype=np.int32)
    pieces: list[np.ndarray] = []
    for document in documents:
        paragraphs = document.text.splitlines(keepends=True)
        # Long texts are cut at line ends only so that both cores can work; merges never cross a line end.
        chunks = ["".join(paragraphs[i : i + 400]) for i in range(0, len(paragraphs), 400)]
        pieces.append(start)
        pieces += [np.array(e.ids, dtype=np.int32) for e in tokenizer.encode_batch(chunks, add_special_tokens=False)]
    return np.concatenate(pieces)


@dataclass(frozen=True)
class Mixture:
    """Rows of `length + 1` ids drawn from prose, code and repetitions."""

    prose: np.ndarray
    code: np.ndarray
    vocab_size: int
    length: int
    seed: int

    def rows(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of one step.

        Returns:
            ids `[count, length + 1]` and a mask of the same shape that is 0 where a token cannot be
            foreseen (the first copy of random ids) and therefore is not learned from.
        """
        ids = np.empty((count, self.length + 1), dtype=np.int64)
        mask = np.ones((count, self.length + 1), dtype=np.float32)
        for row in range(count):
            rng = np.random.default_rng((self.seed, step, row))
            kind = rng.random()
            if kind < REPEAT_SHARE / 2:
                ids[row], mask[row] = self._random_repeat(rng)
            elif kind < REPEAT_SHARE:
                ids[row] = self._passage_repeat(rng)
            elif kind < REPEAT_SHARE + CODE_SHARE:
                ids[row] = _span(self.code, self._sweep(rng, self.code), self.length + 1)
            else:
                ids[row] = _span(self.prose, self._sweep(rng, self.prose), self.length + 1)
        return ids, mask

    def polishing_rows(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch of one of the last steps, which teach when to stop copying.

        `rows` repeats without end, and a model that has read only those goes on repeating itself for ever. Here what is
        repeated comes twice and the text goes on, and short phrases are said again a few times and then left.

        Returns:
            ids and mask as from `rows`.
        """
        ids = np.empty((count, self.length + 1), dtype=np.int64)
        mask = np.ones((count, self.length + 1), dtype=np.float32)
        for row in range(count):
            rng = np.random.default_rng((self.seed, step, row))
            kind = rng.random()
            if kind < 0.07:
                ids[row], mask[row] = self._said_twice(rng, random_ids=rng.random() < 0.6)
            elif kind < 0.19:
                ids[row], mask[row] = self._interrupted_loops(rng)
            elif kind < 0.19 + CODE_SHARE:
                ids[row] = _span(self.code, self._sweep(rng, self.code), self.length + 1)
            else:
                ids[row] = _span(self.prose, self._sweep(rng, self.prose), self.length + 1)
        return ids, mask

    def _said_twice(self, rng: np.random.Generator, random_ids: bool) -> tuple[np.ndarray, np.ndarray]:
        total = self.length + 1
        text = _span(self.prose, self._sweep(rng, self.prose), total)
        lead, period, gap = int(rng.integers(0, 96)), int(rng.integers(24, 160)), int(rng.integers(0, 64))
        if random_ids:
            unit, gap = rng.integers(1, self.vocab_size, size=period), 0
        else:
            unit = _span(self.prose, self._sweep(rng, self.prose), period)
        parts = [text[:lead], unit, text[lead : lead + gap], unit, text[lead + gap :]]
        mask = np.ones(total, dtype=np.float32)
        if random_ids:
            mask[lead : lead + period] = 0
        return np.concatenate(parts)[:total], mask

    def _interrupted_loops(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Prose in which short phrases are said again up to three times; only what follows them is learned."""
        total = self.length + 1
        text = _span(self.prose, self._sweep(rng, self.prose), total)
        ids: list[np.ndarray] = []
        learned: list[np.ndarray] = []
        at = 0
        while at < total:
            stretch = int(rng.integers(16, 64))
            said = text[at : at + stretch]
            phrase = np.tile(said[-int(rng.integers(2, 14)) :], int(rng.integers(1, 4)))
            ids += [said, phrase]
            learned += [np.ones(len(said), dtype=np.float32), np.zeros(len(phrase), dtype=np.float32)]
            at += stretch
        return np.concatenate(ids)[:total], np.concatenate(learned)[:total]

    def _sweep(self, rng: np.random.Generator, stream: np.ndarray) -> int:
        return int(rng.integers(0, len(stream) - self.length - 1))

    def _random_repeat(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        period = int(rng.integers(8, 128))
        unit = rng.integers(1, self.vocab_size, size=period)
        ids = np.resize(unit, self.length + 1)
        mask = np.ones(self.length + 1, dtype=np.float32)
        mask[:period] = 0
        return ids, mask

    def _passage_repeat(self, rng: np.random.Generator) -> np.ndarray:
        stream = self.code if rng.random() < 0.3 else self.prose
        total = self.length + 1
        lead = _span(stream, self._sweep(rng, stream), int(rng.integers(0, total // 4)))
        period = int(rng.integers(16, total // 2))
        unit = _span(stream, self._sweep(rng, stream), period)
        gap = _span(stream, self._sweep(rng, stream), int(rng.integers(0, total // 4)))
        return np.resize(np.concatenate([lead, unit, gap, unit, unit]), total)


def _span(stream: np.ndarray, start: int, length: int) -> np.ndarray:
    return stream[start : start + length]
