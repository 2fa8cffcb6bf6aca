"""The harness without other tools: contestants in this process, a toy model, errors that are really found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import processes
from benchmarks.contest import Cell, Contest, hold
from benchmarks.contestants.floor import Floor
from benchmarks.contestants.ours import Ours
from benchmarks.contestants.recipe import Recipe
from benchmarks.contestants.worker import Contestant, _reply
from benchmarks.environments import PEERS
from benchmarks.processes import CONTESTANTS, Absent, Entrant, Stable
from benchmarks.shapes import SHAPES, Shape, folder_of
from benchmarks.tasks import STATISTICS
from logitscope.readout import choose

ROOT = Path(__file__).parents[2]


class InProcess(Stable):
    """Contestants that need no processes."""

    def __init__(self, **contestants: Contestant) -> None:
        super().__init__(60.0)
        self.contestants = contestants
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self._has: dict[str, Path] = {}

    def ask(self, entrant: Entrant, folder: Path, order: dict[str, Any], needs: float) -> dict[str, Any]:
        contestant = self.contestants.get(entrant.name)
        if contestant is None:
            raise Absent(f"{entrant.label} is not installed; make bench-peers does it.")
        if self._has.get(entrant.name) != folder:
            _reply(contestant, {"load": str(folder)})
            self._has[entrant.name] = folder
        self.orders.append((entrant.name, order))
        reply: dict[str, Any] = json.loads(json.dumps(_reply(contestant, json.loads(json.dumps(order)))))
        return reply


class Crooked(Recipe):
    """The recipe with an entropy that is off by a hundredth."""

    def run(self, ids: list[int], task: str, subblocks: bool) -> dict[str, np.ndarray]:
        found = super().run(ids, task, subblocks)
        return found | {"entropy": found["entropy"] + 0.01}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_a_contest_of_two_rounds(scratch: Path) -> None:
    cells = (
        Cell("floor", "forward"),
        Cell("floor", "products", True),
        Cell("recipe", "A"),
        Cell("recipe", "H", True),
        Cell("logitscope", "B"),
        Cell("nnsight", "C"),
    )
    said: list[str] = []
    stable = InProcess(floor=Floor(), recipe=Recipe(), logitscope=Crooked())
    found = hold(Contest(SHAPES["tiny"], 12, cells, rounds=2), stable, scratch, said.append)
    by = {(c["entrant"], c["task"]): c for c in found["cells"]}
    times = {key: 2 for key, cell in by.items() if not cell["note"]} | {
        ("floor", "forward"): 6,  # what all are compared with is measured more often
        ("floor", "products"): 4,
    }
    assert {key: len(by[key]["seconds"]) for key in times} == {key: len(by[key]["peaks"]) for key in times} == times
    assert {len(times) for times in by["floor", "products"]["parts"].values()} == {4}
    assert by["floor", "products"]["n_stages"] == 5
    assert by["recipe", "A"]["n_stages"] == 3
    # Everything that was asked for was compared, and is as close as fp32 is.
    assert set(by["recipe", "A"]["errors"]) == {"top_ids", "top_logprobs"}
    assert {"kl_from_input", "final_rank", "histogram", "logit_std"} < set(by["recipe", "H"]["errors"])
    assert max(by["recipe", "H"]["errors"].values()) < 1e-4
    # What is wrong is found.
    assert by["logitscope", "B"]["errors"]["entropy"] == pytest.approx(0.01, abs=1e-4)
    assert by["nnsight", "C"]["note"] == "nnsight 0.8.1 is not installed; make bench-peers does it."
    assert any("not installed" in line for line in said)
    json.dumps(found, allow_nan=False)


def test_rounds_go_through_all_contestants_in_turn_and_stop_when_the_time_is_over(scratch: Path) -> None:
    cells = (Cell("recipe", "A"), Cell("logitscope", "A"))
    stable = InProcess(recipe=Recipe(), logitscope=Recipe())
    found = hold(Contest(SHAPES["tiny"], 8, cells, rounds=3, budget=1e9), stable, scratch, print)
    timed = [name for name, order in stable.orders if "run" in order and len(order["ids"]) == 8]
    # The first round also warms up: eight tokens are the whole text here.
    assert timed == ["recipe", "recipe", "logitscope", "logitscope"] + ["recipe", "logitscope"] * 2
    found = hold(Contest(SHAPES["tiny"], 8, cells, rounds=3, budget=0), stable, scratch, print)
    assert [len(c["seconds"]) for c in found["cells"]] == [1, 1]


def test_ours_is_the_scope_that_users_have(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "has_numba", choose.has_numba)  # put back afterwards
    monkeypatch.setattr(choose._kernel, "state", "untried")
    stable = InProcess(logitscope=Ours("torch"))
    cells = (Cell("logitscope", "A"), Cell("logitscope", "H", True))
    found = hold(Contest(SHAPES["tiny"], 10, cells, rounds=1), stable, scratch, print)
    assert [set(cell["errors"]) for cell in found["cells"]] == [set(STATISTICS["A"]), set(STATISTICS["H"])]
    assert max(max(cell["errors"].values()) for cell in found["cells"]) < 1e-4
    assert not choose.has_numba()


def test_a_model_is_made_once_and_again_when_its_shape_changed(tmp_path: Path) -> None:
    shape = Shape("s", "", 1, 16, 50, 2, 32)
    folder = folder_of(shape, tmp_path)
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert folder_of(shape, tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    folder_of(Shape("s", "", 1, 32, 50, 2, 32), tmp_path)
    assert json.loads((folder / "config.json").read_text())["n_embd"] == 32


def test_random_models_spread_their_logits_as_trained_ones_do(scratch: Path) -> None:
    recipe = Recipe()
    recipe.load(folder_of(SHAPES["tiny"], scratch))
    with torch.no_grad():
        assert 2 < recipe.run(list(range(32)), "C", False)["logit_std"].mean() < 5


def test_a_contestant_says_what_went_wrong_and_lives_on() -> None:
    code = (
        "from benchmarks.contestants.worker import serve\n"
        "class C:\n"
        "  def load(self, folder): print('noise')\n"
        "  def run(self, ids, task, subblocks):\n"
        "    if task == 'bad': raise ValueError('no such task')\n"
        "    return {}\n"
        "serve(C())"
    )
    orders = [
        {"load": "."},
        {"run": "bad", "ids": [1], "subblocks": False},
        {"run": "A", "ids": [1], "subblocks": False},
    ]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="".join(json.dumps(order) + "\n" for order in orders),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, failed, fine = map(json.loads, done.stdout.splitlines())
    assert loaded["threads"] >= 1
    assert failed == {"error": "ValueError: no such task"}
    assert fine["seconds"] >= 0
    assert "noise" in done.stderr


def test_what_would_not_fit_into_memory_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available", lambda: 4 << 30)
    entrant = CONTESTANTS["transformer-lens"]
    needs = entrant.expected_bytes(13, 1024, 50257)
    assert needs / 2**30 == pytest.approx(7.5 * 13 * 1024 * 50257 * 4 / 2**30)
    with Stable(1.0) as stable, pytest.raises(Absent, match=r"would take about 19 GiB; 4 GiB are free\."):
        stable.ask(entrant, ROOT, {}, needs)


def test_whoever_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "python_of", lambda name: None)
    with Stable(1.0) as stable:
        for _ in range(2):
            with pytest.raises(Absent, match=r"TransformerLens 2\.18 is not installed; make bench-peers does it"):
                stable.ask(CONTESTANTS["transformer-lens"], ROOT, {}, 0)


def test_every_tool_has_an_environment_and_a_file() -> None:
    for entrant in CONTESTANTS.values():
        assert (ROOT / "benchmarks" / "contestants" / f"{entrant.module}.py").exists()
        assert entrant.environment is None or entrant.environment in PEERS
