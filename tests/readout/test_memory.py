"""The readout holds tiles, never the logits of a whole stage, and no more for longer texts."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from logitscope.readout import read_out, sizes
from tests.readout.cases import Case, case


class Allocations(TorchDispatchMode):
    """Watches every tensor that torch makes, apart from those that were there before."""

    def __init__(self, *given: Tensor) -> None:
        super().__init__()
        self._given = {tensor.untyped_storage().data_ptr() for tensor in given}
        self._holders: Counter[int] = Counter()
        self._live = 0
        self.peak_bytes = 0
        self.largest_bytes = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._hold(tensor)
        return made

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        where, n_bytes = storage.data_ptr(), storage.nbytes()
        if not n_bytes or where in self._given:
            return
        if not self._holders[where]:
            self._live += n_bytes
        self._holders[where] += 1
        weakref.finalize(tensor, self._release, where, n_bytes)
        self.peak_bytes = max(self.peak_bytes, self._live)
        self.largest_bytes = max(self.largest_bytes, n_bytes)

    def _release(self, where: int, n_bytes: int) -> None:
        self._holders[where] -= 1
        if not self._holders[where]:
            self._live -= n_bytes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._given = set()


def allocations(tried: Case, **tiles: int | None) -> Allocations:
    given = [tried.head.matrix, tried.input_ids, tried.next_ids, *tried.vectors.values()]
    with Allocations(*given) as seen, one_thread():
        tried.read(**tiles)
    return seen


@contextmanager
def one_thread() -> Iterator[None]:
    """What other threads allocate is not seen here."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n)


@pytest.mark.parametrize("softcap", [None, 30.0])
def test_nothing_is_larger_than_a_tile_or_one_stage_of_a_block(softcap: float | None) -> None:
    tried = case(n_positions=200, n_stages=3, d_model=16, n_vocab=6000, softcap=softcap, dtype=torch.bfloat16)
    tile, final = 4 * 2 * 64 * 500, 4 * 64 * 6000
    seen = allocations(tried, vocab_tile=500, position_block=64)
    assert seen.largest_bytes == final
    # Logits, exponentials, differences; two references' weights; beside them what is small.
    assert seen.peak_bytes < final + 6 * tile
    # The measure itself: a single stage's logits would have been seen.
    with Allocations(tried.head.matrix) as naive:
        tried.vectors["last"] @ tried.head.weight(0, 6000).T
    assert naive.largest_bytes == 4 * 200 * 6000


@pytest.mark.parametrize("histogram", [False, True])
def test_a_longer_text_needs_no_more_memory(histogram: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sizes.BUDGET, "cpu", 1 << 20)
    monkeypatch.setattr(sizes, "LEAST", 1 << 20)
    short, long = (case(n_positions=n, n_stages=3, n_vocab=3000, histogram=histogram) for n in (150, 600))
    seen = [allocations(tried, vocab_tile=None, position_block=None).peak_bytes for tried in (short, long)]
    assert max(seen) < 2 << 20
    assert seen[1] < seen[0] * 1.1


@pytest.mark.parametrize("n_members", [1, 2, 16])
@pytest.mark.parametrize("n_positions", [1, 128, 1024, 100_000])
@pytest.mark.parametrize("histogram", [False, True])
@pytest.mark.parametrize(
    ("n_vocab", "d_model", "n_stages"),
    [(3, 8, 9), (50257, 768, 13), (50257, 1600, 98), (128_256, 4096, 66), (262_144, 3584, 86), (262_144, 640, 2)],
)
def test_pieces_of_any_model_fit_into_the_budget(
    n_vocab: int, d_model: int, n_stages: int, n_positions: int, n_members: int, histogram: bool
) -> None:
    found = sizes.fit(
        n_positions=n_positions, n_stages=n_stages, n_vocab=n_vocab, d_model=d_model, n_members=n_members,
        device="cpu", keeps_final=True, histogram=histogram, copies_weights=d_model > 1000,
    )  # fmt: skip
    assert 1 <= found.positions <= n_positions
    row = 4 * d_model + 4 * (n_vocab if found.keeps_all else found.columns) + 2 * 4 * found.columns
    of_a_block = found.positions * (4 * n_vocab * (not found.keeps_all) + n_stages * row)
    copied = 4 * found.columns * d_model * (d_model > 1000)
    share = max(sizes.BUDGET["cpu"] // n_members, sizes.LEAST)
    assert of_a_block + copied <= share or (found.positions == 1 and not found.keeps_all)
    if histogram and n_vocab == 50257 and n_members <= 2:
        assert found.keeps_all


def test_blocks_are_fetched_once_each() -> None:
    fetched: Counter[str] = Counter()

    def make(stage: str) -> Tensor:
        fetched[stage] += 1
        return tried.vectors[stage]

    tried = case(n_positions=6)
    read_out(tried.head, tried.stages, make, **tried.arguments, vocab_tile=10, position_block=3)
    assert set(fetched.values()) == {2}
