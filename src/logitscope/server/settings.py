"""How much one server gives to its pages, in numbers that tests make small.

Knows nothing of HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from logitscope.server.contract import (
    MAX_CHARACTERS,
    MAX_IDS,
    MAX_NEW_TOKENS,
    MAX_TOP_K,
    MAX_TRIED,
    MAX_WATCHED,
    Limits,
)

__all__ = ["BUILT", "MIB", "Settings"]

BUILT = Path(__file__).parent.parent / "web_build" / "app"
"""Where the build puts the page."""

MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """What a server allows.

    Attributes:
        hosts: names besides those of this machine's loopback that a Host header may say; addresses too where
            `any_address`.
        any_address: a Host header may be any IP address: for servers that other machines reach. Addresses cannot be
            rebound as names can.
        app: the folder of the built page.
        waiting: requests that may wait for one model; beyond it the answer is busy.
        under_way: traces and continuations that one model has begun at one time; they take turns, piece by piece.
        buffered: bytes of one answer that may wait for a slow reader before computing waits too.
        body_bytes, upload_bytes: the largest request, and the largest saved trace.
        body_seconds: within which a request must have arrived; uploads get `upload_seconds`.
        send_seconds: a reader who takes nothing for so long is given up.
        header_seconds: within which the head of a request must have arrived.
        silent_seconds: a client whose machine answers nothing for so long is taken to have left, computing or not.
        trace_bytes: the largest trace, all its arrays together.
        uploads: saved traces that are received or read at one time.
        pages: open pages whose unchanged beginnings are remembered.
        page_bytes: what these memories may take together; one of them a quarter of it.
        page_seconds: a page that asks nothing for so long is forgotten.
        page_runs: texts whose every number one page may ask about, for each model.
        run_bytes: of the computed numbers of one such text that are held at once.
        runs_bytes: what all of them may take together.
        tile_bytes: of one answer with such numbers.
        connections: at one time.
        stop_seconds: within which requests in flight end once the server is told to stop.
    """

    hosts: tuple[str, ...] = ()
    any_address: bool = False
    app: Path = field(default=BUILT)
    waiting: int = 32
    under_way: int = 3
    buffered: int = 64 * MIB
    body_bytes: int = 2 * MIB
    upload_bytes: int = 256 * MIB
    body_seconds: float = 10.0
    upload_seconds: float = 120.0
    send_seconds: float = 30.0
    header_seconds: float = 10.0
    silent_seconds: float = 30.0
    trace_bytes: int = 512 * MIB
    uploads: int = 2
    pages: int = 16
    page_bytes: int = 1024 * MIB
    page_seconds: float = 900.0
    page_runs: int = 4
    run_bytes: int = 512 * MIB
    runs_bytes: int = 1024 * MIB
    tile_bytes: int = 4 * MIB
    connections: int = 1_000
    stop_seconds: float = 1.0

    @property
    def limits(self) -> Limits:
        """What pages are told of it."""
        return Limits(
            characters=MAX_CHARACTERS,
            tokens=MAX_IDS,
            top_k=MAX_TOP_K,
            watch=MAX_WATCHED,
            new_tokens=MAX_NEW_TOKENS,
            tried=MAX_TRIED,
            trace_bytes=self.trace_bytes,
            upload_bytes=self.upload_bytes,
        )
