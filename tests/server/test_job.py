"""Jobs and their line, with made-up work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator

import pytest

from logitscope.errors import InputError
from logitscope.server.answers import Refused
from logitscope.server.contract import Failure
from logitscope.server.job import GONE, Job
from logitscope.server.worker import STOPPING, Worker
from tests.server.asking import PATIENCE, happens

pytestmark = pytest.mark.anyio

Chunks = Generator[bytes, None, None]

WHY = Failure(error="because", status=409)


def job_of(compute: Callable[[Job], Chunks], buffered: int = 1000) -> Job:
    return Job(compute, buffered=buffered)


async def read_all(job: Job) -> bytes:
    chunks = []
    while (chunk := await job.next()) is not None:
        chunks.append(chunk)
    return b"".join(chunks)


async def test_chunks_arrive_in_order_and_between_them_what_is_put() -> None:
    def compute(job: Job) -> Chunks:
        yield b"1"
        job.put(b"2")
        yield b"3"

    worker, job = Worker("one", waiting=1), job_of(compute)
    worker.submit(job)
    assert await read_all(job) == b"123"
    assert job.done


async def test_a_slow_reader_makes_the_computing_wait() -> None:
    made: list[int] = []
    waits = threading.Event()

    def compute(job: Job) -> Chunks:
        for number in range(10):
            made.append(number)
            if number == 4:
                waits.set()
            yield bytes(10)

    worker, job = Worker("one", waiting=1), job_of(compute, buffered=40)
    worker.submit(job)
    await happens(waits)
    assert made == [0, 1, 2, 3, 4]  # the fifth does not fit beside four of ten bytes
    assert len(await read_all(job)) == 100
    assert made == list(range(10))


async def test_a_chunk_larger_than_the_buffer_passes_all_the_same() -> None:
    def compute(job: Job) -> Chunks:
        yield bytes(100)
        yield bytes(100)

    worker, job = Worker("one", waiting=1), job_of(compute, buffered=1)
    worker.submit(job)
    assert len(await read_all(job)) == 200


async def test_cancelling_ends_computing_that_waits_for_its_reader() -> None:
    ended = threading.Event()

    def compute(job: Job) -> Chunks:
        try:
            while True:
                yield bytes(10)
        finally:
            ended.set()

    worker, job = Worker("one", waiting=1), job_of(compute, buffered=20)
    worker.submit(job)
    assert await job.next() == bytes(10)
    job.cancel(WHY)
    await happens(ended)
    with pytest.raises(Refused, match="because"):
        await job.next()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("position 9 was asked for, but there are 3."), 422, "position 9"),
        (MemoryError(), 413, "memory ran out"),
        (KeyError("/home/someone/secret"), 500, "the server made a mistake"),
    ],
)
async def test_what_goes_wrong_while_computing_reaches_the_reader_as_one_line(
    error: Exception, status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    def compute(job: Job) -> Chunks:
        yield b"first"
        raise error

    worker, job = Worker("one", waiting=1), job_of(compute)
    worker.submit(job)
    assert await job.next() == b"first"
    with pytest.raises(Refused) as refused:
        await job.next()
    assert refused.value.failure.status == status
    assert said in refused.value.failure.error
    assert "secret" not in refused.value.failure.error
    assert ("secret" in caplog.text) == (status == 500)  # whoever runs the server sees it


async def test_a_failing_job_does_not_end_the_line() -> None:
    def fails(job: Job) -> Chunks:
        yield b""
        raise InputError("no.")

    def works(job: Job) -> Chunks:
        yield b"yes"

    worker, first, second = Worker("one", waiting=2), job_of(fails), job_of(works)
    worker.submit(first)
    worker.submit(second)
    assert await read_all(second) == b"yes"


def held(began: threading.Event, go: threading.Event) -> Callable[[Job], Chunks]:
    def compute(job: Job) -> Chunks:
        began.set()
        go.wait()
        yield b"done"

    return compute


async def test_a_full_line_says_when_to_come_again_and_a_place_is_freed_by_whoever_leaves() -> None:
    began, go = threading.Event(), threading.Event()
    worker = Worker("tales", waiting=2)
    now = job_of(held(began, go))
    worker.submit(now)
    await happens(began)
    waiting = [job_of(held(threading.Event(), go)) for _ in range(2)]
    for job in waiting:
        worker.submit(job)
    late = job_of(held(threading.Event(), go))
    with pytest.raises(Refused) as busy:
        worker.submit(late)
    assert busy.value.failure.status == 503
    assert busy.value.failure.retry_after is not None
    assert busy.value.failure.retry_after >= 1
    assert "tales is busy" in busy.value.failure.error
    waiting[0].cancel(GONE)
    worker.submit(late)
    go.set()
    assert await read_all(late) == b"done"
    assert waiting[0].done
    with pytest.raises(Refused):
        await waiting[0].next()
    assert await read_all(waiting[1]) == b"done"


async def test_what_is_cancelled_in_line_is_never_begun() -> None:
    began, go = threading.Event(), threading.Event()
    worker, ran = Worker("one", waiting=2), []

    def compute(job: Job) -> Chunks:
        ran.append(1)
        yield b""

    now, never, last = job_of(held(began, go)), job_of(compute), job_of(held(threading.Event(), go))
    for job in (now, never, last):
        worker.submit(job)
    never.cancel(GONE)
    go.set()
    await read_all(last)
    assert ran == []


async def test_the_line_never_holds_more_than_it_may_however_many_come_at_once() -> None:
    go = threading.Event()
    worker = Worker("one", waiting=5)
    taken = 0
    for _ in range(50):
        try:
            worker.submit(job_of(held(threading.Event(), go)))
            taken += 1
        except Refused:
            pass
    assert taken in (5, 6)  # the thread may or may not have taken the first by then
    go.set()
    worker.stop()
    assert worker.join(PATIENCE)


async def test_stopping_ends_what_is_computed_and_what_waits_and_takes_nothing_more() -> None:
    began = threading.Event()

    def compute(job: Job) -> Chunks:
        began.set()
        while not job.cancelled():
            yield b"x"

    worker = Worker("one", waiting=5)
    now, next_ = job_of(compute), job_of(compute)
    worker.submit(now)
    worker.submit(next_)
    await happens(began)
    worker.stop()
    for job in (now, next_):
        with pytest.raises(Refused, match="being stopped"):
            await read_all(job)
    assert worker.join(PATIENCE)
    with pytest.raises(Refused) as refused:
        worker.submit(job_of(compute))
    assert refused.value.failure == STOPPING


async def test_waiting_times_follow_what_jobs_take() -> None:
    now = [0.0]

    def compute(job: Job) -> Chunks:
        now[0] += 20
        yield b""

    worker = Worker("one", waiting=0, clock=lambda: now[0])
    for _ in range(10):
        job = job_of(compute)
        worker.submit(job)
        await read_all(job)
        while worker.busy:  # it says so just after the reader has heard
            await asyncio.to_thread(threading.Event().wait, 0.001)
    began, go = threading.Event(), threading.Event()
    worker.submit(job_of(held(began, go)))
    await happens(began)
    with pytest.raises(Refused) as busy:
        worker.submit(job_of(compute))
    assert 15 <= (busy.value.failure.retry_after or 0) <= 20
    go.set()


class Order:
    """Which job computed which of its chunks, and when it ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self, name: str, chunks: int, *, first: bool = False) -> Callable[[Job], Chunks]:
        """A computing that says what it does; the first one waits in its first chunk until it is let go."""

        def compute(job: Job) -> Chunks:
            try:
                for i in range(chunks):
                    self.said.append(f"{name}{i}")
                    if first and not i:
                        self.began.set()
                        self.go.wait()
                    yield name.encode()
            finally:
                self.said.append(f"{name}.")

        return compute


async def in_turn(order: Order, worker: Worker, *jobs: Job) -> list[bytes]:
    """What jobs say that were all there before the first of them had its first chunk."""
    worker.submit(jobs[0])
    await happens(order.began)
    for job in jobs[1:]:
        worker.submit(job)
    order.go.set()
    return [await read_all(job) for job in jobs]


async def test_a_long_answer_gives_way_to_a_question_after_each_of_its_chunks() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    long = Job(order("a", 3, first=True), buffered=1000, gives_way=True)
    said = await in_turn(order, worker, long, job_of(order("b", 2)), job_of(order("c", 1)))
    assert said == [b"aaa", b"bb", b"c"]
    # A short one is computed whole; then the long one has its turn before the next.
    assert order.said == ["a0", "b0", "b1", "b.", "c0", "c.", "a1", "a2", "a."]


async def test_an_answer_that_gives_no_way_is_computed_whole() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    await in_turn(order, worker, job_of(order("a", 3, first=True)), job_of(order("b", 1)))
    assert order.said == ["a0", "a1", "a2", "a.", "b0", "b."]


async def test_long_answers_take_turns_and_only_so_many_are_begun() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    jobs = [Job(order(name, 3, first=name == "a"), buffered=1000, gives_way=True) for name in "abc"]
    assert await in_turn(order, worker, *jobs) == [b"aaa", b"bbb", b"ccc"]
    assert order.said[:5] == ["a0", "b0", "a1", "b1", "a2"]
    assert order.said.index("c0") > order.said.index("a.")
    assert order.said.index("c0") < order.said.index("b.")


async def test_what_two_jobs_hold_is_held_by_one_of_them_to_its_end() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    first = Job(order("a", 2, first=True), buffered=1000, gives_way=True, holds="page")
    second = Job(order("b", 1), buffered=1000, holds="page")
    other = Job(order("c", 1), buffered=1000, holds="another page")
    await in_turn(order, worker, first, second, other)
    assert order.said == ["a0", "c0", "c.", "a1", "a.", "b0", "b."]


async def test_one_that_is_cancelled_between_its_chunks_lets_go_of_what_it_held() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    long = Job(order("a", 5, first=True), buffered=1000, gives_way=True, holds="page")

    def cancels(job: Job) -> Chunks:
        order.said.append("cancel")
        long.cancel(WHY)
        yield b""

    worker.submit(long)
    await happens(order.began)
    newer = Job(order("b", 1), buffered=1000, holds="page")
    worker.submit(job_of(cancels))
    worker.submit(newer)
    order.go.set()
    assert await read_all(newer) == b"b"
    assert order.said == ["a0", "cancel", "a.", "b0", "b."]
    assert long.done
    with pytest.raises(Refused, match="because"):
        await long.next()


async def test_stopping_ends_those_that_wait_for_their_turn() -> None:
    order, worker = Order(), Worker("one", waiting=3, under_way=2)
    long = Job(order("a", 5, first=True), buffered=1000, gives_way=True)
    stopped = threading.Event()

    def waits(job: Job) -> Chunks:
        order.said.append("b0")
        stopped.wait()
        yield b""

    worker.submit(long)
    await happens(order.began)
    worker.submit(job_of(waits))
    order.go.set()
    while "b0" not in order.said:
        await asyncio.to_thread(threading.Event().wait, 0.001)
    worker.stop()
    stopped.set()
    assert worker.join(PATIENCE)
    assert order.said == ["a0", "b0", "a."]
    with pytest.raises(Refused, match="being stopped"):
        await read_all(long)


async def test_a_job_that_waits_for_its_turn_takes_no_place_in_line() -> None:
    order, worker = Order(), Worker("tales", waiting=1, under_way=2)
    began, go = threading.Event(), threading.Event()
    worker.submit(Job(order("a", 2, first=True), buffered=1000, gives_way=True))
    await happens(order.began)
    worker.submit(job_of(held(began, go)))
    order.go.set()
    await happens(began)  # the first has been put back in line
    next_ = job_of(order("c", 1))
    worker.submit(next_)
    with pytest.raises(Refused, match="tales is busy"):
        worker.submit(job_of(order("d", 1)))
    go.set()
    assert await read_all(next_) == b"c"
