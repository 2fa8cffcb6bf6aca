"""The house itself: what an import costs, what is public, what the README promises."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

import logitscope
from tests.shape_checks import with_checks

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "logitscope"
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(PACKAGE)], "logitscope."))


def imported_by(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after one statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {
        "torch",
        "transformers",
        "tokenizers",
        "huggingface_hub",
        "pandas",
        "xarray",
        "rich",
        "typer",
        "matplotlib",
    }
    assert imported_by("import logitscope") & heavy == set()


def test_opening_a_trace_needs_no_torch() -> None:
    assert imported_by("import logitscope.trace") & {"torch", "transformers", "tokenizers", "pandas"} == set()


def test_help_on_the_command_line_needs_no_torch() -> None:
    loaded = imported_by(
        "import contextlib, io, sys\nfrom logitscope.cli import main\nsys.argv = ['logitscope', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()"
    )
    assert "typer" in loaded
    assert loaded & {"torch", "transformers"} == set()


def test_public_names_exist_and_are_sorted_into_all() -> None:
    for name in logitscope.__all__:
        assert getattr(logitscope, name) is not None
    assert set(logitscope.__all__) <= set(dir(logitscope))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for_and_what_is_public(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no module docstring"
    says_more = len(ast.parse(Path(str(module.__file__)).read_text()).body) > 1
    if name.endswith("__main__") or not says_more:
        return
    assert hasattr(module, "__all__"), f"{name} has no __all__"
    missing = [public for public in module.__all__ if not hasattr(module, public)]
    assert not missing


def test_a_wrong_shape_is_refused_while_tests_run() -> None:
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy import ndarray
def outer(a: Float[ndarray, "stage"], b: Float[ndarray, "position"]) -> Float[ndarray, "stage position"]:
    return a[:, None] * b if len(a) < 5 else a
"""
    names: dict[str, Callable[..., np.ndarray]] = {"__name__": "a_module_of_its_own"}
    exec(with_checks(source, "<source>"), names)
    assert names["outer"](np.ones(2), np.ones(3)).shape == (2, 3)
    with pytest.raises(TypeCheckError, match="parameters"):
        names["outer"](np.ones((2, 2)), np.ones(3))
    with pytest.raises(TypeCheckError, match="return value"):
        names["outer"](np.ones(5), np.ones(5))


LONG_FOR_A_REASON = {"web/src/contract/types.ts": "generated from the server's description of itself"}


def test_no_source_file_is_longer_than_600_lines_without_a_reason() -> None:
    rooms = [PACKAGE, ROOT / "training", ROOT / "tests", ROOT / "docs", ROOT / "benchmarks", ROOT / "web" / "src"]
    written = [p for room in rooms for p in room.rglob("*") if p.suffix in {".py", ".ts", ".svelte", ".css"}]
    lengths = {p: len(p.read_text().splitlines()) for p in written}
    assert {p.relative_to(ROOT).as_posix() for p, n in lengths.items() if n > 600} == LONG_FOR_A_REASON.keys()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named <= make_targets()


def test_the_tree_in_the_readme_is_the_tree() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = readme.partition("```text\n")[2].partition("```")[0]
    named = set(re.findall(r"^ *([\w./]+/)(?= )", tree, re.MULTILINE))
    made = {"__pycache__", "web_build"}
    rooms = {f"{p.name}/" for p in PACKAGE.iterdir() if p.is_dir() and p.name not in made}
    assert rooms <= named
    assert all((ROOT / n).is_dir() or (PACKAGE / n).is_dir() for n in named)


def test_every_tested_version_is_one_that_the_package_allows() -> None:
    from packaging.requirements import Requirement

    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pinned = {name.lower().replace("_", "-"): version for name, version in pinned.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    for requirement in map(Requirement, asked):
        if requirement.name != "logitscope":
            assert requirement.specifier.contains(pinned[requirement.name.lower().replace("_", "-")])
