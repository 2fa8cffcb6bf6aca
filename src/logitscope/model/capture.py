"""The residual stream at chosen stages and positions, from one forward pass of the model's body.

Hooks are put on the blocks, the body runs without the head (so no logits are made), hooks are taken off again,
also after an exception. Knows no texts, no windows and no statistics.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from logitscope.errors import Cancelled, ModelError
from logitscope.model.anatomy import Anatomy, Block
from logitscope.model.dataflow import first_tensor, hooked, stream_of, with_first_tensor, with_stream
from logitscope.model.running import device_of, undisturbed

if TYPE_CHECKING:
    from transformers import Cache

__all__ = ["Captured", "capture", "interruptible", "resume"]

# Hooks hang on the modules, so two captures of one model must not overlap; two models do not wait for each other.
_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


@dataclass(frozen=True)
class Captured:
    """What one forward pass left behind.

    Attributes:
        vectors: by stage, `[position, d_model]` in the model's own type and on the block's own device, or what `store`
            made of them.
        calls: how each block was called beside the residual stream, so that blocks can be run again on other vectors;
            kept on request only.
        returned: what attention and MLP of each block returned, by block and `attn` or `mlp`, `[position, d_model]`, a
            norm after the sublayer included; kept on request only.
    """

    vectors: Mapping[str, Tensor]
    calls: Mapping[int, tuple[tuple[Any, ...], dict[str, Any]]]
    returned: Mapping[tuple[int, str], Tensor] = field(default_factory=dict)


@torch.no_grad()
def capture(
    anatomy: Anatomy,
    ids: Tensor,
    stages: Sequence[str],
    rows: slice | Tensor = slice(None),
    *,
    store: Callable[[Tensor], Tensor] | None = None,
    keep_calls: bool = False,
    keep_returned: bool = False,
    held: Cache | None = None,
) -> Captured:
    """Runs the body once and keeps the residual stream.

    Args:
        anatomy: of the model.
        ids: `[position]` integers, one window of the text; or `[row, position]`, several of equal length, whose
            vectors follow one another.
        stages: names, such as `embed`, `3.attn`, `3.mlp`.
        rows: the positions to keep, as a slice or as indices.
        store: what to keep of a stage's vectors instead of themselves, such as their normalised form; made while the
            pass runs, so that both forms are never held for all stages.
        keep_calls: keep what `resume` needs.
        keep_returned: keep what the sublayers returned.
        held: keys and values of what stands before `ids`, to which theirs are added; see `prefix.py`.
    """
    vectors: dict[str, Tensor] = {}
    returned: dict[tuple[int, str], Tensor] = {}
    calls: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
    blocks: dict[tuple[torch.device, torch.dtype, torch.Size], Tensor] = {}
    wanted = set(stages)
    order = {stage: index for index, stage in enumerate(stages)}
    for stage in stages:
        anatomy.require_stage(stage)

    def chosen(stage: str, stream: Tensor | None) -> Tensor:
        if stream is None:
            raise ModelError(f"{anatomy.model_class} showed no residual stream at {stage}.")
        flat = stream.detach().reshape(-1, stream.shape[-1])
        return flat[rows if isinstance(rows, slice) else rows.to(flat.device)]

    def keep(stage: str, stream: Tensor | None) -> None:
        kept = chosen(stage, stream)
        kept = kept if store is None else store(kept)
        # Copied, for later modules may add to the stream in place; and into one block of memory, for many small ones
        # between the pass's own large ones keep those from being reused.
        like = (kept.device, kept.dtype, kept.shape)
        if like not in blocks:
            blocks[like] = kept.new_empty(len(stages), *kept.shape)
        vectors[stage] = blocks[like][order[stage]].copy_(kept)

    def on_read(stage: str) -> Callable[..., None]:
        return lambda module, args, kwargs: keep(stage, stream_of(args, kwargs))

    def on_return(stage: str) -> Callable[..., None]:
        return lambda module, args, kwargs, output: keep(stage, first_tensor(output))

    def on_addition(index: int, part: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            # Copied: Falcon adds attention's output to the MLP's in place.
            returned[index, part] = chosen(f"{index}.{part}", first_tensor(output)).clone()

        return hook

    def on_call(index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            calls[index] = (args, dict(kwargs))

        return hook

    hooks: list[Callable[[], torch.utils.hooks.RemovableHandle]] = []

    def before(module: nn.Module, hook: Callable[..., None]) -> None:
        hooks.append(lambda: module.register_forward_pre_hook(hook, with_kwargs=True))

    def after(module: nn.Module, hook: Callable[..., None]) -> None:
        hooks.append(lambda: module.register_forward_hook(hook, with_kwargs=True))

    if "embed" in wanted:
        before(anatomy.blocks[0].module, on_read("embed"))
    for block in anatomy.blocks:
        if f"{block.index}.mlp" in wanted:
            after(block.module, on_return(f"{block.index}.mlp"))
        if f"{block.index}.attn" in wanted and block.middle is not None:
            module, side = block.middle
            (before if side == "read" else after)(
                module, (on_read if side == "read" else on_return)(f"{block.index}.attn")
            )
        if keep_calls:
            before(block.module, on_call(block.index))
        for part, sublayer in (("attn", block.attention), ("mlp", block.mlp)):
            if keep_returned and sublayer is not None:
                after(sublayer.module, on_addition(block.index, part))

    device = device_of(anatomy.body)
    before_them = {} if held is None else {"past_key_values": held}
    with _lock(anatomy.body), undisturbed(anatomy.body), hooked(*hooks):
        anatomy.body(input_ids=ids.to(device).reshape(-1, ids.shape[-1]), use_cache=held is not None, **before_them)
    missing = wanted - vectors.keys()
    if missing:
        raise ModelError(f"{anatomy.model_class} did not run {', '.join(sorted(missing))}.")
    return Captured({stage: vectors[stage] for stage in stages}, calls, returned)


@torch.no_grad()
def resume(anatomy: Anatomy, captured: Captured, vectors: Tensor, stage: str, until: int | None = None) -> Tensor:
    """Runs the model's remaining blocks on vectors put in at a stage.

    Args:
        anatomy: of the model.
        captured: of the same ids, with `keep_calls`; its blocks' other arguments (masks, positions) are used again.
        vectors: `[position, d_model]`, all positions of the window, as at `stage`.
        stage: where they are put in; `i.attn` runs the MLP of block i first.
        until: number of the block before which to stop; all by default.

    Returns:
        `[position, d_model]` after the last block that ran.
    """
    anatomy.require_stage(stage)
    stream = vectors[None]
    first = 0
    if stage != "embed":
        index, _, part = stage.partition(".")
        first = int(index) + (part == "mlp")
        if part == "attn":
            first += 1
            if until is None or first <= until:
                stream = _finish_block(anatomy, anatomy.blocks[int(index)], captured, stream)
    with _lock(anatomy.body), undisturbed(anatomy.body):
        for block in anatomy.blocks[first:until]:
            stream = _run_block(anatomy, block, captured, stream)
    return stream[0]


@contextmanager
def interruptible(anatomy: Anatomy, cancelled: Callable[[], bool] | None) -> Iterator[None]:
    """While inside, nobody else runs this model, and before each of its blocks it is asked whether to go on.

    Raises:
        Cancelled: `cancelled` said so.
    """
    if cancelled is None:
        yield
        return

    def ask(*_: Any) -> None:
        if cancelled():
            raise Cancelled("the model's run was cancelled.")

    modules = [block.module for block in anatomy.blocks]
    with _lock(anatomy.body), hooked(*(lambda m=m: m.register_forward_pre_hook(ask) for m in modules)):
        yield


def _run_block(anatomy: Anatomy, block: Block, captured: Captured, stream: Tensor) -> Tensor:
    args, kwargs = captured.calls[block.index]
    reference = stream_of(args, kwargs)
    if reference is not None:
        stream = stream.to(device=reference.device, dtype=reference.dtype)
    # Blocks may work in place on what they are given.
    args, kwargs = with_stream(args, kwargs, stream.clone())
    result = first_tensor(block.module(*args, **kwargs))
    if result is None:
        raise ModelError(f"block {block.index} of {anatomy.model_class} returned no residual stream.")
    return result


def _finish_block(anatomy: Anatomy, block: Block, captured: Captured, stream: Tensor) -> Tensor:
    """The MLP half of a block: the block runs on the middle vectors with its attention silenced."""
    if block.middle is None or block.attention is None:
        raise ModelError(f"block {block.index} of {anatomy.model_class} cannot be entered between attention and MLP.")
    module, side = block.middle
    if side == "returned":

        def put(_m: nn.Module, _a: Any, _k: Any, output: Any) -> Any:
            return with_first_tensor(output, stream.reshape_as(_tensor(output)))
    else:
        module = block.attention.module
        silent = torch.zeros_like(stream) if not block.attention.includes_residual else stream

        def put(_m: nn.Module, _a: Any, _k: Any, output: Any) -> Any:
            return with_first_tensor(output, silent.reshape_as(_tensor(output)).clone())

    with (
        _lock(anatomy.body),
        undisturbed(anatomy.body),
        hooked(lambda: module.register_forward_hook(put, with_kwargs=True)),
    ):
        return _run_block(anatomy, block, captured, stream)


def _tensor(output: Any) -> Tensor:
    tensor = first_tensor(output)
    if tensor is None:
        raise ModelError("a sublayer returned no tensor.")
    return tensor


def _lock(body: nn.Module) -> threading.RLock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(body, threading.RLock())
