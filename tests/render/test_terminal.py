"""The pictures as text: they fit, they say what is in the view, and nothing in a text gets out of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from logitscope.render.terminal import render_grid, render_likelihood
from logitscope.render.terminal.furniture import chance, fit, percent
from logitscope.trace import Provenance, Tokens
from logitscope.view import grid, likelihood, readings
from logitscope.view.words import number_words
from tests.render.drawing import ENVIRONMENTS, STYLE, at, plain, written
from tests.traces import make_trace
from tests.view.passages import code, prose

WIDTHS = (20, 40, 80, 120)
HOSTILE = [
    b"\x1b[2J",
    b"\x1b]0;pwned\x07",
    b"[bold red]x[/]",
    "\u202egnp".encode(),
    b"\x9b31m",
    b":smile:",
    b"\r",
    b"\x08",
]


@pytest.mark.parametrize("depth", ENVIRONMENTS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("by", ["token", "word", "line"])
def test_no_line_of_a_text_is_wider_than_the_terminal(width: int, depth: str, by: str) -> None:
    text = [word.encode() for word in ("漢字 " * 12 + "a long line, " * 9).split(" ")]
    for trace in (prose(), code(), make_trace([b" " + t for t in text])):
        on = at(width, depth)
        lines = plain(written(on, render_likelihood(likelihood(trace, by=by, top=2), on))).split("\n")
        assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("depth", ENVIRONMENTS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("numbers", [None, True])
def test_no_line_of_a_grid_is_wider_than_the_terminal(width: int, depth: str, numbers: bool | None) -> None:
    wide = make_trace(["漢字".encode(), b" disproportionately", b"x"], top_k=2)
    for trace in (prose(), wide):
        on = at(width, depth)
        lines = plain(written(on, render_grid(grid(trace, "logsumexp"), on, numbers))).split("\n")
        assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("depth", ENVIRONMENTS)
def test_source_code_keeps_its_lines_and_indentation(depth: str) -> None:
    source = "def f(x):\n\n    if x:\n        return 1\n"
    pieces = [piece.encode() for piece in re.findall(r"\n| +|\S+", source)]
    on = at(60, depth)
    lines = plain(written(on, render_likelihood(likelihood(make_trace(pieces)), on))).split("\n")
    page = [re.sub("⏎?[⁰¹²³⁴⁵⁶⁷⁸⁹°]+", "", line).rstrip() for line in lines[1:5]]
    inset = " " * (2 if depth in ("truecolor", "256") else 1)
    assert page == [inset + "def f(x):", "", inset + "    if x:", inset + "        return 1"]


@pytest.mark.parametrize("depth", ENVIRONMENTS)
def test_nothing_in_a_text_reaches_the_terminal_as_an_instruction(depth: str) -> None:
    trace = make_trace(HOSTILE, extra=(b"\x1b[H",))
    for build in (
        lambda on: render_likelihood(likelihood(trace, top=8), on),
        lambda on: render_likelihood(likelihood(trace, by="line"), on),
        lambda on: render_grid(grid(trace), on),
    ):
        on = at(100, depth)
        text = plain(written(on, build(on)))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert re.search(r"\[bold[ ␣]red\]x\[/\]", text)
        assert "\\x1B[2J" in text
        assert "☺" not in text
        assert "😄" not in text


@pytest.mark.parametrize("depth", ENVIRONMENTS)
def test_nothing_that_a_file_says_of_its_model_reaches_the_terminal_as_an_instruction(depth: str) -> None:
    names = ("model", "model_class", "dtype", "lens", "norm", "revision", "bos")
    made = {name: f"{name}\x1b]0;x\x07\u202e\x9b31m" for name in names}
    trace = prose().replace(provenance=Provenance(**made))
    for build in (lambda on: render_likelihood(likelihood(trace), on), lambda on: render_grid(grid(trace), on)):
        on = at(300, depth)
        text = plain(written(on, build(on)))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert "model\\x1B]0;x\\x07" in text


@settings(max_examples=40)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=8), st.sampled_from(sorted(ENVIRONMENTS)))
def test_whatever_the_bytes_only_styles_and_newlines_control_the_terminal(pieces: list[bytes], depth: str) -> None:
    trace = make_trace(pieces, stages=("embed", "0.mlp"))
    on = at(60, depth)
    picture = written(on, render_likelihood(likelihood(trace, top=2), on))
    on = at(60, depth)
    picture += written(on, render_grid(grid(trace), on))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain(picture))
    picture.encode("utf-8")


def test_without_colours_not_one_escape_is_written() -> None:
    on = at(80)
    assert "\x1b" not in written(on, render_likelihood(likelihood(prose(), top=2), on))
    on = at(80)
    assert "\x1b" not in written(on, render_grid(grid(prose()), on))


def test_in_24_bit_each_token_stands_on_its_own_colour() -> None:
    view = likelihood(prose())
    on = at(100, "truecolor")
    text = written(on, render_likelihood(view, on))
    for run in view.runs[1:4]:
        red, green, blue = (int(run.colour[i : i + 2], 16) for i in (1, 3, 5))
        assert re.search(rf"48;2;{red};{green};{blue}m{re.escape(run.text)}", text)


@pytest.mark.parametrize(("depth", "code_"), [("256", r"48;5;\d+"), ("16", r"4[1-7]|10[0-7]")])
def test_fewer_colours_are_of_their_own_kind(depth: str, code_: str) -> None:
    on = at(100, depth)
    text = written(on, render_likelihood(likelihood(prose()), on))
    assert "48;2;" not in text
    assert re.search(rf"\x1b\[[0-9;]*({code_})", text)


def test_without_colours_what_cost_much_carries_its_bits() -> None:
    view = likelihood(prose())
    on = at(100)
    text = written(on, render_likelihood(view, on))
    assert "The°" in text
    raised = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
    page = text.split("\n\n")[0]
    marks = [int("".join(raised[c] for c in m)) for m in re.findall("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", page)]
    assert marks
    assert marks == [round(run.bits) for run in view.runs if run.bits is not None and run.bits >= 4]
    assert "° not scored" in text


RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")


@pytest.mark.parametrize("value", ["entropy_bits", "excess_bits", "next_rank"])
def test_without_colours_a_token_carries_the_number_that_was_asked_for(value: str) -> None:
    view = likelihood(prose(), value=value)
    on = at(200)
    page = written(on, render_likelihood(view, on)).split("\n\n")[0]
    marks = [int(found.translate(RAISED)) for found in re.findall("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", page)]
    least = {"entropy_bits": 4.0, "excess_bits": 2.0, "next_rank": 2.0}[value]
    assert marks == [round(n) for run in view.runs if (n := run.number) is not None and abs(n) >= least]
    assert marks


def test_without_colours_a_token_names_the_stage_that_settled_it() -> None:
    trace = prose()
    ranks = trace["next_rank"].copy()
    ranks[1:, 2], ranks[:, 0] = 1, 1
    trace = trace.replace(arrays={**trace.arrays, "next_rank": ranks})
    view = likelihood(trace, value="settled_stage")
    on = at(200)
    page = written(on, render_likelihood(view, on, trace.stages)).split("\n\n")[0]
    settled = [int(n) for run in view.runs if (n := run.number) is not None and np.isfinite(n)]
    assert {0, 1} <= set(settled)
    assert re.findall(r"\[([^\]]+)\]", page) == [trace.stages[row] for row in settled]


@pytest.mark.parametrize("depth", ["none", "truecolor"])
@pytest.mark.parametrize("value", ["entropy_bits", "excess_bits", "next_rank", "settled_stage"])
def test_by_line_the_number_that_was_asked_for_stands_in_the_margin(value: str, depth: str) -> None:
    trace = code()
    view = likelihood(trace, by="line", value=value)
    on = at(120, depth)
    page = plain(written(on, render_likelihood(view, on, trace.stages))).split("\n")
    for run in view.runs:
        assert run.number is not None
        said = readings.written(value, run.number, trace.stages)
        first = run.text.split("\n")[0].strip().replace("\x1b", "\\x1B")
        assert any(line.split()[:1] == [said] and first in line for line in page if line.strip())


@pytest.mark.parametrize("depth", ENVIRONMENTS)
@pytest.mark.parametrize("by", ["token", "word", "line"])
@pytest.mark.parametrize("scale", ["bits", "relative"])
def test_a_token_held_to_be_impossible_cost_more_than_any_number(depth: str, by: str, scale: str) -> None:
    trace = prose()
    logprobs = trace["next_logprob"].copy()
    logprobs[:, 2] = -np.inf
    trace = trace.replace(arrays={**trace.arrays, "next_logprob": logprobs})
    on = at(120, depth)
    text = plain(written(on, render_likelihood(likelihood(trace, scale, by, top=1), on)))
    assert "∞ bits" in text
    assert "    ∞ " in text.partition("Most surprising")[2]
    assert "nan" not in text.lower()
    if depth == "none" and by == "token":
        assert " in∞" in text


def test_by_line_the_mean_bits_stand_in_the_margin() -> None:
    view = likelihood(code(), by="line")
    on = at(80)
    text = written(on, render_likelihood(view, on))
    for run in view.runs:
        first = run.text.split("\n")[0].replace("\x1b", "\\x1B")
        assert re.search(rf"{run.number:.1f}  .?{re.escape(first)}", text)


def test_the_totals_and_kinds_are_those_of_the_summary() -> None:
    view = likelihood(code())
    on = at(100)
    text = written(on, render_likelihood(view, on))
    assert f"{view.summary.total_bits:,.1f} bits" in text
    assert f"{view.summary.bits_per_byte:.2f} per byte" in text
    assert f"perplexity {view.summary.perplexity:,.1f}" in text
    for row in view.summary.kinds:
        line = re.search(rf"{row.kind} +([\d,]+) +([\d.]+)", text)
        assert (line is not None) == bool(row.tokens)
        if line is not None:
            assert (int(line[1]), float(line[2])) == (row.tokens, pytest.approx(row.mean_bits, abs=0.006))


def test_surprises_say_bits_rank_alternatives_and_the_rest() -> None:
    view = likelihood(prose(), top=1)
    (surprise,) = view.surprises
    on = at(120)
    text = written(on, render_likelihood(view, on))
    assert f"{surprise.bits:.1f}" in text
    assert f"▸{surprise.label}◂" in text
    assert f"rank {surprise.rank}" in text
    for alternative in surprise.alternatives:
        assert f"{alternative.label} {percent(alternative.probability)}" in text
    assert f"all others {percent(surprise.rest)}" in text


def test_the_caption_names_model_and_prefix() -> None:
    on = at(80)
    text = written(on, render_likelihood(likelihood(prose()), on))
    assert "made:by-hand" in text
    assert "the first token is not scored: nothing stood before the text" in text


def test_a_seam_is_shown_and_explained() -> None:
    on = at(80)
    text = written(on, render_likelihood(likelihood(code()), on))
    assert "┊" in text.split("\n\n")[0]
    assert "┊ a further window begins" in text


def test_a_grid_is_cut_into_panels_that_show_every_position_once() -> None:
    on = at(40)
    text = written(on, render_grid(grid(prose(), "top_prob"), on))
    heads = [line for line in text.split("\n") if re.fullmatch(r" +(\d+ +)*\d+ *", line)]
    assert len(heads) > 1
    assert [int(n) for line in heads for n in line.split()] == list(range(9))
    assert text.count("embed") == len(heads)
    assert text.count("2.mlp") == len(heads)


def test_a_grid_has_the_next_tokens_above_and_the_input_below() -> None:
    on = at(200)
    lines = written(on, render_grid(grid(prose()), on)).split("\n")
    order = [line.split()[0] for line in lines if line.strip() and line.split()[0] in
             ("next", "2.mlp", "1.mlp", "0.mlp", "embed", "input")]  # fmt: skip
    assert order == ["next", "2.mlp", "1.mlp", "0.mlp", "embed", "input"]
    on = at(200)
    lines = written(on, render_grid(grid(prose(), top_down=True), on)).split("\n")
    order = [line.split()[0] for line in lines if line.strip() and line.split()[0] in ("next", "embed", "input")]
    assert order == ["input", "embed", "next"]


def test_without_colours_final_guesses_are_in_brackets_and_numbers_are_written() -> None:
    view = grid(prose(), "final_rank")
    on = at(200)
    lines = written(on, render_grid(view, on)).split("\n")
    for row in view.rows:
        (line,) = [line for line in lines if line.split()[:1] == [row.stage]]
        assert line.count("[") == sum(cell.matches_final for cell in row.cells)
        shown = [int(n) for n in re.findall(r" (\d+) ", line)]
        assert shown == [cell.number for cell in row.cells]


def test_with_colours_final_guesses_are_bold_and_underlined() -> None:
    view = grid(prose())
    on = at(200, "truecolor")
    text = written(on, render_grid(view, on))
    marked = len(re.findall(r"\x1b\[1;4;", text))
    assert marked == sum(cell.matches_final for row in view.rows for cell in row.cells)


def test_right_answers_are_starred() -> None:
    view = grid(make_trace([b"a", b"b", b"a", b"b", b"a", b"b"], stages=("embed", "0.mlp"), extra=()))
    on = at(200)
    line = next(line for line in written(on, render_grid(view, on)).split("\n") if line.startswith("  next"))
    assert line.count("*") == sum(column.right for column in view.columns)
    assert 0 < line.count("*") < 5


def test_the_legend_says_the_limits() -> None:
    on = at(100, "truecolor")
    text = plain(written(on, render_grid(grid(prose(), "final_rank"), on)))
    assert re.search(r"100\+ +10 +1 ", text)
    assert "log scale" in text
    on = at(100, "truecolor")
    assert "5th and 95th percentile" in plain(written(on, render_grid(grid(prose(), "next_logit"), on)))


def test_missing_numbers_are_drawn_as_missing() -> None:
    on = at(120)
    text = written(on, render_grid(grid(prose(), "next_logprob"), on))
    assert "– no number" in text


def test_skipped_stages_are_counted() -> None:
    on = at(120)
    assert "1 stage not shown" in written(on, render_grid(grid(prose(), every=2), on))


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc…"), ("漢字かな", 5, "漢字…"), ("漢字かな", 4, "漢… "), ("", 2, "  ")],
)
def test_fitting(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted


@given(st.text(max_size=12), st.integers(1, 12))
def test_what_is_fitted_fits_exactly(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [(None, "bits", "–"), (3, "rank", "3"), (250_000, "rank", "250k"), (0.126, "probability", ".13"),
     (0.0, "probability", ".00"), (1.2e-5, "probability", "1e-5"), (0.999, "probability", ".99+"),
     (-7.25, "nats", "-7.2"), (12345.6, "logit", "12346")],
)  # fmt: skip
def test_numbers_in_cells(number: float | None, unit: str, text: str) -> None:
    assert number_words(number, unit) == text


def test_small_chances_are_said_as_one_in_so_many() -> None:
    assert chance(0.5) == "50%"
    assert chance(1 / 1000) == "1 in 1,000"
    assert chance(1e-12) == "p = 1.0e-12"
    assert percent(0.00001) == "<0.01%"


def test_styles_are_all_that_plain_takes_away() -> None:
    assert STYLE.sub("", "\x1b[1;48;2;1;2;3mx\x1b[0m\x1b[2J") == "x\x1b[2J"


def test_a_line_of_a_hundred_thousand_characters_is_drawn_whole() -> None:
    n = 25_000
    short = make_trace([b"abcd"] * 3, stages=("0.mlp",))
    long = short.replace(
        tokens=Tokens.from_pieces([0] * n, [b"abc "] * n, [False] * n),
        positions=np.arange(n),
        arrays={"next_logprob": np.full((1, n), -1.0)},
        context_lengths=np.zeros(0),
    )
    on = at(100, "truecolor")
    text = plain(written(on, render_likelihood(likelihood(long), on)))
    assert text.count("abc") == n
