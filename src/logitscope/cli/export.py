"""`logitscope export`: the tool with its models, or one model, as files that run in a browser without Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from logitscope.cli.options import ModelOptions, option, takes
from logitscope.cli.serve import ModelsOption
from logitscope.cli.tracing import DEFAULT_MODEL, load_scope
from logitscope.errors import InputError, LogitscopeError

if TYPE_CHECKING:
    from logitscope.export import Report
    from logitscope.export.weights import Arithmetic, Form
    from logitscope.scope import Scope

__all__ = ["export"]

Word = TypeVar("Word", bound=str)

FORMS: tuple[Form, ...] = ("stored", "fp16", "int8", "int4")

ARITHMETIC: tuple[Arithmetic, ...] = ("fp32", "fp16")

MODELS = (DEFAULT_MODEL, "embedded:sort")

_OUTPUT = "Where to"

Out = Annotated[
    Path,
    option("--out", "A folder: a new one, an empty one, or one that an earlier export wrote.", "-o", panel=_OUTPUT),
]
Kept = Annotated[
    str,
    option(
        "--weights",
        "stored (each number exactly), fp16, int8 or int4: smaller, with the error measured and written down.",
        default=True,
    ),
]
Multiplied = Annotated[
    str,
    option(
        "--compute",
        "fp32 (a small model's stages in float64), or fp16: half precision on graphics processors that have it, with "
        "the error measured and written down; all others compute in fp32.",
        default=True,
    ),
]

export = typer.Typer(
    name="export",
    help="Write files that run in a browser without Python: a whole site, or one model as ONNX graphs.",
    no_args_is_help=True,
)


@export.command("site")
@takes(ModelOptions)
def site(
    options: ModelOptions,
    out: Out,
    models: ModelsOption = None,
    weights: Kept = "stored",
    compute: Multiplied = "fp32",
) -> None:
    """Write a folder that any static host serves: the whole web app, with its models computing in the reader's browser.

    The first model is the one that the page begins with.
    """
    form, arithmetic = _one_of(FORMS, "--weights", weights), _one_of(ARITHMETIC, "--compute", compute)
    names = models or MODELS
    _require_once(names)
    from logitscope.export import export_site

    report = export_site(_loaded(names, options), out, form, arithmetic, progress=_tell)
    for one in report.models:
        _describe(one)
    _tell(
        f"{out}: {_mb(report.n_bytes)} in all, {_mb(report.page_bytes)} of it the page and its runtime. "
        f"To look at it here: python -m http.server --directory {out}"
    )


@export.command("onnx")
@takes(ModelOptions)
def onnx(
    options: ModelOptions,
    model: Annotated[str, typer.Argument(help="A hub id, a folder, or embedded:NAME.", show_default=False)],
    out: Out,
    weights: Kept = "stored",
    compute: Multiplied = "fp32",
) -> None:
    """Write one model as ONNX graphs that share their weights, with tokenizer and manifest."""
    form, arithmetic = _one_of(FORMS, "--weights", weights), _one_of(ARITHMETIC, "--compute", compute)
    from logitscope.export import export_model

    report = export_model(load_scope(model, options, alone=False), out, form, arithmetic)
    _describe(report)
    _tell(f"{out}: {_mb(report.n_bytes)}")


def _one_of(choices: tuple[Word, ...], option: str, given: str) -> Word:
    for word in choices:
        if word == given:
            return word
    raise InputError(f"{option} {given} was given; it is one of {', '.join(choices)}.")


def _require_once(names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--model {twice} was given twice; once is enough.")


def _loaded(names: Sequence[str], options: ModelOptions) -> Iterator[Scope]:
    """One model after the other; none is held once the next is loaded."""
    for name in names:
        _tell(f"loading {name}")
        try:
            yield load_scope(name, options, alone=False)
        except LogitscopeError as error:
            raise type(error)(f"--model {name}: {error}") from error


def _describe(report: Report) -> None:
    figures = f"the graphs agree with the model to {max(report.agreement.logprob, report.agreement.kl):.1e} nats"
    if report.errors != report.agreement:
        figures += f"; its rounded weights change log-probabilities by up to {report.errors.logprob:.2g} nats"
        figures += f", the next token's by {report.errors.mean:.2g} on average"
    if report.halved is not None:
        figures += f"; half precision changes log-probabilities by up to {report.halved.logprob:.2g} nats"
        figures += f", the next token's by {report.halved.mean:.2g} on average"
    _tell(f"{report.name}: {_mb(report.n_bytes)}; {figures}")


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
