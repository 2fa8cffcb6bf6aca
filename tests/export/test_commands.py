"""`logitscope export`: what a user types, and what they are told when it cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from logitscope.cli import main
from logitscope.export import site as site_module


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["export", *arguments])
    return status, capsys.readouterr().err


def test_one_model_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sort"
    status, told = said(capsys, "onnx", "embedded:sort", "-o", str(out))
    assert status == 0
    assert "embedded:sort: 0.5 MB; the graphs agree with the model to " in told
    assert "rounded" not in told
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["weights"]["stored"] == "stored"


def test_rounded_weights_are_named_with_their_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = said(capsys, "onnx", "embedded:sort", "--weights", "int4", "-o", str(tmp_path / "sort"))
    assert status == 0
    assert "its rounded weights change log-probabilities by up to 0." in told


def test_half_precision_is_named_with_its_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = said(capsys, "onnx", "embedded:sort", "--compute", "fp16", "-o", str(tmp_path / "sort"))
    assert status == 0
    assert "half precision changes log-probabilities by up to 0." in told
    assert (tmp_path / "sort" / "forward_fp16.onnx").is_file()


def test_a_site_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    built = tmp_path / "built"
    built.mkdir()
    (built / "index.html").write_text("<!doctype html>", encoding="utf-8")
    monkeypatch.setattr(site_module, "BUILT", built)
    status, told = said(capsys, "site", "-m", "embedded:sort", "-o", str(tmp_path / "site"))
    assert status == 0
    assert "python -m http.server" in told
    assert (tmp_path / "site" / "models" / "embedded-sort" / "forward.onnx").is_file()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["onnx", "embedded:sort"], "missing option '--out'"),
        (["onnx", "embedded:sort", "-o", "{tmp}/x", "--weights", "int2"], "it is one of stored, fp16, int8, int4"),
        (["onnx", "embedded:sort", "-o", "{tmp}/x", "--compute", "fp8"], "it is one of fp32, fp16"),
        (["onnx", "embedded:sort", "-o", "{tmp}/x", "--dtype", "bfloat16"], "load it in float32"),
        (["onnx", "embedded:none", "-o", "{tmp}/x"], "there is no embedded model"),
        (["onnx", "embedded:sort", "-o", "{tmp}"], "neither empty nor an earlier export"),
        (["site", "-o", "{tmp}/x", "-m", "embedded:sort", "-m", "embedded:sort"], "given twice"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "diary.txt").write_text("mine", encoding="utf-8")
    status, told = said(capsys, *(one.replace("{tmp}", str(tmp_path)) for one in arguments))
    assert status == 2
    assert wanted in told
    assert [line for line in told.splitlines() if line.startswith("logitscope: ")] == told.splitlines()
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_without_its_packages_the_exporter_says_how_to_get_them() -> None:
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from logitscope.cli import main\n"
        "sys.exit(main(['export', 'onnx', 'embedded:sort', '-o', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'logitscope[site]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_else_loads_them() -> None:
    script = (
        "import sys, logitscope, logitscope.cli.app, logitscope.export\n"
        "print(sorted({'onnx', 'onnxruntime', 'torch', 'logitscope.server'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
