"""`logitscope serve` as a person runs it: a process of its own, stopped with Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest

from logitscope.cli import main
from tests.server.asking import PATIENCE, frames_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way there")


@contextmanager
def served(*arguments: str, name: str = "serve") -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """A running `logitscope serve`, where it is, and what it said until then."""
    command = [sys.executable, "-m", "logitscope", name, "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
    said: list[str] = []
    try:
        if process.stderr is None:
            raise AssertionError
        for line in process.stderr:
            said.append(line)
            found = re.search(r"Logitscope is at (http://\S+)", line)
            if found:
                yield process, found[1], said
                break
        else:
            raise AssertionError(f"it did not start: {said}")
    finally:
        process.kill()
        process.wait(PATIENCE)
        for stream in (process.stderr, process.stdout):
            if stream is not None:
                stream.close()


def told(process: subprocess.Popen[str], to: signal.Signals) -> str:
    """Sends a signal once; what else it said."""
    process.send_signal(to)
    _, rest = process.communicate(timeout=PATIENCE)
    return rest


def test_the_walkthrough_opens_where_it_was_asked_to() -> None:
    asked = ("--no-open", "--cell", "0.attn.q:1:2:3", "--model", "embedded:sort", "CAB CAB")
    with served(*asked, name="walkthrough") as (process, url, _):
        address, _, place = url.partition("/#")
        assert parse_qs(place) == {
            "m": ["embedded:sort"], "v": ["walkthrough"], "t": ["CAB CAB"], "c": ["0.attn.q:1:2:3"], "pin": ["1"],
        }  # fmt: skip
        assert httpx2.get(f"{address}/api/models", timeout=PATIENCE).json()[0]["name"] == "embedded:sort"
        told(process, signal.SIGINT)
        assert process.returncode == 0


def test_ctrl_c_ends_it_with_a_request_in_flight() -> None:
    with served() as (process, url, said):
        # Both embedded models, unless others are named, each announced.
        assert said[:2] == ["loading embedded:tales (1 of 2)\n", "loading embedded:sort (2 of 2)\n"]
        assert url.startswith("http://127.0.0.1:")
        cards = httpx2.get(f"{url}/api/models", timeout=PATIENCE).json()
        assert [card["name"] for card in cards] == ["embedded:tales", "embedded:sort"]
        # Far more than is done before Ctrl-C comes: every cell runs all blocks again.
        body = {"model": "embedded:tales", "text": "The old man. " * 3000, "lens": "tail:0", "subblocks": True}
        with httpx2.stream("POST", f"{url}/api/trace", json=body, timeout=PATIENCE) as response:
            assert response.status_code == 200
            chunks = response.iter_bytes()
            stream = next(chunks)  # the model has begun
            rest = told(process, signal.SIGINT)
            stream += b"".join(chunks)
        assert process.returncode == 0
        assert rest.strip() == "stopped"
        *_, failed, ended = frames_of(stream)
        assert failed is not None
        assert failed["status"] == 503
        assert not ended


def test_other_machines_are_let_in_only_with_a_warning_and_a_signal_ends_it() -> None:
    arguments = ("--model", "embedded:sort", "--host", "0.0.0.0", "--allow-host", "Lab.Example")
    with served(*arguments) as (process, url, said):
        warning = next(line for line in said if "WARNING" in line)
        assert "no password" in warning
        for host, status in {"lab.example": 200, "evil.example": 421, "10.0.0.1": 200}.items():
            assert httpx2.get(f"{url}/api/models", headers={"host": host}, timeout=PATIENCE).status_code == status
        rest = told(process, signal.SIGTERM)
        assert (process.returncode, rest.strip()) == (0, "stopped")


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("logitscope: ")
    assert not any("Traceback" in line for line in said)
    return said[-1]


def test_a_busy_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--model", "embedded:sort"]) == 2
    line = one_line(capsys)
    assert f"port {port}" in line
    assert "--port" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "embedded:nothing"), "--model embedded:nothing: there is no embedded model"),
        (("--model", "embedded:sort", "--model", "/no/such/folder"), "--model /no/such/folder: "),
        (("--model", "embedded:sort", "--model", "embedded:sort"), "given twice"),
        (("--host", "no.such.host.invalid"), "there is no host"),
        (("--port", "70000"), "ports are 0"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert main(["serve", *(() if "--port" in arguments else ("--port", "0")), *arguments]) == 2
    assert said in one_line(capsys)


def test_two_models_of_one_name_are_told_apart_or_refused(
    capsys: pytest.CaptureFixture[str], embedded: Path, tmp_path: Path
) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        (tmp_path / parent / "sort").symlink_to(embedded / "sort")
    models = [option for parent in ("a", "b") for option in ("--model", str(tmp_path / parent / "sort"))]
    assert main(["serve", "--port", "0", *models]) == 2
    line = one_line(capsys)
    assert 'two models are called "sort"' in line
