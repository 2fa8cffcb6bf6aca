"""How likely any named token or word is at a place, whether or not it is among the likeliest.

A word of several tokens has the product of their probabilities (the chain rule).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitscope.editing.endings import score_endings
from logitscope.editing.plain import finite
from logitscope.editing.reader import Reader, distribution
from logitscope.editing.words import Source, Wanted, ids_of, text_of, token_position
from logitscope.errors import InputError
from logitscope.model.model import Model

__all__ = ["Answer", "ask"]


@dataclass(frozen=True)
class Answer:
    """How likely one token or word is.

    Attributes:
        text: what was asked for, as its tokens write it.
        ids: its tokens.
        token_logprobs: the natural-log probability of each, after those before it (nats).
        rank: of a single token, from 1; None for several, which no list ranks.
        position: of the token that it would follow.
    """

    text: str
    ids: tuple[int, ...]
    token_logprobs: tuple[float, ...]
    rank: int | None
    position: int

    @property
    def logprob(self) -> float:
        """Of the whole, in nats."""
        return math.fsum(self.token_logprobs)

    @property
    def prob(self) -> float:
        return math.exp(self.logprob)

    @property
    def bits(self) -> float:
        """Its surprisal."""
        return -self.logprob / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Every field and number by its name, ready for JSON."""
        return {
            "text": self.text,
            "ids": list(self.ids),
            "token_logprobs": [finite(x) for x in self.token_logprobs],
            "logprob": finite(self.logprob),
            "prob": self.prob,
            "bits": finite(self.bits),
            "rank": self.rank,
            "position": self.position,
        }


def ask(
    model: Model,
    source: Source,
    position: int,
    tokens: Wanted | Sequence[Wanted],
    *,
    bos: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> list[Answer]:
    """The probability of tokens and words right after a position, in the order in which they were named.

    Args:
        model: whom to ask.
        source: a text, token ids, or a trace.
        position: of the token that they would follow; negative from the end, −1 for what follows the text.
        tokens: one text or id, or a list of texts, ids and lists of ids.
        bos: put the BOS token first if it is not there.
        cancelled: asked between blocks whether nobody waits any more.

    Raises:
        InputError: something named does not exist, or the text does not fit the model's window.
        Cancelled: `cancelled` said so.
    """
    named: list[Wanted] = [tokens] if isinstance(tokens, str | int | np.integer) else list(tokens)
    if not named:
        raise InputError("no tokens were named; name at least one, such as ' Paris'.")
    text = text_of(model, source, bos=bos)
    at, _ = token_position(text.tokens, position)
    rows = [ids_of(model.tokeniser, one) for one in named]
    for one, row in zip(named, rows, strict=True):
        if not row:
            raise InputError(f"{one!r} was named, which is no token; give at least one character.")
        model.require_ids(row)
        for token_id in row:
            if token_id >= model.n_tokens:
                raise InputError(
                    f"token id {token_id} was named, but this model's vocabulary is 0 to {model.n_tokens - 1}."
                )
    reader = Reader(model, cancelled)
    last = reader.read(text.ids[: at + 1])[-1]
    predicted = distribution(model, last)
    scores = score_endings(reader, last, rows)
    return [
        Answer(
            text=b"".join(model.tokeniser.bytes_of(i) for i in row).decode("utf-8", "logitscope.hex"),
            ids=tuple(row),
            token_logprobs=tuple(float(x) for x in of_row),
            rank=predicted.rank(row[0]) if len(row) == 1 else None,
            position=at,
        )
        for row, of_row in zip(rows, scores, strict=True)
    ]
