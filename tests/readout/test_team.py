"""Blocks on torch's own threads: every task once, errors come home, and numbers do not depend on how many there are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from logitscope.errors import Cancelled, InputError
from logitscope.readout import read_out, team
from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.torch_reducer import TorchReducer
from tests.readout.cases import case


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("logitscope.readout.readout._WORK_EACH", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_lends_its_threads_here() -> None:
    if team._openmp() is None:
        pytest.skip("torch's OpenMP library offers no parallel regions here; the caller works alone")
    assert team.n_members() == 2
    met = threading.Barrier(2)
    seen: set[int] = set()

    def member() -> Callable[[int], None]:
        def work(_: int) -> None:
            met.wait(timeout=60)
            seen.add(threading.get_ident())

        return work

    team.together(2, range(2), member)
    assert len(seen) == 2
    assert threading.get_ident() in seen


@pytest.mark.parametrize("n", [1, 2])
def test_every_task_is_done_once(n: int) -> None:
    done: list[int] = []
    team.together(n, range(100), lambda: done.append)
    assert sorted(done) == list(range(100))


@pytest.mark.parametrize("n", [1, 2])
def test_an_error_comes_home_and_no_task_is_begun_after_it(n: int) -> None:
    begun: list[int] = []

    def member() -> Callable[[int], None]:
        def work(task: int) -> None:
            begun.append(task)
            raise InputError(f"task {task} cannot be done.")

        return work

    with pytest.raises(InputError, match=r"task \d cannot"):
        team.together(n, range(100), member)
    assert len(begun) <= n


def test_one_thread_of_torch_is_one_member() -> None:
    torch.set_num_threads(1)
    assert team.n_members() == 1


def test_without_regions_the_caller_works_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_openmp", lambda: None)
    assert team.n_members() == 1
    seen: set[int] = set()
    team.together(2, range(3), lambda: lambda _: seen.add(threading.get_ident()))
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("reducer", [TorchReducer, NumbaReducer])
def test_the_number_of_threads_changes_nothing_but_last_bits(reducer: type) -> None:
    tried = case(n_positions=200, n_stages=3, histogram=True, watch=(3, 4), bias=True)
    found = {}
    for n in (1, 2):
        torch.set_num_threads(n)
        found[n] = tried.read(vocab_tile=None, position_block=None, reducer=reducer)
        tried.check(found[n])
    for name, array in found[1].items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(found[2][name], array, atol=1e-4, rtol=1e-5, err_msg=name)
        else:
            assert (found[2][name] != array).mean() < 0.01, name


def test_the_same_pieces_give_the_same_bits_on_any_number_of_threads() -> None:
    tried = case(n_positions=200, n_stages=3, histogram=True, watch=(3, 4), bias=True)
    one, other = (tried.read(vocab_tile=64, position_block=50, reducer=NumbaReducer) for _ in range(2))
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_gradients_are_off_on_every_thread() -> None:
    tried = case(n_positions=200, n_stages=3)
    tried.head.matrix.requires_grad_()
    for vector in tried.vectors.values():
        vector.requires_grad_()
    found = read_out(tried.head, tried.stages, tried.vectors, **tried.arguments)
    assert np.isfinite(found["entropy"]).all()


def test_whoever_stops_waiting_stops_all_threads() -> None:
    tried, asked = case(n_positions=200, n_stages=3), list[int]()

    def cancelled() -> bool:
        asked.append(threading.get_ident())
        return len(asked) > 5

    with pytest.raises(Cancelled):
        tried.read(vocab_tile=10, position_block=4, cancelled=cancelled)
    assert len(asked) < 12


def test_inference_mode_of_the_caller_does_no_harm() -> None:
    tried = case(n_positions=200, n_stages=3, histogram=True)
    want = tried.read(vocab_tile=64, position_block=50)
    with torch.inference_mode():
        found = tried.read(vocab_tile=64, position_block=50)
    for name, array in want.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
