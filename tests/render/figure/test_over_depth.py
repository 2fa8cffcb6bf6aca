"""Figures of increments, kept inputs and whole texts: any text and any numbers are drawn, and no two texts touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from logitscope import plot
from logitscope.render.figure import draw_depth, draw_increments, draw_inputs
from logitscope.trace import Increments, Trace, Vocabulary
from logitscope.view.depth import depth
from logitscope.view.increments import increments
from logitscope.view.inputs import inputs
from tests.render.figure.test_figures import TEXTS, drawn, texts_of
from tests.traces import make_trace
from tests.view.measured import measured
from tests.view.test_depth import words
from tests.view.test_inputs import commas

SUBBLOCKS = ("embed", *(f"{i}.{part}" for i in range(3) for part in ("attn", "mlp")))


def deep(blocks: int, tokens: int = 10) -> Increments:
    """Increments of a model of so many blocks."""
    parts = ("embed", *(f"{i}.{part}" for i in range(blocks) for part in ("attn", "mlp")))
    added = 4 * np.sin(1.3 * np.arange(len(parts))[:, None] + 2.1 * np.arange(tokens)[None])
    constant = np.linspace(-1, 1, tokens)
    return replace(
        measured(),
        parts=parts, followed=tuple(range(tokens)), added=added, constant=constant, rounding=np.zeros(tokens),
        score=added.sum(0) + constant, logit=added.sum(0) + constant, rank=np.arange(1, tokens + 1),
        average=np.zeros(len(parts)), vocabulary=Vocabulary({i: f" token{i}".encode() for i in range(tokens)}),
    )  # fmt: skip


def shown(figure: Figure) -> Iterator[Text]:
    """Every text that is drawn; numbers of ticks outside an axis are not."""
    for axes in figure.axes:
        yield from (text for text in (*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label) if text.get_text())
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            yield from (
                tick.label1
                for tick in axis.get_major_ticks()
                if low <= tick.get_loc() <= high and tick.label1.get_text()
            )


def touching(figure: Figure) -> list[tuple[str, str]]:
    """Texts that lie on one another, once all is drawn."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = []
    for text in shown(figure):
        box = text.get_window_extent(renderer)
        # Descenders and ascenders of neighbouring lines may share a hair.
        boxes.append((text.get_text(), box.padded(-0.12 * box.height)))
    inside = figure.bbox.padded(1.0)
    outside = [(said, "the edge") for said, box in boxes if not (inside.x0 <= box.x0 and box.x1 <= inside.x1)]
    return outside + [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


ROOMY: dict[str, Callable[[], Figure]] = {
    "increments": lambda: plot.increments(measured()),
    "increments, centred, softcapped, rounded": lambda: plot.increments(measured(30.0, 0.02), centred=True),
    "increments of 12 blocks": lambda: plot.increments(deep(12)),
    "increments of 48 blocks": lambda: plot.increments(deep(48)),
    "increments, narrow": lambda: draw_increments(increments(deep(12)), 330),
    "inputs": lambda: plot.inputs(commas(), ","),
    "inputs, narrow": lambda: draw_inputs(inputs(commas(), ","), 330),
    "inputs at ten positions": lambda: plot.inputs(commas(), value="logprob"),
    "inputs at 60 positions": lambda: plot.inputs(make_trace([f" w{i}".encode() for i in range(60)], extra=())),
    "depth": lambda: plot.depth(words()),
    "depth, narrow": lambda: draw_depth(depth(words()), 300),
    "depth of 48 blocks": lambda: plot.depth(
        make_trace([b"a", b" b", b"a"], stages=("embed", *(f"{i}.mlp" for i in range(48))))
    ),
}


@pytest.mark.parametrize("name", ROOMY)
def test_no_text_lies_on_another_or_over_the_edge(name: str) -> None:
    assert touching(ROOMY[name]()) == []


def test_texts_that_touch_are_found() -> None:
    figure = plot.inputs(commas(), ",")
    figure.axes[0].text(*figure.axes[0].texts[0].get_position(), "on top")
    assert touching(figure)


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_is_drawn(name: str, tmp_path: Path) -> None:
    pieces = TEXTS[name]
    trace = make_trace(pieces, stages=SUBBLOCKS)
    for figure in (plot.inputs(trace), plot.depth(trace), plot.depth(trace, "surprisal"), plot.depth(trace, "id")):
        drawn(figure, tmp_path)
    vocabulary = Vocabulary({token: pieces[i % len(pieces)] for i, token in enumerate(measured().followed)})
    drawn(plot.increments(replace(measured(), tokens=trace.tokens, position=0, vocabulary=vocabulary)), tmp_path)


@pytest.mark.parametrize("value", ["logit", "rank", "logprob"])
def test_equal_and_missing_values_are_drawn(value: Any, tmp_path: Path) -> None:
    flat = make_trace([b"a", b" b"], logits=np.zeros((4, 2, 6)))
    blank = {name: np.full_like(a, 0 if "rank" in name else np.nan) for name, a in flat.arrays.items() if a.ndim == 2}
    empty: Trace = flat.replace(arrays={**flat.arrays, **blank})
    for trace in (flat, empty):
        drawn(plot.inputs(trace, value=value), tmp_path)
        drawn(plot.depth(trace), tmp_path)
    numbers = ("added", "constant", "rounding", "score", "logit", "average")
    for number in (0.0, np.nan):
        same = {name: np.full_like(getattr(measured(), name), number) for name in numbers}
        drawn(plot.increments(replace(measured(), **same)), tmp_path)


def test_one_token_and_one_stage_are_drawn(tmp_path: Path) -> None:
    one = make_trace([b"a"], stages=("0.mlp",))
    drawn(plot.inputs(one), tmp_path)
    drawn(plot.depth(one), tmp_path)


def test_200_positions_are_drawn() -> None:
    trace = make_trace([f" w{i % 37}".encode() for i in range(200)], extra=())
    assert len(plot.inputs(trace).axes[1].collections) >= 200
    assert plot.depth(trace).get_figheight() < 12


def test_each_position_is_named_with_its_place_and_the_text_around_it() -> None:
    said = texts_of(plot.inputs(commas(), ","))
    for position in (1, 4, 7):
        assert f"at {position}" in said
    assert sum("[,]" in text for text in said) == 3
    assert said.count("“,”") == 3  # a comma alone would be a speck


def test_each_token_stands_beside_the_sum_of_its_bars() -> None:
    said = texts_of(plot.increments(measured()))
    for tally in increments(measured()).tallies:
        assert any(text.startswith(f"= {tally.score:.2f}".replace("-", "−")) for text in said)
    assert any("frozen" in text for text in said)
    assert any("softcap of 5" in text for text in texts_of(plot.increments(measured(5.0))))


def test_all_rows_of_increments_have_one_scale() -> None:
    axes = plot.increments(measured()).axes[1:]
    assert len({chart.get_ylim() for chart in axes}) == 1
    assert len(axes) == 3


def test_the_caption_names_the_proxy() -> None:
    assert any("a proxy" in text for text in texts_of(plot.depth(words(), "id")))
