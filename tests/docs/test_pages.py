"""Every example of the README, of docs/ and of the model cards runs.

Two kinds of block are run: `python`, all blocks of a page one after another in one namespace, and `console`, whose
lines that begin with `$ logitscope` are commands. Blocks named `sh` or `text` are not run: they need the network,
a GPU or hours, or are no program.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import logitscope
from logitscope.cli import main
from logitscope.render.page import parts

ROOT = Path(__file__).parents[2]
EMBEDDED = ROOT / "src" / "logitscope" / "embedded"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(EMBEDDED.glob("*/README.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def pages_with(language: str) -> list[pytest.ParameterSet]:
    named = [(page.relative_to(ROOT).as_posix(), page) for page in PAGES if blocks(page, language)]
    return [pytest.param(page, id=name) for name, page in named]


@pytest.fixture(autouse=True)
def built(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the web app was left out of the build, HTML files are written too, with a script that does nothing."""
    if (parts.BUILT / "snapshot" / "snapshot.js").is_file():
        return
    snapshot = tmp_path_factory.mktemp("web_build") / "snapshot"
    snapshot.mkdir()
    (snapshot / "snapshot.js").touch()
    (snapshot / "snapshot.css").touch()
    monkeypatch.setattr(parts, "BUILT", snapshot.parent)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in, but for what the pages name: a text and the repository's own sources."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").symlink_to(ROOT / "training")
    (tmp_path / "notes.txt").write_text("It was a dark night.\nNothing moved, not even the sea.\n")
    return tmp_path


@pytest.mark.parametrize("page", pages_with("python"))
@pytest.mark.usefixtures("folder")
def test_the_python_of_a_page_runs(page: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page names the same model in every command; it is taken apart and checked the first time."""
    load, scopes = logitscope.load, {}

    def remembered(model: object = "embedded:tales", **options: object) -> object:
        if not isinstance(model, str):
            return load(model, **options)
        key = (model, *sorted((name, repr(value)) for name, value in options.items()))
        if key not in scopes:
            scopes[key] = load(model, **options)
        return scopes[key]

    monkeypatch.setitem(vars(logitscope), "load", remembered)


@pytest.mark.parametrize("page", pages_with("console"))
@pytest.mark.usefixtures("folder", "loaded_once")
def test_the_commands_of_a_page_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    assert commands
    for command in commands:
        name, *arguments = shlex.split(command, comments=True)
        if name != "logitscope":
            continue
        status = main(arguments)
        out, err = capsys.readouterr()
        assert status == 0, f"{command}\n{err}"
        assert out or err, f"{command} printed nothing"


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    absent = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert absent == []


def test_the_readme_lists_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.parent.name == "docs" and f"docs/{page.name}" not in readme] == []
