"""Requests by hand: an ASGI conversation in which the asker can leave at any moment, frames read back, and a model that
waits until it is let go.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI

import logitscope
from logitscope.scope import Scope
from logitscope.server.frames import Kind, split
from logitscope.trace import Trace

HOST = "http://127.0.0.1:8642"

JSON = "application/json"

PATIENCE = 120
"""Seconds after which a thread that should have done something has failed."""


def client_of(app: FastAPI, **options: Any) -> httpx2.AsyncClient:
    """Asks an application in this process, as a page that it served would."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
    return httpx2.AsyncClient(transport=transport, base_url=HOST, timeout=PATIENCE, **options)


@dataclass(frozen=True)
class Gated(Scope):
    """A model that begins, says so, and goes on when it is let go; it counts how often it asked whether to stop."""

    began: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go: threading.Event = field(default_factory=threading.Event)
    stopped: list[str] = field(default_factory=list)
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def pieces(self, text: str | None = None, **options: Any) -> Iterator[Trace]:  # type: ignore[override]
        cancelled: Callable[[], bool] = options.pop("cancelled")
        options.pop("progress", None)

        def run() -> Iterator[Trace]:
            self.began.release()
            try:
                while not self.go.wait(0.002):
                    if cancelled():
                        self.stopped.append(text or "")
                        raise logitscope.Cancelled("nobody wants it")
                yield from Scope.pieces(self, text, cancelled=cancelled, **options)
            finally:
                self.ended.release()

        return run()


@dataclass
class Conversation:
    """One request to an application, whose answer is seen part by part."""

    app: Callable[..., Awaitable[None]]
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    status: int = 0
    said: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    whole: bool = False

    def __post_init__(self) -> None:
        self._left = asyncio.Event()
        self._news = asyncio.Event()
        self._given = False
        self.slow = asyncio.Event()
        self.slow.set()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        headers = {"host": "127.0.0.1:8642", "content-type": JSON, **self.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8642),
            "state": {},
        }
        await self.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.slow.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.said = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            if message.get("body"):
                self.parts.append(message["body"])
            self.whole = not message.get("more_body", False)
        self._news.set()

    async def until(self, seen: Callable[[Conversation], bool]) -> None:
        """Waits for a state of the answer."""
        while not seen(self):
            news = asyncio.create_task(self._news.wait())
            await asyncio.wait((news, self.task), return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            self._news.clear()
            if self.task.done() and not seen(self):
                await self.task
                raise AssertionError(f"the answer ended before: {self.status}, {self.parts}")

    async def leave(self) -> None:
        """The asker goes away; waits until the application has let go of the request."""
        self._left.set()
        await self.end()

    async def end(self) -> Conversation:
        await asyncio.wait_for(self.task, PATIENCE)
        return self

    @property
    def json(self) -> Any:
        return json.loads(b"".join(self.parts))


def asked(app: Callable[..., Awaitable[None]], path: str, body: object, **headers: str) -> Conversation:
    """Begins a request of JSON; `page=` is the name of the page."""
    named = {"x-logitscope-page": headers.pop("page")} if "page" in headers else {}
    return Conversation(app, f"/api/{path}", json.dumps(body).encode(), {**named, **headers})


def frames_of(stream: bytes) -> tuple[list[bytes], list[Any], Any, bool]:
    """Pieces, what was said between them, the failure if there is one, and whether the end was reached."""
    found = list(split(stream))
    pieces = [payload for kind, payload in found if kind == Kind.PIECE]
    said = [json.loads(payload) for kind, payload in found if kind == Kind.SAID]
    failed = [json.loads(payload) for kind, payload in found if kind == Kind.FAILED]
    ended = bool(found) and found[-1][0] == Kind.END
    return pieces, said, failed[0] if failed else None, ended


async def happens(thing: threading.Event | threading.Semaphore) -> None:
    """Waits for a thread, but not for ever."""
    wait = thing.wait if isinstance(thing, threading.Event) else lambda seconds: thing.acquire(timeout=seconds)
    assert await asyncio.to_thread(wait, PATIENCE), "nothing happened"
