"""The application on a socket: clients that are slow or half-open time out, and Ctrl-C ends what is in flight.

The one file that touches uvicorn. What uvicorn itself does not time out is added here: the head of a request that does
not come, a reader who takes nothing, and one whose machine is gone without a word. Knows no routes and no models.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from logitscope.errors import InputError, ResourceError
from logitscope.server.answers import LOGGER, response_of
from logitscope.server.contract import Failure
from logitscope.server.desk import Desk
from logitscope.server.guard import HEADERS
from logitscope.server.settings import Settings

__all__ = ["Listener", "bind", "is_loopback", "url_of"]


def bind(host: str, port: int) -> socket.socket:
    """A socket on which to listen.

    Args:
        host: an address or a name of this machine.
        port: 0 for any free one.

    Raises:
        InputError: no such host, or no such port.
        ResourceError: the port is taken, or not allowed.
    """
    if not 0 <= port < 65536:
        raise InputError(f"port {port} was given; ports are 0 (any free one) to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise InputError(f"there is no host {host!r} here; give an address of this machine.") from None
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there, it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        if isinstance(error, PermissionError):
            raise ResourceError(f"port {port} may not be used; give one from 1024 on, such as --port 8642.") from None
        raise ResourceError(
            f"port {port} of {host} cannot be listened on ({(error.strerror or str(error)).lower()}); stop what uses "
            f"it, or give another: --port {port + 1 if port < 65535 else port - 1}."
        ) from None
    return listening


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine reaches a socket."""
    return ipaddress.ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback


def url_of(listening: socket.socket, host: str) -> str:
    """What to type into a browser on this machine."""
    address, port = listening.getsockname()[:2]
    if ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class Listener:
    """A running server.

    Args:
        app: what `create_app` made.
        settings: whose timeouts.
        started: called in the event loop once connections are taken.
    """

    def __init__(self, app: FastAPI, settings: Settings, started: Callable[[], None] = lambda: None) -> None:
        self._desk: Desk = app.state.desk
        self._settings = settings
        config = uvicorn.Config(
            app,
            http=_protocol(settings),
            ws="none",
            lifespan="on",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        )
        self._server = _Server(config, self._desk, started)

    def run(self, listening: socket.socket) -> bool:
        """Serves until it is told to stop, by Ctrl-C or SIGTERM too; whether all threads have ended then."""
        _log_to_stderr()
        try:
            self._server.run(sockets=[listening])
        finally:
            listening.close()
        return self._desk.join(self._settings.stop_seconds)

    def stop(self) -> None:
        """Asks it to stop, from any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it has begun, and stops what is computed before it waits for anyone."""

    def __init__(self, config: uvicorn.Config, desk: Desk, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._desk = desk
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again once everything has ended; here, that is how a server is meant to end.
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What uvicorn cancels now, it would report as failures of the application.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._desk.stop()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _protocol(settings: Settings) -> type[H11Protocol]:
    """uvicorn's HTTP/1.1 with the timeouts that it lacks, as a class, which is what uvicorn takes."""

    class Patient(H11Protocol):
        """One connection."""

        _head: asyncio.TimerHandle | None = None
        _reading: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > settings.connections:
                transport.abort()
                return
            _watch_over(transport.get_extra_info("socket"), settings.silent_seconds)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop("_head")
            self._stop("_reading")
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop("_head")  # its body is the application's to wait for

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle is None or self.cycle.response_complete:
                self._await_head()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._await_reader(self.transport.get_write_buffer_size())

        def resume_writing(self) -> None:
            self._stop("_reading")
            super().resume_writing()

        def send_400_response(self, msg: str) -> None:
            # Ours, for its headers; and never in the middle of an answer to an earlier request.
            if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
                self.transport.abort()
                return
            self.transport.write(_NO_HTTP)
            self.transport.close()

        def _await_head(self) -> None:
            """However slowly it trickles in, a head has to be there in time."""
            self._stop("_head")
            self._head = self.loop.call_later(settings.header_seconds, self._give_up)

        def _await_reader(self, waiting: int) -> None:
            """As long as something is taken, it goes on. Closing would wait for a reader who may never read."""
            self._stop("_reading")
            self._reading = self.loop.call_later(settings.send_seconds, self._look_at_reader, waiting)

        def _look_at_reader(self, waiting: int) -> None:
            now = self.transport.get_write_buffer_size()
            if now < waiting:
                self._await_reader(now)
            else:
                self.transport.abort()

        def _give_up(self) -> None:
            waiting = self.transport.get_write_buffer_size()
            if waiting:
                self._await_reader(waiting)
            else:
                self.transport.abort()

        def _stop(self, timer: str) -> None:
            running: asyncio.TimerHandle | None = getattr(self, timer)
            if running is not None:
                running.cancel()
                setattr(self, timer, None)

    return Patient


def _watch_over(connected: socket.socket, seconds: float) -> None:
    """Lets the system ask whether the other side is still there, also while nothing is sent because it is computed.

    A client that closes says so; one whose machine sleeps, or whose network is gone, does not. The system notices where
    its questions, or what was sent, stay without an answer, and the connection is lost as if it had been closed.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    each = max(1, round(seconds / 3))  # asked after a third of it, and twice more
    for name, value in {
        "TCP_KEEPIDLE": each,
        "TCP_KEEPALIVE": each,  # as macOS calls it
        "TCP_KEEPINTVL": each,
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": round(1000 * seconds),  # of what was sent; Linux alone has it
    }.items():
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


def _no_http() -> bytes:
    answer = response_of(Failure(error="this is no HTTP request.", status=400), {**HEADERS, "Connection": "close"})
    head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
    return b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(answer.body)


_NO_HTTP = _no_http()


def _log_to_stderr() -> None:
    """Defects of ours and of uvicorn's, with their tracebacks, for whoever runs the server."""
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("logitscope: %(message)s"))
            logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
