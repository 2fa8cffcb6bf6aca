"""What is kept for pages stays within its bounds."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from logitscope.server.memories import Memories


@dataclass
class Kept:
    n_bytes: int = 0


def use(memories: Memories[Kept], owner: str, n_bytes: int) -> Kept:
    with memories.lent(owner, Kept) as kept:
        kept.n_bytes = n_bytes
        return kept


def test_the_same_owner_gets_the_same_again() -> None:
    memories: Memories[Kept] = Memories(3, 100, 60)
    assert use(memories, "a", 1) is use(memories, "a", 2)
    assert memories.n_bytes == 2


def test_the_longest_unused_is_forgotten_first() -> None:
    memories: Memories[Kept] = Memories(2, 100, 60)
    a, b = use(memories, "a", 1), use(memories, "b", 1)
    use(memories, "a", 1)
    use(memories, "c", 1)
    assert use(memories, "a", 1) is a
    assert use(memories, "b", 1) is not b


def test_who_is_silent_is_forgotten() -> None:
    now = [0.0]
    memories: Memories[Kept] = Memories(9, 100, 60, clock=lambda: now[0])
    use(memories, "a", 1)
    now[0] = 50
    use(memories, "b", 1)
    now[0] = 100
    memories.tidy()
    assert len(memories) == 1
    assert memories.n_bytes == 1


def test_what_is_larger_than_all_may_be_is_not_kept_but_was_usable() -> None:
    memories: Memories[Kept] = Memories(9, 100, 60)
    assert use(memories, "a", 101).n_bytes == 101
    assert len(memories) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 60)), max_size=60))
def test_bounds_hold_whatever_is_kept(uses: list[tuple[str, int]]) -> None:
    memories: Memories[Kept] = Memories(4, 100, 60)
    for owner, n_bytes in uses:
        use(memories, owner, n_bytes)
        assert len(memories) <= 4
        assert memories.n_bytes <= 100
