"""A user's own mistake is one line on standard error and status 2, found before a model is loaded where it can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logitscope.cli.positions import parse_window
from logitscope.errors import InputError
from tests.cli.conftest import FakeScope, assert_one_line

TEXT = "The tide came in."


def test_no_text_at_a_terminal(scope: FakeScope, run) -> None:
    assert_one_line(run("likelihood"), "there is no text", "--file PATH", "standard input")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["likelihood", ""], "the text is empty"),
        (["likelihood", TEXT, "--file", "x"], "both given"),
        (["likelihood", TEXT, "--scale", "log"], "there are bits, relative"),
        (["likelihood", TEXT, "--by", "page"], "there are token, word, line, sentence"),
        (["likelihood", TEXT, "--value", "kl"], "there are surprisal_bits, next_rank, entropy_bits"),
        (["likelihood", TEXT, "--value", "next_rank", "--scale", "relative"], "has an axis of its own"),
        (["likelihood", TEXT, "--top", "-1"], "it takes 0 or more"),
        (["likelihood", TEXT, "--top", "many"], "see logitscope likelihood --help"),
        (["likelihood", TEXT, "more", "words"], "see logitscope likelihood --help"),
        (["lens", TEXT, "--value", "final_rnk"], 'Did you mean "final_rank"'),
        (["lens", TEXT, "--value", "top_ids"], "is no number per cell"),
        (["lens", TEXT, "--value", "watch_rank"], "--watch TOKEN"),
        (["lens", TEXT, "--window", "3"], "write A:B"),
        (["lens", TEXT, "--window", "a:b"], "write A:B"),
        (["lens", TEXT, "--every", "0"], "it takes 1"),
        (["lens", TEXT, "--norm", "soft"], "there are final, plain, none"),
        (["lens", TEXT, "--colour"], "no such option: --colour"),
        (
            ["likelihood", "-5 degrees"],
            'see logitscope likelihood --help, or put -- before a text that begins with "-".',
        ),
        (["lens", "--window", "0:2", "-- a dash"], 'put -- before a text that begins with "-"'),
        (
            ["likelihood", TEXT, "--json", "--by", "token"],
            "--by says how a picture is drawn, but --json writes numbers",
        ),
        (["likelihood", TEXT, "-o", "x.csv", "--top", "0"], "--top says how a picture is drawn, but -o x.csv writes"),
        (["likelihood", TEXT, "--json", "--scale", "bits"], "--scale says how"),
        (["lens", TEXT, "--json", "--value", "top_prob"], "--value says how a picture is drawn"),
        (["lens", TEXT, "-o", "x.json", "--top-down"], "--top-down says how a picture is drawn"),
        (["lens", TEXT, "--json", "--no-numbers"], "--numbers says how a picture is drawn"),
        (["evolution", TEXT, "--json", "--value", "rank"], "--value says how a picture is drawn"),
        (["histogram", TEXT, "--json", "--stage", "0.mlp"], "--stage says how a picture is drawn"),
        (["trace", TEXT], "give -o FILE"),
        (["trace", TEXT, "-o", "x.png"], "no format of this command; use .safetensors"),
        (["trace", TEXT, "-o", "x.html"], "no format of this command; use .safetensors"),
        (["trace", TEXT, "-o", "x.docx"], "no format; use .safetensors"),
        (["trace", TEXT, "-o", "no/such/folder/x.json"], "the folder of no/such/folder/x.json does not exist"),
        (["lens", "--trace", "missing.safetensors"], "missing.safetensors"),
        (["lens", TEXT, "--trace", "t.safetensors"], "both given"),
        (["lens", "--trace", "t.safetensors", "--model", "x"], "--model was given, but a saved trace is made already"),
        (["lens", "--trace", "t.safetensors", "--norm", "none"], "--norm was given, but a saved trace"),
        (["trace", "--trace", "t.safetensors", "--json", "--subblocks"], "--subblocks was given"),
        (["lenses"], "no such command"),
        (["likelihod"], "no such command 'likelihod'. Did you mean 'likelihood'? See logitscope --help."),
        (["continue", TEXT, "--temperature", "-1"], "--temperature -1 was given; it must be above 0"),
        (["continue", TEXT, "--temperature", "nan"], "--temperature nan was given"),
        (["continue", TEXT, "--top-p", "2"], "--top-p 2 was given"),
        (["continue", TEXT, "--top-k", "0"], "--top-k 0 was given"),
        (["continue", TEXT, "--seed", "-3"], "--seed -3 was given"),
        (["continue", TEXT, "--tokens", "0"], "--tokens 0 was given; it takes 1 or more"),
    ],
)
def test_mistakes(scope: FakeScope, run, tmp_path: Path, monkeypatch, arguments: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(run(*arguments), said)
    assert scope.calls == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lens", TEXT, "--window", "40:50"], "positions 40:50 were asked for, but the text's positions are 0 to 4"),
        (
            ["lens", TEXT, "--window", "5:", "--json"],
            "positions 5: were asked for, but the text's positions are 0 to 4",
        ),
        (["trace", TEXT, "--top-k", "5000", "--json"], "top_k=5000 was given"),
    ],
)
def test_mistakes_that_only_the_model_can_find(scope: FakeScope, run, arguments: list[str], said: str) -> None:
    assert_one_line(run(*arguments), said)


def test_no_command_shows_the_help(run) -> None:
    result = run()
    assert result.status == 2
    assert "Usage: logitscope" in result.out + result.err


def test_an_output_that_is_a_folder_or_may_not_be_written(scope: FakeScope, run, tmp_path: Path, monkeypatch) -> None:
    assert_one_line(run("trace", TEXT, "-o", str(tmp_path)), "is a folder")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert_one_line(run("trace", TEXT, "-o", str(tmp_path / "x.json")), "may not be written to")
    assert scope.calls == []


def test_a_trace_cut_in_half(scope: FakeScope, run, tmp_path: Path) -> None:
    whole, half = tmp_path / "t.safetensors", tmp_path / "half.safetensors"
    run("trace", TEXT, "-o", str(whole))
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert_one_line(run("lens", "--trace", str(half)), "damaged or cut short")


def test_an_error_message_cannot_control_the_terminal(scope: FakeScope, run) -> None:
    result = run("lens", TEXT, "--value", "\x1b[2Jx\n\ry")
    assert_one_line(result, "\\x1b[2Jx")
    assert "\x1b" not in result.err


@pytest.mark.parametrize(
    ("text", "ends"), [("3:10", (3, 10)), (":", (None, None)), ("-3:", (-3, None)), (" 0 : 4 ", (0, 4)), (None, None)]
)
def test_windows(text: str | None, ends: tuple[int | None, int | None] | None) -> None:
    assert parse_window(text) == ends


@pytest.mark.parametrize("text", ["", "4", "1:2:3", "a:b", "1.5:2", "²:3"])
def test_malformed_windows(text: str) -> None:
    with pytest.raises(InputError, match="write A:B"):
        parse_window(text)
