"""Words that may stand in a blank, found from what stands before it alone: likely tokens, and words of several tokens.

Knows a model and its tokenizer; what stands after the blank is for whoever asks to weigh.
"""

from __future__ import annotations

import codecs
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import regex  # type: ignore[import-untyped]
import torch

from logitscope.editing.reader import Reader, distribution
from logitscope.editing.words import beginning
from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser

__all__ = ["Found", "Lead", "find_words", "lead_of"]

_WIDTH = 32
"""Beginnings of words that are followed up at once."""

_GOES_ON = regex.compile(r"[\p{L}\p{M}\p{N}_'’\u200c\u200d\ufe0f]*")
"""Characters that belong to the word before them."""


@dataclass(frozen=True)
class Lead:
    """What stands before a blank, as tokens.

    Attributes:
        ids: of what is before, without the space that belongs to the word in the blank.
        space: what a token must begin with to fill the blank: that space, or nothing.
        shown: the part of it that is a part of the text; some tokenizers put a space before a text that is none.
    """

    ids: tuple[int, ...]
    space: bytes
    shown: str


@dataclass(frozen=True)
class Found:
    """What was tried.

    Attributes:
        words: texts that may stand in the blank, each once.
        n_tokens: how many single tokens are among them.
        mass: the probability, given what stands before the blank, that the next token is one of those.
    """

    words: tuple[str, ...]
    n_tokens: int
    mass: float


@dataclass(frozen=True)
class _Beginning:
    """Some tokens of a word, and their log-probability (nats)."""

    ids: tuple[int, ...]
    data: bytes
    logprob: float


def lead_of(model: Model, before: str, *, bos: bool = False) -> Lead:
    """How the tokens before a blank end, so that the space before a word stays with the word.

    Most tokenizers write a word and the space before it as one token: after `capital of `, with that space as a token
    of its own, a model sees what it never saw while it learned.

    Raises:
        InputError: nothing stands before the blank.
    """
    tokeniser = model.tokeniser
    if before.endswith(" ") and _spaced_words(tokeniser) and (len(before) > 1 or not _adds_space(tokeniser)):
        before, space, shown = before[:-1], b" ", " "
    elif not before and _adds_space(tokeniser):
        space, shown = b" ", ""
    else:
        space, shown = b"", ""
    ids = beginning(model, bos=bos) if not before else tokeniser.encode(before, bos=bos)[0].ids.tolist()
    if not ids:
        has_bos = tokeniser.hf.bos_token_id is not None
        what = "give bos=True, or put something before it" if has_bos else "put something before it"
        raise InputError(f"nothing stands before the blank, so nothing predicts what is in it; {what}.")
    return Lead(tuple(int(i) for i in ids), space, shown)


def find_words(reader: Reader, last: torch.Tensor, lead: Lead, *, n: int, max_tokens: int) -> Found:
    """The likeliest words after a lead.

    Args:
        reader: has read the lead.
        last: what the head reads at its end.
        lead: what stands before the blank.
        n: single tokens to try; fewer if the vocabulary has fewer that fit.
        max_tokens: of a word. From 2 on a small beam is followed: at each length the 32 likeliest beginnings of words,
            each continued by the tokens that do not begin a further word.
    """
    model = reader.model
    predicted = distribution(model, last)
    logprobs = predicted.logprobs
    singles: list[_Beginning] = []
    parts: list[_Beginning] = []
    seen: set[bytes] = set()
    doubles = 0.0  # a token that writes what another one writes: SentencePiece has single bytes for letters too
    for token_id in predicted.likeliest().tolist():
        one = _Beginning((token_id,), _piece(model.tokeniser, token_id), float(logprobs[token_id]))
        if one.logprob == -np.inf or not one.data.startswith(lead.space):
            continue
        if _is_word(one.data, lead.space):
            doubles += math.exp(one.logprob) if one.data in seen else 0.0
            if one.data not in seen:
                singles.append(one)
            seen.add(one.data)
        elif max_tokens > 1 and len(parts) < _WIDTH and _may_begin(one.data, lead.space):
            parts.append(one)
        if len(singles) == n:
            break
    words = [one.data[len(lead.space) :].decode() for one in singles]
    beam = sorted([*singles, *parts], key=lambda one: -one.logprob)[:_WIDTH]
    for _ in range(max_tokens - 1):
        beam = sorted(_longer(reader, beam, lead.space), key=lambda one: -one.logprob)[:_WIDTH]
        words += [one.data[len(lead.space) :].decode() for one in beam if _is_word(one.data, lead.space)]
    mass = doubles + float(np.exp([one.logprob for one in singles]).sum())
    return Found(tuple(dict.fromkeys(words)), len(singles), min(1.0, mass))


def _longer(reader: Reader, beam: Sequence[_Beginning], space: bytes) -> Iterator[_Beginning]:
    """Every beginning with each of its likeliest continuations within the word."""
    if not beam:
        return
    model = reader.model
    rows = [vectors[:, -1] for vectors in reader.branches(torch.tensor([one.ids for one in beam]))]
    for one, vector in zip(beam, torch.cat(rows), strict=True):
        predicted = distribution(model, vector)
        logprobs, taken = predicted.logprobs, 0
        for token_id in predicted.likeliest().tolist():
            data = one.data + (piece := _piece(model.tokeniser, token_id))
            if piece and logprobs[token_id] > -np.inf and _goes_on(one.data, data, space):
                yield _Beginning((*one.ids, token_id), data, one.logprob + float(logprobs[token_id]))
                taken += 1
            if taken == _WIDTH:
                break


def _piece(tokeniser: Tokeniser, token_id: int) -> bytes:
    """The text of a token; nothing for one that stands for none."""
    vocabulary = tokeniser.vocabulary([token_id])
    return b"" if token_id in vocabulary.special else vocabulary.pieces.get(token_id, b"")


def _is_word(data: bytes, space: bytes) -> bool:
    """Whether this can stand in a blank: whole characters that are seen, after the space that the blank has itself."""
    if not _valid(data):
        return False
    text, rest = _whole(data)
    inside = text[len(space) :]
    seen = all(c.isspace() or unicodedata.category(c) != "Cc" for c in inside)
    return not rest and bool(inside.strip()) and seen and not (space and inside[0].isspace())


def _may_begin(data: bytes, space: bytes) -> bool:
    """Whether it can become a word: the space alone, or a part of a character."""
    if not _valid(data):
        return False
    text, rest = _whole(data)
    return data == space or (bool(rest) and not text[len(space) :].strip())


def _goes_on(before: bytes, after: bytes, space: bytes) -> bool:
    """Whether what was added belongs to the same word."""
    if not _valid(after):
        return False
    had, rest = _whole(before)
    new = _whole(after)[0][len(had) :]
    if rest or len(had) == len(space.decode()):  # completes a character, or is the word's first
        if new[:1].isspace():
            return False
        new = new[1:]
    return _GOES_ON.fullmatch(new) is not None


def _whole(data: bytes) -> tuple[str, bytes]:
    """The whole characters, and the bytes of one that has only begun."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    text = decoder.decode(data)
    return text, decoder.getstate()[0]


def _valid(data: bytes) -> bool:
    """Whether this is the beginning of some text."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _spaced_words(tokeniser: Tokeniser) -> bool:
    """Whether any token is a space with something after it."""
    return any(
        piece.startswith(b" ") and piece.strip()
        for token_id in range(tokeniser.n_tokens)
        if (piece := _piece(tokeniser, token_id))
    )


def _adds_space(tokeniser: Tokeniser) -> bool:
    """Whether a space is put before every text."""
    ids = tokeniser.hf("a", add_special_tokens=False)["input_ids"]
    return b"".join(_piece(tokeniser, int(i)) for i in ids) == b" a"
