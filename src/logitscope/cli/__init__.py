"""The command line: a thin edge that reads options and text, asks a Scope for a Trace, and shows its views.

Nothing here loads torch before a model is asked for: help and saved traces open at once.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["command", "main"]


def command() -> NoReturn:
    """The process `logitscope`, which ends when its work is done: taking torch apart again takes half a second.

    Where other threads are left, they are waited for as always.
    """
    status = main()
    if threading.active_count() > 1:
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads any more; `main` has said what there was to say
            continue
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `logitscope`; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    from logitscope.cli.app import app
    from logitscope.cli.boundary import run
    from logitscope.cli.lean import in_own_process

    with in_own_process(arguments is None):
        return run(app, arguments)
