"""The page, from memory."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from tests.server.asking import client_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "app.html").write_text("<!doctype html><title>Logitscope</title>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / ".hidden").write_text("no")
    return tmp_path


async def test_each_file_has_its_type_and_lasts_as_long_as_its_name_says(sort: Scope, folder: Path) -> None:
    async with client_of(create_app([sort], Settings(app=folder))) as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        code = await client.get("/assets/app-1a2b.js")
        assert code.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in code.headers["cache-control"]
        assert (await client.get("/icon.svg")).headers["content-type"] == "image/svg+xml"
        again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.head("/")).status_code == 200
        for path in ("/.hidden", "/assets", "/assets/", "/app.html/"):
            assert (await client.get(path)).status_code == 404, path


async def test_files_are_read_once_when_the_server_starts(sort: Scope, folder: Path) -> None:
    async with client_of(create_app([sort], Settings(app=folder))) as client:
        (folder / "app.html").write_text("changed since")
        (folder / "new.html").write_text("new")
        assert "Logitscope" in (await client.get("/")).text
        assert (await client.get("/new.html")).status_code == 404


async def test_without_a_built_page_the_root_says_what_to_do(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert "make web" in page.text
    assert "<script" not in page.text
