"""Where exceptions end: one line on standard error and an exit status, never a traceback for a user's own mistake.

Knows no command. A defect of ours still shows its traceback, because somebody has to read it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from logitscope.errors import LogitscopeError

__all__ = ["INTERRUPTED", "MISTAKE", "run", "say"]

MISTAKE = 2

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended."""


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Calls the app and returns its exit status.

    Args:
        arguments: those after the command's name; the process's own by default.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot write a character gets its escape; nothing here is worth an exception.
        if hasattr(stream, "reconfigure") and not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(app, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        return _mistake(_about_file(error))
    return status


def say(message: str) -> None:
    """One line on standard error, of the kind that scripts can look for."""
    line = " ".join(str(message).split())
    # A message may quote a file's name or a text; what controls a terminal stays visible and harmless.
    sys.stderr.write("logitscope: " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) + "\n")


def _run(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="logitscope", standalone_mode=False)
        if status == INTERRUPTED:  # what typer makes of Ctrl-C
            return _interrupted()
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except typer.Exit as leaving:
        return leaving.exit_code
    except SystemExit as leaving:
        return _left(leaving)
    except LogitscopeError as error:
        return _mistake(str(error))
    except MemoryError:
        return _mistake("memory ran out. Give a shorter text, a smaller model, or a --window-size.")
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which is not imported for its name's sake
            return _mistake("the accelerator's memory ran out. Give a shorter text, a smaller model, or --device cpu.")
        message = getattr(error, "format_message", None)  # typer's family of usage errors, which moved between versions
        if message is None:
            raise
        text = message().strip().rstrip(".")
        return _mistake(_usage(error, text)) if text else MISTAKE  # without a word: the help was shown instead


def _usage(error: Exception, message: str) -> str:
    """A usage error as one line that ends in what to do."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", None) or "logitscope"
    asked = getattr(getattr(context, "command", None), "params", ())
    reads_text = any(parameter.name == "text" for parameter in asked)
    # A text such as "-5 degrees" is read as options.
    dash = type(error).__name__ == "NoSuchOption" and reads_text
    hint = ', or put -- before a text that begins with "-"' if dash else ""
    stop = " See" if message.endswith("?") else "; see"
    return f"{message[0].lower()}{message[1:]}{stop} {command} --help{hint}."


def _about_file(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{(error.strerror or str(error)).lower()}."


def _mistake(message: str) -> int:
    say(message)
    return MISTAKE


def _interrupted() -> int:
    say("interrupted; nothing was left half-written.")
    return INTERRUPTED


def _left(leaving: SystemExit) -> int:
    if isinstance(leaving.code, int):
        return leaving.code
    return 0 if leaving.code is None else _mistake(str(leaving.code))


def _broken_pipe() -> int:
    """The reader has had enough (`| head`): no message, and nothing more to say when Python closes the stream."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, sys.stdout.fileno())
    except (OSError, ValueError):  # standard output that is no file has nothing to close
        return 0
    finally:
        os.close(devnull)
    return 0
