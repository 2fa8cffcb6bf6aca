"""Keys and values of what a model has read, so that only what follows has to be run.

    held = KeyValues(model)
    held.logits(ids)            # the model's own logits after each of these ids
    held.logits([7])            # and after one more, for the price of one
    held.crop(3)                # back to the first three
    other = held.fork()         # two ways on from here; shares what is held

What transformers calls a cache. Every layer keeps all positions, also where attention looks back over a window only, so
that any beginning can be gone back to. Whether a model can be run in parts at all is tried out, not looked up. Knows
nothing of texts, windows and statistics.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from logitscope.errors import InputError, LogitscopeError, ModelError
from logitscope.model.capture import capture
from logitscope.model.decode import Decoder
from logitscope.model.discover import probe_ids
from logitscope.model.model import Model
from logitscope.model.self_check import stream_disagreement

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["KeyValues", "rounding_only", "why_not"]

_TRIED: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()

_PROBE = 12


class KeyValues:
    """Keys and values of ids that a model has read; for one user at a time.

    They are those of the weights at the time; whoever changes weights begins anew.

    Args:
        model: what reads.

    Raises:
        ModelError: this model cannot be run in parts; `why_not` says so beforehand.
    """

    def __init__(self, model: Model) -> None:
        reason = why_not(model)
        if reason:
            raise ModelError(f"{model.name} cannot be run in parts: {reason}.")
        self._begin(model)

    def _begin(self, model: Model) -> None:
        from transformers import DynamicCache

        from logitscope.model.growing import GrowingLayer

        self._model = model
        self._cache = DynamicCache()
        self._cache.layer_class_to_replicate = GrowingLayer
        self._ids: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """What is held, in the order in which it was read."""
        return self._ids

    @property
    def n_bytes(self) -> int:
        """Memory that keys and values take; forks share theirs."""
        held = (t for layer in self._layers for t in (layer.keys, layer.values) if t is not None)
        return sum(t.untyped_storage().nbytes() for t in held)

    @property
    def _layers(self) -> list[Any]:
        return list(self._cache.layers)

    def common(self, ids: Sequence[int]) -> int:
        """How many of the first of these ids are held already, as the first that were read."""
        return next(
            (n for n, (a, b) in enumerate(zip(self._ids, ids, strict=False)) if a != b), min(len(self._ids), len(ids))
        )

    def crop(self, length: int) -> None:
        """Forgets everything but the first ids.

        Args:
            length: how many to keep; more than are held keeps all.

        Raises:
            InputError: a negative number.
        """
        if length < 0:
            raise InputError(f"{length} ids were to be kept; give 0 or more.")
        self._ids = self._ids[:length]
        for layer in self._layers:
            if layer.keys is None or layer.values is None:
                continue
            if not self._ids:
                layer.reset()
            elif layer.keys.shape[-2] > length:
                layer.keys, layer.values = layer.keys[..., :length, :], layer.values[..., :length, :]

    def fork(self) -> KeyValues:
        """Another one that goes on from here; what both hold is held once."""
        other = object.__new__(KeyValues)
        other._begin(self._model)
        # Layers never write into what is there.
        other._cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        other._ids = self._ids
        return other

    def extend(
        self,
        ids: Sequence[int],
        stages: Sequence[str] | None = None,
        rows: slice | Tensor = slice(None),
        *,
        store: Callable[[Tensor], Tensor] | None = None,
    ) -> Mapping[str, Tensor]:
        """Reads further ids; whatever goes wrong or is cancelled meanwhile, what was held before is held after.

        Args:
            ids: those after the ones that are held.
            stages: whose vectors to return; the last stage's by default.
            rows: of `ids`, as a slice or as indices, whose vectors to return.
            store: what to return instead of the vectors themselves, such as their normalised form.

        Returns:
            By stage, `[row, d_model]` of the residual stream.

        Raises:
            InputError: no ids, or more in all than the model's context holds.
            ModelError: the model cannot be run.
        """
        anatomy, held = self._model.anatomy, len(self._ids)
        if not len(ids):
            raise InputError("no token ids were given; at least one is needed.")
        limit = anatomy.context_window
        if limit and held + len(ids) > limit:
            raise InputError(f"{len(ids)} ids were given after {held}; this model reads {limit} at once.")
        given = tuple(int(i) for i in ids)
        try:
            captured = capture(
                anatomy, torch.tensor(given), stages or (anatomy.last_stage,), rows, store=store, held=self._cache
            )
        except BaseException:
            self.crop(held)
            raise
        self._ids += given
        return captured.vectors

    def branches(self, rows: Tensor, *, store: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Reads several ways on from here side by side, and keeps none of them.

        Args:
            rows: `[row, position]` integers; ways of one length, so that nothing is padded.
            store: what to return instead of the vectors themselves, such as their normalised form.

        Returns:
            `[row, position, d_model]` of the residual stream at the last stage.
        """
        anatomy, other = self._model.anatomy, self.fork()
        for layer in other._layers:
            if layer.keys is not None and layer.values is not None:
                layer.keys, layer.values = (t.expand(len(rows), *t.shape[1:]) for t in (layer.keys, layer.values))
        last = anatomy.last_stage
        vectors = capture(anatomy, rows, (last,), store=store, held=other._cache).vectors[last]
        return vectors.reshape(*rows.shape, -1)

    def logits(self, ids: Sequence[int]) -> Float[Tensor, "position vocab"]:
        """The model's own logits after each of some further ids, in fp32, padding rows of the head included."""
        last = self.extend(ids)[self._model.anatomy.last_stage]
        return Decoder(self._model.anatomy, self._model.n_tokens).logits(last)


def why_not(model: Model) -> str:
    """What stands against running a model in parts, as half a sentence; nothing where nothing does."""
    body = model.anatomy.body
    if body not in _TRIED:
        _TRIED[body] = _reason(model)
    return _TRIED[body]


def rounding_only(model: Model, disagreement: float) -> bool:
    """Whether two ways to run a model differ by no more than rounding; a wrong one is off by as much as it has."""
    half = torch.finfo(model.anatomy.weight.dtype).bits < 32
    return disagreement <= (2.0**-5 if half else 1e-4)


def _reason(model: Model) -> str:
    if model.length_dependent:
        return "its rotary scaling depends on the length of the text"
    body: Any = model.anatomy.body
    if "past_key_values" not in inspect.signature(body.forward).parameters:
        return "it keeps no keys and values"
    window = model.anatomy.context_window
    ids = probe_ids(model.n_tokens, min(_PROBE, window or _PROBE))[0].tolist()
    if len(ids) < 3:
        return "it reads too little at once"
    try:
        off = _disagreement(model, ids)
    except LogitscopeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a model of any class raises when it is run so
        return f"it fails with keys and values ({type(error).__name__})"
    if not rounding_only(model, off):
        return f"in parts its numbers are off by {off:.1e}"
    return ""


def _disagreement(model: Model, ids: list[int]) -> float:
    """Read at once, in parts, and gone back in between: how far the last stage is off, as a share of max(10, size)."""
    anatomy, half = model.anatomy, len(ids) // 2
    whole = capture(anatomy, torch.tensor(ids), (anatomy.last_stage,)).vectors[anatomy.last_stage]
    held = object.__new__(KeyValues)
    held._begin(model)
    held.extend(list(reversed(ids)))
    held.crop(0)
    held.extend([*ids[:half], *reversed(ids[half:])])
    held.crop(half)
    parts = [held.extend(some)[anatomy.last_stage] for some in (ids[half : half + 1], ids[half + 1 :])]
    if any(layer.keys is None or layer.keys.shape[-2] != len(ids) for layer in held._layers):
        return float("inf")
    return stream_disagreement(torch.cat(parts), whole[half:])
