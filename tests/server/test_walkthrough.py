"""The inside of a model over HTTP: the numbers of Activations byte for byte, explanations as Python gives them, and
bounds that hold whatever is asked.
"""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

import logitscope
from logitscope.graph import Activations, explain, graph_of
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.server.cells import Explanation, Graph, Run, Shape
from logitscope.server.desk import Desk
from logitscope.server.frames import Kind, split
from tests.families import shared_model, tiny_tokenizer
from tests.server.asking import PATIENCE, asked, client_of

pytestmark = pytest.mark.anyio

SORT, TALES = "embedded:sort", "embedded:tales"


async def begun(client: httpx2.AsyncClient, page: str = "p", **body: Any) -> dict[str, Any]:
    body = {"model": SORT, **body} if body else {"model": SORT, "text": "CBABBC"}
    response = await client.post("/api/runs", json=body, headers={"X-Logitscope-Page": page})
    assert response.status_code == 200, response.content[:300]
    run = Run.model_validate_json(response.content)
    return {"model": run.model, "run": run.run}


async def said(client: httpx2.AsyncClient, path: str, body: dict[str, Any], page: str = "p") -> httpx2.Response:
    return await client.post(f"/api/{path}", json=body, headers={"X-Logitscope-Page": page})


async def tile(client: httpx2.AsyncClient, run: dict[str, Any], **body: Any) -> np.ndarray:
    response = await said(client, "tile", {**run, **body})
    assert response.status_code == 200, response.content[:300]
    shape = [int(size) for size in response.headers["x-shape"].split()]
    return np.frombuffer(response.content, "<f4")[2:].reshape(shape)


async def test_a_graph_is_python_s(client: httpx2.AsyncClient, sort: Scope) -> None:
    response = await said(client, "graph", {"model": SORT})
    assert response.json() == graph_of(sort.model.hf.config).to_dict()
    Graph.model_validate_json(response.content)


async def test_every_block_s_numbers_are_those_of_activations(client: httpx2.AsyncClient, sort: Scope) -> None:
    run, here = await begun(client), sort.activations("CBABBC")
    for block in here.graph:
        ranges = [(0, size) for size in block.shape(6)]
        for level in (0, 2):
            got = await tile(client, run, block=block.id, ranges=ranges, level=level)
            assert got.tobytes() == here.tile(block.id, ranges, level).astype("<f4").tobytes(), block.id


async def test_several_parts_come_in_the_order_in_which_they_were_asked_for(
    client: httpx2.AsyncClient, sort: Scope
) -> None:
    run, here = await begun(client), sort.activations("CBABBC")
    blocks = [here.graph[name] for name in ("2.attn.pattern", "embed.tokens", "0.mlp.up.bias", "ids")]
    parts = [
        {"block": block.id, "ranges": [[0, size] for size in block.shape(6)], "level": level}
        for block in blocks
        for level in (0, 1)
    ]
    response = await said(client, "tiles", {**run, "parts": parts})
    pieces = list(split(response.content))
    assert [kind for kind, _ in pieces] == [Kind.PIECE] * len(parts) + [Kind.END]
    for part, (_, payload) in zip(parts, pieces, strict=False):
        alone = await said(client, "tile", {**run, **part})
        assert payload == alone.content, part


async def test_of_several_parts_those_before_a_wrong_one_come(client: httpx2.AsyncClient) -> None:
    run = await begun(client)
    parts = [{"block": "ids", "ranges": [[0, 6]]}, {"block": "embed", "ranges": [[0, 7], [0, 48]]}]
    pieces = list(split((await said(client, "tiles", {**run, "parts": parts})).content))
    assert [kind for kind, _ in pieces] == [Kind.PIECE, Kind.FAILED]
    assert b"range 0:7" in pieces[1][1]
    first = await said(client, "tiles", {**run, "parts": parts[1:]})
    assert first.status_code == 422


async def test_a_part_and_its_mean(client: httpx2.AsyncClient, tales: Scope) -> None:
    text = "The tide was out, and the boats lay on the sand."
    run, here = await begun(client, model=TALES, text=text), tales.activations(text)
    part = await tile(client, run, block="2.attn.pattern", ranges=[[1, 3], [4, 9], [0, 7]])
    assert np.array_equal(part, here.tile("2.attn.pattern", [(1, 3), (4, 9), (0, 7)]), equal_nan=True)
    assert np.isnan(part).any()
    mean = await tile(client, run, block="embed.tokens", ranges=[[3, 1003], [0, 100]], level=4)
    assert np.array_equal(mean, here.tile("embed.tokens", [(3, 1003), (0, 100)], 4))


async def test_a_part_comes_with_how_far_its_block_is_from_0(client: httpx2.AsyncClient, sort: Scope) -> None:
    run, here = await begun(client), sort.activations("CBABBC")
    body = {**run, "block": "1.attn.scores", "ranges": [[0, 1], [0, 2], [0, 3]]}
    response = await said(client, "tile", body)
    whole = here.block("1.attn.scores").numpy().astype(np.float64)
    rms, largest = np.frombuffer(response.content[:8], "<f4")
    assert rms == pytest.approx(np.sqrt(np.nanmean(whole**2)), rel=1e-6)
    assert largest == pytest.approx(np.nanmax(np.abs(whole)), rel=1e-6)


async def test_explanations_are_python_s(client: httpx2.AsyncClient, sort: Scope) -> None:
    run, here = await begun(client), sort.activations("CBABBC")
    for block in here.graph:
        index = [size // 2 for size in block.shape(6)]
        response = await said(client, "explain", {**run, "block": block.id, "index": index, "n_terms": 5})
        assert response.json() == json.loads(json.dumps(explain(here, block.id, index).to_dict(5))), block.id
        Explanation.model_validate_json(response.content)
    masked = await said(client, "explain", {**run, "block": "0.attn.pattern", "index": [0, 2, 5]})
    assert (masked.json()["kind"], masked.json()["stored"]) == ("masked", None)


async def test_a_run_says_what_was_read_and_has_one_name(client: httpx2.AsyncClient) -> None:
    first = await said(client, "runs", {"model": SORT, "text": "CAB"})
    again = await said(client, "runs", {"model": SORT, "ids": [2, 0, 1]}, page="another")
    other = await said(client, "runs", {"model": SORT, "text": "CAA"})
    assert first.json()["text"]["tokens"] == ["C", "A", "B"]
    assert first.json()["n_positions"] == 3
    assert first.json()["run"] == again.json()["run"] != other.json()["run"]


async def test_a_page_has_only_its_latest_runs_and_can_have_an_older_one_again(sort: Scope, no_page: Path) -> None:
    async with client_of(create_app([sort], Settings(app=no_page, page_runs=2))) as client:
        texts = ["ABC", "BCA", "CAB"]
        runs = [await begun(client, model=SORT, text=text) for text in texts]
        there = {"block": "ids", "ranges": [[0, 3]]}
        assert [(await said(client, "tile", {**run, **there})).status_code for run in runs] == [410, 200, 200]
        # Another page is another page.
        elsewhere = await said(client, "tile", {**runs[2], **there}, page="other")
        assert elsewhere.status_code == 410
        assert "read again" in elsewhere.json()["error"]
        assert await begun(client, model=SORT, text="ABC") == runs[0]
        assert (await said(client, "tile", {**runs[0], **there})).status_code == 200


async def test_what_runs_hold_is_bounded(tales: Scope, no_page: Path) -> None:
    allowed = Settings(app=no_page, run_bytes=2**20, runs_bytes=2**20 + 2**19)
    app = create_app([tales], allowed)
    desk: Desk = app.state.desk
    async with client_of(app) as client:
        for i in range(4):
            run = await begun(client, page=f"page{i}", model=TALES, text="Once upon a time " * (i + 1))
            for block in ("1.mlp.out", "2.attn.pattern", "output.probabilities"):
                axes = 3 if "pattern" in block else 2
                body = {**run, "block": block, "ranges": [[0, 1]] * axes}
                assert (await said(client, "tile", body, page=f"page{i}")).status_code == 200
            held = desk.walkthrough.runs
            assert 0 < held.n_bytes <= allowed.runs_bytes
            assert len(held) >= 1
        too_long = await said(client, "runs", {"model": TALES, "text": "word " * 200})
        assert too_long.status_code == 413
        assert "Give a shorter text" in too_long.json()["error"]


async def test_silent_pages_and_stopped_servers_hold_nothing(sort: Scope, no_page: Path) -> None:
    app = create_app([sort], Settings(app=no_page, page_seconds=-1))
    async with client_of(app) as client:
        await begun(client)
        app.state.desk.tidy()
        assert len(app.state.desk.walkthrough.runs) == 0


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("tile", {"block": "embed", "ranges": [[0, 7], [0, 48]]}, 422, "range 0:7"),
        ("tile", {"block": "embed", "ranges": [[3, 3], [0, 48]]}, 422, "range 3:3"),
        ("tile", {"block": "embed", "ranges": [[5, 2], [0, 48]]}, 422, "range 5:2"),
        ("tile", {"block": "embed", "ranges": [[0, 6]]}, 422, "takes 2 ranges"),
        ("tile", {"block": "embed", "ranges": []}, 422, "takes 2 ranges"),
        ("tile", {"block": "embed", "ranges": [[-1, 2], [0, 3]]}, 422, "greater than or equal to 0"),
        ("tile", {"block": "embed", "ranges": [[0, 2, 3], [0, 3]]}, 422, "at most 2 items"),
        ("tile", {"block": "embed", "ranges": [[0, 6], [0, 48]], "level": 21}, 422, "less than or equal to 20"),
        ("tile", {"block": "embed", "ranges": [[0, 2**31 - 1]] * 8}, 413, "at most 4.0 are sent at once"),
        ("tiles", {"parts": [{"block": "embed", "ranges": [[0, 2**31 - 1]] * 2}]}, 413, "at most 4.0 are sent at once"),
        ("tiles", {"parts": []}, 422, "at least 1 item"),
        ("tiles", {"parts": [{"block": "ids", "ranges": [[0, 1]]}] * 65}, 422, "at most 64 items"),
        ("tiles", {"parts": [{"block": "ids", "ranges": [[0, 1]]}], "run": "unknown"}, 410, "read again"),
        ("tile", {"block": "nothing", "ranges": [[0, 1]]}, 422, 'no block "nothing"'),
        ("tile", {"block": "ids", "ranges": [[0, 1]], "run": "unknown"}, 410, "read again"),
        ("explain", {"block": "embed", "index": [0]}, 422, "has shape"),
        ("explain", {"block": "embed", "index": [0, 48]}, 422, "has shape"),
        ("explain", {"block": "embed", "index": [0, 0], "n_terms": 5000}, 422, "less than or equal to 4096"),
        ("explain", {"block": "ids", "index": [0], "model": "other"}, 404, "no model here"),
        ("runs", {"text": "ABCABCABCABCABC"}, 413, "at most 11"),
        ("runs", {"ids": [7]}, 422, "7"),
        ("runs", {"text": "A", "ids": [0]}, 422, "one of the two"),
    ],
)
async def test_what_is_not_there_is_one_line(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any], status: int, error: str
) -> None:
    run = await begun(client)
    if path == "runs":
        run.pop("run")
    response = await said(client, path, {**run, **body})
    assert response.status_code == status, response.content[:300]
    assert error in response.json()["error"]
    assert "\n" not in response.json()["error"]


@given(data=st.data())
@settings(deadline=None, max_examples=25)
async def test_any_part_at_any_level_has_the_shape_that_was_said(
    app: FastAPI, sort: Scope, data: st.DataObject
) -> None:
    here = sort.activations("CBABBC")
    block = data.draw(st.sampled_from(here.graph.blocks))
    ranges = []
    for size in block.shape(6):
        first = data.draw(st.integers(0, size - 1))
        ranges.append((first, data.draw(st.integers(first + 1, size))))
    level = data.draw(st.integers(0, 20))
    async with client_of(app) as client:
        got = await tile(client, await begun(client), block=block.id, ranges=ranges, level=level)
    assert np.array_equal(got, here.tile(block.id, ranges, level), equal_nan=True)


async def test_families_without_a_graph_are_refused_and_their_card_says_so(no_page: Path) -> None:
    scope = logitscope.load(shared_model("gpt_neox"), tokenizer=tiny_tokenizer())
    async with client_of(create_app([scope], Settings(app=no_page))) as client:
        card = (await client.get("/api/models")).json()[0]
        assert not {"graph", "tile", "explain"} & set(card["can"])
        assert "gpt_neox models have no graph yet" in card["cannot"]["graph"]
        for path, body in (("graph", {}), ("runs", {"text": "a"})):
            response = await said(client, path, {"model": card["name"], **body})
            assert response.status_code == 422
            assert response.json()["error"] == card["cannot"]["graph"]


async def test_cards_of_described_families_say_what_can_be_asked(client: httpx2.AsyncClient) -> None:
    for card in (await client.get("/api/models")).json():
        assert {"graph", "tile", "explain"} <= set(card["can"])


async def test_giants_are_shapes_with_their_published_sizes(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/shapes", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    shapes = [Shape.model_validate(shape) for shape in response.json()]
    assert {shape.name: (shape.n_parameters, shape.n_positions) for shape in shapes} == {
        "GPT-2": (124_439_808, 1024),
        "GPT-2 XL": (1_557_611_200, 1024),
        "GPT-3": (174_604_259_328, 2048),
    }
    plain = await client.get("/api/shapes", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == response.json()
    assert len(gzip.compress(plain.content)) < 200_000


async def test_one_line_of_jobs_for_each_model(sort: Scope, no_page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of one page do not take each other's place; beyond the line's end the answer is busy."""
    began, go = threading.Semaphore(0), threading.Event()
    real = Activations.tile

    def waiting(self: Activations, *of: Any) -> np.ndarray:
        began.release()
        go.wait(PATIENCE)
        return real(self, *of)

    app = create_app([replace(sort, model=replace(sort.model))], Settings(app=no_page, waiting=2))
    async with client_of(app) as client:
        run = await begun(client)
        monkeypatch.setattr(Activations, "tile", waiting)
        body = {**run, "block": "ids", "ranges": [[0, 6]]}
        first = asked(app, "tile", body, page="p")
        await first_began(began)
        others = [asked(app, "tile", body, page="p") for _ in range(2)]
        busy = await settled(app, body)
        assert busy == 503
        # One that nobody waits for any more leaves the line.
        await others[1].leave()
        go.set()
        for conversation in (first, others[0]):
            assert (await conversation.end()).status == 200
            assert np.frombuffer(b"".join(conversation.parts), "<f4")[2:].tolist() == [2, 1, 0, 1, 1, 2]


async def first_began(began: threading.Semaphore) -> None:
    import anyio.to_thread

    assert await anyio.to_thread.run_sync(lambda: began.acquire(timeout=PATIENCE))


async def settled(app: FastAPI, body: dict[str, Any]) -> int:
    """The answer to one more than may wait."""
    import anyio

    desk: Desk = app.state.desk
    worker = desk.find(SORT).worker
    while worker.waiting < 2:
        await anyio.lowlevel.checkpoint()
    conversation = await asked(app, "tile", body, page="p").end()
    assert conversation.said["retry-after"]
    return conversation.status
