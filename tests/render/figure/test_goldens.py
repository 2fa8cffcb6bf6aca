"""Each figure once, to the last line and letter."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from logitscope import plot
from tests.view.following import following
from tests.view.measured import measured
from tests.view.passages import code, prose
from tests.view.test_depth import words
from tests.view.test_inputs import commas

Golden = Callable[[str, Figure], None]


def test_likelihood(golden: Golden) -> None:
    golden("code.likelihood", plot.likelihood(code()))


def test_likelihood_relative_by_line(golden: Golden) -> None:
    golden("prose.likelihood.relative", plot.likelihood(prose(), "relative", "word", strip=False))


def test_lens(golden: Golden) -> None:
    golden("prose.lens", plot.lens(prose(), columns=5))


def test_lens_of_ranks(golden: Golden) -> None:
    golden("code.lens.final_rank", plot.lens(code(), "final_rank", top_down=True, window=(3, 8)))


def test_evolution(golden: Golden) -> None:
    golden("following.evolution", plot.evolution(following(), 3))


def test_evolution_of_ranks(golden: Golden) -> None:
    golden("following.evolution.rank", plot.evolution(following(), 3, "rank"))


def test_histogram(golden: Golden) -> None:
    golden("following.histogram", plot.histogram(following(), 3, ["embed", "2.mlp"]))


def test_increments(golden: Golden) -> None:
    golden("measured.increments", plot.increments(measured()))


def test_inputs(golden: Golden) -> None:
    golden("commas.inputs", plot.inputs(commas(), ","))


def test_depth(golden: Golden) -> None:
    golden("words.depth", plot.depth(words()))
