"""A trace over HTTP: the same numbers, useful pieces first, and computing that stops when nobody reads."""

from __future__ import annotations

import asyncio
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

from logitscope.scope import Scope
from logitscope.scope.plan import plan_trace
from logitscope.server import Settings, create_app
from logitscope.server.desk import Desk
from logitscope.server.limits import trace_bytes
from logitscope.trace import Trace, merge, open_trace
from tests.server.asking import Gated, asked, client_of, frames_of, happens

pytestmark = pytest.mark.anyio

TEXT = 'She said "<b>&amp;</b>" to the old man; \U0001f468‍\U0001f469‍\U0001f467 مرحبا.\r\n\tHe sat.'


def opened(piece: bytes, folder: Path) -> Trace:
    path = folder / "piece.trace.safetensors"
    path.write_bytes(piece)
    return open_trace(path)


async def traced(client: httpx2.AsyncClient, folder: Path, **request: Any) -> tuple[list[Trace], list[Any]]:
    page = {"X-Logitscope-Page": request.pop("page")} if "page" in request else {}
    response = await client.post("/api/trace", json=request, headers=page)
    assert response.status_code == 200, response.content[:200]
    assert response.headers["content-type"] == "application/vnd.logitscope.frames"
    pieces, said, failed, ended = frames_of(response.content)
    assert failed is None
    assert ended
    return [opened(piece, folder) for piece in pieces], said


def same(found: Trace, wanted: Trace) -> None:
    """As far as two ways of summing fp32 products agree; what no sum is in, exactly."""
    assert found.stages == wanted.stages
    assert found.tokens.identical(wanted.tokens)
    assert found.arrays.keys() == wanted.arrays.keys()
    assert found.provenance.content_hash == wanted.provenance.content_hash
    assert np.array_equal(found.context_lengths, wanted.context_lengths)
    for name, array in found.arrays.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(array, wanted.arrays[name], rtol=1e-4, atol=1e-4, err_msg=name)
        elif name in ("next_rank", "final_rank", "input_rank"):
            assert (array == wanted.arrays[name]).mean() > 0.99


async def test_the_pieces_are_those_of_python_and_merge_to_its_trace(
    client: httpx2.AsyncClient, tales: Scope, tmp_path: Path
) -> None:
    pieces, _ = await traced(client, tmp_path, model="embedded:tales", text=TEXT, subblocks=True, watch=[" man", 12])
    whole = tales.trace(TEXT, subblocks=True, watch=[" man", 12])
    assert len(pieces) > 2
    same(merge(pieces), whole)
    assert merge(pieces).watched == whole.watched


async def test_one_block_of_three_tokens_gives_exactly_the_numbers_of_python(
    client: httpx2.AsyncClient, sort: Scope, tmp_path: Path
) -> None:
    pieces, _ = await traced(client, tmp_path, model="embedded:sort", text="CBABBC", histogram=True, top_k=3)
    mine = list(sort.pieces("CBABBC", histogram=True, top_k=3))
    found, wanted = merge(pieces), merge(mine)
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array, err_msg=name)


async def test_the_last_stage_comes_first_and_progress_counts_up_to_all(
    client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    pieces, said = await traced(client, tmp_path, model="embedded:tales", text=TEXT, bos=True)
    assert pieces[0].stages == ("7.mlp",)
    assert len(pieces[0].positions) == len(pieces[0].tokens)
    told = [step["done"] for step in said]
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == said[0]["total"] == 9 * len(pieces[0].tokens)


async def test_ids_are_read_as_they_are(client: httpx2.AsyncClient, tales: Scope, tmp_path: Path) -> None:
    ids = tales.trace("The old man", stages=["7.mlp"]).ids.tolist()
    ids[1] = 12
    pieces, _ = await traced(client, tmp_path, model="embedded:tales", ids=ids)
    assert merge(pieces).ids.tolist() == ids
    same(merge(pieces), tales.trace(ids=ids))


async def test_typing_on_gives_the_numbers_of_a_fresh_reading(
    client: httpx2.AsyncClient, tales: Scope, tmp_path: Path
) -> None:
    texts = ["The old man looked", "The old man looked at the", "The old man looked at the sea.", "The old woman"]
    for text in texts:
        pieces, _ = await traced(client, tmp_path, model="embedded:tales", text=text, page="a-page")
        same(merge(pieces), tales.trace(text))


async def test_an_unchanged_beginning_is_remembered_for_the_page_that_asked(app: FastAPI, tmp_path: Path) -> None:
    desk: Desk = app.state.desk
    desk.memories.clear()
    async with client_of(app) as client:
        await traced(client, tmp_path, model="embedded:tales", text="The old man")
        assert len(desk.memories) == 0
        await traced(client, tmp_path, model="embedded:tales", text="The old man", page="one")
        await traced(client, tmp_path, model="embedded:tales", text="The old man sat", page="one")
        await traced(client, tmp_path, model="embedded:tales", text="The old man", page="two")
    assert len(desk.memories) == 2
    assert desk.memories.n_bytes > 0


async def test_pages_left_open_take_no_more_than_is_allowed(sort: Scope, no_page: Path, tmp_path: Path) -> None:
    app = create_app([sort], Settings(app=no_page, pages=3, page_bytes=2**15))
    desk: Desk = app.state.desk
    sizes = []
    async with client_of(app) as client:
        for number in range(8):
            await traced(client, tmp_path, model="embedded:sort", text="ABC" * (1 + number % 3), page=f"page-{number}")
            sizes.append(desk.memories.n_bytes)
            assert len(desk.memories) <= 3
    assert 0 < max(sizes) <= 2**15
    assert desk._latest == {}  # no request is held on to once it was answered


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"model": "gpt5", "text": "a"}, 404, 'no model here is called "gpt5"'),
        ({"model": "embedded:tales"}, 422, "either a text or ids"),
        ({"model": "embedded:tales", "text": "a", "ids": [1]}, 422, "either a text or ids"),
        ({"model": "embedded:tales", "text": ""}, 422, "text"),
        ({"model": "embedded:tales", "text": "a", "lens": "jacobian"}, 422, 'lens "jacobian"'),
        ({"model": "embedded:tales", "text": "a", "stages": ["9.mlp"]}, 422, "8 blocks"),
        ({"model": "embedded:tales", "text": "a", "positions": [7]}, 422, "position 7"),
        ({"model": "embedded:tales", "text": "a", "statistics": ["mood"]}, 422, "'mood' is no statistic"),
        ({"model": "embedded:tales", "text": "a", "watch": ["no such token"]}, 422, "no token of this model"),
        ({"model": "embedded:tales", "text": "a", "top_k": 101}, 422, "top_k"),
        ({"model": "embedded:tales", "text": "a", "top_k": "5"}, 422, "top_k"),
        ({"model": "embedded:tales", "text": "a", "colour": "red"}, 422, "colour"),
        ({"model": "embedded:tales", "text": "a" * 100_001}, 422, "text"),
        ({"model": "embedded:tales", "ids": [6144]}, 422, "token id 6144"),
        ({"model": "embedded:sort", "text": "hello"}, 422, ""),
        ({"model": "embedded:sort", "text": "ABC", "bos": True}, 422, "BOS"),
        ({"model": "embedded:tales", "text": "\ud800"}, 422, ""),
    ],
)
async def test_what_does_not_fit_is_said_in_one_line(
    client: httpx2.AsyncClient, request_: dict[str, Any], status: int, said: str
) -> None:
    content = json.dumps(request_).encode()
    response = await client.post("/api/trace", content=content, headers={"content-type": "application/json"})
    assert response.status_code == status, response.content[:200]
    failure = response.json()
    assert failure["status"] == status
    assert said in failure["error"]
    assert "\n" not in failure["error"]
    assert "Traceback" not in failure["error"]


async def test_a_trace_that_is_too_large_is_not_begun(sort: Scope, no_page: Path) -> None:
    app = create_app([sort], Settings(app=no_page, trace_bytes=2**20))
    async with client_of(app) as client:
        request = {"model": "embedded:sort", "text": "ABC" * 400, "histogram": True, "subblocks": True}
        refused = await client.post("/api/trace", json=request)
        assert refused.status_code == 413
        assert "10 MiB; at most 1 are computed here. Ask for fewer positions" in refused.json()["error"]
        taken = await client.post("/api/trace", json=request | {"positions": [0, 1, -1]})
        assert taken.status_code == 200


async def test_the_size_of_a_trace_is_known_before_it_is_computed(tales: Scope) -> None:
    for options in ({}, {"histogram": True}, {"top_k": 3, "watch": [1, 2]}, {"statistics": ["entropy", "top_prob"]}):
        plan = plan_trace(tales.model, TEXT, **options)  # type: ignore[arg-type]
        trace = tales.trace(TEXT, **options)  # type: ignore[arg-type]
        assert trace_bytes(plan) == sum(array.nbytes for array in trace.arrays.values())


# --------------------------------------------------------------------------------------------------- leaving


@pytest.fixture
def waiting(gated: Gated, sort: Scope, no_page: Path) -> FastAPI:
    return create_app([gated, sort], Settings(app=no_page, waiting=2))


async def begun(gated: Gated) -> None:
    await happens(gated.began)


async def test_a_reader_who_leaves_stops_the_computing(gated: Gated, waiting: FastAPI) -> None:
    one = asked(waiting, "trace", {"model": "gated", "text": "ABC"})
    await begun(gated)
    await one.leave()
    await happens(gated.ended)
    assert gated.stopped == ["ABC"]


async def test_a_reader_who_leaves_in_the_middle_stops_the_model_between_its_blocks(sort: Scope, no_page: Path) -> None:
    polled: list[bool] = []
    left = threading.Event()
    in_the_middle = threading.Event()
    ended = threading.Event()

    class Counted(Scope):
        def pieces(self, text: Any = None, **options: Any) -> Any:
            cancelled = options.pop("cancelled")

            def poll() -> bool:
                if len(polled) == 5:
                    in_the_middle.set()
                    left.wait()
                polled.append(cancelled())
                return polled[-1]

            def run() -> Any:
                try:
                    yield from Scope.pieces(self, text, cancelled=poll, **options)
                finally:
                    ended.set()

            return run()

    app = create_app([Counted(replace(sort.model, name="counted"))], Settings(app=no_page))
    one = asked(app, "trace", {"model": "counted", "text": "ABCABC", "subblocks": True, "lens": "tail:0"})
    await happens(in_the_middle)
    await one.leave()
    left.set()
    await happens(ended)
    assert polled == [False] * 5 + [True]  # asked once more, and not computed on


async def test_a_newer_request_of_a_page_takes_the_place_of_its_older_one(gated: Gated, waiting: FastAPI) -> None:
    older = asked(waiting, "trace", {"model": "gated", "text": "ABC"}, page="p")
    await begun(gated)
    newer = asked(waiting, "trace", {"model": "gated", "text": "CBA"}, page="p")
    await older.end()
    assert older.status == 200  # it had begun, so that the stream has to say it
    *_, failed, ended = frames_of(b"".join(older.parts))
    assert failed["status"] == 409
    assert not ended
    await happens(gated.ended)
    gated.go.set()
    await newer.end()
    assert frames_of(b"".join(newer.parts))[3]
    assert gated.stopped == ["ABC"]


async def test_other_pages_and_other_routes_are_not_superseded(gated: Gated, waiting: FastAPI) -> None:
    one = asked(waiting, "trace", {"model": "gated", "text": "ABC"}, page="p")
    await begun(gated)
    others = [
        asked(waiting, "trace", {"model": "gated", "text": "AB"}, page="q"),
        asked(waiting, "save", {"model": "gated", "text": "AB"}, page="p"),
    ]
    gated.go.set()
    for talk in [one, *others]:
        await talk.end()
        assert talk.status == 200
    assert gated.stopped == []


async def test_a_short_question_of_another_page_is_answered_between_the_pieces_of_a_long_answer(
    tales: Scope, no_page: Path, tmp_path: Path
) -> None:
    long, short = "The fisherman put out to sea, and the sea put out to the fisherman.", "The moon"
    order: list[str] = []
    began, go = threading.Event(), threading.Event()

    class Ordered(Scope):
        def pieces(self, text: Any = None, **options: Any) -> Any:
            def run() -> Any:
                for piece in Scope.pieces(self, text, **options):
                    if text == long:
                        began.set()
                        go.wait()
                    order.append(text)
                    yield piece

            return run()

    app = create_app([Ordered(replace(tales.model, name="ordered"))], Settings(app=no_page))
    first = asked(app, "trace", {"model": "ordered", "text": long, "subblocks": True}, page="p")
    await happens(began)
    others = [
        asked(app, "trace", {"model": "ordered", "text": short, "lens": "tail:1"}, page="q"),
        # It needs the memory that the first one is at work with.
        asked(app, "replace", {"model": "ordered", "text": long, "position": 3, "token": " moon"}, page="p"),
    ]
    while app.state.desk.find("ordered").worker.waiting < len(others):
        await asyncio.sleep(0)
    go.set()
    for talk, text, options in ((first, long, {"subblocks": True}), (others[0], short, {"lens": "tail:1"})):
        pieces, _, failed, ended = frames_of(b"".join((await talk.end()).parts))
        assert ended
        assert failed is None
        same(merge(opened(piece, tmp_path) for piece in pieces), tales.trace(text, **options))
    assert (await others[1].end()).json["inserted"] == 1
    assert order[:2] == [long, short]
    assert order[2:].count(long) > 1


async def test_a_request_that_waits_in_line_and_is_left_was_never_begun(gated: Gated, waiting: FastAPI) -> None:
    now = asked(waiting, "trace", {"model": "gated", "text": "ABC"})
    await begun(gated)
    next_ = asked(waiting, "trace", {"model": "gated", "text": "CBA"})
    await asyncio.sleep(0)
    await next_.leave()
    gated.go.set()
    await now.end()
    assert not gated.began.acquire(blocking=False)


async def test_beyond_the_line_the_answer_is_busy_and_says_when_to_come_again(gated: Gated, waiting: FastAPI) -> None:
    taken = [asked(waiting, "trace", {"model": "gated", "text": "ABC"})]
    await begun(gated)
    taken += [asked(waiting, "trace", {"model": "gated", "text": "ABC"}) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    late = await asked(waiting, "trace", {"model": "gated", "text": "ABC"}).end()
    assert late.status == 503
    assert int(late.said["retry-after"]) == late.json["retry_after"] >= 1
    assert "busy" in late.json["error"]
    # The other model has its own line, and tokens need no model.
    other = await asked(waiting, "trace", {"model": "embedded:sort", "text": "ABC"}).end()
    assert other.status == 200
    tokens = await asked(waiting, "tokenise", {"model": "gated", "text": "ABC"}).end()
    assert tokens.json["ids"] == [0, 1, 2]
    gated.go.set()
    for talk in taken:
        assert (await talk.end()).whole


async def test_two_hundred_at_once_are_all_answered_or_told_to_come_again(sort: Scope, no_page: Path) -> None:
    app = create_app([sort], Settings(app=no_page, waiting=20))
    texts = ["".join("ABC"[(n >> 2 * i) % 3] for i in range(6)) for n in range(200)]
    talks = [asked(app, "trace", {"model": "embedded:sort", "text": t}, page=f"p{n}") for n, t in enumerate(texts)]
    for talk in talks:
        await talk.end()
    statuses = [talk.status for talk in talks]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 20
    for talk, text in zip(talks, texts, strict=True):
        if talk.status == 200:
            pieces, _, failed, ended = frames_of(b"".join(talk.parts))
            assert ended
            assert failed is None
            assert text.encode() in pieces[0]  # everyone gets their own
        else:
            assert talk.json["retry_after"] >= 1
    assert app.state.desk._latest == {}


@settings(max_examples=25)
@given(
    text=st.text(alphabet="ABC", min_size=1, max_size=30),
    subblocks=st.booleans(),
    embed=st.booleans(),
    top_k=st.integers(1, 3),
    lens=st.sampled_from(["logit", "tail:2", "tail:1.mlp"]),
    norm=st.sampled_from(["final", "plain", "none"]),
)
def test_whatever_is_asked_for_the_pieces_cover_it(
    app: FastAPI, sort: Scope, tmp_path_factory: pytest.TempPathFactory, **options: Any
) -> None:
    text = options.pop("text")

    async def ask() -> list[Trace]:
        async with client_of(app) as client:
            folder = tmp_path_factory.mktemp("pieces")
            return (await traced(client, folder, model="embedded:sort", text=text, **options))[0]

    same(merge(asyncio.run(ask())), sort.trace(text, **options))
