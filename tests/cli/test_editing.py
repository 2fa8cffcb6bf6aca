"""`fill`, `replace`, `ask` and `continue`: the numbers of the scope, in the terminal, as JSON and as tables."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import logitscope
from logitscope.scope import Scope
from tests.cli.conftest import assert_one_line

TEXT = "The old man looked at the sea, and the sea looked at him."
BLANK = "The old man looked at the ____, and the sea looked at him."


@cache
def tales() -> Scope:
    return logitscope.load("embedded:tales")


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The embedded model, loaded once; what was asked to be loaded."""
    asked: list[Any] = []
    scope = tales()
    monkeypatch.setitem(vars(logitscope), "load", lambda model, **options: asked.append((model, options)) or scope)
    return asked


def test_fill_shows_the_best_words_and_says_what_was_tried(run) -> None:
    found = tales().fill(BLANK, n=20)
    result = run("fill", BLANK, "--try", "20", "-n", "3")
    assert (result.status, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines() if line.endswith(("█", "▌"))]
    assert [row[0] for row in rows] == [one.text for one in found.candidates[:3]]
    assert [row[2] for row in rows] == [f"{one.total_bits:.1f}" for one in found.candidates[:3]]
    words = " ".join(result.out.split())
    assert (
        f"Tried: 20 of 6,144 tokens, the likeliest after what stands before the blank ({100 * found.mass:.0f}%" in words
    )
    assert f"{found.tried_words} words of several tokens" in words
    assert "those not shown have" in words


def test_fill_as_json_and_as_a_table(run, tmp_path: Path) -> None:
    found = tales().fill(BLANK, n=10, max_tokens=1)
    made = json.loads(run("fill", BLANK, "--try", "10", "--max-tokens", "1", "--json").out)
    assert made == found.to_dict()
    out = tmp_path / "words.csv"
    result = run("fill", BLANK, "--try", "10", "--max-tokens", "1", "-n", "2", "-o", str(out))
    assert (result.out, result.err) == ("", f"logitscope: wrote {out}\n")
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [one.text for one in found.candidates[:2]]
    assert rows[0]["filled"] == BLANK.replace("____", rows[0]["text"])
    assert float(rows[1]["total_bits"]) == found.candidates[1].total_bits
    assert rows[0]["rank"] == "1"


def test_a_blank_may_be_marked_otherwise_and_escaped(run) -> None:
    assert run("fill", "He said [?] ____", "--blank", "[?]", "--try", "5").status == 0
    made = json.loads(run("fill", r"He wrote \____ and ____", "--try", "5", "--json").out)
    assert made["before"] == "He wrote ____ and "


def test_replace_lists_what_changed(run) -> None:
    change = tales().replace(TEXT, 6, " telescope")
    result = run("replace", TEXT, "-p", "6", "--new", " telescope")
    assert (result.status, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert next(line for line in lines if line[:1] == ["−"])[:2] == ["−", "␣sea"]
    assert [line[1] for line in lines if line[:1] == ["+"]] == ["␣te", "les", "co", "pe"]
    sea = next(line for line in lines if line[:1] == ["␣sea"] and "→" not in line)
    k = [t.token for t in change.tokens].index(" sea", 1)
    expected = change.tokens[k]
    assert sea[1:4] == [f"{expected.bits_before:.1f}", f"{expected.bits_after:.1f}", f"{expected.change:+.1f}"]
    total = f"{change.total_before:.1f} to {change.total_after:.1f} bits"
    assert total in " ".join(result.out.split())


def test_replace_by_what_stands_there_by_id_by_nothing_and_as_json(run, tmp_path: Path) -> None:
    def edited(*options: str) -> dict[str, Any]:
        return json.loads(run("replace", TEXT, "--json", *options).out)

    assert edited("--old", " old man", "--new", " child")["text"] == TEXT.replace("old man", "child")
    assert edited("-p", "-1", "--new", "#1")["ids"][-1] == 1
    assert edited("-p", "1", "--new", "")["text"] == TEXT.replace(" old", "")
    assert edited("-p", "1", "--remove", "0", "--new", " very")["text"] == TEXT.replace(" old", " very old")
    assert edited("-p", "6", "--new", " moon") == tales().replace(TEXT, 6, " moon").to_dict()
    out = tmp_path / "change.csv"
    assert run("replace", TEXT, "-p", "6", "--new", " moon", "-o", str(out)).status == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows][:3] == ["removed", "inserted", "later"]
    assert rows[0]["bits_after"] == ""


def test_replace_shows_the_tokens_that_changed_most(run) -> None:
    result = run("replace", TEXT, "-p", "1", "--new", " young", "-n", "2")
    assert "Not shown: 11 tokens that changed less" in " ".join(result.out.split())


def test_replace_says_when_the_text_would_be_read_otherwise(run) -> None:
    """` boy` and `s` would be ` boys`."""
    said = "would be cut into other tokens"
    assert said in " ".join(run("replace", "The boy ran", "-p", "2", "--remove", "0", "--new", "s").out.split())
    assert said not in " ".join(run("replace", "The boy ran", "-p", "1", "--new", " boys").out.split())


def test_ask_lists_probability_bits_and_rank(run, tmp_path: Path) -> None:
    words = [" sea", " telescope"]
    answers = tales().ask(TEXT, 5, words)
    options = ("-w", words[0], "-w", words[1], "-p", "5")
    result = run("ask", TEXT, *options)
    assert (result.status, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines() if line.startswith(" ␣")]
    assert [row[0] for row in rows] == ["␣sea", "␣telescope"]
    assert f"{answers[0].bits:.1f}" in rows[0]
    assert f"{answers[0].rank:,}" in rows[0]
    assert "–" in rows[1]
    assert "no rank" in result.out
    made = json.loads(run("ask", TEXT, *options, "--json").out)
    assert made["answers"] == [answer.to_dict() for answer in answers]
    out = tmp_path / "a.csv"
    run("ask", TEXT, *options, "-o", str(out))
    with out.open(newline="") as file:
        assert [row["rank"] for row in csv.DictReader(file)] == [str(answers[0].rank), ""]


def test_continue_writes_the_text_alone_into_a_pipe(run) -> None:
    steps = list(tales().sample("The old man", n=12))
    result = run("continue", "The old man", "-n", "12")
    assert (result.status, result.err) == (0, "")
    assert result.out == "The old man" + "".join(s.text for s in steps) + "\n"


def test_continue_colours_every_token_in_a_terminal(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "3")
    out = run("continue", "The old man", "-n", "5").out
    assert out.count("\x1b[38;2;") >= 5
    assert "5 tokens: as many as asked for" in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "38;2" not in run("continue", "The old man", "-n", "5").out


def test_continue_draws_where_an_option_says_how(run, tmp_path: Path) -> None:
    asked = {"method": "sample", "temperature": 0.8, "top_k": 20, "top_p": 0.9, "seed": 3}
    steps = [s.to_dict() for s in tales().sample("The old man", n=6, first=" was", **asked)]
    options = ["--temperature", "0.8", "--top-k", "20", "--top-p", "0.9", "--seed", "3", "--first", " was", "-n", "6"]
    made = json.loads(run("continue", "The old man", *options, "--json").out)
    assert made["steps"] == steps
    assert {k: made[k] for k in asked} == asked
    assert made["continuation"].startswith(" was")
    out = tmp_path / "steps.csv"
    assert run("continue", "The old man", *options, "-o", str(out)).status == 0
    with out.open(newline="") as file:
        assert [int(row["id"]) for row in csv.DictReader(file)] == [s["id"] for s in steps]
    greedy = json.loads(run("continue", "The old man", "-n", "2", "--past-end", "--json").out)
    assert greedy["method"] == "greedy"


def test_what_a_text_holds_cannot_control_the_terminal(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "3")  # as a terminal: into a pipe, `continue` writes the text as it is
    evil = "a\x1b[2Jb"
    for command in (
        ["fill", f"{evil} ____", "--try", "5"], ["ask", evil, "-w", "\x1b"],
        ["replace", evil, "-p", "0", "--new", "\x1b[31m"], ["continue", evil, "-n", "2"],
    ):  # fmt: skip
        result = run(*command)
        assert result.status == 0
        assert "\x1b[2J" not in result.out
        assert "\x1b[31m" not in result.out
        assert "x1B[" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fill", "no blank"], "has no blank; put ____"),
        (["fill", "____ ____"], "2 blanks"),
        (["fill", BLANK, "-n", "0"], "--top 0"),
        (["fill", BLANK, "--try", "0"], "--try 0"),
        (["fill", BLANK, "--max-tokens", "0"], "--max-tokens 0"),
        (["fill", BLANK, "-o", "x.png"], "no format of this command; use .json, .csv"),
        (["fill", BLANK, "-o", "nowhere/x.csv"], "does not exist"),
        (["replace", TEXT, "--new", "a"], "Give --old TEXT or --position N"),
        (["replace", TEXT, "--old", "a", "-p", "1", "--new", "a"], "one of the two"),
        (["replace", TEXT, "-p", "1"], "Give --new TEXT"),
        (["replace", TEXT, "-p", "1", "--new", "a", "-n", "-1"], "--top -1"),
        (["ask", TEXT], "no word was named"),
        (["continue", TEXT, "--method", "beam"], "greedy, sample"),
        (["continue", TEXT, "--method", "greedy", "--top-k", "3"], "--top-k was given, which greedy does not use"),
    ],
)
def test_a_mistake_is_said_before_a_model_is_loaded(run, loaded: list[Any], arguments: list[str], said: str) -> None:
    assert_one_line(run(*arguments), said)
    assert loaded == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fill", "____ was a king."], "nothing stands before the blank"),
        (["replace", TEXT, "--old", " sea", "--new", " moon"], "2 times, at positions 6, 10"),
        (["replace", TEXT, "-p", "99", "--new", "a"], "position 99"),
        (["ask", TEXT, "-w", "#999999"], "vocabulary"),
        (["continue", TEXT, "--temperature", "0"], "--temperature 0 was given"),
        (["continue", "a b" * 600], "so none can be added"),
    ],
)
def test_a_mistake_is_one_line(run, arguments: list[str], said: str) -> None:
    assert_one_line(run(*arguments), said)
