"""Pictures from the command line: the file that was asked for, from a text or a saved trace; mistakes in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import logitscope
from logitscope.trace import Trace, open_trace

TEXT = "CBABBC"
SORT = ("--model", "embedded:sort")

HEADS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture(scope="module")
def loaded() -> Any:
    return logitscope.load("embedded:sort")


@pytest.fixture
def command(run: Callable[..., Any], loaded: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The command line in an empty folder, with one real model loaded once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(logitscope), "load", lambda *_, **__: loaded)
    return run


@pytest.mark.parametrize("name", ["likelihood", "lens", "evolution", "histogram"])
@pytest.mark.parametrize("kind", HEADS)
def test_a_picture_is_written_and_nothing_is_printed(command: Any, name: str, kind: str) -> None:
    done = command(name, *SORT, TEXT, "-o", f"x.{kind}")
    assert (done.status, done.out, done.err) == (0, "", f"logitscope: wrote x.{kind}\n")
    assert Path(f"x.{kind}").read_bytes().startswith(HEADS[kind])
    assert sorted(p.name for p in Path.cwd().iterdir()) == [f"x.{kind}"]


def test_evolution_follows_what_the_model_ranks_highest(command: Any, loaded: Any) -> None:
    command("evolution", *SORT, TEXT, "--position", "2", "--top-k", "3", "-o", "x.safetensors")
    made = open_trace(Path("x.safetensors"))
    whole: Trace = loaded.trace(TEXT, subblocks=True)
    assert made.positions.tolist() == [2]
    assert list(made.watched) == whole["top_ids"][-1, 2, :3].tolist()
    assert made["watch_rank"][-1, 0].tolist() == [1, 2, 3]
    assert made.stages == whole.stages


def test_without_the_norm_the_tokens_are_still_the_models_own(command: Any, loaded: Any) -> None:
    command("evolution", *SORT, TEXT, "--norm", "none", "--top-k", "2", "-o", "x.safetensors")
    made = open_trace(Path("x.safetensors"))
    assert made.provenance.norm == "none"
    assert list(made.watched) == loaded.trace(TEXT)["top_ids"][-1, -1, :2].tolist()
    plain = loaded.trace(TEXT, norm="none", subblocks=True, watch=list(made.watched), positions=[-1])
    assert np.array_equal(made["watch_logit"], plain["watch_logit"])


def test_a_saved_trace_gives_the_same_picture(command: Any) -> None:
    command("evolution", *SORT, TEXT, "-o", "x.safetensors")
    command("evolution", *SORT, TEXT, "-o", "text.svg")
    command("evolution", "--trace", "x.safetensors", "-o", "trace.svg")
    assert Path("text.svg").read_bytes() == Path("trace.svg").read_bytes()


def test_evolution_prints_a_row_per_stage(command: Any, loaded: Any) -> None:
    done = command("evolution", *SORT, TEXT, "--value", "rank", "--top-k", "2")
    assert done.status == 0
    rows = [
        line.split()
        for line in done.out.splitlines()
        if line.split() and line.split()[0] in loaded.stages(subblocks=True)
    ]
    assert [row[0] for row in rows] == list(reversed(loaded.stages(subblocks=True)))
    assert rows[0][1:] == ["1", "2"]


def test_json_and_a_picture_can_be_had_at_once(command: Any) -> None:
    done = command("lens", *SORT, TEXT, "--json", "-o", "x.svg")
    assert json.loads(done.out)["stages"]
    assert Path("x.svg").exists()


def test_columns_wrap_the_lens(command: Any) -> None:
    command("lens", *SORT, TEXT, "-o", "wide.svg")
    command("lens", *SORT, TEXT, "--columns", "2", "-o", "tall.svg")
    height = {
        name: Path(f"{name}.svg").read_text().partition('height="')[2].partition("pt")[0] for name in ("wide", "tall")
    }
    assert float(height["tall"]) > 1.5 * float(height["wide"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("likelihood", *SORT, TEXT, "-o", "x.html"), "not written yet"),
        (("likelihood", *SORT, TEXT, "-o", "x.jpg"), ".png, .svg, .pdf"),
        (("trace", *SORT, TEXT, "-o", "x.png"), "no format of this command"),
        (("trace", *SORT, TEXT, "--json", "-o", "x.png"), "no format of this command"),
        (("lens", *SORT, TEXT, "-o", "absent/x.png"), "does not exist"),
        (("lens", *SORT, TEXT, "--columns", "0", "-o", "x.png"), "--columns 0"),
        (("lens", *SORT, TEXT, "--watch", "A", "--watch", "B", "-o", "x.png"), "a picture shows one"),
        (("evolution", *SORT, TEXT, "--position", "6", "-o", "x.png"), "position 6 was asked for"),
        (("evolution", *SORT, TEXT, "--top-k", "0"), "--top-k 0"),
        (("evolution", *SORT, TEXT, "--value", "prob"), "there are logit, rank, logprob"),
        (("evolution", *SORT, TEXT, "--norm", "layer"), "there are final, plain, none"),
        (("histogram", *SORT, TEXT), "give -o FILE"),
        (("histogram", *SORT, TEXT, "--stage", "9.mlp", "-o", "x.png"), "9.mlp"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(command: Any, arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("logitscope: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert list(Path.cwd().iterdir()) == []
