"""The last steps' rows: what is repeated ends, and only what can be foreseen is learned."""

from __future__ import annotations

import numpy as np

from training.corpus import Mixture

PROSE = np.arange(10_000, 200_000)  # every id once, so that copies show
LENGTH = 128


def mixture() -> Mixture:
    return Mixture(prose=PROSE, code=PROSE + 10**6, vocab_size=10_000, length=LENGTH, seed=3)


def test_rows_depend_on_the_seed_and_the_step_alone() -> None:
    first, again = mixture().polishing_rows(7, 8), mixture().polishing_rows(7, 8)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], mixture().polishing_rows(8, 8)[0])


def test_interrupted_loops_go_on_with_the_text_and_do_not_teach_the_loop() -> None:
    ids, mask = mixture()._interrupted_loops(np.random.default_rng(0))
    learned = ids[mask == 1]
    np.testing.assert_array_equal(learned, np.arange(learned[0], learned[0] + len(learned)))
    repeated = ids[mask == 0]
    assert 0 < len(repeated) < len(ids)
    assert set(repeated) <= set(learned)


def test_random_ids_said_twice_are_learned_the_second_time_only() -> None:
    for seed in range(8):
        ids, mask = mixture()._said_twice(np.random.default_rng(seed), random_ids=True)
        random = ids < 10_000
        assert not mask[~random].min() < 1
        assert (mask[random] == 0).any()
        unlearned = np.flatnonzero(mask == 0)
        copy = ids[unlearned[-1] + 1 :][: len(unlearned)]
        np.testing.assert_array_equal(copy, ids[unlearned][: len(copy)])
