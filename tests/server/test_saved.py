"""Traces as files: sent, checked and given back; saved; whatever is sent, nothing but one line comes of it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.render.page import EMBEDDED
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.trace import Trace, merge, open_trace
from logitscope.trace.file import to_bytes
from tests.server.asking import Conversation, client_of, frames_of

pytestmark = pytest.mark.anyio

BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def saved(sort: Scope) -> Trace:
    return sort.trace("CBABBCABC", subblocks=True, histogram=True, top_k=2)


async def send(client: httpx2.AsyncClient, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx2.Response:
    return await client.post("/api/saved", content=content, headers={**BYTES, **headers})


async def test_a_trace_that_is_sent_comes_back_in_pieces_the_last_stage_first(
    client: httpx2.AsyncClient, saved: Trace, tmp_path: Path
) -> None:
    response = await send(client, to_bytes(saved))
    assert response.status_code == 200
    pieces, _, failed, ended = frames_of(response.content)
    assert (failed, ended) == (None, True)
    opened = []
    for number, piece in enumerate(pieces):
        (tmp_path / str(number)).write_bytes(piece)
        opened.append(open_trace(tmp_path / str(number)))
    assert opened[0].stages == ("2.mlp",)
    assert len(opened) == 3
    assert merge(opened).identical(saved)


async def test_what_is_saved_is_the_file_that_python_writes(
    client: httpx2.AsyncClient, sort: Scope, tmp_path: Path
) -> None:
    response = await client.post("/api/save", json={"model": "embedded:sort", "text": "CBABBC", "top_k": 3})
    assert response.status_code == 200
    assert response.headers["content-disposition"] == 'attachment; filename="logitscope.trace.safetensors"'
    assert int(response.headers["content-length"]) == len(response.content)
    (tmp_path / "it").write_bytes(response.content)
    found, wanted = open_trace(tmp_path / "it"), merge(sort.pieces("CBABBC", top_k=3))
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


async def test_a_page_of_it_is_the_librarys(client: httpx2.AsyncClient, sort: Scope) -> None:
    response = await client.post("/api/save", json={"model": "embedded:sort", "text": "CBABBC", "format": "html"})
    if response.status_code == 413:
        assert "built without its pages" in response.json()["error"]  # LOGITSCOPE_NO_WEB
        return
    assert 'filename="logitscope.html"' in response.headers["content-disposition"]
    page = response.text
    (held,) = re.findall(f'<script type="{re.escape(EMBEDDED)}">([^<]*)</script>', page)
    found = open_bytes(zlib.decompress(base64.b64decode(held)))
    for name, array in merge(sort.pieces("CBABBC")).arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


def open_bytes(content: bytes) -> Trace:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it.safetensors"
        path.write_bytes(content)
        return open_trace(path)


@pytest.mark.parametrize("format_", ["json", "csv", "parquet"])
async def test_other_programs_get_their_formats(
    client: httpx2.AsyncClient, sort: Scope, tmp_path: Path, format_: str
) -> None:
    request = {"model": "embedded:sort", "text": "CBABBC", "format": format_}
    response = await client.post("/api/save", json=request)
    assert response.status_code == 200
    assert f"logitscope.{format_}" in response.headers["content-disposition"]
    if format_ == "json":
        assert json.loads(response.content)["text"] == "CBABBC"
    elif format_ == "csv":
        assert response.content.startswith(b"stage,stage_index,position,")
    else:
        assert response.content[:4] == b"PAR1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is no trace"),
        (b"\x80\x04K\x01.", "the file is no trace"),
        (b"<script>alert(1)</script>" * 100, "the file is no trace"),
        (struct.pack("<Q", 2**63) + b"{}", "the file is no trace"),
        (struct.pack("<Q", 2) + b"{}", "no trace"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "the file is no trace"),
        (struct.pack("<Q", 60) + b'{"__metadata__":{"logitscope-trace":"[[[["},"a":null}     '[:60], "the file"),
    ],
)
async def test_what_is_no_trace_is_refused_in_one_line(client: httpx2.AsyncClient, content: bytes, said: str) -> None:
    response = await send(client, content)
    assert response.status_code == 422
    failure = response.json()
    assert said in failure["error"]
    assert "/" not in failure["error"].replace("b/c", "")
    assert "logitscope-" not in failure["error"].replace("logitscope-trace", "")


async def test_too_much_is_refused_before_it_is_read(sort: Scope, no_page: Path, saved: Trace) -> None:
    app = create_app([sort], Settings(app=no_page, upload_bytes=1000))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield bytes(100)

    async with client_of(app) as client:
        said = await send(client, to_bytes(saved))
        unsaid = await send(client, endless())
    for response in (said, unsaid):
        assert response.status_code == 413
        assert "at most 1,000 bytes" in response.json()["error"]
        assert response.headers["connection"] == "close"
    assert 1000 < sent < 3000


async def test_nothing_is_left_of_what_was_sent(
    client: httpx2.AsyncClient, saved: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await send(client, to_bytes(saved))
    await send(client, b"nothing of the kind")
    await client.post("/api/save", json={"model": "embedded:sort", "text": "ABC", "format": "csv"})
    assert list(tmp_path.iterdir()) == []


async def test_only_so_many_are_received_at_one_time_and_a_place_is_free_again(
    sort: Scope, no_page: Path, saved: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = create_app([sort], Settings(app=no_page, uploads=2))
    go = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield to_bytes(saved)[:100]
        await go.wait()
        yield to_bytes(saved)[100:]

    async with client_of(app) as client:
        two = [asyncio.create_task(send(client, slowly())) for _ in range(2)]
        while len(list(tmp_path.iterdir())) < 2:
            await asyncio.sleep(0)
        third = await send(client, to_bytes(saved))
        assert third.status_code == 503
        assert third.headers["retry-after"] == "2"
        go.set()
        assert [(await one).status_code for one in two] == [200, 200]
        assert (await send(client, to_bytes(saved))).status_code == 200
        assert (await send(client, b"no trace")).status_code == 422
        assert (await send(client, to_bytes(saved))).status_code == 200
    assert app.state.desk._open == 0
    assert list(tmp_path.iterdir()) == []


async def test_who_leaves_while_sending_leaves_nothing(
    sort: Scope, no_page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = create_app([sort], Settings(app=no_page, uploads=1))

    class Leaves(Conversation):
        async def _receive(self) -> dict[str, Any]:
            if not self._given:
                self._given = True
                return {"type": "http.request", "body": b"some", "more_body": True}
            return {"type": "http.disconnect"}

    for _ in range(3):
        await Leaves(app, "/api/saved", b"", BYTES).end()
    assert app.state.desk._open == 0
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(app: FastAPI, saved: Trace, data: st.DataObject) -> None:
    content = bytearray(to_bytes(saved))
    head = 8 + struct.unpack_from("<Q", content)[0]
    for _ in range(data.draw(st.integers(1, 4))):
        # Most damage where it hurts most: in the header.
        place = data.draw(st.integers(0, head if data.draw(st.booleans()) else len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))

    async def ask() -> httpx2.Response:
        async with client_of(app) as client:
            return await send(client, bytes(content[:cut]))

    response = asyncio.run(ask())
    assert response.status_code in (200, 422)
    failure: Any = None
    if response.status_code == 200:
        *_, failure, ended = frames_of(response.content)
        assert ended or failure["status"] == 422
    else:
        failure = response.json()
    if failure is not None:
        assert "\n" not in failure["error"]
        assert "/tmp" not in failure["error"]
