"""The commands, gathered under one name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from logitscope.cli.ask import ask
from logitscope.cli.depth import depth
from logitscope.cli.evolution import evolution
from logitscope.cli.export import export
from logitscope.cli.fill import fill
from logitscope.cli.histogram import histogram
from logitscope.cli.lens import lens
from logitscope.cli.likelihood import likelihood
from logitscope.cli.models import models
from logitscope.cli.replace import replace
from logitscope.cli.sample import go_on
from logitscope.cli.serve import serve
from logitscope.cli.trace import trace
from logitscope.cli.walkthrough import walkthrough

__all__ = ["app"]

app = typer.Typer(
    name="logitscope",
    help="See what a language model is about to say, at every token and after every block.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (likelihood, lens, evolution, histogram, depth, fill, replace, ask):
    app.command()(command)
app.command("continue")(go_on)
for command in (trace, models, serve, walkthrough):
    app.command()(command)
app.add_typer(export)


def _version(asked: bool) -> None:
    if asked:
        from logitscope import __version__

        sys.stdout.write(f"logitscope {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
