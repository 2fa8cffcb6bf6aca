"""Words in lines, labels apart, characters in fonts: the parts that figures are laid out with."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from logitscope.render.figure.flow import NEWLINE, flow
from logitscope.render.figure.fonts import MONO, SANS, undrawable
from logitscope.render.figure.sheet import mixed
from logitscope.render.figure.spread import spread
from logitscope.view import likelihood
from tests.traces import make_trace


@given(st.lists(st.floats(0, 100), max_size=12), st.floats(0.5, 20))
def test_labels_keep_their_order_their_distance_and_their_limits(wanted: list[float], gap: float) -> None:
    moved = spread(wanted, gap, 0.0, 100.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    least = min(gap, 100 / (len(wanted) - 1)) if len(wanted) > 1 else gap
    for before, after in pairwise(order):
        assert moved[after] - moved[before] >= least - 1e-6
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in moved)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_labels_that_have_room_stay_where_they_are(wanted: list[float]) -> None:
    apart = sorted({round(place / 10) * 10.0 for place in wanted})
    assert spread(apart, 10.0, 0.0, 100.0) == apart


def runs(*pieces: bytes) -> tuple:  # type: ignore[type-arg]
    return likelihood(make_trace(pieces)).runs


WORDS = st.lists(st.sampled_from([b" the", b"a", b" ", b"\n", b"    ", b"word" * 8, b"\t", b"x\ny"]), min_size=1)


@given(WORDS, st.floats(30, 300))
def test_all_ink_of_the_text_is_laid_out_once_and_within_the_line(pieces: list[bytes], room: float) -> None:
    laid = flow(runs(*pieces), MONO, 8.0, room)
    ink = "".join(letters for segment in laid for _, letters in segment.letters if letters != NEWLINE)
    assert ink.replace(" ", "") == "".join(b"".join(pieces).decode().split())
    breaks = sum(letters == NEWLINE for segment in laid for _, letters in segment.letters)
    assert breaks == b"".join(pieces).count(b"\n")
    cell = MONO.width(" ", 8.0)
    for segment in laid:
        # A line break hangs over the edge rather than standing alone on a line; a tab may be wider than a line.
        assert segment.x + segment.width <= max(room, 4 * cell) + cell + 1e-6


def test_lines_break_after_blanks() -> None:
    cell = MONO.width(" ", 8.0)
    laid = flow(runs(b"one", b" two", b" three"), MONO, 8.0, cell * 9)
    lines: dict[int, str] = {}
    for segment in laid:
        lines[segment.line] = lines.get(segment.line, "") + "".join(f"{letters}|" for _, letters in segment.letters)
    assert lines == {0: "one|two|", 1: "three|"}


def test_widths_are_those_of_the_font() -> None:
    assert abs(MONO.width("m" * 10, 10) - 60.2) < 0.1
    assert MONO.width("i", 10) == MONO.width("m", 10)
    assert SANS.width("i", 10) < SANS.width("m", 10)


def test_a_text_is_cut_to_its_room_with_an_ellipsis() -> None:
    cut = SANS.fit("sesquipedalian", 7, 30)
    assert cut.endswith("…")
    assert SANS.width(cut, 7) <= 30
    assert SANS.fit("sea", 7, 30) == "sea"


def test_codes_stand_for_what_no_font_has_and_joiners_for_nothing() -> None:
    assert SANS.inked("a\U000f0000") == "a⟨F0000⟩"
    assert undrawable("\U000f0000")
    assert not undrawable("plain ␣⏎⇥★ ‖")


def test_colours_mix() -> None:
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"
    assert mixed("#102030", "#ffffff", 0.0) == "#102030"
