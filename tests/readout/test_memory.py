"""The readout holds tiles, never the logits of a whole stage, and no more for longer texts."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from logitscope.readout.vectors import Stacks, as_vectors
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


def allocations(tried: Case, **tiles: int) -> Allocations:
    given = [tried.head.matrix, tried.input_ids, tried.next_ids, *tried.vectors.values()]
    with Allocations(*given) as seen:
        tried.read(**tiles)
    return seen


@pytest.mark.parametrize("softcap", [None, 30.0])
def test_nothing_is_larger_than_a_tile(softcap: float | None) -> None:
    tried = case(n_positions=200, n_stages=3, d_model=16, n_vocab=6000, softcap=softcap, dtype=torch.bfloat16)
    tile = 4 * 500 * 64
    seen = allocations(tried, vocab_tile=500, position_block=64)
    assert seen.largest_bytes == tile
    # Logits, those of two references with their weights, exponentials, differences; beside them what is small.
    assert seen.peak_bytes < 10 * tile
    # The measure itself: a single stage's logits would have been seen.
    with Allocations(tried.head.matrix) as naive:
        tried.vectors["last"] @ tried.head.weight(0, 6000).T
    assert naive.largest_bytes == 4 * 200 * 6000


def test_a_longer_text_needs_no_more_memory() -> None:
    tiles = {"vocab_tile": 256, "position_block": 32}
    short, long = (case(n_positions=n, n_stages=3, n_vocab=600, histogram=True) for n in (64, 256))
    assert allocations(long, **tiles).peak_bytes <= allocations(short, **tiles).peak_bytes * 1.05


def test_what_does_not_fit_is_fetched_again_and_what_fits_is_not() -> None:
    fetched: Counter[str] = Counter()

    def make(stage: str) -> Tensor:
        fetched[stage] += 1
        return torch.full((6, 4), float(len(stage)))

    stacks = Stacks(as_vectors(make, 6, 4), 2, 5, torch.device("cpu"), kept_bytes=2 * 3 * 4 * 4)
    for _ in range(3):
        assert stacks(("a", "bb"))[:, 0, 0].tolist() == [1.0, 2.0]
        assert stacks(("ccc",)).shape == (1, 3, 4)
    assert fetched == {"a": 1, "bb": 1, "ccc": 3}


def test_a_kept_block_does_not_hold_on_to_the_whole_text() -> None:
    stacks = Stacks(as_vectors(lambda stage: torch.zeros(1000, 4), 1000, 4), 0, 5, torch.device("cpu"))
    assert stacks(("a",)).untyped_storage().nbytes() == 4 * 5 * 4
