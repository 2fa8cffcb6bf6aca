"""A layer of keys and values with room to grow: one more token is written behind the others, which are not copied.

transformers' own layer makes a longer tensor for every token. Here what stands is never written over, so that several
ways on may share it: a way that no longer ends where the memory's contents do moves to memory of its own.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicLayer

__all__ = ["GrowingLayer"]

_LEAST = 64
"""Positions of room to spare."""


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values `[row, head, position, width]`, as `DynamicLayer` has them; copies share memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rooms: tuple[_Room | None, _Room | None] = None, None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Adds the keys and values of further positions; returns all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rooms = _room(self._rooms[0], self.keys, key_states), _room(self._rooms[1], self.values, value_states)
        self.keys, self.values = rooms[0].add(key_states), rooms[1].add(value_states)
        self._rooms = rooms
        return self.keys, self.values


class _Room:
    """Memory for more positions than stand in it.

    Attributes:
        memory: `[row, head, position, width]`.
        used: how many positions stand in it, for whoever shares it.
    """

    def __init__(self, held: Tensor | None, new: Tensor) -> None:
        self.used = 0 if held is None else held.shape[-2]
        n = self.used + new.shape[-2]
        self.memory = new.new_empty(*new.shape[:-2], n + max(_LEAST, n // 8), new.shape[-1])
        if held is not None:
            self.memory[..., : self.used, :] = held

    def continues(self, held: Tensor | None, new: Tensor) -> bool:
        """Whether what is held ends where the contents end, and there is room."""
        memory = self.memory
        return (
            held is not None
            and held.untyped_storage().data_ptr() == memory.untyped_storage().data_ptr()
            and held.shape[-2] == self.used
            and self.used + new.shape[-2] <= memory.shape[-2]
            and (memory.shape[:-2], memory.shape[-1]) == (new.shape[:-2], new.shape[-1])
            and (memory.dtype, memory.device) == (new.dtype, new.device)
        )

    def add(self, new: Tensor) -> Tensor:
        """Everything up to the new positions, which are written behind the others."""
        first, self.used = self.used, self.used + new.shape[-2]
        self.memory[..., first : self.used, :] = new
        return self.memory[..., : self.used, :]


def _room(room: _Room | None, held: Tensor | None, new: Tensor) -> _Room:
    # A layer that has read nothing holds an empty tensor of one dimension.
    there = held if held is not None and held.ndim == new.ndim else None
    return room if room is not None and room.continues(there, new) else _Room(there, new)
