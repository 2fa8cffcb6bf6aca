"""A scope that reads bytes as tokens and needs no model, and the command line run in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import logitscope
from logitscope.cli import main
from logitscope.errors import InputError
from logitscope.trace import Trace
from tests.traces import make_trace

STAGES = ("embed", "0.attn", "0.mlp", "1.attn", "1.mlp")


@dataclass
class FakeScope:
    """Tokens are runs of up to four bytes; the numbers are made up and always the same."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    failure: BaseException | None = None

    def stages(self, *, subblocks: bool = False, embed: bool = True) -> tuple[str, ...]:
        return tuple(s for s in STAGES if (subblocks or "attn" not in s) and (embed or s != "embed"))

    def trace(self, text: str, **options: Any) -> Trace:
        self.calls.append({"text": text, **options})
        if self.failure is not None:
            raise self.failure
        if (options.get("top_k") or 0) > 50:
            raise InputError(f"top_k={options['top_k']} was given; it must be from 1 to 50.")
        data = text.encode()
        pieces = [data[i : i + 4] for i in range(0, len(data), 4)]
        stages = options.get("stages") or self.stages(
            subblocks=options.get("subblocks", False), embed=options.get("embed", True)
        )
        vocabulary = list(dict.fromkeys([*pieces, b" a", b" the"]))
        watch = [w.encode() if isinstance(w, str) else vocabulary[w] for w in options.get("watch", ())]
        trace = make_trace(
            pieces, stages=stages, bos=options.get("bos", False), watch=watch, extra=[*watch, b" a", b" the"]
        )  # fmt: skip
        if options.get("progress"):
            options["progress"](len(pieces), len(pieces))
        return trace


@dataclass
class Run:
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> FakeScope:
    """The fake scope, which `logitscope.load` returns; its arguments are in `scope.calls[0]`."""
    fake = FakeScope()

    def load(model: Any = "embedded:tales", **options: Any) -> FakeScope:
        fake.calls.append({"model": model, **options})
        return fake

    monkeypatch.setitem(vars(logitscope), "load", load)
    return fake


class _Stdin(io.TextIOWrapper):
    tty = False

    def isatty(self) -> bool:
        return self.tty


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Calls the command line; `stdin` is bytes, or None for a terminal where nothing is typed."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str, stdin: bytes | None = None) -> Run:
        stream = _Stdin(io.BytesIO(stdin or b""), encoding="utf-8")
        stream.tty = stdin is None
        monkeypatch.setattr(sys, "stdin", stream)
        status = main(list(arguments))
        written = capsys.readouterr()
        return Run(status, written.out, written.err)

    return call


def assert_one_line(result: Run, *said: str) -> None:
    """A user's own mistake: status 2, one line, no traceback, nothing on standard output."""
    assert result.status == 2, result
    assert result.out == ""
    assert result.err.startswith("logitscope: ")
    assert result.err.count("\n") == 1, result.err
    assert "Traceback" not in result.err
    for part in said:
        assert part in result.err
