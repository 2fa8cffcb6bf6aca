"""`logitscope walkthrough`: the web app, opened where a model is seen from inside."""

from __future__ import annotations

from typing import Annotated

import typer

from logitscope.cli.options import ModelOptions, option, takes
from logitscope.cli.serve import HostOption, ModelsOption, NamesOption, PortOption, start
from logitscope.cli.tracing import DEFAULT_MODEL

__all__ = ["walkthrough"]

MODELS = ("embedded:sort", DEFAULT_MODEL)
"""The smallest first: all of it can be read."""

Open = Annotated[
    bool, typer.Option("--open/--no-open", help="Open the page in the browser.", rich_help_panel="Where to listen")
]
Text = Annotated[str | None, typer.Argument(help="What the model reads at first.", show_default=False)]
Cell = Annotated[
    str | None, option("--cell", "Begin at one number: a tensor and a place in it, such as 0.attn.pattern:1:5:2.")
]


@takes(ModelOptions)
def walkthrough(
    options: ModelOptions,
    text: Text = None,
    models: ModelsOption = None,
    cell: Cell = None,
    port: PortOption = 8642,
    host: HostOption = "127.0.0.1",
    allow_host: NamesOption = None,
    open_page: Open = True,
) -> None:
    """Fly through a model whose every number says where it comes from.

    Starts the web app at its walkthrough and opens the browser; Ctrl-C stops it.
    """
    place = {"v": "walkthrough"}
    if text is not None:
        place["t"] = text
    if cell is not None:
        place |= {"c": cell, "pin": "1"}
    names = models or MODELS
    start(names, options, port=port, host=host, allow_host=allow_host or (), open_page=open_page, place=place)
