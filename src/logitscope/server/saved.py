"""A trace file that a page sends: received within limits into a private file, opened, and given back in pieces.

Nothing of a request names a file. Knows traces and no model.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread

from logitscope.errors import LogitscopeError
from logitscope.render.page import render_page
from logitscope.trace import Trace, open_trace, write
from logitscope.trace.file import to_bytes

__all__ = ["Upload", "file_bytes", "pieces_of", "receive"]

_STAGES_PER_PIECE = 4


class Upload:
    """Bytes in a file of their own that nobody else can read, gone when it is closed or forgotten."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="logitscope-")
        self.path = Path(self._folder.name) / "upload"

    def close(self) -> None:
        self._folder.cleanup()


async def receive(stream: AsyncIterator[bytes]) -> Upload:
    """Writes what arrives into a private file; whoever wraps the stream limits its size and time."""
    upload = Upload()
    try:
        with upload.path.open("wb") as file:
            async for chunk in stream:
                await anyio.to_thread.run_sync(file.write, chunk)
    except BaseException:
        upload.close()
        raise
    return upload


def pieces_of(upload: Upload) -> Iterator[Trace]:
    """The trace in a file, its last stage first.

    Raises:
        TraceError: it is no trace, or damaged.
    """
    with _without_path(upload.path):
        trace = open_trace(upload.path)
    if not trace.stages:
        yield trace
        return
    stages = list(trace.stages)
    yield trace.select(stages=stages[-1:])
    for stop in range(len(stages) - 1, 0, -_STAGES_PER_PIECE):
        yield trace.select(stages=stages[max(0, stop - _STAGES_PER_PIECE) : stop])


def file_bytes(trace: Trace, suffix: str) -> bytes:
    """What `trace.write` puts into a file of this suffix; of `html`, the page of `logitscope.to_html`."""
    if suffix == "safetensors":
        return to_bytes(trace)
    if suffix == "html":
        return render_page([trace]).encode()
    with tempfile.TemporaryDirectory(prefix="logitscope-") as folder:
        path = Path(folder) / f"trace.{suffix}"
        with _without_path(path):
            write(trace, path)
        return path.read_bytes()


@contextmanager
def _without_path(path: Path) -> Iterator[None]:
    """Errors that name the private file call it what the page knows it as."""
    try:
        yield
    except LogitscopeError as error:
        if str(path) not in str(error):
            raise
        raise type(error)(str(error).replace(str(path), "the file")) from error
