"""The options that commands share, each written once, and the way a command takes all of them as one value.

A default of None means "not given", which has to be told apart where a saved trace cannot honour an option.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import typer

from logitscope.samples import NAMES

__all__ = ["PAGES", "PICTURES", "ModelOptions", "Request", "TextOptions", "option", "takes"]

PICTURES = (".png", ".svg", ".pdf")
"""Suffixes of files that hold a picture."""

PAGES = (".html",)
"""Suffixes of files that hold a page."""

P = ParamSpec("P")
Options = TypeVar("Options", bound="ModelOptions")

_TEXT = "What to read"
_MODEL = "Which model"
_OUTPUT = "Where to"


def option(name: str, help: str, *short: str, panel: str | None = None, default: bool = False) -> Any:
    """A typer option that says nothing of its default unless told to."""
    return typer.Option(name, *short, help=help, rich_help_panel=panel, show_default=default)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How to load a model."""

    tokenizer: Annotated[
        str | None, option("--tokenizer", "Its hub id or folder, where the model has none of its own.", panel=_MODEL)
    ] = None
    revision: Annotated[str | None, option("--revision", "Branch, tag or commit on the hub.", panel=_MODEL)] = None
    dtype: Annotated[
        str | None, option("--dtype", "float64, float32, bfloat16, float16 or auto (the weights' own).", panel=_MODEL)
    ] = None
    device: Annotated[
        str | None, option("--device", "Such as cuda or mps; the processor by default.", panel=_MODEL)
    ] = None
    device_map: Annotated[
        str | None, option("--device-map", "Such as auto, for models larger than one device.", panel=_MODEL)
    ] = None
    trust_remote_code: Annotated[
        bool | None,
        option("--trust-remote-code", "Run code that comes with the model. Off unless named.", panel=_MODEL),
    ] = None

    @property
    def loading(self) -> dict[str, Any]:
        """What `logitscope.load` gets besides the model."""
        given = {field.name: getattr(self, field.name) for field in fields(ModelOptions)}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class TextOptions(ModelOptions):
    """A text, the model that reads it, and where numbers go."""

    text: Annotated[
        str | None, typer.Argument(help="The text; else --file, or standard input.", show_default=False)
    ] = None
    file: Annotated[
        Path | None,
        option("--file", "Read the text from a file, exactly as it is; - is standard input.", "-f", panel=_TEXT),
    ] = None
    sample: Annotated[
        str | None,
        option("--sample", f"Read one of the sample texts: {', '.join(NAMES)}.", panel=_TEXT),
    ] = None
    encoding: Annotated[
        str | None,
        option("--encoding", "Of the file; utf-8 by default, utf-8-sig drops a byte order mark.", panel=_TEXT),
    ] = None
    bos: Annotated[
        bool | None,
        option("--bos", "Put the tokenizer's BOS token first, so that the first token is scored.", panel=_TEXT),
    ] = None
    model: Annotated[
        str | None,
        option("--model", "embedded:tales (the default), a hub id, or a folder.", "-m", panel=_MODEL),
    ] = None
    out: Annotated[Path | None, option("--out", "Write to a file: .json or .csv.", "-o", panel=_OUTPUT)] = None
    json: Annotated[bool, option("--json", "Print the numbers as one JSON object.", panel=_OUTPUT)] = False


@dataclass(frozen=True, kw_only=True)
class Request(TextOptions):
    """What to trace, with which model, and where the numbers or the picture go."""

    saved: Annotated[Path | None, option("--trace", "Open a saved trace instead of reading a text.", panel=_TEXT)] = (
        None
    )
    window_size: Annotated[
        int | None,
        option("--window-size", "Tokens that the model reads at once; its context by default.", panel=_TEXT),
    ] = None
    stride: Annotated[
        int | None,
        option("--stride", "New tokens per further window of a longer text; half a window by default.", panel=_TEXT),
    ] = None
    out: Annotated[
        Path | None,
        option(
            "--out",
            "Write to a file: .safetensors (a trace), .json, .csv, .parquet; where there is one, a picture: .png, "
            ".svg, .pdf; or a page: .html.",
            "-o",
            panel=_OUTPUT,
        ),
    ] = None

    @property
    def numeric(self) -> bool:
        """Whether numbers were asked for in place of a picture."""
        return (self.out is not None and not self.drawn) or self.json

    @property
    def drawn(self) -> bool:
        """Whether a picture or a page was asked for as a file."""
        return self.out is not None and self.out.suffix.lower() in (*PICTURES, *PAGES)

    @property
    def paged(self) -> bool:
        """Whether a page was asked for."""
        return self.out is not None and self.out.suffix.lower() in PAGES

    @property
    def making(self) -> dict[str, Any]:
        """The options, as they are typed, that say how a trace is made."""
        told_apart = {"text", "file", "saved", "out", "json"}
        return {
            "--" + field.name.replace("_", "-"): getattr(self, field.name)
            for field in fields(self)
            if field.name not in told_apart
        }


def takes(options: type[Options]) -> Callable[[Callable[Concatenate[Options, P], None]], Callable[..., None]]:
    """Lets a command take all of `options` as its first argument: typer sees one parameter for each field.

    The command's own parameters come first in its help.
    """

    def decorate(command: Callable[Concatenate[Options, P], None]) -> Callable[..., None]:
        order = _order()
        hints = get_type_hints(options, include_extras=True)
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
            for field in sorted(fields(options), key=lambda field: order.index(field.name))
        ]
        parameters = [*(p.replace(kind=keyword) for p in own), *shared]

        @wraps(command)
        def called(**given: Any) -> None:
            one = options(**{field.name: given.pop(field.name) for field in fields(options)})
            command(one, **given)  # type: ignore[call-arg]

        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        return called

    return decorate


def _order() -> list[str]:
    """Help lists what to read, then the model, then where to."""
    reading = [f.name for f in fields(Request) if f.name not in {m.name for m in fields(ModelOptions)}]
    writing = ["out", "json"]
    return [*(n for n in reading if n not in writing), *(f.name for f in fields(ModelOptions)), *writing]
