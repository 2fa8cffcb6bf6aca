"""Where requests are taken: for each model a thread with its line, for each open page what is remembered of it.

Knows scopes and jobs; knows no HTTP. Called in the event loop, except for what jobs compute.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import anyio
import anyio.to_thread
from pydantic import TypeAdapter

from logitscope.editing import replace
from logitscope.errors import InputError
from logitscope.samples import NAMES, sample
from logitscope.scope import Scope
from logitscope.scope.pieces import First
from logitscope.scope.plan import Plan, plan_trace
from logitscope.scope.remembered import Remembered
from logitscope.server.answers import refuse
from logitscope.server.cards import card_of
from logitscope.server.contract import (
    Answer,
    AskRequest,
    Change,
    Failure,
    Fill,
    FillRequest,
    FirstRequest,
    ModelCard,
    Progress,
    Reading,
    ReplaceRequest,
    SampleRequest,
    SaveRequest,
    StartingText,
    Step,
    Tokenised,
    TokeniseRequest,
    TraceRequest,
)
from logitscope.server.frames import END, Kind, frame, said
from logitscope.server.job import Job
from logitscope.server.limits import require_fitting
from logitscope.server.memories import Memories
from logitscope.server.saved import Upload, file_bytes, pieces_of, receive
from logitscope.server.settings import MIB, Settings
from logitscope.server.tokenising import Tokenising
from logitscope.server.walkthrough import Walkthrough
from logitscope.server.worker import Worker
from logitscope.trace import Trace, merge
from logitscope.trace.file import to_bytes

__all__ = ["SUPERSEDED", "Desk", "Served"]

SUPERSEDED = Failure(error="a newer request of the same page took the place of this one.", status=409)

Chunks = Generator[bytes, None, None]

Compute = Callable[[Job], Chunks]

_ANSWERS = TypeAdapter(list[Answer])


@dataclass(frozen=True)
class Served:
    """A model that is served, with its thread."""

    scope: Scope
    worker: Worker
    card: ModelCard
    tokenise: Tokenising


@dataclass
class _Wanted:
    """Which positions a page wants first, at any moment; set in the event loop and asked for in the model's thread."""

    first: list[int] | None

    @property
    def asked(self) -> First | None:
        """What a reading by positions asks."""
        return None if self.first is None else lambda: self.first or ()


class Desk:
    """Takes requests and hands out jobs.

    Args:
        scopes: the models, by their own names.
        settings: what the server allows.

    Raises:
        InputError: two models have one name.
    """

    def __init__(self, scopes: Sequence[Scope], settings: Settings) -> None:
        self.settings = settings
        self._served: dict[str, Served] = {}
        for scope in scopes:
            name = scope.model.name
            if name in self._served:
                raise InputError(f'two models are called "{name}"; serve one of them, or rename a folder.')
            worker = Worker(name, waiting=settings.waiting, under_way=settings.under_way)
            self._served[name] = Served(scope, worker, card_of(scope, settings.limits), Tokenising(scope.model))
        self._uploads = Worker("saved traces", waiting=settings.waiting)
        self.memories: Memories[Remembered] = Memories(settings.pages, settings.page_bytes, settings.page_seconds)
        # A number of its own: who waits for these must not keep others from the threads that write what is sent.
        self._tokenisers = anyio.CapacityLimiter(4)
        self._texts = [_starting(name) for name in NAMES]
        self.walkthrough = Walkthrough(self, settings)
        self._open = 0
        self._latest: dict[tuple[str, str], Job] = {}
        self._wanted: dict[str, _Wanted] = {}

    def cards(self) -> list[ModelCard]:
        """The models, in the order in which they were given."""
        return [served.card for served in self._served.values()]

    def texts(self) -> list[StartingText]:
        """The gallery."""
        return self._texts

    async def tokenise(self, asked: TokeniseRequest) -> Tokenised:
        """The tokens of a text."""
        served = self.find(asked.model)
        return await anyio.to_thread.run_sync(served.tokenise, asked, limiter=self._tokenisers)

    def trace(self, asked: TraceRequest, page: str | None) -> Job:
        """Frames of pieces."""
        served = self.find(asked.model)
        options = self._options(asked)
        wanted = _Wanted(asked.first)

        def compute(job: Job) -> Chunks:
            def tell(done: int, total: int) -> None:
                job.put(said(Kind.SAID, Progress(done=done, total=total)))

            plan = self._checked(served, options)
            with self._remembered(served, page) as prefix:
                pieces = served.scope.pieces(
                    **options, progress=tell, cancelled=job.cancelled, prefix=prefix, first=wanted.asked
                )
                with closing(cast("Generator[Trace, None, None]", pieces)):  # else it might hold on to the prefix
                    tell(0, len(plan.stages) * len(plan.positions))  # everything was checked: the answer begins
                    for piece in pieces:
                        yield frame(Kind.PIECE, to_bytes(piece))
            yield END

        job = self.submit(served.worker, compute, "trace", page, gives_way=True, holds=page)
        if page is not None:
            self._wanted[page] = wanted
            job.on_close.append(lambda: self._settle(page, wanted))
        return job

    def prefer(self, asked: FirstRequest, page: str | None) -> bool:
        """Lets positions go first of what a page is being sent; false where nothing is, or not by positions."""
        wanted = self._wanted.get(page or "")
        if wanted is None or wanted.first is None:
            return False
        wanted.first = asked.first
        return True

    def save(self, asked: SaveRequest, page: str | None) -> Job:
        """A whole trace as the bytes of a file."""
        served = self.find(asked.model)
        options = self._options(asked)

        def compute(job: Job) -> Chunks:
            self._checked(served, options)
            trace = merge(served.scope.pieces(**options, cancelled=job.cancelled))
            yield file_bytes(trace, asked.format)

        return self.submit(served.worker, compute, "save", page)

    async def open(self, stream: AsyncIterator[bytes], page: str | None) -> Job:
        """A trace file that a page sends, as frames of pieces.

        Raises:
            Refused: several others are being sent or read.
        """
        if self._open >= self.settings.uploads:
            raise refuse(503, f"{self._open} saved traces are being read already; send it again in 2 s.", 2)
        self._open += 1
        upload: Upload | None = None

        def close() -> None:
            self._open -= 1
            if upload is not None:
                upload.close()

        def compute(job: Job) -> Chunks:
            if upload is not None:
                for piece in pieces_of(upload):
                    yield frame(Kind.PIECE, to_bytes(piece))
                yield END

        try:
            upload = await receive(stream)
            job = self.submit(self._uploads, compute, "saved", page)
        except BaseException:
            close()
            raise
        job.on_close.append(close)
        return job

    def sample(self, asked: SampleRequest, page: str | None) -> Job:
        """Frames of steps."""
        served = self.find(asked.model)
        options = asked.model_dump(exclude={"model", "text", "ids"})

        def compute(job: Job) -> Chunks:
            for step in served.scope.sample(_source(asked), **options, cancelled=job.cancelled):
                yield said(Kind.SAID, Step(**step.to_dict()))
            yield END

        return self.submit(served.worker, compute, "sample", page, gives_way=True)

    def replace(self, asked: ReplaceRequest, page: str | None) -> Job:
        """A Change."""
        served = self.find(asked.model)
        options = asked.model_dump(exclude={"model", "text", "ids"})

        def compute(job: Job) -> Chunks:
            with self._remembered(served, page) as prefix:

                def trace(**of: Any) -> Trace:
                    return merge(served.scope.pieces(**of, cancelled=job.cancelled, prefix=prefix))

                change = replace(served.scope.model, _source(asked), **options, trace=trace)
            yield Change(**change.to_dict()).model_dump_json().encode()

        return self.submit(served.worker, compute, "replace", page, holds=page)

    def fill(self, asked: FillRequest, page: str | None) -> Job:
        """A Fill."""
        served = self.find(asked.model)
        options = asked.model_dump(exclude={"model", "shown"})

        def compute(job: Job) -> Chunks:
            found = served.scope.fill(**options, cancelled=job.cancelled)
            yield Fill(**found.to_dict(asked.shown)).model_dump_json().encode()

        return self.submit(served.worker, compute, "fill", page)

    def ask(self, asked: AskRequest, page: str | None) -> Job:
        """Answers."""
        served = self.find(asked.model)
        options = asked.model_dump(exclude={"model", "text", "ids"})

        def compute(job: Job) -> Chunks:
            answers = served.scope.ask(_source(asked), **options, cancelled=job.cancelled)
            yield _ANSWERS.dump_json([Answer(**answer.to_dict()) for answer in answers])

        return self.submit(served.worker, compute, "ask", page)

    def tidy(self) -> None:
        """Forgets pages that have been silent for too long."""
        self.memories.tidy()
        self.walkthrough.runs.tidy()

    def stop(self) -> None:
        """Cancels everything; nothing is taken any more."""
        for worker in self._workers:
            worker.stop()
        self.memories.clear()
        self.walkthrough.runs.clear()

    def join(self, seconds: float) -> bool:
        """Waits for all threads; whether they have ended."""
        deadline = time.monotonic() + seconds
        ended = [worker.join(max(0.0, deadline - time.monotonic())) for worker in self._workers]
        return all(ended)

    @property
    def _workers(self) -> list[Worker]:
        return [*(served.worker for served in self._served.values()), self._uploads]

    def find(self, name: str) -> Served:
        """A model that is served.

        Raises:
            Refused: there is none of that name.
        """
        served = self._served.get(name)
        if served is None:
            raise refuse(404, f'no model here is called "{name}"; there is {", ".join(self._served)}.')
        return served

    @contextmanager
    def _remembered(self, served: Served, page: str | None) -> Iterator[Remembered | None]:
        """What is known of the text that a page reads again and again; called in the model's thread."""
        if page is None:
            yield None
            return
        limit = self.settings.page_bytes / 4 / MIB
        owner = (served.card.name, page)
        with self.memories.lent(owner, lambda: served.scope.remember(limit)) as prefix:
            yield prefix

    def _options(self, asked: TraceRequest) -> dict[str, Any]:
        return asked.model_dump(exclude={"model", "format", "first"})

    def _checked(self, served: Served, options: Mapping[str, Any]) -> Plan:
        """What will be read, if it is not too much."""
        plan = plan_trace(served.scope.model, **options)
        require_fitting(plan, self.settings.trace_bytes)
        return plan

    def submit(
        self,
        worker: Worker,
        compute: Compute,
        what: str,
        page: str | None,
        *,
        gives_way: bool = False,
        holds: str | None = None,
    ) -> Job:
        """A job at the end of the line; what the same page asked for before is not computed on.

        Args:
            worker: whose line.
            compute: its chunks.
            what: kind of request; a page has one of each kind.
            page: who asks.
            gives_way: others may be computed between its chunks.
            holds: the page whose memory it uses until its end.
        """
        job = Job(compute, buffered=self.settings.buffered, gives_way=gives_way, holds=holds)
        if page is not None:
            older = self._latest.pop((what, page), None)
            if older is not None:
                older.cancel(SUPERSEDED)
        worker.submit(job)
        if page is not None:
            self._latest[what, page] = job
            job.on_close.append(lambda: self._forget((what, page), job))
        return job

    def _settle(self, page: str, wanted: _Wanted) -> None:
        if self._wanted.get(page) is wanted:
            del self._wanted[page]

    def _forget(self, strand: tuple[str, str], job: Job) -> None:
        if self._latest.get(strand) is job:
            del self._latest[strand]


def _starting(name: str) -> StartingText:
    one = sample(name)
    return StartingText(name=one.name, title=one.title, text=one.text, focus=one.focus)


def _source(asked: Reading) -> str | list[int]:
    return asked.text if asked.text is not None else asked.ids or []
