"""Everything that can go wrong and that a reader can do something about.

    LogitscopeError
    ├── InputError       the text, a position, a stage name or an option does not fit
    ├── ModelError       the model cannot be found, read or understood
    ├── TraceError       a trace file cannot be read or written
    ├── ResourceError    memory, disk or permission ran out
    └── Cancelled        the caller no longer wants the result

Knows nothing else of the package. A message says what was given, what was needed and what to do, in one line.
"""

from __future__ import annotations

__all__ = ["Cancelled", "InputError", "LogitscopeError", "ModelError", "ResourceError", "TraceError"]


class LogitscopeError(Exception):
    """The root of all errors that Logitscope raises on purpose."""


class InputError(LogitscopeError, ValueError):
    """The text, a position, a stage name or an option does not fit."""


class ModelError(LogitscopeError):
    """The model cannot be found, read or understood."""


class TraceError(LogitscopeError):
    """A trace file cannot be read or written."""


class ResourceError(LogitscopeError):
    """Memory, disk or permission ran out."""


class Cancelled(LogitscopeError):  # noqa: N818 - nothing went wrong
    """The caller no longer wants the result."""
