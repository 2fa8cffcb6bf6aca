"""Figures of a Trace, for notebooks and papers: `ls.plot.likelihood(trace)` and its like.

Each returns a matplotlib Figure; nothing is shown, and no state of pyplot is touched. Knows view specs and their
renderers, and imports matplotlib when the first figure is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from logitscope import view

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from logitscope.trace.increments import Increments
    from logitscope.trace.trace import Trace
    from logitscope.view.depth import Rarity
    from logitscope.view.evolution import Score
    from logitscope.view.inputs import Position
    from logitscope.view.likelihood import ScaleName
    from logitscope.view.readings import ReadingName
    from logitscope.view.units import By

__all__ = ["depth", "evolution", "histogram", "increments", "inputs", "lens", "likelihood", "save"]


def likelihood(
    trace: Trace,
    scale: ScaleName = "bits",
    by: By = "token",
    strip: bool = True,
    value: ReadingName = "surprisal_bits",
    stage: str | int = -1,
) -> Figure:
    """The text coloured by what it cost the model, with surprisal along the text below it.

    Args:
        trace: must hold `next_logprob`; with `entropy`, the strip shows what was expected.
        scale: `bits`, an absolute axis, or `relative` to this text alone.
        by: what is coloured as one: `token`, `word`, `line` or `sentence`.
        strip: draw surprisal along the text.
        value: what is coloured: `surprisal_bits`, `next_rank`, `entropy_bits`, `excess_bits` or `settled_stage`.
        stage: name or index of the stage that is read; the last one by default.

    Raises:
        InputError: an unknown option, a trace without what is needed, or no matplotlib.
    """
    from logitscope.render.figure import draw_likelihood
    from logitscope.view.strip import strip as strip_of

    drawn = view.likelihood(trace, scale, by, value=value, stage=stage)
    return draw_likelihood(drawn, strip_of(trace, stage) if strip else None, stages=trace.stages)


def lens(
    trace: Trace,
    value: str = "top_prob",
    *,
    every: int = 1,
    window: tuple[int | None, int | None] | None = None,
    top_down: bool = False,
    watch: int | None = None,
    embed: bool = True,
    columns: int | None = None,
    numbers: bool | None = None,
) -> Figure:
    """Every stage's own top guess at every position, coloured by a statistic.

    Args:
        trace: must hold `top_ids` and what `value` needs.
        value: a name of the numeric contract that is one number per cell.
        every: keep each `every`-th block, the last always.
        window: positions `a:b` of the text, None for an open end.
        top_down: draw `embed` at the top instead of at the bottom.
        watch: for `watch_*`, which of the watched token ids; the first by default.
        embed: keep the `embed` stage.
        columns: at most so many tokens side by side, the rest in panels below; 12 by default.
        numbers: write the coloured number into each cell; by default for ranks and divergences.

    Raises:
        InputError: an unknown option, a trace without what is needed, or no matplotlib.
    """
    from logitscope.render.figure import draw_lens

    grid = view.grid(trace, value, every, window, top_down, watch, embed)
    return draw_lens(grid, columns, numbers)


def evolution(trace: Trace, position: int = -1, value: Score = "logit", top_k: int | None = None) -> Figure:
    """The scores of the followed tokens at one position, stage by stage, each curve named at its end.

    Args:
        trace: must follow tokens, as `scope.follow(text, position)` does.
        position: of the text; negative ones count from its end.
        value: `logit`, `rank` (log axis, 1 at the top) or `logprob`.
        top_k: only the first so many followed tokens.

    Raises:
        InputError: an unknown option, a trace without what is needed, or no matplotlib.
    """
    from logitscope.render.figure import draw_evolution
    from logitscope.view.evolution import evolution as evolution_of

    return draw_evolution(evolution_of(trace, position, value, top_k))


def histogram(
    trace: Trace, position: int = -1, stage: str | Sequence[str] | None = None, top_k: int | None = None
) -> Figure:
    """The standardised logits at one position, with the followed tokens where they lie: a panel per stage.

    Args:
        trace: made with `histogram=True`, as in `scope.follow(text, position, histogram=True)`; the tokens that it
            follows, if any, are placed.
        position: of the text; negative ones count from its end.
        stage: one or several; six evenly spaced ones by default.
        top_k: only the first so many followed tokens.

    Raises:
        InputError: an unknown option, a trace without what is needed, or no matplotlib.
    """
    from logitscope.render.figure import draw_histogram
    from logitscope.view.histogram import histogram as histogram_of

    return draw_histogram(histogram_of(trace, position, stage, top_k))


def increments(found: Increments, top_k: int | None = None, centred: bool = False) -> Figure:
    """What each sublayer added to the scores of a few tokens: a row of bars per token, which add up to its score.

    Args:
        found: what `scope.increments(text, position)` measured.
        top_k: only the first so many tokens.
        centred: take off what each sublayer added to the mean over the vocabulary, which changes no probability.

    Raises:
        InputError: more tokens than were measured, or no matplotlib.
    """
    from logitscope.render.figure import draw_increments
    from logitscope.view.increments import increments as increments_of

    return draw_increments(increments_of(found, top_k, centred))


def inputs(trace: Trace, positions: Position | Iterable[Position] | None = None, value: Score = "rank") -> Figure:
    """How the tokens at some positions are kept: the rank or score of the input token, a curve per position.

    Args:
        trace: must hold `input_rank`, `input_logit` and `input_logprob`; with `subblocks=True`, attention and MLP are
            told apart.
        positions: numbers, slices, or the exact text of a token (such as ",") for every place where it stands; all that
            the trace holds by default.
        value: `rank` (log axis, 1 at the top), `logit` or `logprob`.

    Raises:
        InputError: an unknown option, a position that is not there, or no matplotlib.
    """
    from logitscope.render.figure import draw_inputs
    from logitscope.view.inputs import inputs as inputs_of

    return draw_inputs(inputs_of(trace, positions, value))


def depth(trace: Trace, rarity: Rarity = "text") -> Figure:
    """A whole text over depth: mean divergences and ranks with their bands, shares of final guesses, kept inputs.

    Args:
        trace: what it holds of `kl_from_final`, `kl_from_input`, `final_rank` and `input_rank` is drawn.
        rarity: what makes an input token rare: `text` (it stands once in this text), `surprisal` (it cost the model
            many bits) or `id` (its token id is high: a proxy, named as such).

    Raises:
        InputError: an unknown option, a trace without what is needed, or no matplotlib.
    """
    from logitscope.render.figure import draw_depth
    from logitscope.view.depth import depth as depth_of

    return draw_depth(depth_of(trace, rarity))


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure as .png, .svg or .pdf: text stays text, and the same picture gives the same bytes.

    Args:
        figure: as the functions of this module return it.
        path: where to; its suffix says how.

    Raises:
        InputError: another suffix.
        TraceError: the folder does not exist.
        ResourceError: the file system refuses.
    """
    from logitscope.render.figure import write_figure

    write_figure(figure, path)
