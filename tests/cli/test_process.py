"""The command line as a process: what it imports, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.traces import make_trace

HEAVY = ("torch", "transformers", "tokenizers", "huggingface_hub", "pandas", "xarray", "pyarrow")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traces") / "t.trace.safetensors"
    make_trace([b"The", b" tide", b" came", b"\n"]).save(path)
    return path


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environ, check=False
    )


CALL = f"""
import sys
from logitscope.cli import main
status = main(sys.argv[1:])
heavy = [name for name in {HEAVY!r} if name in sys.modules]
sys.stderr.write(f"{{status}} {{heavy}}")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["lens", "--help"],
        ["lens", "{saved}"],
        ["likelihood", "{saved}"],
        ["trace", "{saved}"],
    ],
)
def test_help_and_saved_traces_load_no_torch(saved: Path, arguments: list[str]) -> None:
    if arguments[-1] == "{saved}":
        arguments = [arguments[0], "--trace", str(saved), *(["--json"] if arguments[0] == "trace" else [])]
    result = python(CALL, *arguments)
    assert result.stderr == "0 []"
    assert result.stdout


def test_a_process_that_ends_at_once_has_written_everything(saved: Path) -> None:
    asked = ["trace", "--trace", str(saved), "--json"]
    command = [sys.executable, "-m", "logitscope", *asked]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    usual = python("import sys; from logitscope.cli import main; sys.exit(main(sys.argv[1:]))", *asked)
    assert (ended.returncode, ended.stderr) == (usual.returncode, usual.stderr) == (0, "")
    assert len(ended.stdout) > 1000
    assert ended.stdout == usual.stdout
    wrong = subprocess.run([*command[:3], "lens", "--nope"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


def test_a_thread_that_is_left_is_waited_for() -> None:
    late = (
        "import sys, threading, time\nfrom logitscope.cli import command\nsys.argv = ['logitscope', '--version']\n"
        "threading.Thread(target=lambda: (threading.main_thread().join(), print('late'))).start()\ncommand()"
    )
    assert python(late).stdout.splitlines()[-1] == "late"


def test_the_module_is_the_command(saved: Path) -> None:
    command = [sys.executable, "-m", "logitscope", "likelihood", "--trace", str(saved)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "tide" in result.stdout


def test_a_mistake_ends_the_process_with_two() -> None:
    result = subprocess.run([sys.executable, "-m", "logitscope", "lens", "--trace", "no.safetensors"],
                            capture_output=True, text=True, check=False)  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("logitscope: ")
    assert result.stderr.count("\n") == 1


def test_a_pipe_that_closes_is_quiet(saved: Path) -> None:
    script = f"'{sys.executable}' -m logitscope trace --trace '{saved}' --json | head -c 10"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert len(result.stdout) == 10


def test_a_terminal_that_knows_no_unicode_is_no_error(saved: Path) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for command in ("likelihood", "lens"):
        result = subprocess.run([sys.executable, "-m", "logitscope", command, "--trace", str(saved)],
                                capture_output=True, env=environ, check=False)  # fmt: skip
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout.isascii()
