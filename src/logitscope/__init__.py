"""Logitscope: what a language model is about to say, at every token and after every block.

>>> import logitscope as ls
>>> scope = ls.load("embedded:sort")
>>> trace = scope.trace("CBABBC", top_k=3)
>>> trace["entropy"].shape
(4, 6)

Importing this loads no torch; the first `load` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from logitscope.display import drawn_by

if TYPE_CHECKING:
    from logitscope import export, plot
    from logitscope.errors import Cancelled, InputError, LogitscopeError, ModelError, ResourceError, TraceError
    from logitscope.render.page import to_html
    from logitscope.scope import Scope, load
    from logitscope.trace import Increments, Trace, open_trace

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "Increments",
    "InputError",
    "LogitscopeError",
    "ModelError",
    "ResourceError",
    "Scope",
    "Trace",
    "TraceError",
    "export",
    "load",
    "open_trace",
    "plot",
    "to_html",
]

_HOMES = {
    "Cancelled": "logitscope.errors",
    "InputError": "logitscope.errors",
    "LogitscopeError": "logitscope.errors",
    "ModelError": "logitscope.errors",
    "ResourceError": "logitscope.errors",
    "TraceError": "logitscope.errors",
    "Scope": "logitscope.scope",
    "load": "logitscope.scope",
    "Increments": "logitscope.trace",
    "Trace": "logitscope.trace",
    "open_trace": "logitscope.trace",
    "to_html": "logitscope.render.page",
}

drawn_by("Trace", "logitscope.render.page", "notebook_html")


def __getattr__(name: str) -> Any:
    if name in ("export", "plot"):  # modules, not names in one
        return import_module(f"logitscope.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
