"""The reference says all there is, and the site builds with no dead link."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

import logitscope
from docs.make_reference import PAGES, REFERENCE, public_members
from logitscope.cli.app import app

ROOT = Path(__file__).parents[2]


def public_things() -> dict[str, Any]:
    """Every name that a user may use: of the package, of its public modules, and of its classes."""
    things: dict[str, Any] = {}
    for name in logitscope.__all__:
        thing = getattr(logitscope, name)
        members = {n: getattr(thing, n) for n in thing.__all__} if inspect.ismodule(thing) else {}
        members |= dict(public_members(thing)) if inspect.isclass(thing) else {}
        things[name] = thing
        things.update({f"{name}.{member}": value for member, value in members.items()})
    return things


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_is_what_the_sources_say(page: str) -> None:
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == PAGES[page](), "run `python docs/make_reference.py`"


def test_every_public_name_says_what_it_is() -> None:
    assert [n for n, thing in public_things().items() if not inspect.getdoc(thing)] == []


def test_every_argument_of_a_public_function_is_described() -> None:
    silent = []
    for name, thing in public_things().items():
        if inspect.isfunction(thing):
            doc = inspect.getdoc(thing) or ""
            plain = [p for p in inspect.signature(thing).parameters.values() if p.kind is not p.VAR_KEYWORD]
            named = [p.name for p in plain if p.name != "self"]
            # One argument that the sentence itself is about needs no list.
            silent += [f"{name}({argument})" for argument in named if len(named) > 1 and f"{argument}:" not in doc]
    assert silent == []


def test_every_command_and_option_is_described() -> None:
    silent = []
    commands = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for name, group in list(commands.items()):
        commands |= {f"{name} {part}": one for part, one in getattr(group, "commands", {}).items()}
    for name, command in commands.items():
        if not command.help:
            silent.append(name)
        silent += [f"{name} {parameter.name}" for parameter in command.params if not getattr(parameter, "help", None)]
    assert silent == []


def test_every_page_stands_in_the_navigation_of_the_site_and_in_the_readme() -> None:
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(_leaves(nav)) == sorted(pages)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ideas = {page for page in pages if "/" not in page and page != "index.md"}
    assert {page for page in ideas if f"- [docs/{page}](docs/{page})" not in readme} == set()


def _leaves(nav: list[dict[str, Any]]) -> list[str]:
    """The pages of a navigation, whatever sections they stand in."""
    held = [value for entry in nav for value in entry.values()]
    return [page for value in held for page in (_leaves(value) if isinstance(value, list) else [value])]


def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    tool = Path(sys.executable).with_name("zensical")
    done = subprocess.run([tool, "build"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert [tag for tag in ('src="http', 'href="http://fonts', 'href="https://fonts') if tag in text] == []
