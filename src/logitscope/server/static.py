"""The built page, read once when the server starts and served from memory: no path of a request reaches a file.

Knows no model.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["Page", "read_page"]

_ENTRIES = ("app.html", "index.html")

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Written out where it matters: what a system thinks of .js differs."""

_MISSING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Logitscope: the page is not built</title>
<h1>The page is not built</h1>
<p>This server works, but the installation it runs from has no web page in it.</p>
<p>In a checkout, build it with <code>make web</code> and start the server again. Otherwise install Logitscope again:
<code>pip install --force-reinstall logitscope</code>.</p>
<p>What pages talk to is there: <a href="/api/models">the models</a>, <a href="/api/openapi.json">what can be asked</a>.
</p>
</html>
"""


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    tag: str
    lasting: bool


@dataclass(frozen=True)
class Page:
    """Every file of the page by its path."""

    files: dict[str, _File]

    @property
    def built(self) -> bool:
        return "" in self.files

    def answer(self, path: str, request: Request) -> Response | None:
        """What there is at a path; None where there is nothing."""
        if path == "" and not self.built:
            return Response(_MISSING, 503, media_type="text/html")
        file = self.files.get(path)
        if file is None:
            return None
        # A name that holds its content's hash never changes its content.
        headers = {
            "ETag": file.tag,
            "Cache-Control": f"max-age={31_536_000}, immutable" if file.lasting else "no-cache",
        }
        if request.headers.get("if-none-match") == file.tag:
            return Response(None, 304, headers)
        return Response(file.content, 200, headers, file.media_type)


def read_page(folder: Path) -> Page:
    """Reads what the build put into a folder; the entry stands under the empty path."""
    files: dict[str, _File] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            name = path.relative_to(folder).as_posix()
            files[name] = _read(path, lasting=name.startswith("assets/"))
    entry = next((files[name] for name in _ENTRIES if name in files), None)
    if entry is not None:
        files[""] = entry
    return Page(files)


def _read(path: Path, *, lasting: bool) -> _File:
    content = path.read_bytes()
    media_type = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"', lasting)
