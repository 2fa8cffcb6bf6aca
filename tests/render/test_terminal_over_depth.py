"""What evolution, increments, kept inputs, depth and histogram print: it fits, and it is the numbers of the view."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from rich.console import Group

from logitscope.render.terminal import Screen
from logitscope.render.terminal.depth import render_depth
from logitscope.render.terminal.evolution import render_evolution, render_inputs
from logitscope.render.terminal.histogram import render_histogram
from logitscope.render.terminal.increments import render_increments
from logitscope.render.terminal.stages import signed
from logitscope.view.depth import depth
from logitscope.view.evolution import evolution
from logitscope.view.histogram import histogram
from logitscope.view.increments import increments
from logitscope.view.inputs import inputs
from tests.render.drawing import ENVIRONMENTS, at, plain, written
from tests.traces import make_trace
from tests.view.following import following
from tests.view.measured import measured
from tests.view.test_depth import words
from tests.view.test_inputs import commas

DRAWN: dict[str, Callable[[Screen], Group]] = {
    "evolution": lambda on: render_evolution(evolution(following(), 3, "rank"), on),
    "inputs": lambda on: render_inputs(inputs(commas()), on),
    "increments": lambda on: render_increments(increments(measured(softcap=5.0, rounding=0.01)), on),
    "depth": lambda on: render_depth(depth(words()), on),
    "histogram": lambda on: render_histogram(histogram(following(), 3), on),
}

everything = pytest.mark.parametrize("name", DRAWN)


@everything
@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("depth_", ENVIRONMENTS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int, depth_: str) -> None:
    on = at(width, depth_)
    for line in plain(written(on, DRAWN[name](on))).splitlines():
        assert len(line.rstrip()) <= width


@everything
def test_without_colours_not_one_escape_is_written(name: str) -> None:
    on = at(80)
    assert "\x1b" not in written(on, DRAWN[name](on))


@pytest.mark.parametrize("depth_", ENVIRONMENTS)
def test_nothing_in_a_token_reaches_the_terminal_as_an_instruction(depth_: str) -> None:
    hostile = make_trace([b"\x1b[2J", b"[red]", b"\r\n", "\u202e".encode(), b"\x07"])
    on = at(60, depth_)
    shown = plain(written(on, Group(render_inputs(inputs(hostile), on), render_depth(depth(hostile), on))))
    assert re.search(r"[\x00-\x09\x0b-\x1f\u202e]", shown) is None
    assert "[red]" in shown


def rows_of(text: str) -> dict[str, list[str]]:
    rows = [line.split() for line in text.splitlines() if line.split()]
    return {row[0]: row[1:] for row in rows}


def test_increments_are_printed_with_their_signs_and_their_sum() -> None:
    on = at(80)
    view = increments(measured())
    rows = rows_of(plain(written(on, render_increments(view, on))))
    assert rows["0.attn"] == ["+2.00", "+1.00", "-0.50"]
    assert rows["constant"] == ["+0.50", "-0.50", "0.00"]
    assert [float(x) for x in rows["score"]] == [tally.score for tally in view.tallies]
    assert "rounding" not in rows


def test_a_number_that_rounds_to_nothing_has_no_sign() -> None:
    assert signed(-0.001, "–") == "0.00"
    assert signed(0.006, "–") == "+0.01"
    assert signed(None, "–") == "–"


def test_each_position_is_shown_in_its_text() -> None:
    on = at(80)
    shown = plain(written(on, render_inputs(inputs(commas(), ","), on)))
    assert shown.count("[,]") == 3
    trace = commas()
    assert rows_of(shown)["embed"] == [str(trace["input_rank"][0, t]) for t in (1, 4, 7)]


def test_depth_prints_means_and_shares() -> None:
    on = at(120)
    trace = words()
    rows = rows_of(plain(written(on, render_depth(depth(trace), on))).split("once in")[0])
    assert rows["embed"][0] == f"{float(trace['kl_from_final'][0].mean()):.1f}"
    assert "100%" in rows["1.mlp"]


@pytest.mark.parametrize("depth_", ["none", "truecolor"])
def test_every_followed_token_has_its_letter_where_it_lies(depth_: str) -> None:
    on = at(100, depth_)
    view = histogram(following(), 3, "embed")
    lines = plain(written(on, render_histogram(view, on))).splitlines()
    letters = [line for line in lines if re.fullmatch(r"[ a-e]*[a-e][ a-e]*", line)]
    assert sorted("".join(letters).replace(" ", "")) == list("abcde")
    key = " ".join(lines)
    for letter, standing in zip("abcde", view.panels[0].standings, strict=True):
        assert f"{letter} {standing.label}" in key


def test_a_flat_distribution_is_drawn_without_letters() -> None:
    on = at(60)
    shown = plain(written(on, render_histogram(histogram(following(flat=True), 3, "embed"), on)))
    assert not [line for line in shown.splitlines() if re.fullmatch(r"[ a-e]*[a-e][ a-e]*", line)]
