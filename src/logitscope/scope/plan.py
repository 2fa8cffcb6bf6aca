"""What one trace is to read, checked before anything runs.

Knows the model's names and limits; runs nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from logitscope.editing.words import text_of
from logitscope.errors import InputError
from logitscope.lens import Lens, parse_lens
from logitscope.model.decode import Decoder
from logitscope.model.model import Model
from logitscope.model.windows import Window, plan_windows
from logitscope.readout import Request
from logitscope.trace import Tokens
from logitscope.trace.statistics import DERIVED, STATISTICS

__all__ = ["DEFAULT_TOP_K", "Keywords", "Plan", "plan_trace", "tokens_of", "whole"]

DEFAULT_TOP_K = 10


class Keywords(TypedDict, total=False):
    """The keywords of `Scope.trace` that say what to read, in the same words wherever else they are taken."""

    lens: str
    norm: str
    subblocks: bool
    embed: bool
    stages: Sequence[str] | None
    positions: Iterable[int] | slice | None
    top_k: int | None
    watch: Sequence[str | int] | str | int
    histogram: bool
    statistics: Iterable[str] | None
    bos: bool
    window: int | None
    stride: int | None


@dataclass(frozen=True)
class Plan:
    """One trace, as asked for and checked.

    Attributes:
        tokens: what is read.
        bos: which prefix stands before the text: `none`, `tokenizer` or `added`.
        stages: what is read out, in the model's order.
        positions: of the text, ascending.
        windows: what the model is fed, one after the other.
        request: the statistics.
        lens, decoder: how a stage becomes what the head reads.
        references: further stages that some statistic compares with.
        context: tokens that the model reads at once; 0 = any number.
        stride: new tokens per further window; 0 where there is none.
    """

    tokens: Tokens
    bos: str
    stages: tuple[str, ...]
    positions: np.ndarray
    windows: tuple[Window, ...]
    request: Request
    lens: Lens
    decoder: Decoder
    references: tuple[str, ...]
    context: int
    stride: int

    @property
    def needed(self) -> tuple[str, ...]:
        """Every stage whose vectors are read: those asked for, and what they are compared with."""
        return tuple(dict.fromkeys([*self.stages, *self.references]))

    def inside(self, window: Window) -> np.ndarray:
        """The positions asked for that this window reads out."""
        return self.positions[(self.positions >= window.first) & (self.positions < window.stop)]

    @cached_property
    def following(self) -> np.ndarray:
        """The token after each position of the text; −1 after the last."""
        return np.append(self.tokens.ids[1:], -1)

    def context_lengths(self, positions: np.ndarray) -> np.ndarray:
        """int32: how many tokens the model sees at each of some positions, which ascend, that one included."""
        lengths = [
            [one.context_length(int(p)) for p in positions[(positions >= one.first) & (positions < one.stop)]]
            for one in self.windows
        ]
        return np.concatenate([np.array(some, np.int32) for some in lengths])


def plan_trace(
    model: Model,
    text: str | None = None,
    ids: Sequence[int] | None = None,
    *,
    lens: str = "logit",
    norm: str = "final",
    subblocks: bool = False,
    embed: bool = True,
    stages: Sequence[str] | None = None,
    positions: Iterable[int] | slice | None = None,
    top_k: int | None = None,
    watch: Sequence[str | int] | str | int = (),
    histogram: bool = False,
    statistics: Iterable[str] | None = None,
    bos: bool = False,
    window: int | None = None,
    stride: int | None = None,
) -> Plan:
    """What `Scope.trace` is to do, which takes the same arguments.

    Raises:
        InputError: something asked for does not exist.
    """
    tokens, prefix = tokens_of(model, text, ids, bos)
    model.require_ids(tokens.ids.tolist())
    chosen = _stages(model, stages, subblocks, embed)
    named = [watch] if isinstance(watch, (str, int, np.integer)) else watch
    watched = tuple(_watched(model, token) for token in named)
    names = _statistics(statistics, histogram, bool(watched))
    request = Request(
        top_k=_top_k(model, top_k),
        watch=watched,
        histogram=histogram or bool({"histogram", "histogram_samples"} & (names or frozenset())),
        statistics=names,
    )
    # Of given ids one is the prefix, whatever special ones follow it; a tokenizer may put several before a text.
    n_prefix = 0 if prefix == "none" else 1 if text is None else int(np.argmin([*tokens.special, False]))
    context = _context(model, window)
    stride = None if stride is None else whole(stride, "stride")
    windows = plan_windows(len(tokens), context, stride, n_prefix)
    step = windows[1].stop - windows[0].stop if len(windows) > 1 else 0
    return Plan(
        tokens=tokens,
        bos=prefix,
        stages=chosen,
        positions=_positions(positions, len(tokens)),
        windows=tuple(windows),
        request=request,
        lens=parse_lens(lens, model.anatomy),
        decoder=Decoder(model.anatomy, model.n_tokens, norm),  # type: ignore[arg-type]
        references=tuple(_references(names, model.anatomy.last_stage)),
        context=context,
        stride=(stride or step) if len(windows) > 1 else 0,
    )


def tokens_of(model: Model, text: str | None, ids: Sequence[int] | None, bos: bool) -> tuple[Tokens, str]:
    """A text or ids as tokens, and which prefix stands before them, as in `Provenance.bos`."""
    if (text is None) == (ids is None):
        raise InputError("give either a text or ids, one of the two.")
    if text is not None:
        return model.tokeniser.encode(text, bos=bos)
    found = text_of(model, [] if ids is None else list(ids), bos=bos)
    return found.tokens, found.bos


def _stages(model: Model, stages: Sequence[str] | None, subblocks: bool, embed: bool) -> tuple[str, ...]:
    if stages is None:
        return model.anatomy.stages(subblocks=subblocks, embed=embed)
    if isinstance(stages, str) or not stages:
        raise InputError(f'stages={stages!r} was given; give a list of names such as ["embed", "3.mlp"].')
    for name in stages:
        model.anatomy.require_stage(name)
    wanted = set(stages)
    return tuple(s for s in model.anatomy.stages(subblocks=True) if s in wanted)


def _top_k(model: Model, top_k: int | None) -> int:
    n = model.n_tokens
    if top_k is None:
        return min(DEFAULT_TOP_K, n)
    if not 1 <= whole(top_k, "top_k") <= n:
        raise InputError(f"top_k={top_k} was given; it must be from 1 to {n}, the tokens of this model's vocabulary.")
    return top_k


def _watched(model: Model, token: str | int) -> int:
    if isinstance(token, str):
        return model.tokeniser.token_id(token)
    if not 0 <= whole(token, "token id") < model.n_tokens:
        raise InputError(f"token id {token} was named, but this model's vocabulary is 0 to {model.n_tokens - 1}.")
    return int(token)


def _context(model: Model, window: int | None) -> int:
    limit = model.anatomy.context_window
    if window is None:
        return limit
    if whole(window, "window") < 1 or (limit and window > limit):
        most = f"1 to {limit}, what this model can read at once" if limit else "at least 1"
        raise InputError(f"a window of {window} tokens was asked for; it must be {most}.")
    return window


def _positions(positions: Iterable[int] | slice | None, length: int) -> np.ndarray:
    if positions is None:
        return np.arange(length, dtype=np.int32)
    if isinstance(positions, slice):
        return _stretch(positions, length)
    given = [whole(p, "position") for p in positions]
    for p in given:
        if not -length <= p < length:
            raise InputError(f"position {p} was asked for, but the text's positions are 0 to {length - 1}.")
    if not given:
        raise InputError("no positions were asked for; leave positions out to read all of them.")
    return np.unique(np.array([p % length for p in given], np.int32))


def _stretch(positions: slice, length: int) -> np.ndarray:
    """Positions as a Python slice takes them; one that begins outside the text is a mistake, not an empty list."""
    start, stop, step = (None if end is None else whole(end, "position") for end in (
        positions.start, positions.stop, positions.step
    ))  # fmt: skip
    if step == 0:
        raise InputError("positions with a step of 0 were asked for; give 1 or more.")
    chosen = np.sort(np.arange(length, dtype=np.int32)[start:stop:step])
    if not len(chosen) or (start is not None and not -length <= start < length):
        a, b = ("" if end is None else end for end in (start, stop))
        raise InputError(f"positions {a}:{b} were asked for, but the text's positions are 0 to {length - 1}.")
    return chosen


def whole(number: Any, what: str) -> int:
    """A whole number of any library's kind; others are not rounded."""
    try:
        return operator.index(number)
    except TypeError:
        raise InputError(f"{what} {number!r} was given; it must be a whole number.") from None


def _statistics(names: Iterable[str] | None, histogram: bool, watch: bool) -> frozenset[str] | None:
    """Stored names for stored or derived ones; None for everything."""
    if names is None:
        return None
    wanted = set()
    for name in [names] if isinstance(names, str) else names:
        if name not in STATISTICS and name not in DERIVED:
            raise InputError(f"{name!r} is no statistic. There are {', '.join([*STATISTICS, *DERIVED])}.")
        wanted.add(DERIVED[name].source if name in DERIVED else name)
    if histogram:
        wanted |= {"histogram", "histogram_samples"}
    if watch:
        wanted |= {"watch_logit", "watch_logprob", "watch_rank"}
    if not wanted:
        raise InputError("no statistics were asked for; leave statistics out to read all of them.")
    return frozenset(wanted)


def _references(names: frozenset[str] | None, last: str) -> Iterable[str]:
    """Stages that have to be read for others' sake."""
    if names is None or any("final" in n for n in names):
        yield last
    if names is None or names & {"kl_from_input", "kl_to_input"}:
        yield "embed"
