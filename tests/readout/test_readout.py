"""The fast readout against the reference, in every shape a head and a text may have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from logitscope.errors import InputError
from logitscope.readout import MatrixHead, Request, read_out
from logitscope.readout.histogram import BINS, SAMPLES_PER_BIN
from logitscope.readout.logits import decode_tile
from logitscope.readout.numba_reducer import NumbaReducer
from logitscope.readout.request import NAMES, Sums
from logitscope.readout.tile import Partial, Tile
from logitscope.readout.torch_reducer import TorchReducer
from logitscope.trace import statistics
from tests.readout.cases import Case, case

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "flat": {"spread": 0.1},
    "peaked": {"spread": 100},
    "bias": {"bias": True},
    "multiplier": {"multiplier": 0.0625, "bias": True},
    "softcap": {"softcap": 30.0, "spread": 25, "bias": True},
    "softcap and multiplier": {"softcap": 5.0, "spread": 6, "multiplier": 2.0},
    "padding": {"n_padding": 20, "bias": True},
    "more padding than a tile": {"n_padding": 100},
    "bf16": {"dtype": torch.bfloat16, "bias": True},
    "fp16": {"dtype": torch.float16},
    "fp64": {"dtype": torch.float64},
    "the likeliest alone": {"top_k": 1},
    "all of them": {"top_k": 150},
    "all but the padding": {"top_k": 130, "n_padding": 20},
    "ties": {"integers": True, "d_model": 3},
    "ties and the likeliest alone": {"integers": True, "d_model": 2, "top_k": 1},
    "ties everywhere": {"integers": True, "d_model": 1, "top_k": 20, "bias": False},
    "watched": {"watch": (0, 149, 7, 7)},
    "one position": {"n_positions": 1},
    "one stage": {"n_stages": 1},
    "two stages": {"n_stages": 2},
    "many stages, few positions": {"n_stages": 11, "n_positions": 2},
    "a vocabulary of one": {"n_vocab": 1, "top_k": 1},
    "a vocabulary of three": {"n_vocab": 3, "top_k": 2},
}
TILES = [(2048, 1024), (37, 4)]
REDUCERS = {"torch": TorchReducer, "numba": NumbaReducer}


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_statistic_is_that_of_the_reference(shape: str, reducer: str) -> None:
    tried = case(**SHAPES[shape], histogram=True)
    for vocab_tile, position_block in TILES:
        sizes = {"vocab_tile": vocab_tile, "position_block": position_block}
        tried.check(tried.read(**sizes, reducer=REDUCERS[reducer]))


@pytest.mark.parametrize("tiles", [(1, 1), (1, 7), (3, 2), (11, 1), (12, 3)])
def test_no_tile_is_too_small(tiles: tuple[int, int]) -> None:
    tried = case(n_vocab=12, n_padding=2, n_positions=3, top_k=4, histogram=True, watch=(11 - 2,))
    tried.check(tried.read(vocab_tile=tiles[0], position_block=tiles[1]))


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    n_positions=st.integers(1, 4),
    n_stages=st.integers(1, 4),
    n_vocab=st.integers(12, 60),
    spread=st.floats(0.5, 100),
    bias=st.booleans(),
    softcap=st.none() | st.floats(5, 50),
    multiplier=st.sampled_from([1.0, 0.25, 3.0]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    integers=st.booleans(),
    n_padding=st.integers(0, 4),
    top_k=st.integers(1, 8),
    tiles=st.tuples(st.integers(8, 100), st.integers(1, 5)),
    reducer=st.sampled_from([*REDUCERS]),
)
def test_no_head_and_no_cut_leads_away_from_the_reference(tiles: tuple[int, int], reducer: str, **shape: Any) -> None:
    tried = case(**shape, watch=(3, 1), histogram=True)
    tried.check(tried.read(vocab_tile=tiles[0], position_block=tiles[1], reducer=REDUCERS[reducer]))


def test_a_case_by_hand() -> None:
    # Logits: embed (0, 0, 0); last (ln 1, ln 2, ln 5).
    head = MatrixHead(torch.eye(3), 3)
    vectors = {"embed": torch.zeros(1, 3), "last": torch.tensor([[1.0, 2.0, 5.0]]).log()}
    found = read_out(
        head,
        ["embed", "last"],
        vectors,
        final="last",
        input_stage="embed",
        input_ids=[0],
        next_ids=[1],
        request=Request(top_k=2),
    )
    want = {
        "top_ids": [[0, 1], [2, 1]],
        "top_logprobs": np.log([[1 / 3, 1 / 3], [5 / 8, 2 / 8]]),
        "top_logits": [[0, 0], np.log([5, 2])],
        "logsumexp": np.log([3, 8]),
        "logit_mean": [0, np.log(10) / 3],
        "entropy": [np.log(3), (np.log(8) + 2 * np.log(4) + 5 * np.log(8 / 5)) / 8],
        "next_logprob": np.log([1 / 3, 2 / 8]),
        "next_rank": [1, 2],
        "final_logit": [0, np.log(5)],
        "final_rank": [1, 1],
        "input_rank": [1, 3],
        "kl_from_final": [(np.log(3 / 8) + 2 * np.log(6 / 8) + 5 * np.log(15 / 8)) / 8, 0],
        "kl_to_final": [(np.log(8 / 3) + np.log(8 / 6) + np.log(8 / 15)) / 3, 0],
        "kl_to_input": [0, (np.log(3 / 8) + 2 * np.log(6 / 8) + 5 * np.log(15 / 8)) / 8],
    }
    for name, values in want.items():
        np.testing.assert_allclose(found[name][:, 0], values, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("left_out", ["multiplier", "softcap", "bias", "padding", "rounding to bf16"])
def test_a_head_with_a_part_left_out_is_caught(left_out: str) -> None:
    tried = case(bias=True, multiplier=1.05, softcap=20.0, n_padding=3, spread=3, dtype=torch.bfloat16)
    head = tried.head
    parts = {
        "multiplier": MatrixHead(head.matrix, head.n_tokens, head.offset, 1.0, head.softcap),
        "softcap": MatrixHead(head.matrix, head.n_tokens, head.offset, head.multiplier, None),
        "bias": MatrixHead(head.matrix, head.n_tokens, None, head.multiplier, head.softcap),
        "padding": MatrixHead(head.matrix[:-3], head.n_tokens, head.offset[:-3], head.multiplier, head.softcap),
        "rounding to bf16": MatrixHead(head.matrix.float() * 1.0005, head.n_tokens, head.offset, 1.05, 20.0),
    }
    tried.check(tried.read())
    with pytest.raises(AssertionError):
        tried.check(Case(parts[left_out], tried.vectors, tried.input_ids, tried.next_ids).read())


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("watch")])
def test_a_wrong_value_of_any_statistic_is_caught(name: str) -> None:
    tried = case(histogram=True)
    found = tried.read()
    array = found[name]
    position = -2
    if name == "histogram":
        array[1, position, 31:33] += [1, -1]
        array[1, position, 20] += 1
    elif name == "histogram_samples":
        array[1, position, 32, 0] = array[1, position, 33, 0]
    elif array.dtype == np.int32:
        array[1, position] += 1
    else:
        array[1, position] += 0.01
    with pytest.raises(AssertionError):
        tried.check(found)


def test_names_types_and_bins_are_those_of_the_trace() -> None:
    assert tuple(statistics.STATISTICS) == NAMES
    assert (statistics.BINS, statistics.SAMPLES_PER_BIN) == (BINS, SAMPLES_PER_BIN)
    found = case(watch=(1, 2), histogram=True).read()
    sizes = {"stage": 4, "position": 5, "k": 10, "watch": 2, "bin": BINS, "sample": SAMPLES_PER_BIN}
    assert set(found) == set(NAMES)
    for name, array in found.items():
        statistic = statistics.STATISTICS[name]
        assert array.dtype == statistic.dtype
        assert array.shape == tuple(sizes[axis] for axis in statistic.axes)


@pytest.mark.parametrize("softcap", [None, 10.0])
@pytest.mark.parametrize("name", NAMES)
def test_one_statistic_alone_is_what_it_is_among_all(name: str, softcap: float | None) -> None:
    everything = case(watch=(4,), histogram=True, softcap=softcap)
    alone = case(watch=(4,), statistics=frozenset({name}), softcap=softcap)
    found = alone.read()
    assert set(found) == {name}
    np.testing.assert_allclose(found[name], everything.read()[name], rtol=1e-5, atol=1e-5)


def test_what_was_not_made_possible_is_left_out() -> None:
    tried = case()
    found = read_out(tried.head, tried.stages, tried.vectors, **{**tried.arguments, "input_stage": None})
    without = {"kl_from_input", "kl_to_input", "watch_logit", "watch_logprob", "watch_rank"}
    assert set(found) == set(NAMES) - without - {"histogram", "histogram_samples"}


@pytest.mark.parametrize("stages", [["1.mlp"], ["last"], ["embed"], ["1.mlp", "embed"], ["last", "0.mlp"], []])
def test_references_need_not_be_among_the_stages(stages: list[str]) -> None:
    tried = case()
    found, whole = tried.read(stages=stages), tried.read()
    where = [tried.stages.index(stage) for stage in stages]
    for name, array in found.items():
        np.testing.assert_allclose(array, whole[name][where], rtol=1e-5, atol=1e-5, err_msg=name)


def test_the_final_stage_is_not_fetched_if_nothing_refers_to_it() -> None:
    tried = case(statistics=frozenset({"entropy", "next_rank"}))
    vectors = {name: tensor for name, tensor in tried.vectors.items() if name not in ("last", "embed")}
    found = read_out(tried.head, ["0.mlp", "1.mlp"], vectors, **tried.arguments)
    assert found["entropy"].shape == (2, 5)


def test_vectors_may_be_a_mapping_a_function_or_a_source_of_blocks() -> None:
    class Blocks:
        def block(self, stage: str, start: int, stop: int) -> Tensor:
            return tried.vectors[stage][start:stop]

    tried = case()
    want = tried.read()
    for source in (tried.vectors.__getitem__, Blocks(), {n: v.double() for n, v in tried.vectors.items()}):
        options = {"vocab_tile": 64, "position_block": 3}
        found = read_out(tried.head, tried.stages, source, **tried.arguments, **options)
        for name, array in want.items():
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_ids_may_be_lists_arrays_or_tensors() -> None:
    tried = case()
    want = tried.read()
    for kind in (list, np.asarray):
        ids = {"input_ids": kind(tried.input_ids.tolist()), "next_ids": kind(tried.next_ids.tolist())}
        found = read_out(tried.head, tried.stages, tried.vectors, **{**tried.arguments, **ids}, vocab_tile=37)
        np.testing.assert_array_equal(found["next_rank"], want["next_rank"])


def test_no_positions_give_empty_arrays() -> None:
    found = read_out(
        MatrixHead(torch.eye(3), 3),
        ["last"],
        {"last": torch.empty(0, 3)},
        final="last",
        input_stage=None,
        input_ids=[],
        next_ids=[],
        request=Request(top_k=3),
    )
    assert found["top_ids"].shape == (1, 0, 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"request": Request(top_k=151)}, "top_k is 151, but the vocabulary has 150"),
        ({"request": Request(watch=(150,))}, "watch id 150"),
        ({"request": Request(watch=(-1,))}, "watch id -1"),
        ({"input_ids": [0] * 4}, "give one id each"),
        ({"next_ids": [0] * 4 + [200]}, "next id 200"),
        ({"next_ids": [0] * 4 + [-2]}, "next id -2"),
        ({"request": Request(statistics=frozenset({"watch_rank"}))}, "no token is watched"),
        ({"request": Request(statistics=frozenset({"kl_to_input"})), "input_stage": None}, "no input stage"),
        ({"stages": ["last", "last"]}, 'stage "last" was asked for twice'),
        ({"stages": ["7.mlp"]}, 'stage "7.mlp" is to be read'),
        ({"vectors": lambda stage: torch.zeros(2, 16)}, "vectors of shape (2, 16)"),
        ({"vocab_tile": 0}, "vocab_tile is 0; it must be at least 1"),
        ({"position_block": -1}, "position_block is -1; it must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    tried = case()
    given = {"stages": tried.stages, "vectors": tried.vectors, **tried.arguments, **changes}
    with pytest.raises(InputError) as refused:
        read_out(tried.head, given.pop("stages"), given.pop("vectors"), **given)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"statistics": frozenset({"perplexity"})}])
def test_a_request_that_cannot_be_met_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Request(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"matrix": torch.zeros(3)},
        {"n_tokens": 5},
        {"n_tokens": 0},
        {"offset": torch.zeros(3)},
        {"softcap": 0.0},
    ],
)
def test_a_head_whose_parts_do_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        MatrixHead(**{"matrix": torch.zeros(4, 2), "n_tokens": 4, **wrong})


@pytest.mark.parametrize("softcap", [None, 30.0])
@pytest.mark.parametrize(
    ("names", "compared"),
    [
        ({"kl_from_final"}, [(False, True)]),
        ({"kl_to_final"}, [(True, False)]),
        ({"kl_from_input", "kl_to_input"}, [(True, True)]),
        # What lies between the final stage and the input is told from the input's side.
        ({"kl_to_final", "kl_to_input"}, [(True, True), (True, False)]),
        ({"kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input"}, [(True, True), (True, True)]),
        ({"final_rank", "entropy"}, []),
    ],
)
def test_stages_are_compared_as_far_as_is_asked(
    names: set[str], softcap: float | None, compared: list[tuple[bool, bool]]
) -> None:
    class Watched(TorchReducer):
        def __call__(self, tile: Tile, sums: Sums) -> Partial:
            seen.append(tile)
            return super().__call__(tile, sums)

    tried, seen = case(n_positions=3, statistics=frozenset(names), softcap=softcap), list[Tile]()
    tried.check(tried.read(vocab_tile=150, position_block=3, reducer=Watched))
    assert [(c.toward, c.away) for c in seen[-1].compared] == compared


@pytest.mark.parametrize("histogram", [False, True])
def test_nothing_is_multiplied_twice(histogram: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied: Counter[tuple[int, int]] = Counter()

    def counted(head: Any, vectors: Tensor, weight: Tensor, bias: Tensor | None, out: Tensor) -> None:
        multiplied[len(weight), len(vectors) * vectors.shape[1]] += 1
        decode_tile(head, vectors, weight, bias, out)

    monkeypatch.setattr("logitscope.readout.kept.decode_tile", counted)
    tried = case(n_positions=4, histogram=histogram)
    tried.read(vocab_tile=50, position_block=None)
    assert sum(columns * rows * n for (columns, rows), n in multiplied.items()) == 150 * 4 * 4
