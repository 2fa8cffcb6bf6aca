"""The places that a page looks at are sent before all others, also when it looks elsewhere meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from logitscope.scope import Scope, pieces
from logitscope.server import Settings, create_app
from logitscope.trace import Trace, merge, open_trace
from tests.server.asking import asked, client_of, frames_of, happens

pytestmark = pytest.mark.anyio

TEXT = "CBABBCACB"


@dataclass(frozen=True)
class Stepwise(Scope):
    """A model that makes one piece after the other, each when it is let."""

    made: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def pieces(self, text: str | None = None, **options: Any) -> Iterator[Trace]:  # type: ignore[override]
        for piece in Scope.pieces(self, text, **options):
            yield piece
            self.made.release()
            self.may.acquire()


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece holds one position."""
    for name in ("_ROWS", "PIECE_SECONDS", "_LONGEST"):
        monkeypatch.setattr(pieces, name, 0)
    monkeypatch.setattr(pieces, "_AT_ONCE", 0)


def opened(stream: bytes, folder: Path) -> list[Trace]:
    found, _, failed, ended = frames_of(stream)
    assert failed is None
    assert ended
    path = folder / "piece.trace.safetensors"
    traces = []
    for piece in found:
        path.write_bytes(piece)
        traces.append(open_trace(path))
    return traces


async def test_a_page_that_looks_elsewhere_is_served_there_next(
    sort: Scope, no_page: Path, tmp_path: Path, one_by_one: None
) -> None:
    scope = Stepwise(replace(sort.model, name="stepwise"))
    app = create_app([scope], Settings(app=no_page))
    request = {"model": "stepwise", "text": TEXT, "first": [6, 2]}
    async with client_of(app) as client:

        async def prefer(first: list[int], page: str) -> Any:
            answer = await client.post("/api/first", json={"first": first}, headers={"x-logitscope-page": page})
            return answer.json()

        assert await prefer([0], "p") is False  # nothing is being sent
        one = asked(app, "trace", request, page="p")
        for _ in range(2):  # the likelihood, and position 6
            await happens(scope.made)
            scope.may.release()
        await happens(scope.made)
        assert await prefer([0], "another") is False
        assert await prefer([0], "p") is True
        for _ in range(len(TEXT) + 2):
            scope.may.release()
        await one.end()
        assert await prefer([0], "p") is False
    made = opened(b"".join(one.parts), tmp_path)
    assert made[0].positions.tolist() == list(range(len(TEXT)))
    assert [piece.positions.tolist() for piece in made[1:4]] == [[6], [2], [0]]
    whole, plain = merge(made), merge(sort.pieces(TEXT))
    assert whole.stages == plain.stages
    assert whole.positions.tolist() == plain.positions.tolist()


async def test_what_is_read_stage_after_stage_goes_on_so(
    sort: Scope, no_page: Path, tmp_path: Path, one_by_one: None
) -> None:
    scope = Stepwise(replace(sort.model, name="stepwise"))
    app = create_app([scope], Settings(app=no_page))
    one = asked(app, "trace", {"model": "stepwise", "text": TEXT}, page="p")
    await happens(scope.made)
    async with client_of(app) as client:
        answer = await client.post("/api/first", json={"first": [2]}, headers={"x-logitscope-page": "p"})
    assert answer.json() is False
    for _ in range(9):
        scope.may.release()
    await one.end()
    made = opened(b"".join(one.parts), tmp_path)
    assert {len(piece.positions) for piece in made} == {len(TEXT)}


@pytest.mark.parametrize("first", [["2"], [1.5], 2, [70_000], [True]])
async def test_places_that_are_none_are_refused(first: Any, sort: Scope, no_page: Path) -> None:
    async with client_of(create_app([sort], Settings(app=no_page))) as client:
        answer = await client.post("/api/first", json={"first": first})
        assert answer.status_code == 422
        answer = await client.post("/api/trace", json={"model": "embedded:sort", "text": TEXT, "first": first})
        assert answer.status_code == 422
