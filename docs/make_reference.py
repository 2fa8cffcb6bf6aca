"""Writes docs/reference/: every command with its options, and every public name of the package with its docstring.

    python docs/make_reference.py

Nothing is described here that the sources do not say; `tests/docs` fails when a page is out of date or a name says
nothing.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe
import typer
from typer.core import TyperArgument, TyperGroup

import logitscope
from logitscope.cli.app import app

REFERENCE = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/make_reference.py from the sources. Change them, not this page. -->\n"


def commands_page() -> str:
    """Every command of `logitscope`: what it does, how it is called, its options by panel."""
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("logitscope has no subcommands")
    parts = ["# Commands\n", _NOTE, f"{group.help}\n", *_command("logitscope", group)]
    for name, command in group.commands.items():
        parts.extend(_command(f"logitscope {name}", command))
        for part, one in command.commands.items() if isinstance(command, TyperGroup) else ():
            parts.extend(_command(f"logitscope {name} {part}", one))
    return "\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=name)
    yield f"## `{name}`\n"
    if name != "logitscope":  # whose help stands above
        yield f"{inspect.cleandoc(command.help or '')}\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    panels: dict[str, list[Any]] = {}
    for parameter in command.get_params(context):
        panel = getattr(parameter, "rich_help_panel", None) or (
            "Arguments" if isinstance(parameter, TyperArgument) else "Options"
        )
        panels.setdefault(panel, []).append(parameter)
    for panel, parameters in panels.items():
        yield f"| {panel} | |\n|---|---|"
        for parameter in parameters:
            flags = ", ".join(f"`{flag}`" for flag in [*parameter.opts, *parameter.secondary_opts])
            if isinstance(parameter, TyperArgument):
                flags = f"`{parameter.name.upper()}`"
            yield f"| {flags} | {_cell(getattr(parameter, 'help', None) or '')} |"
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def python_page() -> str:
    """Every public name of the package."""
    parts = ["# Python\n", _NOTE, f"{_prose(inspect.getdoc(logitscope) or '')}\n"]
    things = {name: getattr(logitscope, name) for name in logitscope.__all__}
    for name in sorted(things, key=lambda name: (_is_error(things[name]), name.lower())):
        thing = things[name]
        parts.extend(_module(name, thing) if isinstance(thing, ModuleType) else _entry(f"logitscope.{name}", thing, 2))
    return "\n".join(parts)


def _is_error(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, Exception)


def _module(name: str, module: ModuleType) -> Iterator[str]:
    yield f"## `logitscope.{name}`\n\n{_prose(inspect.getdoc(module) or '')}\n"
    for public in module.__all__:
        yield from _entry(f"logitscope.{name}.{public}", getattr(module, public), 3)


def _entry(name: str, thing: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}`\n"
    if inspect.isclass(thing):
        yield _docstring(thing)
        for member, value in public_members(thing):
            yield from _entry(f"{name.rpartition('.')[2]}.{member}", value, level + 1)
    else:
        if not isinstance(thing, property):
            yield f"```text\n{_signature(name.rpartition('.')[2], thing)}\n```\n"
        yield _docstring(thing)


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties that a class or a base class of ours defines, in the order of the source."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("logitscope"):
            continue
        for name, value in vars(base).items():
            public = name in ("__getitem__",) or not name.startswith("_")
            if not public or name in seen:
                continue
            if isinstance(value, (classmethod, staticmethod)):
                value = value.__func__
            if inspect.isfunction(value) or isinstance(value, property):
                seen.add(name)
                yield name, value


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    flat = f"{name}{signature.replace(parameters=kept, return_annotation=signature.empty)}"
    return re.sub(r"<[^>]*>", "...", flat)


def _docstring(thing: Any) -> str:
    lines: list[str] = []
    doc = griffe.Docstring(inspect.getdoc(thing) or "")
    for section in griffe.parse_google(doc, warnings=False):
        match section.kind.value:
            case "text":
                lines.append(f"{_prose(section.value)}\n")
            case "examples":
                lines.extend(f"```python\n{value}\n```\n" for _, value in section.value)
            case "raises":
                lines.append("".join(f"- raises `{e.annotation}`: {_flat(e.description)}\n" for e in section.value))
            case _:
                lines.append("".join(f"- `{e.name}`: {_flat(e.description)}\n" for e in section.value))
    return "\n".join(lines)


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _prose(text: str) -> str:
    """A docstring's text as Markdown: doctests as code that is shown and not run a second time."""
    parts = re.split(r"((?:^>>> .*\n?(?:^(?!>>> |\s*$).*\n?)*)+)", text, flags=re.MULTILINE)
    shown = (f"```pycon\n{p.rstrip()}\n```" if p.startswith(">>>") else p.strip() for p in parts)
    return "\n\n".join(part for part in shown if part)


PAGES: dict[str, Callable[[], str]] = {"commands.md": commands_page, "python.md": python_page}


def main() -> None:
    logging.getLogger("griffe").setLevel(logging.ERROR)
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
