"""A Scope: a model, a lens and the readout, joined; `trace(text)` makes a Trace.

Knows every room below it; knows nothing of drawing.
"""

from __future__ import annotations

import operator
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.lens import Lens, parse_lens
from logitscope.model.capture import capture
from logitscope.model.decode import Decoder
from logitscope.model.embedded import DEFAULT
from logitscope.model.explain import plain_memory_errors
from logitscope.model.load import load_model
from logitscope.model.memory import give_back, mapped
from logitscope.model.model import Model
from logitscope.model.running import exact_products
from logitscope.model.windows import Window, plan_windows
from logitscope.readout import MatrixHead, Request, read_out
from logitscope.trace import Provenance, Tokens, Trace
from logitscope.trace.statistics import DERIVED, STATISTICS

__all__ = ["Scope", "load"]

DEFAULT_TOP_K = 10

_INPUT = "input"
"""The distribution that `kl_*_input` refer to, where a lens reads `embed` in another way."""


def load(
    model: Any = DEFAULT,
    *,
    tokenizer: Any = None,
    revision: str | None = None,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    device_map: Any = None,
    trust_remote_code: bool = False,
) -> Scope:
    """Loads a causal language model, takes it apart, checks it, and returns it ready to be looked into.

    Args:
        model: a hub id, a local folder, `embedded:tales` (default), `embedded:sort`, or a loaded Hugging Face model.
        tokenizer: of a loaded model; or a folder or hub id where the model's own folder has none.
        revision: branch, tag or commit on the hub; the commit stands in every trace.
        dtype: `float32`, `bfloat16`, `float16` or `auto` (the weights' own). Default: float32 on processors, the
            weights' own on accelerators. Logits are fp32 in any case.
        device: such as `cuda` or `cuda:1`; the processor by default.
        device_map: passed to transformers for models larger than one device, such as `auto`.
        trust_remote_code: run code that comes with the model. Off unless named.

    Raises:
        ModelError: it cannot be found, read or understood, or fails the self-check.
        ResourceError: memory ran out.
    """
    return Scope(
        load_model(
            model,
            tokenizer=tokenizer,
            revision=revision,
            dtype=dtype,
            device=device,
            device_map=device_map,
            trust_remote_code=trust_remote_code,
        )
    )


@dataclass(frozen=True)
class _Plan:
    """One trace, as asked for and checked."""

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


@dataclass(frozen=True)
class Scope:
    """A loaded model ready to be looked into."""

    model: Model

    def __repr__(self) -> str:
        m = self.model
        return f"Scope({m.name}, {m.anatomy.model_class}, {m.anatomy.n_blocks} blocks, self-check {m.check.figure:.1e})"

    def stages(self, *, subblocks: bool = False, embed: bool = True) -> tuple[str, ...]:
        """Names of the stages that exist in this model, in its order."""
        return self.model.anatomy.stages(subblocks=subblocks, embed=embed)

    def trace(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        lens: str = "logit",
        norm: str = "final",
        subblocks: bool = False,
        embed: bool = True,
        stages: Sequence[str] | None = None,
        positions: Iterable[int] | None = None,
        top_k: int | None = None,
        watch: Sequence[str | int] | str | int = (),
        histogram: bool = False,
        statistics: Iterable[str] | None = None,
        bos: bool = False,
        window: int | None = None,
        stride: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Trace:
        """Reads a text once and reads out every stage at every position.

        Args:
            text: what to read; or `ids`.
            ids: token ids to read instead of a text.
            lens: `logit`, or `tail:N` or `tail:N.mlp`: the last blocks from N on are run on every earlier stage.
            norm: `final`, `plain` (without the learned scale and shift) or `none`.
            subblocks: also the stages after attention, where the model has them.
            embed: also what enters block 0.
            stages: exactly these instead; one that does not exist is an error.
            positions: only these positions of the text, negative ones from its end; all by default.
            top_k: how many of the likeliest tokens; 10 by default, fewer if the vocabulary is smaller.
            watch: tokens to follow everywhere, by text (such as " Paris") or id.
            histogram: also the histogram of all logits.
            statistics: only these names of the numeric contract; all by default.
            bos: put the tokenizer's BOS token before the text if its own convention does not.
            window: tokens that the model reads at once; its context by default.
            stride: new tokens per further window of a longer text; half a window by default.
            progress: called with (done, total) positions.

        Raises:
            InputError: something asked for does not exist.
            ResourceError: memory ran out.
        """
        with plain_memory_errors(self.model.name), exact_products(self.model.device):
            plan = self._plan(
                text, ids, lens, norm, subblocks, embed, stages, positions, top_k, watch, histogram, statistics, bos,
                window, stride,
            )  # fmt: skip
            pieces, lengths, done = [], [], 0
            for one in plan.windows:
                inside = plan.positions[(plan.positions >= one.first) & (plan.positions < one.stop)]
                if len(inside):
                    pieces.append(self._read_window(plan, one, inside))
                    lengths.append(np.array([one.context_length(int(p)) for p in inside], np.int32))
                done += len(inside)
                if progress is not None:
                    progress(done, len(plan.positions))
            arrays = {name: np.concatenate([piece[name] for piece in pieces], axis=1) for name in pieces[0]}
            return self._assemble(plan, arrays, np.concatenate(lengths))

    def _plan(
        self, text: str | None, ids: Sequence[int] | None, lens: str, norm: str, subblocks: bool, embed: bool,
        stages: Sequence[str] | None, positions: Iterable[int] | None, top_k: int | None,
        watch: Sequence[str | int] | str | int, histogram: bool, statistics: Iterable[str] | None, bos: bool,
        window: int | None, stride: int | None,
    ) -> _Plan:  # fmt: skip
        model = self.model
        tokens, prefix = self._tokens(text, ids, bos)
        model.require_ids(tokens.ids.tolist())
        chosen = self._stages(stages, subblocks, embed)
        named = [watch] if isinstance(watch, (str, int, np.integer)) else watch
        watched = tuple(self._watched(token) for token in named)
        names = _statistics(statistics, histogram, bool(watched))
        request = Request(
            top_k=self._top_k(top_k),
            watch=watched,
            histogram=histogram or bool({"histogram", "histogram_samples"} & (names or frozenset())),
            statistics=names,
        )
        # Of given ids one is the prefix, whatever special ones follow it; a tokenizer may put several before a text.
        n_prefix = 0 if prefix == "none" else 1 if text is None else int(np.argmin([*tokens.special, False]))
        context = self._context(window)
        stride = None if stride is None else _whole(stride, "stride")
        windows = plan_windows(len(tokens), context, stride, n_prefix)
        step = windows[1].stop - windows[0].stop if len(windows) > 1 else 0
        return _Plan(
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
            stride=stride or step,
        )

    def _tokens(self, text: str | None, ids: Sequence[int] | None, bos: bool) -> tuple[Tokens, str]:
        if (text is None) == (ids is None):
            raise InputError("give either a text or ids, one of the two.")
        if text is not None:
            return self.model.tokeniser.encode(text, bos=bos)
        given = [] if ids is None else [_whole(i, "token id") for i in ids]
        beginning = self.model.tokeniser.hf.bos_token_id
        if bos and beginning is None:
            raise InputError("bos=True was given, but this tokenizer has no BOS token. Leave it out.")
        if bos and given[:1] != [beginning]:
            return self.model.tokeniser.from_ids([int(beginning), *given]), "added"
        return self.model.tokeniser.from_ids(given), "tokenizer" if given[:1] == [beginning] else "none"

    def _stages(self, stages: Sequence[str] | None, subblocks: bool, embed: bool) -> tuple[str, ...]:
        if stages is None:
            return self.stages(subblocks=subblocks, embed=embed)
        if isinstance(stages, str) or not stages:
            raise InputError(f'stages={stages!r} was given; give a list of names such as ["embed", "3.mlp"].')
        for name in stages:
            self.model.anatomy.require_stage(name)
        wanted = set(stages)
        return tuple(s for s in self.stages(subblocks=True) if s in wanted)

    def _top_k(self, top_k: int | None) -> int:
        n = self.model.n_tokens
        if top_k is None:
            return min(DEFAULT_TOP_K, n)
        if not 1 <= _whole(top_k, "top_k") <= n:
            raise InputError(
                f"top_k={top_k} was given; it must be from 1 to {n}, the tokens of this model's vocabulary."
            )
        return top_k

    def _watched(self, token: str | int) -> int:
        if isinstance(token, str):
            return self.model.tokeniser.token_id(token)
        if not 0 <= _whole(token, "token id") < self.model.n_tokens:
            raise InputError(
                f"token id {token} was named, but this model's vocabulary is 0 to {self.model.n_tokens - 1}."
            )
        return int(token)

    def _context(self, window: int | None) -> int:
        limit = self.model.anatomy.context_window
        if window is None:
            return limit
        if _whole(window, "window") < 1 or (limit and window > limit):
            most = f"1 to {limit}, what this model can read at once" if limit else "at least 1"
            raise InputError(f"a window of {window} tokens was asked for; it must be {most}.")
        return window

    def _read_window(self, plan: _Plan, window: Window, positions: np.ndarray) -> dict[str, np.ndarray]:
        """The statistics of one window's positions. A cache of unchanged prefixes belongs here."""
        ids = plan.tokens.ids
        fed = torch.from_numpy(np.concatenate([ids[: window.prefix], ids[window.start : window.stop]]).astype(np.int64))
        rows = torch.tensor([window.row(int(p)) for p in positions])
        needed = tuple(dict.fromkeys([*plan.stages, *plan.references]))
        size = 4 * len(needed) * len(fed) * self.model.anatomy.d_model
        with mapped(size):
            vectors = self._vectors(plan, fed, needed, rows)
        give_back(sum(stage.nbytes for stage in vectors.values()))
        following = np.append(ids[1:], -1)[positions]
        return read_out(
            self._head(),
            plan.stages,
            vectors,
            final=self.model.anatomy.last_stage,
            input_stage=next((name for name in (_INPUT, "embed") if name in vectors), None),
            input_ids=ids[positions],
            next_ids=following,
            request=plan.request,
        )

    def _vectors(self, plan: _Plan, fed: Tensor, stages: tuple[str, ...], rows: Tensor) -> Mapping[str, Tensor]:
        """What the head reads at each stage, `[position, d_model]` in fp32."""
        anatomy, lens, decoder = self.model.anatomy, plan.lens, plan.decoder
        if not lens.needs_whole_window:
            return capture(anatomy, fed, stages, rows, store=decoder.normalise).vectors
        captured = capture(anatomy, fed, stages, keep_calls=True)
        streams = {stage: lens.transform(captured, stage) for stage in stages}
        if "embed" in stages:
            # What the input's own distribution is does not depend on the lens: the model's head, nothing in between.
            streams[_INPUT] = captured.vectors["embed"]
        return {name: decoder.normalise(stream[rows.to(stream.device)]) for name, stream in streams.items()}

    def _head(self) -> MatrixHead:
        anatomy = self.model.anatomy
        return MatrixHead(
            anatomy.weight,
            n_tokens=self.model.n_tokens,
            offset=anatomy.bias,
            multiplier=anatomy.multiplier,
            softcap=anatomy.softcap,
        )

    def _assemble(self, plan: _Plan, arrays: dict[str, np.ndarray], lengths: np.ndarray) -> Trace:
        model = self.model
        seen = [np.unique(a) for name, a in arrays.items() if STATISTICS[name].is_id]
        named = np.concatenate([*seen, plan.tokens.ids, np.array(plan.request.watch, np.int32)])
        content_hash, check = model.identity()
        provenance = Provenance(
            model=model.name,
            model_class=model.anatomy.model_class,
            dtype=model.dtype,
            lens=plan.lens.name,
            norm=plan.decoder.norm,
            revision=model.revision,
            content_hash=content_hash,
            self_check=check.figure,
            context_window=plan.context,
            stride=plan.stride if len(plan.windows) > 1 else 0,
            bos=plan.bos,
            last_stage=model.anatomy.last_stage,
            length_dependent=model.length_dependent,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=dict(_versions()),
        )
        return Trace(
            tokens=plan.tokens,
            stages=plan.stages,
            positions=plan.positions,
            arrays=arrays,
            vocabulary=model.tokeniser.vocabulary(np.unique(named).tolist()),
            provenance=provenance,
            watched=plan.request.watch,
            context_lengths=lengths,
            seams=tuple(w.first for w in plan.windows[1:] if w.first in plan.positions),
        )


def _positions(positions: Iterable[int] | None, length: int) -> np.ndarray:
    if positions is None:
        return np.arange(length, dtype=np.int32)
    given = [_whole(p, "position") for p in positions]
    for p in given:
        if not -length <= p < length:
            raise InputError(f"position {p} was asked for, but the text has {length} tokens (0 to {length - 1}).")
    if not given:
        raise InputError("no positions were asked for; leave positions out to read all of them.")
    return np.unique(np.array([p % length for p in given], np.int32))


def _whole(number: Any, what: str) -> int:
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


@cache
def _versions() -> dict[str, str]:
    """Looked up once: it takes longer than a short trace."""
    packages = ("logitscope", "torch", "transformers", "tokenizers", "numpy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
