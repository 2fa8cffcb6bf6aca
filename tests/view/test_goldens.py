"""The view specs of two traces, to the last name and colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from logitscope.trace import Trace
from logitscope.view import alternatives, difference, grid, grid_difference, likelihood
from tests.view.following import following
from tests.view.passages import code, prose, retold, scripts

Golden = Callable[[str, Any], None]

TRACES: dict[str, Callable[[], Trace]] = {
    "prose": prose,
    "code": code,
    "following": following,
    "scripts": scripts,
    "retold": retold,
}


@pytest.mark.parametrize("name", ["prose", "code"])
def test_the_traces_that_the_goldens_are_views_of(name: str, golden: Golden) -> None:
    made = TRACES[name]().to_dict()
    del made["provenance"]["versions"]
    golden(f"{name}.trace", made)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prose.likelihood", {"top": 2}),
        ("prose.likelihood.relative", {"scale": "relative"}),
        ("prose.likelihood.word", {"by": "word"}),
        ("code.likelihood", {"top": 1}),
        ("code.likelihood.line", {"by": "line"}),
        ("code.likelihood.rank", {"value": "next_rank", "stage": "0.mlp"}),
        ("code.likelihood.entropy.sentence", {"value": "entropy_bits", "by": "sentence"}),
        ("code.likelihood.excess.word", {"value": "excess_bits", "by": "word", "stage": "1.attn"}),
        ("following.likelihood.settled", {"value": "settled_stage"}),
        ("following.likelihood.settled.line", {"value": "settled_stage", "by": "line"}),
        ("scripts.likelihood", {"top": 30}),
        ("scripts.likelihood.word", {"by": "word"}),
        ("scripts.likelihood.sentence", {"by": "sentence", "scale": "relative"}),
    ],
)
def test_likelihood(name: str, options: dict[str, Any], golden: Golden) -> None:
    trace = TRACES[name.split(".")[0]]()
    golden(name, likelihood(trace, **options).to_dict())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prose.grid", {}),
        ("prose.grid.final_rank", {"value": "final_rank", "every": 2, "window": (1, 5)}),
        ("prose.grid.watch_logprob", {"value": "watch_logprob", "watch": 7, "top_down": True}),
        ("code.grid.logit_mean", {"value": "logit_mean", "window": (-3, None)}),
        ("code.grid.surprisal_bits", {"value": "surprisal_bits", "embed": False}),
        ("code.grid.kl_from_final", {"value": "kl_from_final", "window": (0, 4)}),
    ],
)
def test_grid(name: str, options: dict[str, Any], golden: Golden) -> None:
    trace = TRACES[name.split(".")[0]]()
    golden(name, grid(trace, **options).to_dict())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prose.alternatives", {"position": 3}),
        ("prose.alternatives.early", {"position": 9, "stage": "0.mlp"}),
        ("following.alternatives", {"position": 4, "stage": "1.attn"}),
        ("code.alternatives.unscored", {"position": 0}),
    ],
)
def test_alternatives(name: str, options: dict[str, Any], golden: Golden) -> None:
    golden(name, alternatives(TRACES[name.split(".")[0]](), **options).to_dict())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prose.retold.difference", {}),
        ("prose.retold.difference.word", {"by": "word", "stage": "1.mlp"}),
        ("retold.prose.difference.line", {"by": "line"}),
    ],
)
def test_difference(name: str, options: dict[str, Any], golden: Golden) -> None:
    before, after = (TRACES[text]() for text in name.split(".")[:2])
    golden(name, difference(before, after, **options).to_dict())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prose.retold.grid", {}),
        ("prose.retold.grid.surprisal_bits", {"value": "surprisal_bits", "top_down": True}),
        ("prose.retold.grid.next_rank", {"value": "next_rank", "window": (0, 5), "every": 2}),
        ("prose.retold.grid.logit_mean", {"value": "logit_mean", "embed": False}),
    ],
)
def test_grid_difference(name: str, options: dict[str, Any], golden: Golden) -> None:
    before, after = (TRACES[text]() for text in name.split(".")[:2])
    golden(name, grid_difference(before, after, **options).to_dict())
