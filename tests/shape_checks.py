"""Shapes in annotations are checked at every call while the tests run.

The package states shapes with jaxtyping but imports it for type checkers alone: it is no dependency of its users.
So its sources are compiled here with those imports run and with `jaxtyped` on every function that states a shape.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

__all__ = ["install", "with_checks"]


def install(package: str) -> None:
    """Check `package`, which must not have been imported yet."""
    if package in sys.modules:
        raise RuntimeError(f"{package} was imported before its shape checks were installed.")
    sys.meta_path.insert(0, _Finder(package))


def with_checks(source: str | bytes, path: str) -> CodeType:
    """The code of a module with its shape checks; as it is, where no function states a shape."""
    tree = ast.parse(source, path)
    if any(_is_checkable(node) for node in ast.walk(tree)):
        tree = _Decorate().visit(tree)
    return compile(tree, path, "exec", dont_inherit=True)


class _Decorate(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        head = sum(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in node.body)
        head += ast.get_docstring(node) is not None
        node.body[head:head] = ast.parse("import beartype as _beartype, jaxtyping as _jaxtyping").body
        return ast.fix_missing_locations(node)

    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.test = ast.copy_location(ast.Constant(True), node.test)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        if _is_checkable(node):
            check = ast.parse("_jaxtyping.jaxtyped(typechecker=_beartype.beartype)", mode="eval").body
            node.decorator_list.append(ast.copy_location(check, node))
        return node


def _is_checkable(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return any(_states_a_shape(annotation) for annotation in [*(a.annotation for a in arguments), node.returns])


def _states_a_shape(annotation: ast.expr | None) -> bool:
    """Whether `Float[Array, "stage position"]` or its like stands anywhere in an annotation."""
    return annotation is not None and any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id != "Literal"
        and isinstance(node.slice, ast.Tuple)
        and isinstance(node.slice.elts[-1], ast.Constant)
        and isinstance(node.slice.elts[-1].value, str)
        for node in ast.walk(annotation)
    )


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        # Never from the bytecode cache and never into it: outside the tests the sources run as they are.
        return with_checks(self.get_data(self.path), self.path)


class _Finder(MetaPathFinder):
    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self._package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec
