"""A plain static host for an exported site: Python's own, from a folder, so that the site lies below a path.

A test can stop it and start it again at the same port, see what was asked of it, and hold back a file for a while.
Knows how a site is exported, once for all tests, and changed by hand.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

import logitscope
from logitscope.export.site import BUILT, export_site

__all__ = ["BELOW", "PATIENCE", "Host", "Port", "exported", "hosting", "own_copy", "replace"]

PATIENCE = 120_000
"""Milliseconds that a test waits for what has to come: a slow machine fails none, a fast one never waits so long."""

BELOW = "a/sub/path"
"""Where the site lies below the root of its host."""

MODELS = ("embedded:tales", "embedded:sort")

HALF = 2
"""The share of a held file that is sent before it waits."""

ROOT = Path(__file__).parents[2]


def exported() -> Path:
    """The default site, made by the export itself; kept in `.cache/` until anything that makes it has changed.

    Tests run in several processes: the first one makes it, the others wait.
    """
    digest = hashlib.sha256((BUILT.parent / "stamp").read_bytes())
    package = Path(logitscope.__file__).parent
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.txt"), ROOT / "constraints.txt"]):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    kept = ROOT / ".cache" / "site"
    folder = kept / digest.hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / "lock"):
        if not folder.is_dir():
            for old in kept.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            export_site((logitscope.load(name) for name in MODELS), folder)
    return folder


def own_copy(site: Path, root: Path) -> Path:
    """A copy of a site below a host's folder, whose files a test may replace; they are links until then."""
    place = root / BELOW
    shutil.copytree(site, place, copy_function=os.link)
    return place


def replace(path: Path, content: bytes) -> None:
    """Puts another file in the place of a link, and leaves what it links to as it is."""
    path.unlink()
    path.write_bytes(content)


class Host:
    """A folder on a loopback port.

    Attributes:
        root: the folder that is served.
        asked: every path that was asked for, relative to the site, in order.
        held: ends of paths whose second half waits until `let_go`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.held: set[str] = set()
        self._free = threading.Event()
        self._reached = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._port = Port()
        self.start()

    @property
    def url(self) -> str:
        """The address of the site, with a slash at its end."""
        return f"http://127.0.0.1:{self._port.number}/{BELOW}/"

    @property
    def site(self) -> Path:
        return self.root / BELOW

    def start(self) -> None:
        """At the port that it had before."""
        self._free.clear()
        self._server = _Server(("127.0.0.1", self._port.number), partial(_Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nobody answers any more."""
        if self._server is None or self._thread is None:
            return
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE / 1000)
        self._server = None

    def close(self) -> None:
        """For good."""
        self.stop()
        self._port.close()

    def hold(self, *ends: str) -> None:
        """Send only half of files whose paths end so, until `let_go`."""
        self._free.clear()
        self._reached.clear()
        self.held = set(ends)

    def await_held(self) -> None:
        """Wait until one of them was asked for."""
        assert self._reached.wait(PATIENCE / 1000), f"nobody asked for {self.held}"

    def let_go(self) -> None:
        self.held = set()
        self._free.set()

    def wait_there(self) -> None:
        self._reached.set()
        self._free.wait(PATIENCE / 1000)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a browser asks for many files at once, and who is turned away waits for seconds


class _Handler(SimpleHTTPRequestHandler):
    """The standard library's, which writes no log here."""

    def __init__(self, host: Host, *arguments: object) -> None:
        self.host = host
        super().__init__(*arguments, directory=str(host.root))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix(f"/{BELOW}/")
        self.host.asked.append(path)
        try:
            if not path.endswith(tuple(self.host.held)) or not self.host.held:
                super().do_GET()
                return
            content = (self.host.site / path).read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(path))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // HALF])
            self.wfile.flush()
            self.host.wait_there()
            self.wfile.write(content[len(content) // HALF :])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page was closed or withdrew its question

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def hosting(root: Path) -> Iterator[Host]:
    """A running host of a folder."""
    host = Host(root)
    try:
        yield host
    finally:
        host.close()


class Port:
    """A port that nobody else is given while this is open, also when nothing listens there for a while."""

    def __init__(self) -> None:
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        self.number: int = self._place.getsockname()[1]
        if sys.platform != "linux":
            self.close()  # elsewhere it would be in the way of its own server too

    def close(self) -> None:
        self._place.close()
