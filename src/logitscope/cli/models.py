"""`logitscope models`: what there is to look into, and what one model is made of."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from logitscope.cli.options import ModelOptions, takes
from logitscope.cli.tracing import load_scope

__all__ = ["models"]


Described = Annotated[
    str | None,
    typer.Argument(help="Describe this one: its blocks, shapes, stages and self-check.", show_default=False),
]


@takes(ModelOptions)
def models(options: ModelOptions, model: Described = None) -> None:
    """List the embedded models and the local hub cache, or describe one model."""
    from logitscope.model.listing import describe, overview
    from logitscope.view.labels import visible

    lines = overview() if model is None else describe(load_scope(model, options).model)
    # Names and classes are whatever a config.json says.
    sys.stdout.write("\n".join(visible(line, spaces=True) for line in lines) + "\n")
