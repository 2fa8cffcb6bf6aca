"""A model that reads on from where it stopped, and what it predicts there.

Keys and values of what was read are kept, so that a further token costs one token, and many endings of one beginning
cost their endings. Knows ids; knows no texts and no tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.model.capture import capture, interruptible
from logitscope.model.decode import Decoder, head_logits
from logitscope.model.explain import plain_memory_errors
from logitscope.model.model import Model
from logitscope.model.prefix import KeyValues, why_not
from logitscope.model.running import exact_products

if TYPE_CHECKING:
    from jaxtyping import Float, Int

__all__ = ["Distribution", "Reader", "distribution", "logprobs"]

_AT_ONCE = 2048
"""Tokens that one pass of many endings may read."""

_BYTES_AT_ONCE = 256 << 20
"""What their keys and values may take, those of the shared beginning counted for each of them."""

_LOGITS_AT_ONCE = 1 << 24
"""Logits that are held while probabilities of single tokens are taken from them."""


@final
class Reader:
    """Reads ids after ids.

    Args:
        model: what reads. One that cannot be run in parts reads everything again each time; its numbers are the same.
        cancelled: asked between blocks whether nobody waits for the result any more.
    """

    def __init__(self, model: Model, cancelled: Callable[[], bool] | None = None) -> None:
        self.model = model
        self.cancelled = cancelled
        self._ids: list[int] = []
        self._held = None if why_not(model) else KeyValues(model)
        self._decoder = Decoder(model.anatomy, model.n_tokens)

    @property
    def ids(self) -> list[int]:
        """What has been read so far."""
        return list(self._ids)

    def read(self, ids: Sequence[int]) -> Float[Tensor, "position d_model"]:
        """What the head reads at each of these ids, which stand after those that were read before.

        Raises:
            InputError: more than the model can read at once, or an id that it does not have.
            Cancelled: `cancelled` said so.
        """
        self.model.require_ids(ids)
        self._require_room(len(ids))
        with self._conditions():
            if self._held is not None:
                vectors = self._held.extend(ids, store=self._decoder.normalise)[self.model.anatomy.last_stage]
            else:
                vectors = self._whole(torch.tensor([[*self._ids, *ids]]))[0, len(self._ids) :]
        self._ids += ids
        return vectors

    def branches(self, rows: Int[Tensor, "row position"]) -> Iterator[Float[Tensor, "some position d_model"]]:
        """What the head reads at each id of each row, a few rows at a time; none of them is remembered."""
        self._require_room(rows.shape[1])
        step = self._at_once(rows.shape[1])
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            with self._conditions():
                if self._held is not None:
                    vectors = self._held.branches(some, store=self._decoder.normalise)
                else:
                    before = torch.tensor([self._ids], dtype=torch.long).expand(len(some), -1)
                    vectors = self._whole(torch.cat([before, some], dim=1))[:, len(self._ids) :]
            yield vectors

    def _at_once(self, length: int) -> int:
        """How many endings of a length are read side by side."""
        if self._held is None:
            return max(1, _AT_ONCE // (len(self._ids) + length))
        each = self._held.n_bytes / max(1, len(self._ids)) * (len(self._ids) + length)
        return max(1, min(_AT_ONCE // length, int(_BYTES_AT_ONCE / max(1.0, each))))

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        anatomy = self.model.anatomy
        with (
            plain_memory_errors(self.model.name),
            exact_products(anatomy.device),
            interruptible(anatomy, self.cancelled),
        ):
            yield

    def _whole(self, rows: Tensor) -> Tensor:
        anatomy, last = self.model.anatomy, self.model.anatomy.last_stage
        found = capture(anatomy, rows, (last,), store=self._decoder.normalise).vectors[last]
        return found.reshape(*rows.shape, -1)

    def _require_room(self, n: int) -> None:
        limit = self.model.anatomy.context_window
        if limit and len(self._ids) + n > limit:
            raise InputError(
                f"the text has {len(self._ids) + n} tokens, and {self.model.name} reads {limit} at once; shorten it."
            )


@dataclass(frozen=True, eq=False)
class Distribution:
    """What the model predicts at one place.

    Attributes:
        logits: `[vocab]`, float64 numbers that were fp32.
        n_tokens: those that the tokenizer knows; further ones are padding, which counts in the normaliser alone.
    """

    logits: np.ndarray
    n_tokens: int

    @property
    def logprobs(self) -> Float[np.ndarray, " vocab"]:
        """Natural-log probabilities (nats)."""
        highest = self.logits.max()
        return np.asarray(self.logits - highest - np.log(np.exp(self.logits - highest).sum()))

    @property
    def entropy(self) -> float:
        """In nats, over all logits."""
        logprobs = self.logprobs
        there = logprobs > -np.inf
        return float(-(np.exp(logprobs[there]) * logprobs[there]).sum())

    def rank(self, token_id: int) -> int:
        """1 + the number of tokens with a higher logit."""
        return 1 + int((self.logits[: self.n_tokens] > self.logits[token_id]).sum())

    def likeliest(self) -> Int[np.ndarray, " token"]:
        """All tokens, the likeliest first; equal ones by id."""
        return np.argsort(-self.logits[: self.n_tokens], kind="stable")


def distribution(model: Model, vector: Float[Tensor, " d_model"]) -> Distribution:
    """What the model predicts where the head reads this vector."""
    return Distribution(head_logits(model.anatomy, vector).cpu().double().numpy(), model.n_tokens)


@torch.no_grad()
def logprobs(
    model: Model, vectors: Float[Tensor, "row d_model"], ids: Int[Tensor, " row"]
) -> Float[np.ndarray, " row"]:
    """The natural-log probability of one token at each of many places, in float64 from fp32 logits."""
    found = []
    step = max(1, _LOGITS_AT_ONCE // model.anatomy.n_vocab)
    for start in range(0, len(ids), step):
        some, wanted = vectors[start : start + step], ids[start : start + step]
        z = head_logits(model.anatomy, some)
        z = z if z.device.type == "mps" else z.double()  # which has no float64
        one = z.gather(1, wanted.to(z.device)[:, None]).squeeze(1) - z.logsumexp(1)
        found.append(one.cpu().double().numpy())
    return np.concatenate(found) if found else np.zeros(0)
