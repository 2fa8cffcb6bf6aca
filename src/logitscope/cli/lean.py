"""The part of transformers that an embedded model needs, imported without the rest.

Most of the start of a command went into imports that it then left alone: torch's compiler (with sympy and triton) for
decorators that mean nothing unless something is compiled, its distributed tensors, accelerate, and a search through
every model's source for what could be imported. For a process that reads one embedded model and ends, transformers is
told what is true of it: nothing is compiled, nothing is distributed, and there are the models that there are. If these
libraries are not as expected, they are imported as always. Knows torch and transformers, no model.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["import_lean", "in_own_process"]

_COMPILER = "torch._dynamo"
_LISTING = "transformers.utils.import_utils"
_MODELS = ("auto", "encoder_decoder", "gpt2")
_ABSENT = ("accelerate", "jinja2")


_OWN: ContextVar[bool] = ContextVar("_OWN", default=False)


@contextmanager
def in_own_process(own: bool) -> Iterator[None]:
    """While a command runs: whether this process is that command's own, and ends with it."""
    token = _OWN.set(own)
    try:
        yield
    finally:
        _OWN.reset(token)


def import_lean() -> None:
    """Imports what reads an embedded model, in a command's own process that reads no other: it would not be found.

    Does nothing elsewhere, or where transformers is there already.
    """
    if not _OWN.get() or "transformers" in sys.modules or _COMPILER in sys.modules:
        return
    try:
        with _told():
            from transformers import AutoTokenizer, GPT2LMHeadModel  # noqa: F401
    except Exception:  # noqa: BLE001 - whatever these libraries raise when they are not as expected
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]
        stand_in = sys.modules.get(_COMPILER)
        if isinstance(stand_in, _Later):
            stand_in.become_real()


@contextmanager
def _told() -> Iterator[None]:
    import torch

    distributed, compiler = torch.distributed, torch.compiler
    available, disable = distributed.is_available, compiler.disable
    absent = [name for name in _ABSENT if name not in sys.modules]
    finder = _Listing()
    stand_in = sys.modules[_COMPILER] = _Later(_COMPILER)
    # transformers takes one class from within the package, which does not need the rest.
    stand_in.__path__ = [str(Path(torch.__path__[0]) / "_dynamo")]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type] # None is how Python is told so
    sys.meta_path.insert(0, finder)
    distributed.is_available, compiler.disable = _no, _put_off(disable)
    try:
        yield
    finally:
        del stand_in.__path__
        distributed.is_available, compiler.disable = available, disable
        sys.meta_path.remove(finder)
        for name in absent:
            del sys.modules[name]


# ---------------------------------------------------------------------------------------------------- the compiler


class _Later(ModuleType):
    """The compiler's package until somebody wants more of it than its marks; then it becomes what it stands for."""

    # What is marked here is marked for compiling alone; called, it does the same.

    def disable(self, fn: Any = None, *_: Any, **__: Any) -> Any:
        return _unchanged if fn is None else fn

    def allow_in_graph(self, fn: Any) -> Any:
        return fn

    def assume_constant_result(self, fn: Any) -> Any:
        return fn

    def __getattr__(self, name: str) -> Any:
        # Who imports a module from within asks for the path.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        self.become_real()
        return getattr(self, name)

    def become_real(self) -> None:
        spec = PathFinder.find_spec(_COMPILER, importlib.import_module("torch").__path__)
        if spec is None or spec.loader is None:
            raise ImportError(f"{_COMPILER} is not in this torch.")
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__path__, self.__package__ = list(spec.submodule_search_locations or ()), _COMPILER
        importlib.import_module("torch")._dynamo = self  # type: ignore[attr-defined]
        spec.loader.exec_module(self)


def _put_off(disable: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.compiler.disable` for functions that nobody may ever call: done at their first call."""

    def later(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        if fn is None:
            return lambda wrapped: later(wrapped, *args, **kwargs)
        made: list[Any] = []

        def call(*given: Any, **named: Any) -> Any:
            if not made:
                made.append(disable(fn, *args, **kwargs))
            return made[0](*given, **named)

        return call

    return later


def _unchanged(fn: Any) -> Any:
    return fn


def _no() -> bool:
    return False


# ------------------------------------------------------------------------------------------------ the list of models


class _Listing(MetaPathFinder):
    """Has transformers look for what can be imported in the folders of a few models only."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _LISTING:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        whole = module.define_import_structure

        def some(folder: str | Path, prefix: str | None = None) -> Any:
            if Path(folder).name != "models" or prefix is None:
                return whole(folder, prefix)
            found: dict[Any, dict[str, Any]] = {frozenset(): {}}
            for name in _MODELS:
                for backends, modules in whole(Path(folder) / name, f"{prefix}.{name}").items():
                    found.setdefault(backends, {}).update(modules)
            return found

        module.define_import_structure = some  # type: ignore[attr-defined]
