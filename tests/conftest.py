"""What every test has: shapes checked against their annotations, no network, and data that may be absent, said loudly.

Must be loaded before anything imports `logitscope`.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("LOGITSCOPE_SHARED", ROOT.parent / "shared"))
ABSENT = f"needs the shared data, and {SHARED} is not there (set LOGITSCOPE_SHARED)"

# Read when huggingface_hub is first imported: no test depends on the network, not even by accident.
os.environ["HF_HUB_OFFLINE"] = "1"

# The first example of a property loads a model or compiles a pattern; how long that takes says nothing about it.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


class _ShapeChecks(ast.NodeTransformer):
    """Decorates every function that states a shape so that beartype checks it at each call.

    The package imports jaxtyping for type checkers alone (it is no dependency of its users), so those imports
    are run here too: without them the annotations could not be resolved.
    """

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        prelude = ast.parse("import beartype as _beartype, jaxtyping as _jaxtyping").body
        after = sum(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in node.body)
        after += ast.get_docstring(node) is not None
        node.body[after:after] = prelude
        return ast.fix_missing_locations(node)

    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.test = ast.copy_location(ast.Constant(True), node.test)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if any(_states_shape(a) for a in [*(argument.annotation for argument in arguments), node.returns]):
            check = ast.parse("_jaxtyping.jaxtyped(typechecker=_beartype.beartype)", mode="eval").body
            node.decorator_list.append(check)
        return node


def _states_shape(annotation: ast.expr | None) -> bool:
    """Whether `Float[Array, "stage position"]` or its like is anywhere in an annotation."""
    return annotation is not None and any(
        isinstance(n, ast.Subscript)
        and isinstance(n.slice, ast.Tuple)
        and isinstance(n.slice.elts[-1], ast.Constant)
        and isinstance(n.slice.elts[-1].value, str)
        and isinstance(n.value, ast.Name)
        and n.value.id != "Literal"
        for n in ast.walk(annotation)
    )


class _CheckingLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        # Never from the bytecode cache, and never into it: outside the tests the sources run as they are.
        tree = ast.parse(self.get_data(self.path), self.path)
        return compile(_ShapeChecks().visit(tree), self.path, "exec", dont_inherit=True)


class _CheckingFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "logitscope":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _CheckingLoader(spec.loader.name, spec.loader.path)
        return spec


if any(name.partition(".")[0] == "logitscope" for name in sys.modules):
    raise RuntimeError("logitscope was imported before tests/conftest.py could add its shape checks.")
sys.meta_path.insert(0, _CheckingFinder())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real models, tokenizers and texts, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return SHARED


@pytest.fixture(scope="session")
def embedded() -> Path:
    """The folder of the embedded models."""
    return ROOT / "src" / "logitscope" / "embedded"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r.nodeid for r in terminalreporter.stats.get("skipped", []) if ABSENT in str(r.longrepr)]
    if skipped:
        terminalreporter.section("NOT TESTED HERE", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests {ABSENT}:")
        for nodeid in skipped:
            terminalreporter.line(f"  {nodeid}")
