"""Pictures from the command line: the file that was asked for, from a text or a saved trace; mistakes in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
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


@pytest.mark.parametrize(
    "name",
    [("likelihood",), ("lens",), ("evolution",), ("evolution", "--value", "increments"),
     ("evolution", "--positions", "B"), ("histogram",), ("depth",)],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("kind", HEADS)
def test_a_picture_is_written_and_nothing_is_printed(command: Any, name: tuple[str, ...], kind: str) -> None:
    done = command(*name, *SORT, TEXT, "-o", f"x.{kind}")
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


def rows_of(text: str) -> dict[str, list[str]]:
    """The first panel's rows by their stage."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if words and re.fullmatch(r"embed|\d+\.(attn|mlp)|constant|score", words[0]):
            rows.setdefault(words[0], words[1:])
    return rows


def test_evolution_follows_named_tokens(command: Any, loaded: Any) -> None:
    command("evolution", *SORT, TEXT, "--watch", "A", "--watch", "#2", "-o", "x.safetensors")
    made = open_trace(Path("x.safetensors"))
    assert made.watched == tuple(loaded.trace(TEXT, watch=["A", 2]).watched)
    assert made.stages == loaded.stages(subblocks=True)


def test_increments_are_printed_to_the_sum(command: Any, loaded: Any) -> None:
    done = command("evolution", *SORT, TEXT, "--value", "increments", "--watch", "A", "--watch", "B")
    rows = rows_of(done.out)
    found = loaded.increments(TEXT, tokens=["A", "B"])
    for i in range(2):
        assert float(rows["score"][i]) == pytest.approx(float(found.score[i]), abs=0.006)
        total = sum(float(row[i]) for name, row in rows.items() if name != "score")
        assert total == pytest.approx(float(found.score[i]), abs=0.006 * len(rows))


def test_increments_less_the_mean_are_printed_less_the_mean(command: Any, loaded: Any) -> None:
    done = command("evolution", *SORT, TEXT, "--value", "increments", "--watch", "A", "--centred")
    found = loaded.increments(TEXT, tokens="A")
    wanted = float(found.score[0] - found.average.sum() - found.average_constant)
    assert float(rows_of(done.out)["score"][0]) == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_increments_are_written_as_numbers(command: Any, loaded: Any, suffix: str) -> None:
    done = command("evolution", *SORT, TEXT, "--value", "increments", "-o", f"x.{suffix}")
    assert done.status == 0
    found = loaded.increments(TEXT)
    if suffix == "json":
        made = json.loads(Path("x.json").read_text())
        assert np.allclose(made["added"], found.added)
        assert json.loads(command("evolution", *SORT, TEXT, "--value", "increments", "--json").out)["parts"]
        return
    table = pandas.read_csv("x.csv") if suffix == "csv" else pandas.read_parquet("x.parquet")
    assert np.allclose(table["added"].to_numpy().reshape(-1, len(found.followed)).sum(0), found.score)


def test_positions_are_those_of_a_token(command: Any, loaded: Any) -> None:
    done = command("evolution", *SORT, TEXT, "--positions", "B")
    trace: Trace = loaded.trace(TEXT, subblocks=True)
    places = [t for t, piece in enumerate(trace.tokens.pieces) if piece == b"B"]
    assert len(places) > 1
    rows = rows_of(done.out)
    for stage, row in rows.items():
        assert row == [str(trace["input_rank"][trace.stage(stage), t]) for t in places]


def test_numbers_of_positions_are_cut_to_them(command: Any) -> None:
    done = command("evolution", *SORT, TEXT, "--positions", "0,-1", "--positions", "2:4", "--json")
    assert json.loads(done.out)["positions"] == [0, 2, 3, 5]


def test_depth_prints_a_row_per_stage_and_writes_its_numbers(command: Any, loaded: Any) -> None:
    done = command("depth", *SORT, TEXT, "--subblocks")
    rows = rows_of(done.out)
    assert list(rows) == list(reversed(loaded.stages(subblocks=True)))
    trace: Trace = loaded.trace(TEXT)
    made = json.loads(command("depth", *SORT, TEXT, "--rarity", "id", "--json").out)
    assert np.allclose(made["kl_from_final"]["mean"], trace["kl_from_final"].mean(1), rtol=1e-5)
    assert made["rarity"] == "id"
    command("depth", *SORT, TEXT, "--window", "2:5", "-o", "x.json")
    cut = json.loads(Path("x.json").read_text())
    assert cut["n_positions"] == 3
    assert np.allclose(cut["final_rank"]["mean"], trace["final_rank"][:, 2:5].mean(1))


def test_a_histogram_is_printed_with_a_letter_for_each_followed_token(command: Any, loaded: Any) -> None:
    done = command("histogram", *SORT, TEXT, "--top-k", "2", "--stage", "embed")
    first = loaded.trace(TEXT)["top_ids"][-1, -1, :2]
    for letter, token in zip("ab", first, strict=True):
        assert f"{letter} {loaded.model.tokeniser.vocabulary([int(token)]).text(int(token))}" in done.out


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
        (("likelihood", *SORT, TEXT, "-o", "x.htm"), "no format"),
        (("likelihood", *SORT, TEXT, "-o", "x.jpg"), ".png, .svg, .pdf"),
        (("trace", *SORT, TEXT, "-o", "x.png"), "no format of this command"),
        (("trace", *SORT, TEXT, "--json", "-o", "x.png"), "no format of this command"),
        (("lens", *SORT, TEXT, "-o", "absent/x.png"), "does not exist"),
        (("lens", *SORT, TEXT, "--columns", "0", "-o", "x.png"), "--columns 0"),
        (("lens", *SORT, TEXT, "--watch", "A", "--watch", "B", "-o", "x.png"), "a picture shows one"),
        (("evolution", *SORT, TEXT, "--position", "6", "-o", "x.png"), "position 6 was asked for"),
        (("evolution", *SORT, TEXT, "--top-k", "0"), "--top-k 0"),
        (("evolution", *SORT, TEXT, "--value", "prob"), "there are logit, rank, logprob, increments"),
        (("evolution", *SORT, TEXT, "--centred"), "--centred is for increments"),
        (("evolution", *SORT, TEXT, "--positions", "B", "--position", "1"), "leave --position out"),
        (("evolution", *SORT, TEXT, "--positions", "B", "--value", "increments"), "increments are of one --position"),
        (("evolution", *SORT, TEXT, "--positions", "9"), "position 9 was asked for"),
        (("evolution", *SORT, TEXT, "--positions", ""), '--positions "" was given'),
        (("evolution", *SORT, TEXT, "--positions", "Z"), "no token of this text is exactly 'Z'"),
        (("evolution", *SORT, TEXT, "--watch", "A", "--top-k", "2"), "--top-k and --watch were both given"),
        (("evolution", *SORT, TEXT, "--value", "increments", "--norm", "none"), "leave --norm none out"),
        (("evolution", *SORT, TEXT, "--value", "increments", "-o", "x.safetensors"), "use .json, .csv, .parquet"),
        (("evolution", "--trace", "x.safetensors", "--value", "increments"), "a saved trace does not hold them"),
        (("depth", *SORT, TEXT, "--rarity", "odd"), "there are text, surprisal, id"),
        (("depth", *SORT, TEXT, "-o", "x.csv"), "use .json, .png, .svg, .pdf"),
        (("evolution", *SORT, TEXT, "--norm", "layer"), "there are final, plain, none"),
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
