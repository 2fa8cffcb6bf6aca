"""From options to a Trace: opened from a file, or made by a Scope while a bar on standard error shows how far it is.

The one file of the command line that loads models, and only when no saved trace was named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from logitscope.cli.lean import import_lean
from logitscope.cli.options import ModelOptions, Request
from logitscope.cli.reading import UTF_8, read_text
from logitscope.errors import InputError

if TYPE_CHECKING:
    from logitscope.scope import Scope
    from logitscope.trace import Trace

__all__ = ["DEFAULT_MODEL", "get_trace", "load_scope", "with_model"]

T = TypeVar("T")

DEFAULT_MODEL = "embedded:tales"


def get_trace(
    request: Request,
    asked: Callable[[Scope], Mapping[str, Any]],
    *,
    needs_model: Mapping[str, Any],
    make: Callable[..., Trace] | None = None,
) -> Trace:
    """The trace that was asked for.

    Args:
        request: the shared options.
        asked: what to pass to `Scope.trace`, once the model's stages are known.
        make: called instead of `Scope.trace`, with the scope before its arguments.
        needs_model: options of the command that say how to make a trace, None where not given: a saved one is made.

    Raises:
        LogitscopeError: whatever does not fit.
    """
    if request.saved is not None:
        return _open(request, needs_model)

    def read(scope: Scope, text: str, **reading: Any) -> Trace:
        options = dict(asked(scope))
        return scope.trace(text, **reading, **options) if make is None else make(scope, text, **reading, **options)

    return with_model(request, read)


def with_model(request: Request, read: Callable[..., T]) -> T:
    """What `read` makes of the text that was given and the model that was named.

    Args:
        request: the shared options.
        read: called with the scope, the text, and what the shared options say of reading: `bos`, `window`, `stride` and
            `progress`.

    Raises:
        LogitscopeError: whatever does not fit.
    """
    text = read_text(request.text, request.file, request.encoding or UTF_8, request.sample)
    with _progress() as advance:
        scope = load_scope(request.model, request)
        return read(
            scope, text, bos=bool(request.bos), window=request.window_size, stride=request.stride, progress=advance
        )


def load_scope(model: str | None, options: ModelOptions, *, alone: bool = True) -> Scope:
    """The model that was asked for, ready to be looked into.

    Args:
        model: what was named, or None for the default.
        options: how to load it.
        alone: no other model is loaded by this process.
    """
    import logitscope

    if alone and (model or DEFAULT_MODEL).startswith("embedded:") and not options.loading:
        import_lean()
    scope: Scope = logitscope.load(model or DEFAULT_MODEL, **options.loading)
    return scope


def _open(request: Request, needs_model: Mapping[str, Any]) -> Trace:
    if request.text is not None or request.file is not None or request.sample is not None:
        raise InputError("a text and --trace were both given; give one of them.")
    given = [name for name, value in {**request.making, **needs_model}.items() if value is not None]
    if given:
        raise InputError(f"{given[0]} was given, but a saved trace is made already; leave it out, or give a text.")
    from logitscope.trace import open_trace

    return open_trace(request.saved or "")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar that vanishes when done; nothing at all where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading the model", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, description="reading", completed=done, total=total)

        yield advance
