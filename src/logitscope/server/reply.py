"""A job's chunks as an HTTP answer; a reader who leaves stops the job at once.

The status is known when the first chunk is there: what fails before it is answered as such, what fails later ends a
stream with a frame that says so. Knows no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from logitscope.server.answers import Refused, response_of
from logitscope.server.frames import Kind, said
from logitscope.server.job import Job

__all__ = ["Reply"]


class Reply(Response):
    """Sends what a job computes.

    Args:
        job: cancelled when this ends, however it ends.
        media_type: of the answer.
        whole: send nothing before everything is computed, so that the status tells of every failure.
        headers: further ones.
    """

    def __init__(
        self, job: Job, media_type: str, *, whole: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(b"", 200, headers, media_type)
        del self.headers["content-length"]
        self._job = job
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers; ends early where nobody reads any more."""
        gone = asyncio.ensure_future(_until_gone(receive))
        answering = asyncio.ensure_future(self._answer(scope, receive, send))
        try:
            await asyncio.wait((gone, answering), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        except OSError:  # what some servers raise where a reader has left
            pass
        finally:
            self._job.close()
            gone.cancel()
            answering.cancel()
            await asyncio.gather(gone, answering, return_exceptions=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            first = await self._job.next()
            if self._whole:
                first = await self._rest(first)
        except Refused as refused:
            await response_of(refused.failure)(scope, receive, send)
            return
        if self._whole:
            self.headers["content-length"] = str(len(first or b""))
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk = first
        while chunk is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            try:
                chunk = None if self._whole else await self._job.next()
            except Refused as refused:
                failed = said(Kind.FAILED, refused.failure)
                await send({"type": "http.response.body", "body": failed, "more_body": True})
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _rest(self, first: bytes | None) -> bytes:
        chunks = []
        while first is not None:
            chunks.append(first)
            first = await self._job.next()
        return b"".join(chunks)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
