"""Contestants as child processes: started when first asked, spoken to in lines of JSON, closed when memory is short.

Knows nothing of what they compute.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environments import PEERS, python_of
from benchmarks.machine import threads
from benchmarks.memory import available

__all__ = ["CONTESTANTS", "Absent", "Entrant", "Stable", "versions"]

_SPARE = 3 << 30
"""Bytes to leave free beside what a task is expected to take: for a model, and for what was expected wrongly."""

REPOSITORY = Path(__file__).parents[1]


class Absent(Exception):  # noqa: N818 -- no error of ours
    """A contestant cannot take part; the message is the line that stands in its place."""


@dataclass(frozen=True)
class Entrant:
    """One who takes part.

    Attributes:
        name: in results and on the command line.
        label: in tables.
        module: of `benchmarks.contestants`.
        argument: that the module is given.
        environment: whose interpreter runs it; None for the one that runs this.
        copies: how many arrays of the size of all stages' logits it holds at its peak, as measured at 128 tokens.
        buffers: how many of the size of one stage's logits.
    """

    name: str
    label: str
    module: str
    argument: str = ""
    environment: str | None = None
    copies: float = 0.0
    buffers: float = 0.0

    def expected_bytes(self, n_stages: int, n_tokens: int, n_vocab: int) -> float:
        """About what it will take above the loaded model."""
        return 4.0 * n_tokens * n_vocab * (self.copies * n_stages + self.buffers)


CONTESTANTS = {
    entrant.name: entrant
    for entrant in (
        Entrant("floor", "matrix products only", "floor"),
        Entrant("logitscope", "Logitscope", "ours", "auto"),
        Entrant("logitscope-torch", "Logitscope, pure torch", "ours", "torch"),
        Entrant("recipe", "the usual recipe", "recipe", buffers=14),
        Entrant("nnsight", "nnsight 0.8.1", "nnsight_lens", environment="nnsight", copies=1.2, buffers=12),
        Entrant(
            "transformer-lens", "TransformerLens 2.18", "transformer_lens", environment="transformer-lens", copies=7.5
        ),
        Entrant("tuned-lens", "tuned-lens 0.2.0", "tuned_lens", environment="tuned-lens", copies=2.6),
        Entrant("concatenated", "transformer-utils' method", "concatenated", environment="concatenated", copies=8),
    )
}


class Worker:
    """The process of a contestant; it can take in one model after the other."""

    loaded: dict[str, Any]
    folder: Path | None = None

    def __init__(self, entrant: Entrant, log: Path | None) -> None:
        python = Path(sys.executable) if entrant.environment is None else python_of(entrant.environment)
        if python is None:
            raise Absent(f"{entrant.label} is not installed; make bench-peers does it.")
        n = str(threads())
        count = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), n)
        quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}
        self._log = (log.open("a") if log else None) or subprocess.DEVNULL
        self._process = subprocess.Popen(
            [str(python), "-m", f"benchmarks.contestants.{entrant.module}", *filter(None, [entrant.argument])],
            cwd=REPOSITORY,
            env={**os.environ, **count, **quiet},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._label = entrant.label
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def load(self, folder: Path, seconds: float) -> None:
        """Take in a model, unless it is the one that is loaded."""
        if self.folder != folder:
            self.loaded = self.ask({"load": str(folder)}, seconds)
            self.folder = folder

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put("")

    def ask(self, order: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one order and wait for its reply.

        Raises:
            Absent: it reports an error, died, or took too long (then it is killed).
        """
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise Absent(f"{self._label} took more than {seconds:.0f} s.") from None
        except OSError:
            line = ""
        if not line:
            status = self._process.wait()
            raise Absent(f"{self._label} died with status {status}{', out of memory?' if status == -9 else ''}.")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise Absent(f"{self._label}: {reply['error']}")
        return reply

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not isinstance(self._log, int):
            self._log.close()


class Stable:
    """All contestants, kept running from one contest to the next as far as memory allows."""

    def __init__(self, seconds: float, log: Path | None = None) -> None:
        self._seconds, self._log = seconds, log
        self._workers: dict[str, Worker] = {}
        self._out: dict[str, str] = {}

    def __enter__(self) -> Stable:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._workers):
            self._workers.pop(name).close()

    def ask(self, entrant: Entrant, folder: Path, order: dict[str, Any], needs: float) -> dict[str, Any]:
        """One order to one contestant, with the model of a folder; `needs` bytes must be free beside it.

        Raises:
            Absent: it cannot take part, or not in this.
        """
        if entrant.name in self._out:
            raise Absent(self._out[entrant.name])
        self._make_room(needs, entrant.name)
        if entrant.name not in self._workers:
            try:
                self._workers[entrant.name] = Worker(entrant, self._log)
            except Absent as problem:
                self._out[entrant.name] = str(problem)
                raise
        worker = self._workers.pop(entrant.name)
        self._workers[entrant.name] = worker  # the one asked last is the last to go
        try:
            worker.load(folder, self._seconds)
            return worker.ask(order, self._seconds)
        except Absent:
            # What went wrong in one task says nothing of the next; it starts afresh.
            self._workers.pop(entrant.name).close()
            raise

    def loaded(self, entrant: Entrant) -> dict[str, Any]:
        """What the contestant said when it had taken in its model."""
        worker = self._workers.get(entrant.name)
        return {} if worker is None else worker.loaded

    def _make_room(self, needs: float, keep: str) -> None:
        while (room := available()) is not None and room < needs + _SPARE:
            others = [name for name in self._workers if name != keep]
            if not others:
                raise Absent(f"would take about {needs / 2**30:.0f} GiB; {room / 2**30:.0f} GiB are free.")
            self._workers.pop(others[0]).close()


def versions(entrant: Entrant) -> dict[str, str]:
    """The versions of what a contestant's environment holds, by asking it."""
    python = None if entrant.environment is None else python_of(entrant.environment)
    if python is None or entrant.environment is None:
        return {}
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    names = PEERS[entrant.environment].shows
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=False)
    return dict(zip(names, done.stdout.split(), strict=False))
