"""The goldens' traces as trace files: TypeScript reads these and must find what Python wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logitscope.trace import Trace, merge, open_trace
from tests.view.conftest import GOLDENS
from tests.view.following import following
from tests.view.passages import code, prose, retold, scripts


def _late() -> Trace:
    return prose().select(stages=["1.mlp", "2.mlp"])


def _early() -> Trace:
    return prose().select(stages=["embed", "0.mlp"])


FILES: dict[str, Callable[[], Trace]] = {
    "prose": prose,
    "prose.late": _late,
    "prose.early": _early,
    "code": code,
    "following": following,
    "scripts": scripts,
    "retold": retold,
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_holds_the_trace_that_the_goldens_show(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = GOLDENS / f"{name}.trace.safetensors"
    if request.config.getoption("--update-goldens"):
        FILES[name]().save(path)
    assert open_trace(path).identical(FILES[name]())


def test_the_two_pieces_are_the_whole() -> None:
    pieces = [open_trace(GOLDENS / f"prose.{half}.trace.safetensors") for half in ("late", "early")]
    assert merge(pieces).identical(prose())
