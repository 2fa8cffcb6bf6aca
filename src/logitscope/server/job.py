"""One request's computing: done in its model's thread, read and cancelled from the event loop.

Knows no model and no HTTP. What is computed comes as chunks of bytes; a reader who is slow makes the computing wait
once `buffered` bytes lie between the two.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable

from logitscope.errors import Cancelled
from logitscope.server.answers import Refused, failure_of
from logitscope.server.contract import Failure

__all__ = ["GONE", "Job"]

GONE = Failure(error="nobody reads this any more.", status=499)


class Job:
    """What one request asks for.

    Made in the event loop, which alone calls `next` and `cancel`; `run` and `put` are called in the model's thread.

    Args:
        compute: yields the answer's chunks; gets this job, to ask whether it is cancelled and to put chunks between.
        buffered: bytes that may wait for the reader.
        gives_way: after each of its chunks another job may be computed first.
        holds: what it has to itself from its first chunk to its last; no two jobs that hold the same are under way.
    """

    def __init__(
        self,
        compute: Callable[[Job], Generator[bytes, None, None]],
        *,
        buffered: int,
        gives_way: bool = False,
        holds: Hashable = None,
    ) -> None:
        self._compute: Callable[[Job], Generator[bytes, None, None]] | None = compute
        self._under_way: Generator[bytes, None, None] | None = None
        self._buffered = buffered
        self.gives_way = gives_way
        self.holds = holds
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._state = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._stopped: Failure | None = None
        self._failed: Failure | None = None
        self._done = False
        self.seconds = 0.0
        """What it took so far; kept by whoever runs it."""
        self.on_cancel: Callable[[Job], None] | None = None
        self.on_close: list[Callable[[], None]] = []

    def cancelled(self) -> bool:
        """Whether computing on would be in vain."""
        return self._stopped is not None

    @property
    def begun(self) -> bool:
        """Whether it has been computed in part: it has to be run to its end, even where nobody wants it any more."""
        return self._under_way is not None

    @property
    def done(self) -> bool:
        """Whether nothing more will be computed."""
        return self._done

    def cancel(self, why: Failure) -> None:
        """Stops the computing, wherever it is; the reader, if there still is one, is told why."""
        with self._state:
            if self._done or self._stopped is not None:
                return
            self._stopped = why
            self._state.notify_all()
        self._wake.set()
        if self.on_cancel is not None:
            self.on_cancel(self)

    def close(self) -> None:
        """Says that the reader is done with it, or has left."""
        self.cancel(GONE)
        self._chunks.clear()
        while self.on_close:
            self.on_close.pop()()

    async def next(self) -> bytes | None:
        """The next chunk; None after the last.

        Raises:
            Refused: the computing failed, or was stopped.
        """
        while True:
            self._wake.clear()
            with self._state:
                if self._stopped is not None:
                    self._chunks.clear()
                    raise Refused(self._stopped)
                if self._chunks:
                    chunk = self._chunks.popleft()
                    self._size -= len(chunk)
                    self._state.notify_all()
                    return chunk
                if self._failed is not None:
                    raise Refused(self._failed)
                if self._done:
                    return None
            await self._wake.wait()

    def put(self, chunk: bytes) -> None:
        """Hands a chunk to the reader; waits while too many lie there.

        Raises:
            Cancelled: nobody wants it any more.
        """
        with self._state:
            while self._chunks and self._size + len(chunk) > self._buffered and self._stopped is None:
                self._state.wait()
            if self._stopped is not None:
                raise Cancelled(self._stopped.error)
            self._chunks.append(chunk)
            self._size += len(chunk)
        self._tell()

    def run(self, others: Callable[[], bool] = lambda: False) -> bool:
        """Computes to the end, or until others go first; whether there is more to do.

        In the model's thread, always the same; no exception leaves it.

        Args:
            others: asked after each chunk of a job that gives way: whether another one is to be computed now.
        """
        failed: Failure | None = None
        try:
            if self._compute is not None and not self.cancelled():
                self._under_way, self._compute = self._compute(self), None
            if self._under_way is not None and not self.cancelled():
                for chunk in self._under_way:
                    self.put(chunk)
                    if self.gives_way and others():
                        return True
        except Cancelled:
            failed = self._stopped or GONE
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends here and the thread goes on
            failed = failure_of(error)
        failed = self._end() or failed
        with self._state:
            self._failed, self._done = failed, True
        self._tell()
        return False

    def _end(self) -> Failure | None:
        """Lets go of what the computing used, before the next job begins; what went wrong with that."""
        under_way, self._under_way, self._compute = self._under_way, None, None
        try:
            if under_way is not None:
                under_way.close()
        except Exception as error:  # noqa: BLE001 - as above
            return failure_of(error)
        return None

    def drop(self) -> None:
        """Says that a job which was cancelled while it waited will not be run."""
        self._compute = None
        with self._state:
            self._done = True

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:  # the loop has been closed meanwhile: nobody is left to be told
            return
