"""What an edit did to a text's likelihood: the bits of every later token before it and after it.

Works on two traces of the last stage; runs no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from logitscope.editing.plain import finite
from logitscope.errors import InputError
from logitscope.trace import Trace
from logitscope.trace.summary import token_bits

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["Change", "ChangedToken", "Part"]

Part = Literal["removed", "inserted", "later"]


@dataclass(frozen=True)
class ChangedToken:
    """One token that the edit touched, or that comes after it.

    Attributes:
        part: `removed`, `inserted`, or `later`: the same token in both texts.
        token: what to show for it.
        id: which one.
        position_before, position_after: where it stands in each text; None where it does not.
        bits_before, bits_after: its surprisal in each text; None where it does not stand there or nothing is before it.
    """

    part: Part
    token: str
    id: int
    position_before: int | None
    position_after: int | None
    bits_before: float | None
    bits_after: float | None

    @property
    def change(self) -> float | None:
        """Bits after less bits before; None where one of them is missing."""
        if self.bits_before is None or self.bits_after is None:
            return None
        return self.bits_after - self.bits_before

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, ready for JSON."""
        return {
            "part": self.part,
            "token": self.token,
            "id": self.id,
            "position_before": self.position_before,
            "position_after": self.position_after,
            "bits_before": _json(self.bits_before),
            "bits_after": _json(self.bits_after),
            "change": _json(self.change),
        }


@dataclass(frozen=True, eq=False)
class Change:
    """A text before and after some of its tokens were replaced, the others kept as ids.

    Attributes:
        before, after: traces of the last stage.
        position: the first token that was replaced, in both texts.
        removed, inserted: how many tokens went and came.
        retokenised: the ids that the edited text has when it is read as text; None where they are these.
    """

    before: Trace
    after: Trace
    position: int
    removed: int
    inserted: int
    retokenised: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        b, a = self.before.ids, self.after.ids
        start, at, to = self.position, self.position + self.removed, self.position + self.inserted
        if b[:start].tolist() != a[:start].tolist() or b[at:].tolist() != a[to:].tolist():
            raise InputError(f"these texts differ in more than the {self.removed} tokens from position {start} on.")

    def __repr__(self) -> str:
        return (
            f"Change({self._shown(self.before, self.removed)!r} to {self._shown(self.after, self.inserted)!r} at "
            f"{self.position}: {self.total_before:.1f} to {self.total_after:.1f} bits)"
        )

    @property
    def ids(self) -> list[int]:
        """Of the edited text; `scope.trace(ids=...)` reads them as they are."""
        return [int(i) for i in self.after.ids]

    @property
    def text(self) -> str:
        """The edited one."""
        return self.after.tokens.text

    @property
    def later_before(self) -> Float[np.ndarray, " token"]:
        """Bits of the tokens after the edit, in the text as it was; NaN where nothing stands before one."""
        return token_bits(self.before).astype(np.float64)[self.position + self.removed :]

    @property
    def later_after(self) -> Float[np.ndarray, " token"]:
        """Bits of the same tokens, in the same order, in the edited text."""
        return token_bits(self.after).astype(np.float64)[self.position + self.inserted :]

    @property
    def later_change(self) -> Float[np.ndarray, " token"]:
        """After less before: above 0 where the edit made a token more surprising."""
        return np.asarray(self.later_after - self.later_before)

    @property
    def total_before(self) -> float:
        """Bits of the whole text as it was, over the tokens that something stands before."""
        return _total(token_bits(self.before))

    @property
    def total_after(self) -> float:
        """Bits of the edited text."""
        return _total(token_bits(self.after))

    @property
    def windowed(self) -> bool:
        """Whether a later token was read with another number of tokens before it than the edit explains.

        Texts longer than the model's window are read in several, whose places move with the number of tokens.
        """
        was = self.before.context_lengths[self.position + self.removed :] + self.inserted - self.removed
        return bool((was != self.after.context_lengths[self.position + self.inserted :]).any())

    @property
    def tokens(self) -> tuple[ChangedToken, ...]:
        """Those removed, those inserted, and all later ones."""
        return (
            *self._tokens("removed", self.position, self.position + self.removed),
            *self._tokens("inserted", self.position, self.position + self.inserted),
            *self._tokens("later", self.position + self.inserted, len(self.after.tokens)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything by its name, ready for JSON."""
        return {
            "text_before": self.before.tokens.text,
            "text": self.text,
            "ids_before": self.before.ids.tolist(),
            "ids": self.ids,
            "position": self.position,
            "removed": self.removed,
            "inserted": self.inserted,
            "total_bits_before": finite(self.total_before),
            "total_bits_after": finite(self.total_after),
            "later_bits_before": finite(_total(self.later_before)),
            "later_bits_after": finite(_total(self.later_after)),
            "retokenised": None if self.retokenised is None else list(self.retokenised),
            "windowed": self.windowed,
            "tokens": [token.to_dict() for token in self.tokens],
        }

    def _tokens(self, part: Part, first: int, stop: int) -> list[ChangedToken]:
        before, after = token_bits(self.before), token_bits(self.after)
        trace = self.before if part == "removed" else self.after
        shift = self.inserted - self.removed if part == "later" else 0
        found = []
        for at in range(first, stop):
            was, is_ = (None if part == "inserted" else at - shift), (None if part == "removed" else at)
            found.append(
                ChangedToken(
                    part=part,
                    token=trace.tokens[at],
                    id=int(trace.ids[at]),
                    position_before=was,
                    position_after=is_,
                    bits_before=None if was is None else _or_none(before[was]),
                    bits_after=None if is_ is None else _or_none(after[is_]),
                )
            )
        return found

    def _shown(self, trace: Trace, n: int) -> str:
        return "".join(trace.tokens.texts[self.position : self.position + n])


def _total(bits: np.ndarray) -> float:
    return float(np.nansum(bits, dtype=np.float64))


def _or_none(bits: np.floating[Any]) -> float | None:
    return None if np.isnan(bits) else float(bits)


def _json(number: float | None) -> float | None:
    return None if number is None else finite(number)
