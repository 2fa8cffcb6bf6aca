"""The parts that measure: memory, errors, growth, the GPU's script on a processor, and the command itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import environments, gpu, growth, machine, sections
from benchmarks.contestants.statistics import every_stage
from benchmarks.error import Judge
from benchmarks.memory import Peak
from benchmarks.processes import CONTESTANTS
from benchmarks.sections import SECTIONS, run_script
from benchmarks.tasks import OWN, STATISTICS, TASKS
from logitscope.readout.request import NAMES


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted on Linux only")
def test_peak_memory_is_what_was_held_at_once_and_given_back() -> None:
    with Peak() as peak:
        block = np.ones(48 << 17)  # 48 MiB
        del block
    assert peak.above is not None
    assert 40 << 20 < peak.above < 80 << 20
    with Peak() as after:
        pass
    assert after.above is not None
    assert after.above < 8 << 20


def problem() -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    torch.manual_seed(0)
    return torch.randn(3, 6, 16), torch.randn(80, 16), torch.randint(80, (6,)).tolist()


def judge_of(vectors: torch.Tensor, weight: torch.Tensor, ids: list[int], positions: list[int]) -> Judge:
    return Judge({"vectors": vectors[:, positions].numpy(), "weight": weight.numpy()}, ids, positions)


@pytest.mark.parametrize("task", TASKS)
def test_the_usual_way_gives_all_that_a_task_asks_for_as_the_contract_means_it(task: str) -> None:
    vectors, weight, ids = problem()
    logits = vectors @ weight.T
    found = every_stage(logits, logits[-1], logits[0], ids, task)
    assert set(found) == set(STATISTICS[task])
    errors = judge_of(vectors, weight, ids, list(range(6))).errors(found)
    assert set(errors) == set(found)
    assert max(errors.values()) < 1e-4


def test_tasks_use_names_of_the_contract() -> None:
    assert all(set(names) <= set(NAMES) for names in STATISTICS.values())


def test_errors_are_those_of_the_worst_place() -> None:
    vectors, weight, ids = problem()
    logits = vectors @ weight.T
    found = every_stage(logits, logits[-1], logits[0], ids, "B")
    positions = [1, 5]
    kept = {name: array[:, positions].copy() for name, array in found.items()}
    kept["entropy"][2, 1] += 0.25
    kept["next_rank"][0, 0] += 3
    kept["top_ids"][1, 0, 0] = kept["top_ids"][1, 0, 9]
    errors = judge_of(vectors, weight, ids, positions).errors(kept)
    assert errors["entropy"] == pytest.approx(0.25, abs=1e-5)
    assert errors["next_rank"] == 3
    gap = np.ptp(np.sort(logits[1, 1].numpy())[-10:])
    assert errors["top_ids"] == pytest.approx(gap, abs=1e-5)
    # The last position has no next token: missing on both sides is no error.
    assert errors["next_logprob"] < 1e-4


def test_a_number_where_none_should_be_is_an_error() -> None:
    vectors, weight, ids = problem()
    logits = vectors @ weight.T
    found = every_stage(logits, logits[-1], logits[0], ids, "B")
    found["next_logprob"][:, -1] = -1.0
    assert np.isnan(judge_of(vectors, weight, ids, list(range(6))).errors(found)["next_logprob"])


def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    points = {
        axis: [growth.measure(growth.Point(tokens=n, stages=3, vocabulary=200, d_model=16), 1) for n in (4, 8)]
        for axis in ("tokens", "stages", "vocabulary")
    }
    for point in points["tokens"]:
        assert set(point["seconds"]) == set(growth.NAMES)
        assert 0 < point["errors"]["logitscope"] < 1e-4
    assert len(growth.rows(points)) == 18
    growth.draw(points, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    json.dumps(points, allow_nan=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_script_for_gpus_does_its_work_on_a_processor(dtype: torch.dtype) -> None:
    measured = gpu.measure(gpu.TINY[0], dtype, torch.device("cpu"), rounds=2)
    assert {len(times) for times in measured["seconds"].values()} == {2}
    assert measured["errors"]["Logitscope"]["entropy"] < 1e-4
    # Rounded logits are what the eager way gives for such weights, and it shows.
    assert (measured["errors"]["eager recipe"]["entropy"] > 1e-4) == (dtype == torch.bfloat16)
    rows = gpu.rows(measured)
    assert {len(row) for row in rows} == {len(gpu.HEADINGS)}
    assert rows[0][5] == "1.00"
    json.dumps(measured, allow_nan=False)


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert gpu.main() == 1
    assert "no CUDA device" in capsys.readouterr().err


def test_a_machine_is_described_and_gives_a_file_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = machine.describe()
    assert found["cores"] == machine.cores()
    assert "torch" in str(found["versions"])
    assert machine.slug({"processor": "Intel(R) Xeon(R) CPU @ 2.20GHz", "cores": 2}) == "intel-xeon-2-cores"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine.threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert machine.threads() == machine.cores()


def test_every_section_is_a_contest_or_a_script_and_all_fit_into_twenty_five_minutes() -> None:
    budgets = 0.0
    for section in SECTIONS.values():
        assert (section.contest is None) == bool(section.script)
        if section.contest is not None:
            budgets += section.contest.budget
            assert {cell.entrant for cell in section.contest.cells} <= set(CONTESTANTS)
            assert all(cell.task in (*TASKS, OWN, "forward", "products") for cell in section.contest.cells)
            assert len(set(section.contest.cells)) == len(section.contest.cells)
    assert budgets < 16 * 60


def test_scripts_speak_json_or_plain_text_and_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "__file__", str(tmp_path / "benchmarks" / "sections.py"))
    (tmp_path / "benchmarks").mkdir()

    def script(name: str, code: str) -> dict[str, Any]:
        (tmp_path / "benchmarks" / f"{name}.py").write_text(code)
        return run_script(f"benchmarks.{name}", lambda line: None, quick=True)

    assert run_script("benchmarks.absent", print) == {"note": "absent.py is not there yet."}
    assert script("fluent", "import sys; print('[%d]' % (sys.argv[1:] == ['--json', '--quick']))") == {"data": [1]}
    plain = "import argparse; argparse.ArgumentParser().parse_args(); print('seven seconds')"
    assert script("plain", plain) == {"text": "seven seconds\n"}
    (tmp_path / "benchmarks" / "endless.py").write_text("while True: pass")
    late = run_script("benchmarks.endless", lambda line: None, seconds=0.2)
    assert late == {"note": "endless.py took more than 0 s."}
    assert script("broken", "raise SystemExit('out of paper')") == {"note": "broken.py failed: out of paper"}


def test_a_tool_that_cannot_be_installed_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments.venv, "create", lambda folder, with_pip: folder.mkdir())
    answer = subprocess.CompletedProcess([], 1, "", "WARNING: a\nERROR: No matching distribution for x\nWARNING: b\n")
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: answer)
    peer = environments.Peer("x", ("x==1",), ("x",))
    assert environments.install(peer) == "ERROR: No matching distribution for x"
    assert environments.python_of("x") is None


def test_an_unknown_section_or_tool_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["--sections", "cooking"]) == 2
    assert capsys.readouterr().err.startswith("'cooking' is no section. There are gpt2-128, ")
    monkeypatch.setattr(sys, "argv", ["environments", "pandas-lens"])
    assert environments.main() == 2
    assert "'pandas-lens' is no tool to compare with" in capsys.readouterr().err


def test_a_run_that_was_stopped_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured: list[str] = []

    def run_section(section: sections.Section, *_: object, **__: object) -> dict[str, Any]:
        measured.append(section.name)
        if section.name == "drawing" and len(measured) == 2:
            raise KeyboardInterrupt
        return {"words": section.words, "note": "measured"}

    monkeypatch.setattr(command, "run_section", run_section)
    monkeypatch.setattr(command, "SCRATCH", tmp_path / "models")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    arguments = ["--sections", "growth,drawing,prefix", "--results", str(tmp_path), "--resume"]
    with pytest.raises(KeyboardInterrupt):
        command.main(arguments)
    assert command.main(arguments) == 0
    assert measured == ["growth", "drawing", "drawing", "prefix"]
