"""The view specs of two traces, to the last name and colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from logitscope.view import grid, likelihood
from tests.view.passages import code, prose

Golden = Callable[[str, Any], None]


@pytest.mark.parametrize("name", ["prose", "code"])
def test_the_traces_that_the_goldens_are_views_of(name: str, golden: Golden) -> None:
    made = {"prose": prose, "code": code}[name]().to_dict()
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
    ],
)
def test_likelihood(name: str, options: dict[str, Any], golden: Golden) -> None:
    trace = {"prose": prose, "code": code}[name.split(".")[0]]()
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
    trace = {"prose": prose, "code": code}[name.split(".")[0]]()
    golden(name, grid(trace, **options).to_dict())
