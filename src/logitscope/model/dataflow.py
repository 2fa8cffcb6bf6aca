"""Which module read what and returned what, in one short pass.

Names of submodules mean different things in different families (`post_attention_layernorm` stands before the MLP in
Llama and after attention in Gemma 2), so anatomy is decided by the values that flow, and names only break ties.
Knows modules and tensors; knows no family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Call", "first_tensor", "hooked", "record", "same", "stream_of", "with_first_tensor", "with_stream"]


@dataclass(frozen=True)
class Call:
    """One module's call: what it read and what it returned, flattened to `[rows, features]`."""

    name: str
    module: nn.Module
    order: int
    read: Tensor | None
    returned: Tensor | None


def first_tensor(value: Any) -> Tensor | None:
    """The tensor itself, or the first one in a tuple, list or model output."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return next((v for v in value if isinstance(v, Tensor)), None)
    return None


def with_first_tensor(value: Any, tensor: Tensor) -> Any:
    """The same structure with its first tensor replaced."""
    if isinstance(value, Tensor):
        return tensor
    at = next(i for i, v in enumerate(value) if isinstance(v, Tensor))
    return type(value)([*value[:at], tensor, *value[at + 1 :]])


def stream_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The residual stream among a module's arguments: the first floating-point tensor."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None


def with_stream(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], stream: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments with the residual stream replaced."""
    for at, value in enumerate(args):
        if isinstance(value, Tensor) and value.is_floating_point():
            return (*args[:at], stream, *args[at + 1 :]), dict(kwargs)
    for name, value in kwargs.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            return args, {**kwargs, name: stream}
    raise TypeError("a block was called without a floating-point tensor")


def _rows(tensor: Tensor | None) -> Tensor | None:
    if tensor is None or not tensor.is_floating_point() or tensor.ndim < 2:
        return None
    return tensor.detach().reshape(-1, tensor.shape[-1]).clone()


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two recorded tensors are the same values, bit for bit (types may differ)."""
    if a is None or b is None or a.shape != b.shape:
        return False
    return bool(torch.equal(a.float().to(b.device), b.float()))


@contextmanager
def hooked(*registrations: Callable[[], torch.utils.hooks.RemovableHandle]) -> Iterator[None]:
    """Hooks that are gone afterwards, whatever happened."""
    with ExitStack() as stack:
        for register in registrations:
            stack.callback(register().remove)
        yield


@torch.no_grad()
def record(root: nn.Module, run: Callable[[], Any]) -> tuple[list[Call], Any]:
    """Every module call below `root` while `run` runs, in the order in which they returned, and what `run` gave."""
    calls: list[Call] = []

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            read = reads.pop((name, depth[name]), None)
            depth[name] -= 1
            calls.append(Call(name, module, len(calls), read, _rows(first_tensor(output))))

        return hook

    def before(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            depth[name] = depth.get(name, 0) + 1
            reads[(name, depth[name])] = _rows(stream_of(args, kwargs))

        return hook

    # Inputs are copied before the call: a block may add to its input in place.
    depth: dict[str, int] = {}
    reads: dict[tuple[str, int], Tensor | None] = {}
    modules = [(name, module) for name, module in root.named_modules() if name]
    with hooked(
        *(lambda n=n, m=m: m.register_forward_pre_hook(before(n), with_kwargs=True) for n, m in modules),
        *(lambda n=n, m=m: m.register_forward_hook(watch(n), with_kwargs=True) for n, m in modules),
    ):
        result = run()
    return calls, result
