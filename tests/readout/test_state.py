"""Partial sums of tiles merge into those of the whole, and lists of the likeliest into one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.reducer import Reducer
from logitscope.readout.request import Sums
from logitscope.readout.state import State, Targets
from logitscope.readout.tile import Candidates, Compared, Tile
from logitscope.readout.top_k import TopList, largest
from logitscope.readout.torch_reducer import TorchReducer

CPU = torch.device("cpu")
REDUCERS = [TorchReducer, NumbaReducer]
ALL = Sums(normaliser=True, entropy=True, moments=True, k=3, counts=True)


def merged(z: np.ndarray, reference: np.ndarray, cuts: list[int], reducer: type[Reducer]) -> State:
    targets = Targets({"watch": (0, 2)}, torch.tensor([[0] * z.shape[1], [z.shape[2] - 1] * z.shape[1]]))
    logits, of_reference = (torch.from_numpy(a).float() for a in (z, reference))
    thresholds = torch.stack([logits[..., 0], logits[..., -1]])
    state, reduce = State(z.shape[0], targets, ALL.k, 1, thresholds), reducer(CPU)
    for start, stop in zip([0, *cuts], [*cuts, z.shape[2]], strict=True):
        if start < stop:
            compared = Compared(of_reference[:, start:stop].contiguous(), toward=True, away=True)
            piece = logits[..., start:stop].contiguous()
            reduce.add(state, Tile(piece, start, stop - start, thresholds, state.floor, (compared,)), ALL)
    return state


@pytest.mark.parametrize("reducer", REDUCERS)
@settings(max_examples=30)
@given(st.integers(0, 1000), st.lists(st.integers(0, 40), max_size=6), st.floats(0.1, 60))
def test_sums_do_not_depend_on_the_cuts(reducer: type[Reducer], seed: int, cuts: list[int], spread: float) -> None:
    random = np.random.default_rng(seed)
    z = (random.normal(size=(2, 3, 40)) * spread).astype(np.float32)
    reference = random.normal(size=(3, 40)).astype(np.float32)
    state = merged(z, reference, sorted(cuts), reducer)
    e = np.exp(z - z.max(-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    want = {
        "maximum": z.max(-1),
        "exp_sum": e.sum(-1),
        "exp_moment": (e * (z - z.max(-1, keepdims=True))).sum(-1),
        "total": z.sum(-1, dtype=np.float64),
        "deviations": z.var(-1, dtype=np.float64) * 40,
    }
    for name, values in want.items():
        np.testing.assert_allclose(getattr(state, name).numpy(), values, rtol=1e-5, atol=1e-5 * spread, err_msg=name)
    np.testing.assert_allclose(state.toward[0].numpy(), (e * (z - reference)).sum(-1), rtol=1e-5, atol=1e-4 * spread)
    weights = np.exp(reference - reference.max(-1, keepdims=True))
    away = (weights * (reference - z)).sum(-1)
    np.testing.assert_array_equal(state.peaks[0].numpy(), reference.max(-1))
    np.testing.assert_allclose(state.away[0].numpy(), away, rtol=1e-5, atol=1e-4 * spread)
    np.testing.assert_array_equal(state.logit.numpy(), z[..., [0, -1]].transpose(2, 0, 1))
    np.testing.assert_array_equal(state.greater[0].numpy(), (z > z[..., :1]).sum(-1))
    np.testing.assert_array_equal(state.top.ids.numpy().reshape(2, 3, 3), np.argsort(-z, -1, kind="stable")[..., :3])


def test_a_count_leaves_the_token_itself_out_though_its_threshold_is_a_little_lower() -> None:
    logits = torch.tensor([[[1.0, 3.0, 2.0]]])
    state = State(1, Targets({"watch": (0, 1)}, torch.tensor([[1]])), 0, 0, torch.tensor([[[2.9999998]]]))
    tile = Tile(logits, 0, 3, state.thresholds)
    partial = TorchReducer(CPU)(tile, Sums(counts=True))
    assert partial.greater is not None
    assert partial.greater.item() == 1
    state.merge(tile, partial)
    assert state.greater.item() == 0


@pytest.mark.parametrize("reducer", REDUCERS)
def test_the_reducer_leaves_its_tile_as_it_was(reducer: type[Reducer]) -> None:
    logits = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(0))
    compared = Compared(logits[0] + 1, toward=True, away=True)
    before = [a.clone() for a in (logits, compared.logits)]
    state = State(2, Targets({"watch": (0, 1)}, torch.zeros(1, 3, dtype=torch.long)), ALL.k, 1, torch.zeros(1, 2, 3))
    reducer(CPU).add(state, Tile(logits, 0, 18, state.thresholds, None, (compared,)), ALL)
    for now, then in zip((logits, compared.logits), before, strict=True):
        assert torch.equal(now, then)


def test_only_rows_that_can_still_change_are_opened() -> None:
    logits = torch.tensor([[[1.0, 5.0], [1.0, 1.0], [float("nan"), 0.0]]])
    tile = Tile(logits, 0, 2, floor=torch.tensor([[4.0, 4.0, 4.0]]))
    candidates = TorchReducer(CPU)(tile, Sums(k=1)).candidates
    assert candidates is not None
    assert candidates.rows is not None
    assert candidates.rows.tolist() == [0, 2]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 9])
def test_ties_for_the_last_place_go_to_the_lowest_columns(k: int) -> None:
    rows = torch.tensor([[2.0, 3, 2, 2, 1, 3], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6], [0.0, -0.0, 0, -0.0, 0, 1]])
    want = [sorted(np.argsort(-row, kind="stable")[:k].tolist()) for row in (rows + 0.0).numpy()]
    assert largest(rows, k).tolist() == want


def test_a_row_with_nan_does_not_stop_the_others() -> None:
    rows = torch.tensor([[float("nan"), 1, 1, 1], [1, 1, 1, 1]])
    assert largest(rows, 2)[1].tolist() == [0, 1]


def test_a_list_keeps_the_lower_id_of_equal_logits() -> None:
    top = TopList(1, 2, CPU)
    assert top.floor is None
    for start in (0, 1, 2):
        top.merge(Candidates(None, torch.tensor([[7.0]]), torch.tensor([[start]], dtype=torch.int32)))
    assert top.ids.tolist() == [[0, 1]]
    assert top.floor is not None
