"""The command line: a thin edge that reads options and text, asks a Scope for a Trace, and shows its views.

Nothing here loads torch before a model is asked for: help and saved traces open at once.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `logitscope`; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    from logitscope.cli.app import app
    from logitscope.cli.boundary import run
    from logitscope.cli.lean import in_own_process

    with in_own_process(arguments is None):
        return run(app, arguments)
