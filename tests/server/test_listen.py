"""The server on a real socket: slow and half-open clients, readers who take nothing, stopping."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from logitscope.errors import InputError, ResourceError
from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from logitscope.server.guard import HEADERS
from logitscope.server.listen import Listener, bind, is_loopback, url_of
from tests.server.asking import PATIENCE, Gated, frames_of


@contextmanager
def serving(scopes: list[Scope], settings: Settings) -> Iterator[tuple[int, Any]]:
    """A running server, its port and its desk; stopped in the end, and everything of it has ended then.

    Threads may take their time for that: how long one takes says nothing about whether it ends.
    """
    settings = replace(settings, stop_seconds=PATIENCE)
    app = create_app(scopes, settings)
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    started = threading.Event()
    listener = Listener(app, settings, started.set)
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(listener.run(listening)))
    thread.start()
    assert started.wait(PATIENCE)
    try:
        yield port, app.state.desk
    finally:
        listener.stop()
        thread.join(PATIENCE)
    assert ended == [True]


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def request(path: str, body: object, *headers: str) -> bytes:
    content = json.dumps(body).encode()
    lines = [
        f"POST /api/{path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def read_to_end(one: socket.socket) -> bytes:
    """Everything until the other side closes, or cuts."""
    parts = []
    try:
        while part := one.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_a_head_that_does_not_come_is_not_waited_for(sort: Scope, no_page: Path, sent: bytes) -> None:
    with serving([sort], Settings(app=no_page, header_seconds=0.1)) as (port, _), closing(connected(port)) as one:
        one.sendall(sent)
        assert read_to_end(one) == b""


def test_a_head_that_trickles_in_is_not_waited_for_either(sort: Scope, no_page: Path) -> None:
    with serving([sort], Settings(app=no_page, header_seconds=2)) as (port, _), closing(connected(port)) as one:
        one.settimeout(0.02)
        trickled = 0
        try:
            while True:
                one.sendall(b"G")
                trickled += 1
                try:
                    if one.recv(1) == b"":
                        break
                except TimeoutError:
                    continue
        except OSError:  # cut while we wrote
            pass
        assert 1 < trickled < PATIENCE / 0.02


def test_a_body_that_does_not_come_is_answered_so_and_the_connection_closed(sort: Scope, no_page: Path) -> None:
    with serving([sort], Settings(app=no_page, body_seconds=0.1)) as (port, _), closing(connected(port)) as one:
        one.sendall(request("trace", {"model": "embedded:sort", "text": "ABC"})[:-5])
        answer = read_to_end(one)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.1 s" in answer


def test_what_is_no_http_is_refused_with_the_headers_of_every_answer(sort: Scope, no_page: Path) -> None:
    with serving([sort], Settings(app=no_page)) as (port, _):
        for sent in (b"\x16\x03\x01\x02\x00\x01\xfc\r\n\r\n", b"HELLO\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            with closing(connected(port)) as one:
                one.sendall(sent)
                answer = read_to_end(one).lower()
                assert answer.startswith(b"http/1.1 400 ")
                assert b"x-content-type-options: nosniff" in answer
        with closing(connected(port)) as one:  # a head larger than any of ours
            one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: " + b"x" * 200_000 + b"\r\n\r\n")
            assert read_to_end(one)[:13] in (b"HTTP/1.1 400 ", b"")  # may be cut before it could be read
        assert httpx2.get(f"http://127.0.0.1:{port}/api/models", timeout=PATIENCE).status_code == 200


def test_a_reader_who_takes_nothing_is_given_up_and_the_computing_with_him(sort: Scope, no_page: Path) -> None:
    ended = threading.Event()
    made: list[int] = []

    class Endless(Scope):
        def pieces(self, text: Any = None, **options: Any) -> Any:
            cancelled = options.pop("cancelled")
            options.pop("progress")
            piece = next(Scope.pieces(self, text, **options))

            def run() -> Any:
                try:
                    while not cancelled():
                        made.append(1)
                        yield piece
                finally:
                    ended.set()

            return run()

    endless = Endless(replace(sort.model, name="endless"))
    settings = Settings(app=no_page, send_seconds=0.1, buffered=2**16)
    with serving([endless], settings) as (port, desk), closing(socket.socket()) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", port))
        one.sendall(
            request("trace", {"model": "endless", "text": "ABCABC" * 20, "histogram": True}, "X-Logitscope-Page: p")
        )
        assert ended.wait(PATIENCE)
        desk.memories.tidy()
    assert made


def test_a_reader_who_goes_away_stops_the_computing(gated: Gated, no_page: Path) -> None:
    with serving([gated], Settings(app=no_page)) as (port, _):
        one = connected(port)
        one.sendall(request("trace", {"model": "gated", "text": "ABC"}))
        assert gated.began.acquire(timeout=PATIENCE)
        one.close()
        assert gated.ended.acquire(timeout=PATIENCE)
    assert gated.stopped == ["ABC"]


def test_a_reader_whose_machine_is_gone_without_a_word_stops_the_computing(gated: Gated, no_page: Path) -> None:
    repair = 19  # TCP_REPAIR: what is closed in this state tells nobody
    with serving([gated], Settings(app=no_page, silent_seconds=1)) as (port, _):
        one = connected(port)
        one.sendall(request("trace", {"model": "gated", "text": "ABC"}))
        assert gated.began.acquire(timeout=PATIENCE)
        try:
            one.setsockopt(socket.IPPROTO_TCP, repair, 1)
        except OSError:
            gated.go.set()
            one.close()
            pytest.skip("only Linux, and who may, can make a connection vanish")
        one.close()
        assert gated.ended.acquire(timeout=PATIENCE)
    assert gated.stopped == ["ABC"]


def test_two_hundred_connections_at_once(sort: Scope, no_page: Path) -> None:
    body = {"model": "embedded:sort", "text": "ABCABC"}
    settings = Settings(app=no_page, waiting=50, header_seconds=PATIENCE, body_seconds=PATIENCE)
    with serving([sort], settings) as (port, _):
        many = [connected(port) for _ in range(200)]
        for one in many:
            one.sendall(request("trace", body, "Connection: close"))
        answers = [read_to_end(one) for one in many]
        for one in many:
            one.close()
        statuses = [answer[9:12] for answer in answers]
        assert set(statuses) <= {b"200", b"503"}
        assert statuses.count(b"200") >= 50
        for answer in answers:
            if answer[9:12] == b"503":
                assert b"\r\nretry-after: " in answer.lower()
            else:
                assert answer.endswith(b"0\r\n\r\n")
        last = httpx2.post(f"http://127.0.0.1:{port}/api/trace", json=body, timeout=PATIENCE)
        assert frames_of(last.content)[3]


def test_more_connections_than_allowed_are_closed_and_the_rest_served(sort: Scope, no_page: Path) -> None:
    with serving([sort], Settings(app=no_page, connections=3)) as (port, _):
        three = [connected(port) for _ in range(3)]
        three[0].sendall(b"GET /api/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert three[0].recv(12) == b"HTTP/1.1 200"
        with closing(connected(port)) as fourth:
            assert read_to_end(fourth) == b""
        for one in three:
            one.close()


def test_stopping_tells_those_whose_answer_had_begun(gated: Gated, sort: Scope, no_page: Path) -> None:
    with serving([gated, sort], Settings(app=no_page)) as (port, _):
        one, line = connected(port), connected(port)
        one.sendall(request("trace", {"model": "gated", "text": "ABC"}))
        assert gated.began.acquire(timeout=PATIENCE)
        line.sendall(request("trace", {"model": "gated", "text": "CBA"}))
        assert one.recv(12) == b"HTTP/1.1 200"
    rest = read_to_end(one)
    assert b'"the server is being stopped' in rest
    assert rest.endswith(b"0\r\n\r\n")
    waited = read_to_end(line)
    assert waited == b"" or waited.startswith(b"HTTP/1.1 503")
    one.close()
    line.close()


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with closing(bind("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ResourceError, match=rf"port {port} of 127.0.0.1 cannot be listened on .*--port \d+"):
            bind("127.0.0.1", port)


def test_hosts_and_ports_that_there_are_not() -> None:
    with pytest.raises(InputError, match="ports are 0"):
        bind("127.0.0.1", 65536)
    with pytest.raises(InputError, match="there is no host 'no such host'"):
        bind("no such host", 0)


def test_what_only_this_machine_reaches() -> None:
    with closing(bind("127.0.0.1", 0)) as mine, closing(bind("0.0.0.0", 0)) as anyones:
        assert is_loopback(mine)
        assert not is_loopback(anyones)
        assert url_of(mine, "127.0.0.1") == f"http://127.0.0.1:{mine.getsockname()[1]}"
        assert url_of(anyones, "0.0.0.0") == f"http://127.0.0.1:{anyones.getsockname()[1]}"


def test_every_answer_on_the_wire_has_its_headers(sort: Scope, no_page: Path) -> None:
    with serving([sort], Settings(app=no_page)) as (port, _):
        answer = httpx2.get(f"http://127.0.0.1:{port}/api/models", timeout=PATIENCE)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "server" not in answer.headers
