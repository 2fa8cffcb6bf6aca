"""`logitscope continue`: a text goes on, token by token as they come, each coloured by its surprisal.

The command is not called `sample`, which names the sample texts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from logitscope.cli.options import TextOptions, option, takes
from logitscope.cli.reading import UTF_8, read_text
from logitscope.cli.rows import check_rows_out, write_rows
from logitscope.cli.tracing import load_scope
from logitscope.cli.watching import watched
from logitscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logitscope.editing import Step

__all__ = ["go_on"]

Tokens = Annotated[int, option("--tokens", "How many tokens at most.", "-n", default=True)]
Method = Annotated[
    str | None,
    option("--method", "greedy (the likeliest each time) or sample; sample where an option below is given."),
]
Temperature = Annotated[float | None, option("--temperature", "Below 1 sharper, above 1 flatter; 1 by default.")]
TopK = Annotated[int | None, option("--top-k", "Draw from the K likeliest alone.")]
TopP = Annotated[float | None, option("--top-p", "Draw from the fewest likeliest that have this probability together.")]
Seed = Annotated[int | None, option("--seed", "The same seed draws the same text; 0 by default.")]
First = Annotated[str | None, option("--first", "What comes first, its leading space included; or '#123' by its id.")]
Endless = Annotated[bool, option("--past-end", "Go on past the model's end-of-text token.")]

_ENDED = {
    "length": "as many as asked for",
    "eos": "the model ended the text",
    "window": "the model's window is full",
}


@takes(TextOptions)
def go_on(
    options: TextOptions, tokens: Tokens = 50, method: Method = None, temperature: Temperature = None,
    top_k: TopK = None, top_p: TopP = None, seed: Seed = None, first: First = None, past_end: Endless = False,
) -> None:  # fmt: skip
    """Go on with a text: the likeliest token each time, or drawn at random from a seed."""
    drawing = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    given = {name: value for name, value in drawing.items() if value is not None}
    if method not in (None, "greedy", "sample"):
        raise InputError(f'--method "{method}" was given; there are greedy, sample.')
    if method == "greedy" and given:
        name = next(iter(given)).replace("_", "-")
        raise InputError(f"--{name} was given, which greedy does not use; leave one of them out.")
    # Before a model is loaded, what it would refuse after.
    if tokens < 1:
        raise InputError(f"--tokens {tokens} was given; it takes 1 or more.")
    if temperature is not None and not temperature > 0:
        raise InputError(
            f"--temperature {temperature:g} was given; it must be above 0. Without it the likeliest token is taken."
        )
    if top_p is not None and not 0 < top_p <= 1:
        raise InputError(f"--top-p {top_p:g} was given; it must be above 0 and at most 1.")
    for name, number, least in (("--top-k", top_k, 1), ("--seed", seed, 0)):
        if number is not None and number < least:
            raise InputError(f"{name} {number} was given; it takes {least} or more.")
    asked: dict[str, Any] = {**given, "method": method or ("sample" if given else "greedy")}
    check_rows_out(options.out)
    text = read_text(options.text, options.file, options.encoding or UTF_8, options.sample)
    scope = load_scope(options.model, options)
    steps = scope.sample(
        text,
        n=tokens,
        first=None if first is None else watched([first])[0],
        stop_at_eos=not past_end,
        bos=bool(options.bos),
        **asked,
    )
    if options.out is not None or options.json:
        rows = [step.to_dict() for step in steps]
        made = {"text": text, "continuation": "".join(row["text"] for row in rows), **asked, "steps": rows}
        write_rows(options, made, rows)
        return
    _stream(text, steps)


def _stream(text: str, steps: Iterable[Step]) -> None:
    """Writes every token as soon as it is there; into a pipe the text alone."""
    from rich.text import Text

    from logitscope.render.terminal import screen
    from logitscope.render.terminal.furniture import join_wrapped
    from logitscope.render.terminal.screen import DIM
    from logitscope.view.labels import flowing

    on = screen(sys.stdout)
    if not on.console.is_terminal:
        sys.stdout.write(text)
        for step in steps:
            sys.stdout.write(step.text)
            sys.stdout.flush()
        sys.stdout.write("\n")
        return
    on.console.print(Text(flowing(text), DIM), end="", soft_wrap=True)
    bits, n, ended = 0.0, 0, ""
    for step in steps:
        bits, n, ended = bits + step.bits, n + 1, _ENDED.get(step.ended or "", "")
        on.console.print(Text(flowing(step.text), on.ember(step.bits)), end="", soft_wrap=True)
        on.console.file.flush()
    on.console.print()
    facts = (f"{n} token{'s' * (n != 1)}: {ended}", f"{bits / n:.1f} bits each", "coloured by what they cost")
    on.console.print(join_wrapped(on, [Text(fact, DIM) for fact in facts[: 3 if on.coloured else 2]]))
