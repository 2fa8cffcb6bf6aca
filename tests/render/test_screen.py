"""What a terminal can show is decided by the variables that terminals and users set, and by nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest

from logitscope.render.terminal import screen
from logitscope.render.terminal.screen import depth_of
from logitscope.view.colour import contrast
from logitscope.view.scale import scale_of, surprisal

XTERM = {"TERM": "xterm-256color"}
FULL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


@pytest.mark.parametrize(
    ("environ", "is_terminal", "depth"),
    [
        (FULL, True, "truecolor"),
        ({"TERM": "xterm-kitty"}, True, "truecolor"),
        ({"TERM": "xterm-direct"}, True, "truecolor"),
        (XTERM, True, "256"),
        ({"TERM": "xterm"}, True, "16"),
        ({"TERM": "dumb"}, True, "none"),
        ({}, True, "none"),
        (FULL, False, "none"),
        (FULL | {"NO_COLOR": "1"}, True, "none"),
        (FULL | {"NO_COLOR": ""}, True, "truecolor"),
        (FULL | {"NO_COLOR": "1", "FORCE_COLOR": "3"}, True, "none"),
        (FULL | {"FORCE_COLOR": "1"}, False, "truecolor"),
        ({"FORCE_COLOR": "1"}, False, "16"),
        ({"FORCE_COLOR": "2", "TERM": "xterm"}, False, "256"),
        ({"FORCE_COLOR": "3"}, False, "truecolor"),
        (FULL | {"FORCE_COLOR": "0"}, True, "none"),
    ],
)
def test_depth(environ: dict[str, str], is_terminal: bool, depth: str) -> None:
    assert depth_of(environ, is_terminal) == depth


def test_columns_are_honoured() -> None:
    assert screen(io.StringIO(), {"COLUMNS": "53"}).width == 53
    assert screen(io.StringIO(), {"COLUMNS": "53"}, width=40).width == 40
    assert screen(io.StringIO(), {"COLUMNS": "3"}).width == 20


@pytest.mark.parametrize("name", ["surprisal_bits", "top_prob"])
@pytest.mark.parametrize("force", ["1", "2", "3"])
def test_ink_reads_on_what_the_terminal_makes_of_a_colour(force: str, name: str) -> None:
    on = screen(io.StringIO(), {"FORCE_COLOR": force})
    scale = surprisal("bits") if name == "surprisal_bits" else scale_of(name, np.zeros((1, 1)))
    styles = [on.paint(scale, i / 16) for i in range(17)]
    assert len({str(style) for style in styles}) >= {"1": 4, "2": 8, "3": 17}[force]
    if force != "1":  # sixteen colours are the user's own, nobody knows their contrast
        for style in styles:
            ink, ground = style.color.get_truecolor().hex, style.bgcolor.get_truecolor().hex
            assert contrast(ink, ground) >= 4.5


def test_without_colours_there_are_no_styles() -> None:
    on = screen(io.StringIO(), {})
    assert not on.coloured
    assert not on.paint(surprisal("bits"), 0.5)
    assert not on.paper


class _Latin(io.StringIO):
    encoding = "iso-8859-1"


def test_a_terminal_that_knows_ascii_alone_gets_ascii_marks() -> None:
    glyphs = screen(_Latin(), {}).glyphs
    assert glyphs.raised(12) == "{12}"
    assert all(text.isascii() for text in vars(glyphs).values())
    assert screen(io.StringIO(), {}).glyphs.raised(120) == "¹²⁰"
