r"""A blank filled in: words that are likely after what stands before it, ranked by the probability of the whole text.

A model that reads from left to right cannot be asked for a blank directly. So it is done in two steps, and the result
says so: the likeliest words are found from what stands before the blank (`tried` of them), then the whole text is read
with each of them in its place, what stands after it included.

Every filled text is read as if it had been typed: it is tokenised as a whole, and its bits are those that a trace of it
has. Where a word and what follows it make one token (`cat` and `s` are ` cats`), that token counts for the word.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from logitscope.editing.blank import BLANK, Blank, find_blank
from logitscope.editing.candidates import find_words, lead_of
from logitscope.editing.endings import score_endings
from logitscope.editing.plain import finite
from logitscope.editing.reader import Reader, logprobs
from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.trace import Tokens

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Candidate", "Fill", "fill"]


@dataclass(frozen=True)
class Candidate:
    """One word in the blank.

    Attributes:
        text: the word.
        ids: the tokens that hold it, in the filled text; the space before it is part of them where tokens have it so.
        logprob: of these tokens, given what stands before (nats).
        suffix_logprob: of the tokens after them, given all before; 0 where nothing follows.
        total_logprob: of the whole text.
        share: its part of the probability of all candidates that were tried; nothing beyond them counts.
        joined: the first or the last of its tokens holds characters around the blank too.
    """

    text: str
    ids: tuple[int, ...]
    logprob: float
    suffix_logprob: float
    total_logprob: float
    share: float = math.nan
    joined: bool = False

    @property
    def prob(self) -> float:
        """Of the word, given what stands before."""
        return math.exp(self.logprob)

    @property
    def total_bits(self) -> float:
        """Of the whole text: the same number as that of its trace."""
        return -self.total_logprob / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Every field and number by its name, ready for JSON."""
        return {
            "text": self.text,
            "ids": list(self.ids),
            "logprob": finite(self.logprob),
            "prob": self.prob,
            "suffix_logprob": finite(self.suffix_logprob),
            "total_logprob": finite(self.total_logprob),
            "total_bits": finite(self.total_bits),
            "share": finite(self.share),
            "joined": self.joined,
        }


@dataclass(frozen=True)
class Fill:
    """A blank, what was tried in it, and what came of it.

    Attributes:
        before, after: the text around the blank.
        candidates: the words that were tried, the likeliest whole text first.
        tried: how many single tokens were tried: the likeliest ones after what stands before the blank.
        n_tokens: how many tokens the model has.
        mass: the probability of those that were tried, given what stands before: what was left out has the rest.
        bos: which prefix stood before the text: `none`, `tokenizer` or `added`.
    """

    before: str
    after: str
    candidates: tuple[Candidate, ...]
    tried: int
    n_tokens: int
    mass: float
    bos: str

    @property
    def tried_words(self) -> int:
        """How many words of several tokens were tried besides."""
        return len(self.candidates) - self.tried

    def filled(self, candidate: Candidate) -> str:
        """The text with a candidate in its blank."""
        return self.before + candidate.text + self.after

    def to_dict(self, n: int | None = None) -> dict[str, Any]:
        """Everything by its name, ready for JSON.

        Args:
            n: only the best so many candidates; their shares stay those among all.
        """
        return {
            "before": self.before,
            "after": self.after,
            "tried": self.tried,
            "tried_words": self.tried_words,
            "n_tokens": self.n_tokens,
            "mass": self.mass,
            "bos": self.bos,
            "candidates": [one.to_dict() for one in self.candidates[:n]],
        }


def fill(
    model: Model,
    text: str,
    *,
    n: int = 200,
    blank: str = BLANK,
    max_tokens: int = 3,
    bos: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Fill:
    r"""Words for the one blank of a text, ranked by the probability of the whole.

    Args:
        model: what reads.
        text: with `____` in it; `\____` stands for underscores.
        n: how many single tokens to try.
        blank: what marks it.
        max_tokens: 1 tries single tokens alone; more also tries words of up to so many.
        bos: put the BOS token first if the tokenizer's own convention does not.
        cancelled: asked between blocks whether nobody waits any more.

    Raises:
        InputError: no blank or several, nothing before it, or a text longer than the model reads at once.
        Cancelled: `cancelled` said so.
    """
    for name, number in (("n", n), ("max_tokens", max_tokens)):
        if not isinstance(number, int | np.integer) or number < 1:
            raise InputError(f"{name}={number!r} was given; it must be a whole number from 1 on.")
    parts = find_blank(text, blank)
    lead = lead_of(model, parts.before, bos=bos)
    reader = Reader(model, cancelled)
    vectors = reader.read(lead.ids)
    found = find_words(reader, vectors[-1], lead, n=n, max_tokens=max_tokens)
    if not found.words:
        raise InputError("no token of this model fits the blank; leave out the space before it.")
    read = [model.tokeniser.encode(parts.filled(word), bos=bos) for word in found.words]
    scores = _whole_texts(reader, vectors, [tokens.ids.tolist() for tokens, _ in read])
    candidates = [
        _candidate(parts, lead.shown, word, tokens, of_tokens)
        for word, (tokens, _), of_tokens in zip(found.words, read, scores, strict=True)
    ]
    return Fill(
        before=parts.before,
        after=parts.after,
        candidates=_ranked(candidates),
        tried=found.n_tokens,
        n_tokens=model.n_tokens,
        mass=found.mass,
        bos=read[0][1],
    )


def _whole_texts(reader: Reader, vectors: Float[Tensor, "position d_model"], rows: list[list[int]]) -> list[np.ndarray]:
    """The log-probability of every token of every text; NaN for the first, which nothing stands before.

    Args:
        reader: has read what stands before the blank.
        vectors: what the head reads there.
        rows: the texts.
    """
    same = 0
    while all(len(row) > same and row[same] == rows[0][same] for row in rows):
        same += 1
    shared = rows[0][:same]
    if not same:
        raise InputError(
            "what is in the blank begins the text's first token, which nothing predicts; give bos=True, or put more "
            "before it."
        )
    if shared[: len(reader.ids)] != reader.ids:
        # What is in the blank changes how what stands before it is read.
        reader = Reader(reader.model, reader.cancelled)
        vectors = reader.read(shared)
    elif more := shared[len(reader.ids) :]:
        vectors = torch.cat([vectors, reader.read(more)])
    further = torch.tensor(shared[1:], dtype=torch.long)
    common = np.concatenate([[np.nan], logprobs(reader.model, vectors[:-1], further)])
    endings = score_endings(reader, vectors[-1], [row[same:] for row in rows])
    return [np.concatenate([common, ending]) for ending in endings]


def _candidate(parts: Blank, shown: str, word: str, tokens: Tokens, scores: np.ndarray) -> Candidate:
    start, end = len(parts.before) - len(shown), len(parts.before) + len(word)
    spans, text = tokens.spans, ~tokens.special
    inside = np.flatnonzero(text & (spans[:, 0] < end) & (spans[:, 1] > start) & (spans[:, 0] < spans[:, 1]))
    first, stop = int(inside[0]), int(inside[-1]) + 1
    return Candidate(
        text=word,
        ids=tuple(int(i) for i in tokens.ids[first:stop]),
        logprob=float(np.nansum(scores[first:stop])),
        suffix_logprob=float(scores[stop:].sum()),
        total_logprob=float(np.nansum(scores)),
        joined=bool(spans[first, 0] < start or spans[stop - 1, 1] > end),
    )


def _ranked(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    totals = np.array([one.total_logprob for one in candidates])
    weights = np.exp(totals - totals.max()) if np.isfinite(totals.max()) else np.ones(len(totals))
    shares = weights / weights.sum()
    order = np.argsort(-totals, kind="stable")
    return tuple(dataclasses.replace(candidates[k], share=float(shares[k])) for k in order)
