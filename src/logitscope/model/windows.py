"""Texts longer than the model's context: overlapping windows that score every token exactly once.

Knows lengths only.
"""

from __future__ import annotations

from dataclasses import dataclass

from logitscope.errors import InputError

__all__ = ["Window", "plan_windows"]


@dataclass(frozen=True)
class Window:
    """Positions `start..stop-1` are fed to the model after the prefix; `first..stop-1` are read out.

    Attributes:
        prefix: how many tokens of the text's beginning (BOS) are put before the window; 0 for the first window,
            which holds them anyway.
        start, stop: what is fed.
        first: the first position that no earlier window read out.
    """

    prefix: int
    start: int
    stop: int
    first: int

    def row(self, position: int) -> int:
        """Row of the window's input at which a position of the text stands."""
        return self.prefix + position - self.start

    def context_length(self, position: int) -> int:
        """Tokens that the model saw when it read `position`, that one included."""
        return self.row(position) + 1


def plan_windows(length: int, context: int, stride: int | None = None, prefix: int = 0) -> list[Window]:
    """Windows over a text.

    Args:
        length: tokens of the text, prefix included.
        context: tokens that the model reads at once; 0 = any number.
        stride: new tokens per further window; half of what fits by default. Smaller is slower and sees more context.
        prefix: tokens at the text's beginning that every window begins with.

    Raises:
        InputError: a window that holds nothing beside the prefix, or a stride that leaves gaps.
    """
    room = context - prefix
    if context and room < 1:
        raise InputError(
            f"a window of {context} tokens has no room beside {prefix} tokens of prefix; give a larger one."
        )
    if stride is not None and (stride < 1 or (context and stride > room)):
        raise InputError(
            f"a stride of {stride} was given; it must be from 1 to {room}, the tokens that a window holds."
        )
    if not context or length <= context:
        return [Window(0, 0, length, 0)]
    step = stride or max(1, room // 2)
    windows = [Window(0, 0, context, 0)]
    while (done := windows[-1].stop) < length:
        stop = min(done + step, length)
        windows.append(Window(prefix, stop - room, stop, done))
    return windows
