"""What each sublayer added to the scores of some tokens, at one position of a text.

The final norm is frozen at its statistics for the model's own output, so that it is one linear map for all: then the
embedding's share, every increment and the constant add up to the score. Knows numpy only: no model, no torch.

Source: direct logit attribution; "A Mathematical Framework for Transformer Circuits" (N. Elhage and others, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.tokens import Tokens, Vocabulary
from logitscope.trace.trace import Provenance

if TYPE_CHECKING:
    import pandas
    from jaxtyping import Float, Int

__all__ = ["Increments"]


@dataclass(frozen=True, eq=False, repr=False)
class Increments:
    """The scores of some tokens at one position, taken apart.

    For each token, `added.sum(0) + constant + rounding` is `score`.

    Attributes:
        tokens: what was read.
        position: of the text, from 0; what is scored is the token after it.
        followed: ids of the scored tokens.
        parts: `embed`, then each sublayer in the model's order: `0.attn`, `0.mlp`, `1.attn`, ...; of blocks that add
            attention and MLP in parallel, too, each has its own.
        added: what each part added to the score of each followed token, in logits.
        constant: what no part brings: the shift of the final norm and the head's bias, in logits.
        rounding: what the model's own type lost on the way, in logits; near 0 in float32.
        score: the model's own, before a softcap, in logits.
        logit: the model's own logit, after the softcap if it has one.
        rank: 1 = likeliest.
        average: what each part added to the mean over the vocabulary.
        average_constant: of the mean over the vocabulary.
        softcap: of the model's logits, which bends them after everything here was added; None where there is none.
        vocabulary: names of the followed tokens.
        provenance: where the numbers come from.
    """

    tokens: Tokens
    position: int
    followed: tuple[int, ...]
    parts: tuple[str, ...]
    added: Float[np.ndarray, "part token"]
    constant: Float[np.ndarray, " token"]
    rounding: Float[np.ndarray, " token"]
    score: Float[np.ndarray, " token"]
    logit: Float[np.ndarray, " token"]
    rank: Int[np.ndarray, " token"]
    average: Float[np.ndarray, " part"]
    average_constant: float
    softcap: float | None
    vocabulary: Vocabulary
    provenance: Provenance

    def __post_init__(self) -> None:
        parts, n = len(self.parts), len(self.followed)
        shapes: Mapping[str, tuple[int, ...]] = {
            "added": (parts, n), "average": (parts,),
            **dict.fromkeys(("constant", "rounding", "score", "logit", "rank"), (n,)),
        }  # fmt: skip
        for name, shape in shapes.items():
            array = np.asarray(getattr(self, name), np.int32 if name == "rank" else np.float64).view()
            if array.shape != shape:
                raise InputError(f"{name!r} has shape {array.shape}; expected {shape}.")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if not 0 <= self.position < len(self.tokens):
            raise InputError(f"position {self.position} does not fit a text of {len(self.tokens)} tokens.")

    def __repr__(self) -> str:
        named = ", ".join(repr(self.vocabulary.text(token)) for token in self.followed[:5])
        more = ", …" if len(self.followed) > 5 else ""
        return (
            f"Increments({len(self.parts)} parts of the scores of {named}{more} "
            f"at position {self.position}, model {self.provenance.model})"
        )

    @property
    def ids(self) -> np.ndarray:
        """int32 `[position]`: every token of the text."""
        return self.tokens.ids

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and strings, ready for JSON; see `trace.export`."""
        from logitscope.trace.export import increments_to_dict

        return increments_to_dict(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A long table, one row per part and token, `constant` and `rounding` among the parts; see `trace.export`."""
        from logitscope.trace.export import increments_to_pandas

        return increments_to_pandas(self)
