"""Whether exported graphs say what Logitscope says, measured on some texts before anything is handed out.

Knows a Scope and an Exported; knows no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from logitscope.errors import InputError, ModelError
from logitscope.export.exported import Exported
from logitscope.export.readout import OUTPUTS
from logitscope.model.model import Model
from logitscope.samples import sample
from logitscope.scope import Scope
from logitscope.trace import Trace

__all__ = ["LIMIT", "Differences", "Passage", "compare", "in_halves", "of_halves", "passages", "with_parameters"]

LIMIT = 1e-4
"""The largest difference of a log-probability or a divergence, in nats; more where the residual stream is large."""

_USUAL = 50.0
"""Numbers of the residual stream whose rounding stays well below the limit: fp32 holds them to 3e-6, and a few hundred
additions and a norm make more of it. PyTorch's own fp32 is then as far from float64."""

_SAMPLES = ("eiffel-tower", "median", "emoji")
_LONGEST = 48
"""Tokens of one text."""


@dataclass(frozen=True)
class Passage:
    """A text that is read on both sides.

    Attributes:
        name: for whoever reads of it.
        text: empty where ids were drawn.
        ids: its tokens.
    """

    name: str
    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Differences:
    """The largest ones found, and what is usual.

    Attributes:
        logprob: of log-probabilities, in nats.
        kl: of divergences and entropies, in nats.
        mean: of the differences of the true next token's log-probability at the last stage, in nats; of several
            texts that of the worst.
        stream: the largest absolute value in the residual stream, by which rounding is measured.
    """

    logprob: float = 0.0
    kl: float = 0.0
    mean: float = 0.0
    stream: float = 0.0

    @property
    def limit(self) -> float:
        """What rounding explains."""
        return LIMIT * max(1.0, self.stream / _USUAL)

    def __or__(self, other: Differences) -> Differences:
        """The larger of each."""
        return Differences(
            max(self.logprob, other.logprob),
            max(self.kl, other.kl),
            max(self.mean, other.mean),
            max(self.stream, other.stream),
        )


def passages(scope: Scope) -> list[Passage]:
    """The texts that this model can read: some of the samples, and tokens drawn at random.

    The first is short enough for a page to read again each time it opens.
    """
    tokeniser, context = scope.model.tokeniser, scope.model.anatomy.context_window
    longest = min(_LONGEST, context or _LONGEST)
    drawn = np.random.default_rng(7).integers(scope.model.n_tokens, size=longest).tolist()
    ordinary = [i for i in drawn if i not in tokeniser.special_ids]
    found = [one for one in _read(scope, longest) if one is not None]
    # A tokenizer that knows none of the samples reads what its own tokens stand for.
    first = found[0] if found else _again(scope, ordinary[: min(8, longest)])
    short = Passage(f"the beginning of {first.name}", *_short(scope, first, min(12, longest)))
    return [short, *found, Passage("tokens drawn at random", "", tuple(drawn))]


def compare(scope: Scope, exported: Exported, texts: Sequence[Passage], *, chunk: int = 7) -> Differences:
    """How far the graphs are from the Scope, read a few tokens at a time after the keys and values of those before."""
    found = Differences()
    for one in texts:
        trace = trace_of(scope, one.ids)
        stages = exported.forward(one.ids, chunk)
        found |= difference(trace, exported.read(stages, one.ids, top_k=trace["top_ids"].shape[-1]), stages)
    return found


def of_halves(
    scope: Scope, texts: Sequence[Passage], parameters: Mapping[str, Tensor] | None
) -> tuple[Differences, Differences]:
    """How far multiplying in half precision is from fp32: with these parameters, and with the model's own in fp32.

    Measured with PyTorch: ONNX Runtime's kernels for processors have no half precision, and drop its rounding.
    """
    rounding = errors = Differences()
    for one in texts:
        with with_parameters(scope.model, parameters):
            plain = trace_of(scope, one.ids)
            with in_halves(scope.model):
                halved = trace_of(scope, one.ids)
        own = plain if parameters is None else trace_of(scope, one.ids)
        read = {name: halved[name] for name in OUTPUTS if name in halved.arrays}
        rounding |= difference(plain, read, np.zeros(1))
        errors |= difference(own, read, np.zeros(1))
    return rounding, errors


def trace_of(scope: Scope, ids: Sequence[int]) -> Trace:
    """Every stage of a text."""
    return scope.trace(ids=ids, subblocks=True)


def difference(trace: Trace, read: Mapping[str, np.ndarray], stages: np.ndarray) -> Differences:
    """Between a trace and what the graphs said of the same text, whose residual stream is given too."""
    logprobs = [name for name in read if name.endswith(("_logprob", "_logprobs"))]
    others = [name for name in read if name.startswith("kl_") or name == "entropy"]
    # Where rounding makes another token the likeliest, "the likeliest token's" is said of two tokens.
    same = trace["top_ids"][-1, :, 0] == read["top_ids"][-1, :, 0]
    at = {name: same if name.startswith("final_") else slice(None) for name in logprobs}
    last = np.abs(trace["next_logprob"][-1, :-1].astype(np.float64) - read["next_logprob"][-1, :-1])
    return Differences(
        max(_largest(trace[name][:, at[name]], read[name][:, at[name]]) for name in logprobs),
        max(_largest(trace[name], read[name]) for name in others),
        float(last.mean()) if len(last) else 0.0,
        float(np.abs(stages).max()),
    )


@contextmanager
def in_halves(model: Model) -> Iterator[None]:
    """Lets a model multiply by its weights in half precision, all but those of its head."""

    def product(module: Any, given: tuple[Tensor, ...], _: Tensor) -> Tensor:
        matrix = module.weight if isinstance(module, Conv1D) else module.weight.t()
        found = (given[0].half() @ matrix.half()).float()
        return found if module.bias is None else found + module.bias

    head = model.hf.get_output_embeddings()
    layers = [one for one in model.hf.modules() if isinstance(one, (nn.Linear, Conv1D)) and one is not head]
    hooks = [layer.register_forward_hook(product) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def with_parameters(model: Model, parameters: Mapping[str, Tensor] | None) -> Iterator[None]:
    """Lends a model other numbers for its parameters; None leaves its own."""
    if parameters is None:
        yield
        return
    # A trace asks what the weights are, and the answer is kept: it must not be that of the lent ones.
    model.identity()
    own = {name: parameter.data for name, parameter in model.hf.named_parameters()}
    try:
        for name, parameter in model.hf.named_parameters():
            parameter.data = parameters[name].to(parameter.dtype)
        yield
    finally:
        for name, parameter in model.hf.named_parameters():
            parameter.data = own[name]


def _largest(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    return float(np.nanmax(np.abs(ours.astype(np.float64) - theirs), initial=0.0))


def _read(scope: Scope, longest: int) -> Iterator[Passage | None]:
    for name in _SAMPLES:
        text = sample(name).text
        try:
            tokens, _ = scope.model.tokeniser.encode(text)
        except InputError:
            continue
        if not tokens.lossy and max(tokens.ids) < scope.model.n_tokens:
            yield Passage(name, text, tuple(tokens.ids[:longest].tolist()))


def _again(scope: Scope, ids: Sequence[int]) -> Passage:
    text = scope.model.tokeniser.from_ids(ids).text
    return Passage("tokens of its vocabulary", text, tuple(ids))


def _short(scope: Scope, one: Passage, longest: int) -> tuple[str, tuple[int, ...]]:
    """The beginning of a text whose tokens are those that cutting it again gives."""
    tokeniser = scope.model.tokeniser
    for n in range(min(longest, len(one.ids)), 0, -1):
        text = tokeniser.from_ids(one.ids[:n]).text
        try:
            tokens, _ = tokeniser.encode(text)
        except InputError:
            continue
        ids = tuple(tokens.ids.tolist())
        if 2 <= len(ids) <= longest and max(ids) < scope.model.n_tokens and not tokens.lossy:
            return text, ids
    raise ModelError(f"the tokenizer of {scope.model.name} cuts no short text in a way that can be repeated.")
