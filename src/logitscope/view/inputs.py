"""How the input is kept: the token that stands at a position, and what each stage still makes of it.

A curve per position. The logit-lens post follows the first, second and third comma of a passage so. Knows nothing of
pixels or models.

Source: nostalgebraist, "interpreting GPT: the logit lens" (2020), its addendum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from logitscope.errors import InputError
from logitscope.trace.tokens import Tokens
from logitscope.trace.trace import Trace
from logitscope.view.evolution import Moment, Score, moments
from logitscope.view.followed import column_of
from logitscope.view.labels import token_label
from logitscope.view.palette import pair
from logitscope.view.plain import plain, real
from logitscope.view.source import Source, source_of

__all__ = ["InputCurve", "Inputs", "inputs", "positions_of"]

BEFORE, AFTER = 24, 12
"""Characters of the text that are shown around a token."""

Position = int | slice | str


@dataclass(frozen=True)
class InputCurve:
    """The token at one position, through the stages.

    Attributes:
        position: from 0.
        id: in the model's vocabulary.
        label: its text made visible.
        before: the end of the text before it, as it is.
        after: the beginning of the text after it.
        cut_before: more of the text stands before that.
        cut_after: more of the text stands after that.
        logits: per stage; None where missing.
        logprobs: nats, per stage; None where missing.
        ranks: per stage, 1 = likeliest; None where missing.
        light: `#rrggbb` of what attention did.
        dark: `#rrggbb` of what the MLP did.
    """

    position: int
    id: int
    label: str
    before: str
    after: str
    cut_before: bool
    cut_after: bool
    logits: tuple[float | None, ...]
    logprobs: tuple[float | None, ...]
    ranks: tuple[int | None, ...]
    light: str
    dark: str

    def scores(self, value: Score) -> tuple[float | int | None, ...]:
        """The row that `value` names."""
        return {"logit": self.logits, "rank": self.ranks, "logprob": self.logprobs}[value]


@dataclass(frozen=True)
class Inputs:
    """What to draw.

    Attributes:
        value: which score is drawn.
        unit: of it.
        n_tokens: of the text.
        moments: the stages, in the model's order.
        curves: the positions, ascending.
        source: for the caption.
    """

    value: Score
    unit: str
    n_tokens: int
    moments: tuple[Moment, ...]
    curves: tuple[InputCurve, ...]
    source: Source

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"view": "inputs", "version": 1, **plain(self)}


def inputs(trace: Trace, positions: Position | Iterable[Position] | None = None, value: Score = "rank") -> Inputs:
    """The scores of the input token at some positions, at every stage.

    Args:
        trace: must hold `input_logit`, `input_logprob` and `input_rank`.
        positions: as in `positions_of`; all that the trace holds by default.
        value: `rank`, `logit` or `logprob`.

    Raises:
        InputError: an unknown `value`, or a position that is not there.
    """
    if value not in get_args(Score):
        raise InputError(f'the value "{value}" was asked for; there are {", ".join(get_args(Score))}.')
    chosen = trace.positions.tolist() if positions is None else positions_of(trace.tokens, positions)
    rows = {name: trace[f"input_{name}"] for name in ("logit", "logprob", "rank")}
    curves = []
    for i, position in enumerate(chosen):
        column = column_of(trace, position)
        light, dark = pair(i)
        start, end = (int(x) for x in trace.tokens.spans[position])
        text = trace.tokens.text
        curves.append(
            InputCurve(
                position=position,
                id=int(trace.ids[position]),
                label=token_label(trace.tokens, position),
                before=text[max(0, start - BEFORE) : start],
                after=text[end : end + AFTER],
                cut_before=start > BEFORE,
                cut_after=end + AFTER < len(text),
                logits=tuple(real(x) for x in rows["logit"][:, column]),
                logprobs=tuple(real(x) for x in rows["logprob"][:, column]),
                ranks=tuple(int(rank) or None for rank in rows["rank"][:, column]),
                light=light,
                dark=dark,
            )
        )
    unit = {"logit": "logit", "rank": "rank", "logprob": "nats"}[value]
    return Inputs(value, unit, len(trace.ids), moments(trace.stages), tuple(curves), source_of(trace))


def positions_of(tokens: Tokens, named: Position | Iterable[Position]) -> list[int]:
    """Positions of a text, ascending, each once.

    Args:
        tokens: the text.
        named: one or several of: a number, negative ones from the end; a slice; or the exact text of a token, such as
            "," or " the", for every place where it stands.

    Raises:
        InputError: the text has no such position or no such token.
    """
    n = len(tokens)
    found: set[int] = set()
    for name in [named] if isinstance(named, int | slice | str) else named:
        if isinstance(name, str):
            found.update(_standing(tokens, name))
        elif isinstance(name, slice):
            inside = range(n)[name]
            if not inside:
                ends = ":".join("" if end is None else str(end) for end in (name.start, name.stop))
                raise InputError(f"positions {ends} were asked for, but the text's positions are 0 to {n - 1}.")
            found.update(inside)
        else:
            if not -n <= name < n:
                raise InputError(f"position {name} was asked for, but the text's positions are 0 to {n - 1}.")
            found.add(name % n)
    if not found:
        raise InputError("no positions were asked for; give numbers, or the text of a token.")
    return sorted(found)


def _standing(tokens: Tokens, name: str) -> list[int]:
    """Where a token of exactly this text stands."""
    standing = [t for t, piece in enumerate(tokens.pieces) if piece == name.encode("utf-8", "surrogatepass") and piece]
    if standing:
        return standing
    near = sorted({text for text in tokens.texts if text.strip() == name.strip() and text.strip()})
    hint = f" There is {', '.join(map(repr, near))}." if near else " Give a number, or the exact text of one token."
    raise InputError(f"no token of this text is exactly {name!r}.{hint}")
