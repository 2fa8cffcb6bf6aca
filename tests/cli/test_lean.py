"""A command starts with what it needs, says the same as the library, and falls back where libraries are otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import logitscope
from logitscope.cli import lean
from logitscope.cli.app import app

TEXT = "The old man looked at the sea."
COMPILER = "torch._dynamo.symbolic_convert"
HEAVY = (COMPILER, "sympy", "triton", "torch.distributed.tensor", "torch._inductor", "accelerate")

AFTERWARDS = """
import contextlib, io, json, sys
{before}
from logitscope.cli import main
sys.argv = ["logitscope", "trace", {text!r}, "--json"]
said = io.StringIO()
with contextlib.redirect_stdout(said):
    status = main()
{after}
print(json.dumps({{"status": status, "said": said.getvalue(), "heavy": [m for m in {heavy!r} if m in sys.modules]}}))
"""


def in_a_process(before: str = "", after: str = "") -> dict[str, Any]:
    code = AFTERWARDS.format(before=before, after=after, text=TEXT, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == 0
    return found


def numbers(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said)
    return {name: found[name] for name in ("text", "ids", "stages", "positions", "values")}


def agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(agree(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(agree(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float):
        return bool(np.isclose(one, other, rtol=0, atol=1e-4))
    return bool(one == other)


def test_a_command_of_its_own_process_imports_no_compiler_and_says_the_same() -> None:
    found = in_a_process()
    assert found["heavy"] == []
    expected = logitscope.load().trace(TEXT).to_dict()
    assert agree(numbers(found["said"]), numbers(json.dumps(expected)))


def test_what_was_put_off_is_there_when_it_is_asked_for() -> None:
    later = """
import torch
import accelerate
doubled = torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(2))
if doubled.tolist() != [2.0, 2.0]:
    status = 1
"""
    assert COMPILER in in_a_process(after=later)["heavy"]


def test_where_the_libraries_are_otherwise_everything_is_imported() -> None:
    otherwise = """
from logitscope.cli import lean
def fail(*_): raise RuntimeError("nothing is where it was")
lean._put_off = lambda disable: fail
"""
    found = in_a_process(before=otherwise)
    assert COMPILER in found["heavy"]
    assert agree(numbers(found["said"]), numbers(json.dumps(logitscope.load().trace(TEXT).to_dict())))


def test_within_another_process_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "_told", lambda: pytest.fail("imported lean"))
    with lean.in_own_process(False):
        lean.import_lean()
    lean.import_lean()


READING = sorted(
    name
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
    if any("--trace" in parameter.opts for parameter in command.params)
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "a.trace.safetensors"
    logitscope.load().trace(TEXT, subblocks=True, watch=5, histogram=True).save(path)
    return path


@pytest.mark.parametrize("command", READING)
def test_a_saved_trace_is_read_without_torch(command: str, saved: Path) -> None:
    code = f"""
import sys
from logitscope.cli import main
sys.argv = ["logitscope", {command!r}, "--trace", {str(saved)!r}, *{["--json"] if command == "trace" else []!r}]
status = main()
print("")
print("LOADED", status, *sorted({{"torch", "transformers", "tokenizers", "huggingface_hub"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0", done.stderr


def test_every_command_that_draws_reads_saved_traces() -> None:
    assert {"likelihood", "lens", "trace", "evolution", "histogram"} <= set(READING)
