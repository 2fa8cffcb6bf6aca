"""Who may ask, how much and how slowly; and what every answer says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.server.guard import HEADERS
from tests.server.asking import PATIENCE, Conversation, client_of

pytestmark = pytest.mark.anyio

TRACE = {"model": "embedded:sort", "text": "ABC"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8642",
        "localhost:8642",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "[::1]:8642",
        "127.1.2.3:1",
        "localhost:9999",
    ],
)
async def test_this_server_answers_to_its_own_names(client: httpx2.AsyncClient, host: str) -> None:
    assert (await client.get("/api/models", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8642",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8642",
        "evil.example@127.0.0.1",
        "127.0.0.1:8642@evil.example",
        "192.168.1.7:8642",
        "0.0.0.0:8642",
        "[::ffff:192.168.1.7]",
        "2130706433",
        "0x7f000001",
        "localhost:8642, evil.example",
        "localhost evil.example",
        "",
        " ",
    ],
)
async def test_a_foreign_name_that_was_pointed_here_is_not_answered(app: FastAPI, host: str) -> None:
    for path, method in (("/", "GET"), ("/api/models", "GET"), ("/api/trace", "POST"), ("/api/saved", "POST")):
        talk = Conversation(app, path, json.dumps(TRACE).encode(), {"host": host}, method)
        await talk.end()
        assert talk.status == 421
        assert "model" not in talk.json["error"]


async def test_a_server_for_other_machines_answers_to_addresses_and_its_names_alone(sort: Scope, no_page: Path) -> None:
    app = create_app([sort], Settings(app=no_page, any_address=True, hosts=("lab.example",)))
    async with client_of(app) as client:
        for host, status in {
            "192.168.1.7:8642": 200,
            "[fe80::1]:8642": 200,
            "lab.example:8642": 200,
            "Lab.Example": 200,
            "evil.example": 421,
            "192.168.1.7.evil.example": 421,
        }.items():
            assert (await client.get("/api/models", headers={"host": host})).status_code == status, host


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1:8642"}, 200),
        ({"origin": "https://127.0.0.1:8642"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "http://localhost:8642"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://127.0.0.1:8642.evil.example"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 403),
    ],
)
async def test_pages_of_other_sites_may_not_ask(app: FastAPI, headers: dict[str, str], status: int) -> None:
    talk = Conversation(app, "/api/trace", json.dumps(TRACE).encode(), headers)
    await talk.end()
    assert talk.status == status


async def test_a_link_from_anywhere_opens_the_page_but_may_not_embed_it(sort: Scope, tmp_path: Path) -> None:
    (tmp_path / "app.html").write_text("<!doctype html><title>x</title>")
    visit = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    async with client_of(create_app([sort], Settings(app=tmp_path))) as client:
        assert (await client.get("/", headers=visit)).status_code == 200
        assert (await client.get("/", headers={**visit, "sec-fetch-dest": "iframe"})).status_code == 403
        assert (
            await client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})
        ).status_code == 403
        assert (await client.get("/api/models", headers=visit)).status_code == 403


async def test_every_answer_forbids_what_pages_of_this_server_do_not_need(client: httpx2.AsyncClient) -> None:
    answers = [
        await client.get("/"),
        await client.get("/nothing/here"),
        await client.get("/api/models"),
        await client.get("/api/nothing"),
        await client.delete("/api/models"),
        await client.post("/api/trace", json=TRACE),
        await client.post("/api/trace", json={}),
        await client.post("/api/trace", content=b"{", headers={"content-type": "application/json"}),
        await client.get("/api/models", headers={"host": "evil.example"}),
        await client.options("/api/trace", headers={"origin": "http://evil.example"}),
    ]
    assert [a.status_code for a in answers] == [503, 404, 200, 404, 405, 200, 422, 422, 421, 403]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "cache-control" in answer.headers
        assert not any(name.startswith("access-control-") for name in answer.headers)
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_only_json_is_read_so_that_no_form_of_another_site_is(client: httpx2.AsyncClient) -> None:
    body = json.dumps(TRACE)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"):
        response = await client.post("/api/trace", content=body, headers={"content-type": kind})
        assert response.status_code == 415, kind
    response = await client.post(
        "/api/trace", content=body, headers={"content-type": "application/json; charset=utf-8"}
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"model": NaN}',
        b'{"a":' * 50_000,
        b"1" * 100_000,
    ],
)
async def test_malformed_bodies_are_refused_in_one_line(client: httpx2.AsyncClient, body: bytes) -> None:
    for path in ("trace", "sample", "fill", "ask", "replace", "tokenise", "save"):
        response = await client.post(f"/api/{path}", content=body, headers={"content-type": "application/json"})
        assert response.status_code in (400, 422), response.content[:100]
        failure = response.json()
        assert "\n" not in failure["error"]
        assert len(failure["error"]) < 700


@pytest.fixture
def small(sort: Scope, no_page: Path) -> FastAPI:
    """Takes bodies of little."""
    return create_app([sort], Settings(app=no_page, body_bytes=1000, body_seconds=PATIENCE, upload_seconds=PATIENCE))


@pytest.fixture
def hasty(sort: Scope, no_page: Path) -> FastAPI:
    """Waits for no body."""
    return create_app([sort], Settings(app=no_page, body_seconds=0.05, upload_seconds=0.05))


async def test_too_large_a_body_is_refused_whether_it_says_so_or_not(small: FastAPI) -> None:
    async def chunks(n: int) -> AsyncIterator[bytes]:
        for _ in range(n):
            yield b" " * 100

    async with client_of(small) as client:
        kind = {"content-type": "application/json"}
        for content in (b" " * 1001, b" " * 10_000, chunks(11), chunks(1000)):
            response = await client.post("/api/trace", content=content, headers=kind)
            assert response.status_code == 413
            assert "at most 1,000 bytes" in response.json()["error"]
        body = json.dumps(TRACE).encode()
        assert (await client.post("/api/trace", content=body.ljust(1000), headers=kind)).status_code == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for(hasty: FastAPI) -> None:
    never = asyncio.Event()

    class Slow(Conversation):
        async def _receive(self) -> dict[str, object]:
            if not self._given:
                self._given = True
                return {"type": "http.request", "body": b"{", "more_body": True}
            await never.wait()
            return {}

    for path in ("/api/trace", "/api/saved", "/api/models"):
        talk = Slow(hasty, path, b"", method="GET" if path.endswith("models") else "POST")
        await talk.end()
        assert talk.status == 408
        assert talk.said["connection"] == "close"
        assert "0.05 s" in talk.json["error"]


async def test_a_client_that_leaves_while_it_sends_is_let_go(small: FastAPI) -> None:
    class Leaves(Conversation):
        async def _receive(self) -> dict[str, object]:
            if not self._given:
                self._given = True
                return {"type": "http.request", "body": b"{", "more_body": True}
            return {"type": "http.disconnect"}

    for path in ("/api/trace", "/api/saved"):
        talk = await Leaves(small, path, b"").end()
        assert talk.status == 0  # nothing is said to nobody


async def test_other_protocols_are_not_spoken(app: FastAPI) -> None:
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@settings(max_examples=30)
@given(host=st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60))
def test_no_made_up_name_gets_through(app: FastAPI, host: str) -> None:
    async def ask() -> Conversation:
        return await Conversation(app, "/api/models", b"", {"host": host}, "GET").end()

    talk = asyncio.run(ask())
    name = host.lower().split(":")[0].removesuffix(".")
    assert talk.status == (200 if name == "localhost" or name.startswith("127.") else 421)


@settings(max_examples=30)
@given(
    path=st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(["..", ".", "", "%2e%2e", "etc", "passwd", "app.html", "assets", "\\", "\0", "~"])
        ).map("/".join),
    )
)
def test_no_path_of_a_request_reaches_a_file(page_app: FastAPI, path: str) -> None:
    async def ask() -> Conversation:
        return await Conversation(page_app, "/" + path.lstrip("/"), b"", {}, "GET").end()

    talk = asyncio.run(ask())
    assert talk.status in (200, 404, 405)
    assert b"a secret beside the page" not in b"".join(talk.parts)


@pytest.fixture(scope="module")
def page_app(sort: Scope, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    folder = tmp_path_factory.mktemp("built")
    (folder / "secret").write_text("a secret beside the page")
    (folder / "app").mkdir()
    (folder / "app" / "app.html").write_text("<!doctype html>")
    return create_app([sort], Settings(app=folder / "app"))
