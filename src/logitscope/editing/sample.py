"""A text goes on: the likeliest token each time, or one drawn at random.

What the model predicts is one thing and what is drawn from is another: a step says the first (`logprob`, `rank`,
`entropy`) and the second (`prob`), each by its own name. The order of the rules is the usual one: temperature, top-k,
top-p. Knows a model and its tokenizer.

Source: Holtzman et al., 2020, The curious case of neural text degeneration (top-p).
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from logitscope.editing.plain import finite
from logitscope.editing.reader import Distribution, Reader, distribution
from logitscope.editing.words import Source, Wanted, beginning, ids_of, text_of
from logitscope.errors import InputError
from logitscope.model.model import Model

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Method", "Sampler", "Step", "ends_of", "sample"]

Method = Literal["greedy", "sample"]

Ended = Literal["length", "eos", "window"]


@dataclass(frozen=True)
class Step:
    """One further token.

    Attributes:
        position: where it stands.
        id: which one.
        piece: its bytes; those of a special token are its name.
        text: the characters that it completed. Parts of a character come with the token that holds its last byte; a
            special token has none. Joined, the texts of all steps are the continuation.
        logprob: its natural-log probability (nats) as the model predicts it, whatever is done before drawing.
        prob: the probability with which it was drawn: after temperature, top-k and top-p. 1 where the likeliest is
            taken; 0 for one that was named and could not have been drawn.
        rank: among all tokens, from 1.
        entropy: of what the model predicted (nats).
        special: it stands for no text.
        named: it was not drawn but asked for, as `first`.
        ended: why no token follows: `length` (as many as asked for), `eos` (the model ended the text) or `window`
            (the text fills what the model can read at once); None otherwise.
    """

    position: int
    id: int
    piece: bytes
    text: str
    logprob: float
    prob: float
    rank: int
    entropy: float
    special: bool = False
    named: bool = False
    ended: Ended | None = None

    @property
    def bits(self) -> float:
        """Its surprisal."""
        return -self.logprob / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, ready for JSON; bytes in hexadecimal."""
        return {
            "position": self.position,
            "id": self.id,
            "bytes": self.piece.hex(),
            "text": self.text,
            "logprob": finite(self.logprob),
            "bits": finite(self.bits),
            "prob": self.prob,
            "rank": self.rank,
            "entropy": finite(self.entropy),
            "special": self.special,
            "named": self.named,
            "ended": self.ended,
        }


@dataclass(frozen=True)
class Sampler:
    """How the next token is chosen.

    Attributes:
        method: `greedy` (the likeliest; of equal ones the lowest id) or `sample`.
        temperature: logits are divided by it.
        top_k: only this many of the likeliest may be drawn; of equal ones the lowest ids.
        top_p: only the fewest likeliest tokens that have this much probability together.

    Raises:
        InputError: a value out of range, or one that the method does not use.
    """

    method: Method = "greedy"
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise InputError(f'method="{self.method}" was given; it is "greedy" or "sample".')
        used = {"temperature": self.temperature != 1, "top_k": self.top_k is not None, "top_p": self.top_p is not None}
        idle = [name for name, given in used.items() if given]
        if self.method == "greedy" and idle:
            raise InputError(f'{idle[0]} was given, which greedy does not use; add method="sample", or leave it out.')
        if not (isinstance(self.temperature, int | float) and 0 < self.temperature < math.inf):
            raise InputError(
                f'temperature={self.temperature} was given; it must be above 0. The likeliest token is method="greedy".'
            )
        if self.top_k is not None and not (isinstance(self.top_k, int | np.integer) and self.top_k >= 1):
            raise InputError(f"top_k={self.top_k} was given; it must be a whole number from 1 on.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p} was given; it must be above 0 and at most 1.")

    def probs(self, predicted: Distribution) -> Float[np.ndarray, " token"]:
        """The probability of drawing each token; what the tokenizer does not know is never drawn."""
        z = predicted.logits[: predicted.n_tokens]
        if self.method == "greedy":
            chosen = np.zeros(len(z))
            chosen[int(z.argmax())] = 1.0
            return chosen
        with np.errstate(over="ignore"):  # a very low temperature leaves the likeliest alone
            z = (z - z.max()) / self.temperature
        kept = np.exp(z)
        if self.top_k is not None or (self.top_p is not None and self.top_p < 1):
            order = np.argsort(-z, kind="stable")[: self.top_k]
            mass = np.cumsum(kept[order] / kept[order].sum())
            if self.top_p is not None and self.top_p < 1:
                order = order[: int(np.searchsorted(mass, self.top_p)) + 1]
            alone = np.zeros(len(z))
            alone[order] = kept[order]
            kept = alone
        return np.asarray(kept / kept.sum())


def draw(probs: Float[np.ndarray, " token"], uniform: float) -> int:
    """The token at which the sum of probabilities, taken in the order of ids, passes a number from [0, 1).

    In the order of ids rather than of probability, so that two machines whose probabilities differ in the last digit
    draw the same token all but always.
    """
    sums = np.cumsum(probs)
    chosen = int(np.searchsorted(sums, uniform * sums[-1], side="right"))
    # Rounding may put the number at the very end, behind which no token is.
    return min(chosen, int(np.flatnonzero(probs)[-1]))


def sample(
    model: Model,
    source: Source,
    *,
    n: int,
    method: Method = "greedy",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    first: Wanted | None = None,
    stop_at_eos: bool = True,
    bos: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Step]:
    """One token after another, each as soon as it is there; closing the iterator ends the work.

    Everything is checked here, before the first step is asked for. `first` is taken as if it had been drawn, and the
    seed's numbers go on as if it had been: naming the token that would have been drawn changes nothing.

    Raises:
        InputError: an option does not fit, or the text fills the model's window already.
    """
    sampler = Sampler(method, temperature, top_k, top_p)
    if not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"n={n!r} was given; it takes at least 1 further token.")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r} was given; it must be a whole number from 0 on.")
    ids = beginning(model, bos=bos) if isinstance(source, str) and not source else text_of(model, source, bos=bos).ids
    if not ids:
        raise InputError("there is nothing to go on from; give at least one character, or bos=True.")
    named = [] if first is None else ids_of(model.tokeniser, first)
    model.require_ids(named)
    limit = model.anatomy.context_window
    if limit and len(ids) >= limit:
        raise InputError(
            f"the text has {len(ids)} tokens, and {model.name} reads {limit} at once, so none can be added; shorten it."
        )
    return _steps(
        model, ids, named, sampler, int(n), np.random.Generator(np.random.PCG64(seed)), stop_at_eos, cancelled
    )


def _steps(
    model: Model,
    ids: list[int],
    named: list[int],
    sampler: Sampler,
    n: int,
    generator: np.random.Generator,
    stop_at_eos: bool,
    cancelled: Callable[[], bool] | None,
) -> Iterator[Step]:
    reader = Reader(model, cancelled)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(b"".join(_bytes(model, i) for i in ids))  # a text of ids may end within a character
    limit = model.anatomy.context_window
    ends = ends_of(model) if stop_at_eos else frozenset()
    given, fed = len(ids), ids
    for number in range(n):
        predicted = distribution(model, reader.read(fed)[-1])
        probs = sampler.probs(predicted)
        uniform = float(generator.random())
        chosen = named[number] if number < len(named) else draw(probs, uniform)
        fed = [chosen]
        piece = model.tokeniser.vocabulary([chosen]).pieces.get(chosen, b"")
        ended: Ended | None = None
        if chosen in ends:
            ended = "eos"
        elif number + 1 == n:
            ended = "length"
        elif limit and given + number + 1 >= limit:
            ended = "window"
        yield Step(
            position=given + number,
            id=chosen,
            piece=piece,
            text=decoder.decode(_bytes(model, chosen), final=ended is not None),
            logprob=float(predicted.logprobs[chosen]),
            prob=float(probs[chosen]) if chosen < len(probs) else 0.0,
            rank=predicted.rank(chosen),
            entropy=predicted.entropy,
            special=chosen in model.tokeniser.special_ids,
            named=number < len(named),
            ended=ended,
        )
        if ended is not None:
            return


def _bytes(model: Model, token_id: int) -> bytes:
    """What a token adds to the text: nothing if it is special, or an id that the tokenizer has no token for."""
    vocabulary = model.tokeniser.vocabulary([token_id])
    return b"" if token_id in vocabulary.special else vocabulary.pieces.get(token_id, b"")


def ends_of(model: Model) -> frozenset[int]:
    """The tokens that the model, or else its tokenizer, says that a text ends with."""
    named: Any = getattr(getattr(model.hf, "generation_config", None), "eos_token_id", None)
    if named is None:
        named = model.tokeniser.hf.eos_token_id
    if named is None:
        return frozenset()
    return frozenset(int(i) for i in (named if isinstance(named, list | tuple) else [named]))
