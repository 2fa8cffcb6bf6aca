"""One position of a text and the tokens that are followed there through the stages.

What evolution and histogram have in common. Knows nothing of drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

from logitscope.errors import InputError
from logitscope.trace.tokens import Tokens
from logitscope.trace.trace import Trace
from logitscope.view.labels import token_label

__all__ = ["Place", "column_of", "followed_at", "place_at", "place_of"]

CONTEXT = 40
"""Characters of the text that are shown before the prediction."""


@dataclass(frozen=True)
class Place:
    """Where in the text a prediction is made.

    Attributes:
        position: from 0.
        n_tokens: of the text.
        before: the end of the text up to and with this token, as it is.
        cut: more of the text stands before that.
        input: the label of the token that stands here.
        next: the label of the token that came next; None at the end of the text.
    """

    position: int
    n_tokens: int
    before: str
    cut: bool
    input: str
    next: str | None


def column_of(trace: Trace, position: int) -> int:
    """Where a trace holds a position of the text; negative ones count from the text's end.

    Raises:
        InputError: the text has no such position, or this trace does not hold it.
    """
    n = len(trace.ids)
    if not -n <= position < n:
        raise InputError(f"position {position} was asked for, but the text's positions are 0 to {n - 1}.")
    wanted = position % n
    held = trace.positions.tolist()
    if wanted not in held:
        some = ", ".join(map(str, held[:6])) + (", …" if len(held) > 6 else "")
        raise InputError(f"position {wanted} was asked for, but this trace holds {some}.")
    return int(held.index(wanted))


def place_of(trace: Trace, column: int) -> Place:
    """What stands around the position of a column."""
    return place_at(trace.tokens, int(trace.positions[column]))


def place_at(tokens: Tokens, position: int) -> Place:
    """What stands around a position of a text."""
    end = int(tokens.spans[position, 1])
    last = position + 1 >= len(tokens)
    return Place(
        position=position,
        n_tokens=len(tokens),
        before=tokens.text[max(0, end - CONTEXT) : end],
        cut=end > CONTEXT,
        input=token_label(tokens, position),
        next=None if last else token_label(tokens, position + 1),
    )


def followed_at(trace: Trace, top_k: int | None) -> tuple[int, ...]:
    """The ids of the first `top_k` followed tokens; all of them by default.

    Raises:
        InputError: none are followed, or fewer than were asked for.
    """
    if not trace.watched:
        raise InputError(
            "this trace follows no tokens; make it with watch=[...], such as the top_ids of the last stage."
        )
    if top_k is not None and not 1 <= top_k <= len(trace.watched):
        raise InputError(f"{top_k} tokens were asked for, but this trace follows {len(trace.watched)}; give 1 to that.")
    return trace.watched[:top_k]
