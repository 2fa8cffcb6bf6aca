"""Who may ask, how much, and how slowly: the outermost layer, before anything of a request is read.

A page of another site that a person has open must not be able to use the models of this machine. Three things keep it
out: the Host header has to be a name of this server (so that a foreign name which was pointed at this machine is not
answered), the Origin header has to be this server's own, and so does what the browser says of the page that asks
(Sec-Fetch-Site). A person may follow a link to the page itself from anywhere. Knows no route but the one that takes
files.

Sources: Fetch metadata request headers (W3C); CSP level 3 (W3C).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logitscope.server.answers import Refused, failure_of, refuse, response_of
from logitscope.server.settings import Settings

__all__ = ["HEADERS", "UPLOADS", "Guard"]

UPLOADS = "/api/saved"
"""The one route that takes bytes instead of JSON."""

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""On every answer."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?")

_LOOPBACK = ("localhost",)

_DRAINED = 8
"""How many times the limit is read and thrown away, so that a browser that sends too much gets to hear so."""


class Guard:
    """Lets through what may be asked; adds what every answer says.

    Args:
        app: what answers.
        settings: whose limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        sent = _Sent(send)
        try:
            self._require_ours(scope)
            if scope["path"] == UPLOADS and scope["method"] == "POST":
                receive = self._limited(scope, receive)
            else:
                receive = _replayed(await self._body(scope, receive), receive)
            await self._app(scope, receive, sent)
        except (_Left, ClientDisconnect):
            return
        except Exception as error:
            if sent.begun:
                raise
            failure = failure_of(error)
            # What was not read of a body must not be taken for the next request.
            await response_of(failure, {"Connection": "close"})(scope, receive, sent)

    def _require_ours(self, scope: Scope) -> None:
        """Refuses names that are not this server's, and pages that it did not serve."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise refuse(421, "this server does not go by the name that was asked for; open it as the terminal says.")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()):
            raise refuse(403, "pages of other sites may not ask here.")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(scope, headers):
            raise refuse(403, "pages of other sites may not ask here.")

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].strip("[]").lower().removesuffix(".")
        if name in _LOOPBACK or name in self._settings.hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An address in a Host header was typed as one: only names can be pointed elsewhere.
        return address.is_loopback or self._settings.any_address

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """All of a small body.

        Raises:
            Refused: it is too large, too slow, or of another type.
        """
        if scope["method"] in ("POST", "PUT", "PATCH"):
            kind = Headers(scope=scope).get("content-type", "")
            if kind.partition(";")[0].strip().lower() != "application/json":
                raise refuse(415, "the body has to be JSON: send it with Content-Type: application/json.")
        most = self._settings.body_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in _arriving(scope, receive, most, self._settings.body_seconds):
            size += len(chunk)
            if size <= most:
                chunks.append(chunk)
            else:
                chunks.clear()
        if size > most:
            raise _too_large(most)
        return b"".join(chunks)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """A body that is read elsewhere, cut off where it becomes too large or too slow."""
        most = self._settings.upload_bytes
        arriving = _arriving(scope, receive, most, self._settings.upload_seconds, drain=False)
        size = 0
        ended = False

        async def read() -> Message:
            nonlocal size, ended
            if ended:
                return await receive()
            try:
                chunk = await anext(arriving)
            except StopAsyncIteration:
                ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
            except _Left:
                ended = True
                return {"type": "http.disconnect"}
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            return {"type": "http.request", "body": chunk, "more_body": True}

        return read


class _Left(Exception):  # noqa: N818 - nothing went wrong here
    """The asker went away before everything was said."""


class _Sent:
    """Passes an answer on with the headers of every answer; knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
            message = {**message, "headers": headers.raw}
        await self._send(message)


async def _arriving(
    scope: Scope, receive: Receive, most: int, seconds: float, *, drain: bool = True
) -> AsyncIterator[bytes]:
    """The parts of a body as they come.

    Raises:
        Refused: it says that it is far too large, or is, or takes too long.
        _Left: nobody is sending any more.
    """
    length = Headers(scope=scope).get("content-length", "0")
    far = most * _DRAINED if drain else most
    if length.isdecimal() and int(length[:20]) > far:
        raise _too_large(most)
    size = 0
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise refuse(408, f"the request did not arrive within {seconds:g} s; send it again.") from None
        if message["type"] == "http.disconnect":
            raise _Left
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > far:
            raise _too_large(most)
        if chunk:
            yield chunk
        if not message.get("more_body", False):
            return


def _too_large(most: int) -> Refused:
    size = f"{most / 2**20:,.3g} MiB" if most >= 2**20 else f"{most:,} bytes"
    return refuse(413, f"the request is too large; at most {size} are read here.")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, given once more; afterwards only whether the asker is still there."""
    given = False

    async def read() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return read


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether a person goes to the page itself, by a link from anywhere."""
    return (
        scope["method"] in ("GET", "HEAD")
        and not scope["path"].startswith("/api")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
