"""The Triton kernels against the float64 reference, run by Triton's interpreter: see test_triton_reducer.py.

Not collected with the other tests, since the interpreter has to be chosen before triton is first imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from logitscope.readout.reducer import Reducer
from logitscope.readout.triton_kernel import INTERPRETED
from logitscope.readout.triton_reducer import TritonReducer
from tests.readout.cases import Case, case


def small(device: torch.device) -> Reducer:
    """Programs of two stages and 32 columns: several of each for every tile, and the last of each not full."""
    return TritonReducer(device, stages=2, columns=32)


def read(c: Case, **options: Any) -> dict[str, np.ndarray]:
    return c.read(**{"reducer": small, "vocab_tile": 48, "position_block": 2, **options})


def tiny(**changes: Any) -> Case:
    return case(**{"n_positions": 3, "n_stages": 3, "n_vocab": 70, **changes})


def test_the_interpreter_is_on() -> None:
    assert INTERPRETED


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param({"bias": True, "multiplier": 0.3, "softcap": 5.0}, id="bias, multiplier, softcap"),
        pytest.param({"n_padding": 20, "histogram": True}, id="padding and histogram"),
        pytest.param({"integers": True, "top_k": 17, "histogram": True}, id="ties, and a longer list"),
        pytest.param({"watch": (0, 5, 69)}, id="watched tokens"),
        pytest.param({"n_vocab": 3, "top_k": 3}, id="three tokens"),
        pytest.param({"spread": 40.0, "bias": True}, id="one dominates"),
    ],
)
def test_agrees_with_float64(changes: dict[str, Any]) -> None:
    c = tiny(**changes)
    c.check(read(c))


def test_only_what_is_asked_for_is_computed_and_right() -> None:
    c = tiny(statistics=frozenset({"top_ids", "top_logits"}), top_k=1)
    c.check(read(c))
    c = tiny(statistics=frozenset({"logit_mean", "logit_std", "next_rank", "next_logit"}))
    c.check(read(c))


def test_equal_logits_are_listed_by_the_lowest_ids() -> None:
    c = tiny(top_k=20)
    c.head.matrix.zero_()
    found = read(c)
    assert (found["top_ids"] == np.arange(20)).all()
    assert (found["input_rank"] == 1).all()


def test_minus_zero_is_zero() -> None:
    c = tiny(top_k=3, d_model=1)
    c.head.matrix.zero_()
    for vectors in c.vectors.values():
        vectors.copy_(torch.tensor([[-1.0], [1.0], [-1.0]]))
    assert (read(c)["top_ids"] == [0, 1, 2]).all()


def test_a_row_with_nan_is_nan_and_no_other() -> None:
    c = tiny()
    clean = read(c)
    c.vectors["0.mlp"][1, 0] = torch.nan
    found = read(c)
    for name, array in found.items():
        missing = (
            np.isnan(array[1, 1]) if array.dtype == np.float32 else array[1, 1] == (-1 if name == "top_ids" else 0)
        )
        assert missing.all(), name
        for stage, position in ((0, 0), (0, 1), (2, 2), (1, 0)):
            np.testing.assert_array_equal(found[name][stage, position], clean[name][stage, position])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # −inf − −inf, on the side that is not taken
def test_forbidden_tokens_leave_the_others_right() -> None:
    c = tiny(bias=True, statistics=frozenset({"entropy", "top_logprobs", "top_ids", "kl_from_final", "kl_to_final"}))
    assert c.head.offset is not None
    c.head.offset[[0, 33, 69]] = -torch.inf
    expected, found = c.read(), read(c)
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], atol=1e-4)


def test_tiles_and_programs_of_any_size_say_the_same_to_rounding_and_the_same_size_to_the_bit() -> None:
    c = tiny(histogram=True)
    once, twice = read(c), read(c)
    for name, array in once.items():
        np.testing.assert_array_equal(array, twice[name])
    c.check(read(c, vocab_tile=70, reducer=lambda device: TritonReducer(device, stages=4, columns=16)))
