"""`logitscope replace`: a token replaced, and what that did to the bits of every later one."""

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

    from logitscope.editing import Change, ChangedToken
    from logitscope.view.bars import Bar, Bars

__all__ = ["replace"]

_SHOWN = 30

Old = Annotated[
    str | None, option("--old", "What to replace: the exact text of one or more tokens that stand there once.")
]
New = Annotated[
    str | None, option("--new", "What to put there, its leading space included; '#123' by its id; '' for nothing.")
]
Position = Annotated[
    int | None, option("--position", "The token to replace, by its number; negative from the end.", "-p")
]
Remove = Annotated[int | None, option("--remove", "How many tokens to replace; 0 inserts before.")]
Top = Annotated[int | None, option("--top", "Show the N later tokens that changed most; 30 by default.", "-n")]


@takes(TextOptions)
def replace(
    options: TextOptions, old: Old = None, new: New = None, position: Position = None, remove: Remove = None,
    top: Top = None,
) -> None:  # fmt: skip
    """Replace a token, keep the rest as it is, and see what changed in bits at every later token."""
    if (old is None) == (position is None):
        raise InputError("what is to be replaced? Give --old TEXT or --position N, one of the two.")
    if new is None:
        raise InputError("what shall stand there instead? Give --new TEXT; --new '' leaves nothing there.")
    if top is not None and top < 0:
        raise InputError(f"--top {top} was given; it takes 0 or more.")
    check_rows_out(options.out)
    text = read_text(options.text, options.file, options.encoding or UTF_8, options.sample)
    scope = load_scope(options.model, options)
    token = watched([new])[0]
    where = position if position is not None else old or ""
    change = scope.replace(text, where, token, remove=remove, bos=bool(options.bos))
    made = change.to_dict()
    if write_rows(options, made, made["tokens"]):
        return
    from logitscope.render.terminal import screen
    from logitscope.render.terminal.bars import render_bars

    on = screen(sys.stdout)
    on.console.print(render_bars(_view(change, _SHOWN if top is None else top), on))


def _view(change: Change, top: int) -> Bars:
    from logitscope.view.bars import Bars
    from logitscope.view.labels import visible

    edited = [token for token in change.tokens if token.part != "later"]
    later = [token for token in change.tokens if token.part == "later"]
    most = sorted(later, key=lambda token: -abs(token.change or 0.0))[:top]
    kept = {id(token) for token in most}
    shown = [token for token in later if id(token) in kept]
    was, now = ("".join(token.token for token in edited if token.part == part) for part in ("removed", "inserted"))
    total, difference = (
        f"{change.total_before:.1f} to {change.total_after:.1f}",
        change.total_after - change.total_before,
    )
    notes = [f"The whole text: {total} bits ({difference:+.1f}); the tokens after it: {_sum(later)}."]
    if len(shown) < len(later):
        rest = [token for token in later if id(token) not in kept]
        notes.append(f"Not shown: {len(rest):,} tokens that changed less, {_sum(rest)} together.")
    if change.retokenised is not None:
        notes.append("Typed anew, the edited text would be cut into other tokens; here the rest was kept as it was.")
    if change.windowed:
        notes.append("The text is longer than the model's window: some tokens were also read with another beginning.")
    made = change.after.provenance
    return Bars(
        title=f"{visible(was) or 'nothing'} → {visible(now) or 'nothing'}",
        columns=("", "before", "after", "change"),
        rows=tuple(_rows([*edited, *shown])),
        notes=tuple(notes),
        caption=(visible(made.model), made.dtype),
    )


def _rows(tokens: Sequence[ChangedToken]) -> list[Bar]:
    from logitscope.view.bars import Bar
    from logitscope.view.labels import visible

    largest = max((abs(token.change or 0.0) for token in tokens), default=0.0) or 1.0
    signs = {"removed": "− ", "inserted": "+ ", "later": "  "}
    return [
        Bar(
            label=signs[token.part] + visible(token.token),
            figures=(_bits(token.bits_before), _bits(token.bits_after), _bits(token.change, signed=True)),
            length=None if token.change is None else token.change / largest,
            bits=abs(token.change or 0.0),
            strong=token.part != "later",
        )
        for token in tokens
    ]


def _bits(number: float | None, *, signed: bool = False) -> str | None:
    if number is None:
        return None
    return (f"{number:+.1f}" if signed else f"{number:.1f}").replace("-0.0", "0.0").replace("+0.0", "0.0")


def _sum(tokens: Sequence[ChangedToken]) -> str:
    return f"{_bits(sum(token.change or 0.0 for token in tokens), signed=True)} bits"
