"""`logitscope ask`: how likely named tokens and words are at a place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from logitscope.cli.options import TextOptions, option, takes
from logitscope.cli.reading import UTF_8, read_text
from logitscope.cli.rows import check_rows_out, write_rows
from logitscope.cli.tracing import load_scope
from logitscope.cli.watching import watched
from logitscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logitscope.editing import Answer
    from logitscope.scope import Scope
    from logitscope.trace import Tokens
    from logitscope.view.bars import Bars

__all__ = ["ask"]

_MOST = 60
"""Characters of the text that the title shows."""

Word = Annotated[
    list[str] | None,
    option("--word", "A token or word, its leading space included, such as ' Paris', or '#123'; repeat it.", "-w"),
]
Position = Annotated[
    int, option("--position", "After which token; negative from the end, -1 after the text.", "-p", default=True)
]


@takes(TextOptions)
def ask(options: TextOptions, word: Word = None, position: Position = -1) -> None:
    """Ask how likely any token or word is after a text, or after one of its tokens.

    A word of several tokens has the product of their probabilities; only a single token has a rank.
    """
    if not word:
        raise InputError("no word was named; give at least one, such as --word ' Paris'.")
    check_rows_out(options.out)
    text = read_text(options.text, options.file, options.encoding or UTF_8, options.sample)
    scope = load_scope(options.model, options)
    answers = scope.ask(text, position, watched(word), bos=bool(options.bos))
    rows = [answer.to_dict() for answer in answers]
    if write_rows(options, {"text": text, "answers": rows}, rows):
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.bars import render_bars

    on = screen(sys.stdout)
    tokens, _ = scope.model.tokeniser.encode(text, bos=bool(options.bos))
    on.console.print(render_bars(_view(answers, tokens, scope), on))


def _view(answers: Sequence[Answer], tokens: Tokens, scope: Scope) -> Bars:
    from logitscope.render.terminal.furniture import chance
    from logitscope.view.bars import Bar, Bars
    from logitscope.view.labels import token_label, visible

    at = answers[0].position
    highest = max(answer.prob for answer in answers) or 1.0
    several = any(answer.rank is None for answer in answers)
    before = tokens.text[: int(tokens.spans[at, 1])]
    before = before if len(before) <= _MOST else "…" + before[-_MOST:]
    return Bars(
        title=f"after {visible(before, spaces=True)} (token {at}, {token_label(tokens, at)})",
        columns=("", "probability", "bits", "rank", "tokens"),
        rows=tuple(
            Bar(
                label=visible(answer.text),
                figures=(
                    chance(answer.prob),
                    f"{answer.bits:.1f}",
                    None if answer.rank is None else f"{answer.rank:,}",
                    str(len(answer.ids)),
                ),
                length=answer.prob / highest,
                bits=answer.bits,
                strong=answer.prob == highest,
            )
            for answer in answers
        ),
        notes=("A word of several tokens has the product of their probabilities, and no rank.",) if several else (),
        caption=(visible(scope.model.name), scope.model.dtype),
    )
