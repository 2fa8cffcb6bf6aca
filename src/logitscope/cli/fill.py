r"""`logitscope fill`: words for a blank, ranked by the probability of the whole text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from logitscope.cli.options import TextOptions, option, takes
from logitscope.cli.reading import UTF_8, read_text
from logitscope.cli.rows import check_rows_out, write_rows
from logitscope.cli.tracing import load_scope
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.editing import Fill
    from logitscope.scope import Scope
    from logitscope.view.bars import Bars

__all__ = ["fill"]

_SHOWN = 10

Top = Annotated[
    int | None, option("--top", "How many words to show; 10 by default, all where numbers are written.", "-n")
]
Try = Annotated[int, option("--try", "How many single tokens to try, the likeliest first.", default=True)]
MaxTokens = Annotated[int, option("--max-tokens", "Of a word; 1 tries single tokens alone.", default=True)]
Mark = Annotated[str, option("--blank", r"What marks the blank; a backslash before it makes it text.", default=True)]


@takes(TextOptions)
def fill(
    options: TextOptions, top: Top = None, tried: Try = 200, max_tokens: MaxTokens = 3, blank: Mark = "____"
) -> None:
    """Fill the blank of a text: "The old man looked at the ____."

    Words are found from what stands before the blank; then the whole text is read with each of them.
    """
    if top is not None and top < 1:
        raise InputError(f"--top {top} was given; it takes 1 or more.")
    for name, number in (("--try", tried), ("--max-tokens", max_tokens)):
        if number < 1:
            raise InputError(f"{name} {number} was given; it takes 1 or more.")
    check_rows_out(options.out)
    text = read_text(options.text, options.file, options.encoding or UTF_8, options.sample)
    from logitscope.editing.blank import find_blank

    find_blank(text, blank)  # before a model is loaded
    scope = load_scope(options.model, options)
    found = scope.fill(text, n=tried, blank=blank, max_tokens=max_tokens, bos=bool(options.bos))
    made = found.to_dict(top)
    rows = [
        {"rank": k, "filled": found.filled(one), **row}
        for k, (one, row) in enumerate(zip(found.candidates, made["candidates"], strict=False), start=1)
    ]
    if write_rows(options, made, rows):
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.bars import render_bars

    on = screen(sys.stdout)
    on.console.print(render_bars(_view(found, scope, top or _SHOWN, tried, blank), on))


def _view(found: Fill, scope: Scope, top: int, asked: int, blank: str) -> Bars:
    from logitscope.render.terminal.furniture import chance, percent
    from logitscope.view.bars import Bar, Bars
    from logitscope.view.labels import visible

    best = found.candidates[:top]
    highest = max((one.share for one in best), default=1.0) or 1.0
    rest = 1 - sum(one.share for one in best)
    which = "the likeliest after" if found.tried == asked else "all that can be a word after"
    tried = f"Tried: {found.tried:,} of {found.n_tokens:,} tokens, {which} what stands before the blank"
    words = found.tried_words
    more = f", and {words:,} word{'s' * (words != 1)} of several tokens" if words else ""
    shares = "share: of the probability of all words tried"
    return Bars(
        title=_shortened(visible(found.before, spaces=True), blank, visible(found.after, spaces=True)),
        columns=("", "share", "whole text", "before alone"),
        rows=tuple(
            Bar(
                label=visible(one.text, spaces=True),
                figures=(percent(one.share), f"{one.total_bits:.1f} bits", chance(one.prob)),
                length=one.share / highest,
                bits=4.8,
                strong=k == 0,
            )
            for k, one in enumerate(best)
        ),
        notes=(
            f"{tried} ({percent(found.mass)} of its probability){more}; then the whole text was read with each.",
            f"{shares}{f'; those not shown have {percent(max(0.0, rest))}' if len(found.candidates) > top else ''}.",
            "whole text: what it costs with this word; before alone: the word, given what stands before it.",
        ),
        caption=(visible(scope.model.name), scope.model.dtype),
    )


def _shortened(before: str, blank: str, after: str, most: int = 60) -> str:
    """The text around the blank on one line."""
    before = before if len(before) <= most else "…" + before[-most:]
    after = after if len(after) <= most else after[:most] + "…"
    return before + blank + after
