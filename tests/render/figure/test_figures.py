"""What every figure holds to: any text is drawn, no state is left behind, the same picture is the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from logitscope import plot
from logitscope.errors import InputError, TraceError
from logitscope.render.figure.lens import balanced
from logitscope.trace import Trace
from logitscope.view.colour import NOT_SCORED
from tests.traces import make_trace
from tests.view.following import PARALLEL, following
from tests.view.measured import measured
from tests.view.passages import code, prose

DRAWN: dict[str, Callable[[], Figure]] = {
    "likelihood": lambda: plot.likelihood(code()),
    "lens": lambda: plot.lens(code()),
    "evolution": lambda: plot.evolution(following()),
    "histogram": lambda: plot.histogram(following()),
    "increments": lambda: plot.increments(measured()),
    "inputs": lambda: plot.inputs(code(), [0, 3, -1]),
    "depth": lambda: plot.depth(code()),
}

TEXTS = {
    "one token": [b"a"],
    "one line break": [b"\n"],
    "line breaks": [b"a", b"\n\n", b"b", b"\r\n", b"\n"],
    "markup": [b"<b>", b"&amp;", b"]]>", b"'\""],
    "mathematics": [b"$x_1$", b"$", b"\\frac", b"\\", b"_^{"],
    "right to left": ["שלום".encode(), " עולם".encode(), b" (abc)", "مرحبا".encode()],
    "lone bytes": [b"\xf0", b"\x9f\x98", b"\xff", b" \xe2\x9d"],
    "no font": ["漢字".encode(), "🧑\u200d🚀".encode(), "\U0001fae8".encode()],
    "control": [b"\x00", b"\x1b[2J", b"\x07", "\u202e".encode(), b"\t\tx"],
    "long": [b"w" * 300, b" " * 90, "é".encode() * 200],
}


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def drawn(figure: Figure, folder: Path, kind: str = "svg") -> bytes:
    plot.save(figure, folder / f"figure.{kind}")
    return (folder / f"figure.{kind}").read_bytes()


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_is_drawn(name: str, tmp_path: Path) -> None:
    trace = make_trace(TEXTS[name])
    for figure in (plot.likelihood(trace), plot.likelihood(trace, "relative", "line", strip=False), plot.lens(trace)):
        svg = drawn(figure, tmp_path)
        assert re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", svg) is None
        ElementTree.fromstring(svg)
    drawn(figure, tmp_path, "png")


@pytest.mark.parametrize("name", ["markup", "mathematics"])
def test_signs_mean_themselves(name: str, tmp_path: Path) -> None:
    tree = ElementTree.fromstring(drawn(plot.lens(make_trace(TEXTS[name])), tmp_path))
    letters = {"".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")}
    for piece in TEXTS[name]:
        assert piece.decode() in letters


def test_text_stays_text_with_its_line_breaks_and_indentation(tmp_path: Path) -> None:
    pieces = [b"def f(x):", b"\n", b"    ", b"return", b" x", b"\n"]
    figure = plot.likelihood(make_trace(pieces), strip=False)
    placed = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert placed["return"][1] > placed["def f(x):"][1]
    first = placed["def f(x):"]
    advance = (placed["x"][0] - placed["return"][0]) / len("return ")
    assert placed["return"][0] - first[0] == pytest.approx(4 * advance, rel=1e-6)


def test_a_character_that_no_font_has_is_written_as_its_code() -> None:
    shown = "".join(texts_of(plot.likelihood(make_trace(["\U000f0000".encode(), "\U0010fffd".encode()]), strip=False)))
    assert "⟨F0000⟩" in shown
    assert "no usable font" in shown


def test_the_key_explains_only_what_occurs() -> None:
    assert not any("no usable font" in text for text in texts_of(plot.likelihood(make_trace([b"a", b"b"]))))
    escaped = make_trace([b"a\x00", b"\x1b[0m", "\u202e\ufeff".encode(), b"\r\n"])
    assert not any("no usable font" in text for text in texts_of(plot.likelihood(escaped)))
    assert "not scored" in texts_of(plot.likelihood(make_trace([b"a", b"b"])))
    assert "not scored" not in texts_of(plot.likelihood(make_trace([b"a", b"b"], bos=True)))


def test_what_has_no_number_is_hatched() -> None:
    figure = plot.lens(make_trace([b"a", b"b", b"c"]), "next_logprob")
    hatched = [c for c in figure.axes[0].collections if c.get_hatch()]
    assert len(hatched) == 1
    assert {matplotlib.colors.to_hex(c) for c in hatched[0].get_facecolor()} == {NOT_SCORED}
    assert len(hatched[0].get_paths()) == 4 + 1  # the last position at each stage, and the key


def test_the_colour_bar_says_what_and_between_which_limits() -> None:
    shown = texts_of(plot.lens(prose(), "final_rank"))
    assert {"rank of the last stage's likeliest token", "100+", "10", "1"} <= set(shown)
    shown = texts_of(plot.lens(prose(), "kl_from_final"))
    assert {"KL(final ‖ stage)", "in nats", "30+", "0"} <= set(shown)
    shown = texts_of(plot.likelihood(prose(), "relative"))
    assert any("two texts cannot be compared" in text for text in shown)


def test_a_followed_token_is_named_in_the_legend() -> None:
    assert "rank of ␣tide" in texts_of(plot.lens(prose(), "watch_rank"))


def test_the_final_guesses_are_outlined_and_right_ones_starred() -> None:
    trace = prose()
    figure = plot.lens(trace, embed=False)
    outlines = [c for c in figure.axes[0].collections if c.get_linewidth() == [0.9]]
    n = sum(int((trace["final_rank"][row] == 1).sum()) for row in (1, 2, 3))
    assert len(outlines[0].get_paths()) == n
    starred = [text for text in texts_of(figure) if text.endswith("★") and len(text) > 1]
    right = (trace["top_ids"][-1, :-1, 0] == trace.ids[1:]).sum()
    assert len(starred) == right


def test_tokens_stand_beside_the_stage_where_they_are_read() -> None:
    for top_down in (False, True):
        figure = plot.lens(make_trace([b"input"]), top_down=top_down)
        tilted = [text for text in figure.axes[0].texts if text.get_rotation()]
        starts = min(text.get_position()[1] for text in tilted if text.get_text() == "input")
        ends = [text.get_position()[1] for text in tilted if text.get_text() == "–"]
        assert (starts < ends[0]) is top_down
        words = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
        assert (words["embed"] < words["2.mlp"]) is top_down
        assert (words["input"] < words["next"]) is top_down


@pytest.mark.parametrize(
    ("length", "most", "sizes"), [(1, 12, [1]), (12, 12, [12]), (13, 12, [7, 6]), (60, 12, [12] * 5)]
)
def test_panels_are_balanced(length: int, most: int, sizes: list[int]) -> None:
    assert [stop - start for start, stop in balanced(length, most)] == sizes


def test_200_tokens_are_drawn_and_read() -> None:
    trace = make_trace([f" w{i % 37}".encode() for i in range(200)], extra=())
    labels = texts_of(plot.lens(trace, columns=25))
    assert sum(label.startswith("␣w") for label in labels) >= 200 * 6 - 1
    figure = plot.likelihood(trace)
    assert figure.get_figheight() < 12
    assert len(figure.axes) == 2


@pytest.mark.parametrize("value", ["logit", "rank", "logprob"])
def test_equal_values_are_drawn(value: Any, tmp_path: Path) -> None:
    trace = following(PARALLEL, flat=True)
    for figure in (plot.evolution(trace, value=value), plot.histogram(trace), plot.lens(trace), plot.likelihood(trace)):
        drawn(figure, tmp_path)


def test_missing_numbers_are_left_out(tmp_path: Path) -> None:
    trace = following()
    blank = {
        name: np.full_like(array, 0 if "rank" in name else np.nan)
        for name, array in trace.arrays.items()
        if name.startswith("watch_") or name in ("entropy", "next_logprob", "logit_std")
    }
    empty: Trace = trace.replace(arrays={**trace.arrays, **blank})
    for value in ("logit", "rank"):
        drawn(plot.evolution(empty, value=value), tmp_path)  # type: ignore[arg-type]
    drawn(plot.histogram(empty), tmp_path)
    drawn(plot.likelihood(empty), tmp_path)


def test_one_stage_and_one_token_are_drawn(tmp_path: Path) -> None:
    drawn(plot.evolution(following(("2.mlp",), watch=1), top_k=1), tmp_path)
    drawn(plot.histogram(following(("2.mlp",), watch=1)), tmp_path)
    drawn(plot.histogram(following(watch=0)), tmp_path)
    drawn(plot.lens(make_trace([b"a"], stages=("0.mlp",))), tmp_path)


def test_curves_are_named_at_their_ends_in_the_order_of_their_scores() -> None:
    trace = following()
    figure = plot.evolution(trace, 3)
    placed = {text.get_text().removesuffix(" ★"): text.get_position()[1] for text in figure.axes[0].texts}
    final = trace["watch_logit"][-1, 3]
    labels = ["␣Paris", "“.”", "␣word0", "␣word1", "␣word2"]
    downwards = sorted(labels, key=lambda label: placed[label])
    assert downwards == [labels[i] for i in np.argsort(-final)]


def test_rank_one_is_at_the_top_of_a_log_axis() -> None:
    chart = plot.evolution(following(), 3, "rank").axes[1]
    bottom, top = chart.get_ylim()
    assert chart.get_yscale() == "log"
    assert top < 1 < bottom


def test_the_caption_says_whether_the_norm_was_used() -> None:
    trace = following()
    plainly = trace.replace(provenance=replace(trace.provenance, norm="none"))
    assert any("without the final norm" in text for text in texts_of(plot.evolution(plainly)))
    assert any("through the model's final norm" in text for text in texts_of(plot.evolution(trace)))


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_picture_is_the_same_bytes(name: str, kind: str, tmp_path: Path) -> None:
    assert drawn(DRAWN[name](), tmp_path, kind) == drawn(DRAWN[name](), tmp_path, kind)


@pytest.mark.parametrize("name", DRAWN)
def test_settings_of_the_users_matplotlib_stay_theirs(name: str, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    drawn(DRAWN[name](), tmp_path, "pdf")
    assert dict(matplotlib.rcParams) == before


def test_drawing_touches_no_pyplot() -> None:
    script = (
        "import sys\nfrom tests.view.passages import prose\nfrom logitscope import plot\n"
        "plot.likelihood(prose()); plot.lens(prose())\nprint('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    script = (
        "import sys\nsys.modules['matplotlib'] = None\nimport logitscope as ls\n"
        "from tests.view.passages import prose\n"
        "try:\n    ls.plot.lens(prose())\nexcept ls.InputError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 'pip install "logitscope[figures]"' in done.stdout


def test_an_svg_keeps_its_text_and_carries_no_date(tmp_path: Path) -> None:
    svg = drawn(plot.lens(prose()), tmp_path).decode()
    assert "␣tide" in svg
    assert "<dc:date>" not in svg


def test_other_suffixes_and_absent_folders_are_refused(tmp_path: Path) -> None:
    figure = plot.lens(prose())
    with pytest.raises(InputError, match=r"use \.png, \.svg, \.pdf"):
        plot.save(figure, tmp_path / "x.jpg")
    with pytest.raises(TraceError, match="does not exist"):
        plot.save(figure, tmp_path / "absent" / "x.png")
    with pytest.raises(InputError, match="0 columns"):
        plot.lens(prose(), columns=0)
