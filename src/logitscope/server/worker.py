"""A model's thread: what is asked of one model is computed one request at a time, away from the event loop.

A long answer gives way between its chunks, so that a short question need not wait for all of it. Knows jobs and no
model. Threads of this kind do not keep the process alive.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from logitscope.server.answers import refuse
from logitscope.server.contract import Failure
from logitscope.server.job import Job

__all__ = ["STOPPING", "Worker"]

STOPPING = Failure(error="the server is being stopped; start it again.", status=503)

_MOST_SECONDS = 60


class Worker:
    """One thread and the line of jobs before it.

    Args:
        name: of the model; the thread's name.
        waiting: jobs that may stand in line, those that were begun not counted.
        under_way: jobs that give way and may have been begun at one time, each of them holding what it computed.
        clock: seconds from somewhere.
    """

    def __init__(
        self, name: str, *, waiting: int, under_way: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._most = waiting
        self._most_under_way = under_way
        self._clock = clock
        self._state = threading.Condition()
        self._line: deque[Job] = deque()
        self._now: Job | None = None
        self._stopping = False
        self._seconds = 1.0
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs in line that were not begun."""
        with self._state:
            return sum(not job.begun for job in self._line)

    @property
    def busy(self) -> bool:
        """Whether a job is being computed."""
        return self._now is not None

    def submit(self, job: Job) -> None:
        """Puts a job at the end of the line.

        Raises:
            Refused: the line is as long as it may be, or the server is being stopped.
        """
        job.on_cancel = self._leave
        with self._state:
            if self._stopping:
                raise refuse(STOPPING.status, STOPPING.error)
            idle = self._now is None and not any(one.begun for one in self._line)
            if self.waiting >= self._most + idle:
                seconds = min(_MOST_SECONDS, max(1, math.ceil(self._seconds * (len(self._line) + 1))))
                raise refuse(503, f"{self._name} is busy; ask again in {seconds} s.", seconds)
            self._line.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"logitscope {self._name}", daemon=True)
                self._thread.start()
            self._state.notify_all()

    def stop(self) -> None:
        """Cancels everything and lets the thread end."""
        with self._state:
            self._stopping = True
            jobs = [*self._line, *([self._now] if self._now is not None else [])]
            self._state.notify_all()
        for job in jobs:
            job.cancel(STOPPING)

    def join(self, seconds: float) -> bool:
        """Waits for the thread to end; whether it has."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _leave(self, job: Job) -> None:
        """Frees the place of a job that was cancelled in line; one that was begun ends when its turn comes."""
        with self._state:
            if job in self._line and not job.begun:
                self._line.remove(job)
                job.drop()

    def _first(self, under_way: Sequence[Job]) -> Job | None:
        """The first in line that may be computed now; one that was begun always may.

        Args:
            under_way: jobs that were begun.
        """
        held = {job.holds for job in under_way}
        full = len(under_way) >= self._most_under_way
        for job in self._line:
            if job.begun or not ((full and job.gives_way) or (job.holds is not None and job.holds in held)):
                return job
        return None

    def _others(self) -> bool:
        """Whether somebody in line goes before the job at work goes on."""
        with self._state:
            now = self._now
            return now is not None and self._first([now, *(job for job in self._line if job.begun)]) is not None

    def _work(self) -> None:
        while True:
            with self._state:
                self._now = None
                while not self._line and not self._stopping:
                    self._state.wait()
                # Where nothing was begun, everybody may be.
                job = self._first([one for one in self._line if one.begun])
                if job is None:
                    return
                self._line.remove(job)
                self._now = job
            began = self._clock()
            more = job.run(self._others)
            job.seconds += self._clock() - began
            if more:
                with self._state:
                    self._line.append(job)
            else:
                # Recent jobs count most: how long the next will take is only ever a guess.
                self._seconds = 0.7 * self._seconds + 0.3 * job.seconds
            del job
