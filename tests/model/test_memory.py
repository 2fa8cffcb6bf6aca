"""Freed memory is given back after large passes only, and its absence harms nothing."""

from __future__ import annotations

import pytest

from logitscope.model import memory
from logitscope.scope import Scope, reading
from tests.families import TOKENIZER_SIZE
from tests.understood import ids_of, understood


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    monkeypatch.setattr(memory, "_glibc", lambda name: made.append if name == "malloc_trim" else None)
    return made


def test_memory_is_given_back_after_large_passes_only(trims: list[int]) -> None:
    memory.give_back(memory.LARGE - 1)
    assert trims == []
    memory.give_back(memory.LARGE)
    assert trims == [0]


def test_it_is_given_back_once_per_window_and_changes_no_number(
    trims: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, ids = Scope(understood("gpt2")), ids_of(100).tolist()
    before = scope.trace(ids=ids)
    assert trims == []
    given: list[int] = []
    monkeypatch.setattr(reading, "give_back", given.append)
    after = scope.trace(ids=ids)
    n_stages, d_model = 4, 32
    assert given == [4 * n_stages * d_model * n for n in (64, 32, 4)]
    assert after.replace(provenance=before.provenance).identical(before)
    assert before["top_ids"].max() < TOKENIZER_SIZE


def test_where_the_c_library_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda name: None)
    memory.give_back(memory.LARGE)
    monkeypatch.undo()
    monkeypatch.setattr("sys.platform", "darwin")
    memory._glibc.cache_clear()
    try:
        memory.give_back(memory.LARGE)
        assert memory._glibc("malloc_trim") is None
    finally:
        memory._glibc.cache_clear()


def test_the_real_one_can_be_called() -> None:
    memory._glibc.cache_clear()
    memory.give_back(memory.LARGE)


def test_large_tensors_are_mapped_on_their_own_during_a_large_pass_only(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[tuple[int, int]] = []

    def option(key: int, value: int) -> int:
        set_to.append((key, value))
        return 1

    monkeypatch.setattr(memory, "_glibc", lambda name: option if name == "mallopt" else None)
    with memory.mapped(memory.LARGE - 1):
        pass
    assert set_to == []
    with memory.mapped(memory.LARGE):
        assert set_to == [(-3, 1 << 20)]
    assert set_to == [(-3, 1 << 20), (-3, 32 << 20)]
