"""Standardised logits in bins, and the tokens that stand for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from logitscope.readout import MatrixHead, Request
from logitscope.readout.histogram import Histogram
from tests.readout.cases import Case, case


def test_a_histogram_by_hand() -> None:
    # Mean 0, standard deviation 1: the edges are multiples of a quarter and belong to the bin above.
    z = torch.tensor([[[-9.0, -8.0, -0.25, -0.001, 0.0, 0.2, 0.25, 7.75, 8.0, 30.0, 0.1]]])
    histogram = Histogram(torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
    histogram.add(z[..., :4], 0, 4)
    histogram.add(z[..., 4:], 4, 6)
    counts, samples = histogram.counts[0, 0], histogram.samples[0, 0]
    assert {i: int(n) for i, n in enumerate(counts) if n} == {0: 2, 31: 2, 32: 3, 33: 1, 63: 3}
    assert samples[0].tolist() == [0, 1, -1]
    assert samples[31].tolist() == [2, 3, -1]
    assert samples[32].tolist() == [4, 5, -1]  # token 10 is padding
    assert samples[63].tolist() == [7, 8, 9]
    assert samples[40].tolist() == [-1, -1, -1]


@pytest.mark.parametrize("level", [0.0, 0.1, -731.0])
def test_equal_logits_all_stand_in_the_middle(level: float) -> None:
    random = torch.Generator().manual_seed(0)
    row = torch.randn(1, 24, generator=random)
    ids = torch.zeros(2, dtype=torch.long)
    vectors = {"last": (row / row.square().sum() * level).expand(2, 24)}
    tried = Case(MatrixHead(row.expand(3000, 24), 3000), vectors, ids, ids, Request(histogram=True), input_stage=None)
    found = tried.read(vocab_tile=700)
    assert (found["histogram"][..., 32] == 3000).all()
    assert (found["histogram_samples"][..., 32, :] == [0, 1, 2]).all()


def test_padding_is_counted_and_never_named() -> None:
    tried = case(n_vocab=1300, n_padding=1000, n_positions=2, n_stages=2, histogram=True)
    for vocab_tile in (2048, 600, 290):
        found = tried.read(vocab_tile=vocab_tile)
        assert (found["histogram"].sum(-1) == 1300).all()
        assert found["histogram_samples"].max() < 300
        assert set(np.unique(found["histogram_samples"] >= 0)) == {True, False}
        tried.check(found)
