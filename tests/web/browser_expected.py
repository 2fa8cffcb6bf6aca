"""What Python answers to the questions that the browser's engine is tried with: files that TypeScript reads.

A model is exported into a folder; beside it stand the questions, each with Python's answer. Knows no page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from logitscope.errors import LogitscopeError
from logitscope.graph import explain
from logitscope.scope import Scope
from logitscope.server.cells import Explanation
from logitscope.server.contract import Answer, Change, Fill, Step, TokeniseRequest
from logitscope.server.tokenising import Tokenising
from logitscope.trace import Trace, write

__all__ = ["Questions"]


class Questions:
    """The questions about one model, with their answers.

    Args:
        scope: who answers.
        folder: what TypeScript reads.
    """

    def __init__(self, scope: Scope, folder: Path) -> None:
        self._scope, self._folder = scope, folder
        self._asked: dict[str, list[Any]] = {}
        self._tokenise = Tokenising(scope.model)

    def save(self) -> None:
        """Writes them all."""
        name = self._scope.model.name
        (self._folder / "questions.json").write_text(json.dumps({"model": name, **self._asked}, allow_nan=False))

    def tokenise(self, texts: Iterable[str], ids: Iterable[Sequence[int]] = (), *, bos: bool = False) -> None:
        asked = [{"text": text, "bos": bos} for text in texts] + [{"ids": list(some), "bos": bos} for some in ids]
        for one in asked:
            self._ask("tokenise", one, lambda one=one: self._tokenise(self._request(TokeniseRequest, one)))

    def repeat(self, text: str) -> None:
        """The beginnings of a text, read again and again: nothing may pile up."""
        self._ask("repeat", {"text": text}, lambda: None)

    def trace(self, *, saved: Sequence[str] = (), **asked: Any) -> None:
        """A trace, and what files of it hold.

        Args:
            saved: suffixes of such files.
            asked: the keywords of `Scope.trace`.
        """
        number = len(self._asked.get("trace", []))

        def answer() -> dict[str, Any]:
            trace = self._scope.trace(**asked)
            trace.save(self._folder / f"{number}.trace.safetensors")
            return {"file": f"{number}.trace.safetensors", **{s: self._written(trace, s) for s in saved}}

        self._ask("trace", asked, answer)

    def sample(self, **asked: Any) -> None:
        source, rest = _source(asked)
        self._ask("sample", asked, lambda: [Step(**one.to_dict()) for one in self._scope.sample(source, **rest)])

    def replace(self, **asked: Any) -> None:
        source, rest = _source(asked)
        position, token = rest.pop("position"), rest.pop("token")
        self._ask("replace", asked, lambda: Change(**self._scope.replace(source, position, token, **rest).to_dict()))

    def fill(self, **asked: Any) -> None:
        rest = {name: value for name, value in asked.items() if name not in ("text", "shown")}
        self._ask(
            "fill", asked, lambda: Fill(**self._scope.fill(asked["text"], **rest).to_dict(asked.get("shown", 20)))
        )

    def ask(self, **asked: Any) -> None:
        source, rest = _source({"position": -1, **asked})
        self._ask("ask", asked, lambda: [Answer(**a.to_dict()) for a in self._scope.ask(source, **rest)])

    def inside(self, text: str, n_terms: int = 6) -> None:
        """A tile and a cell of every block, and the refusals of what is not there."""
        run = self._scope.activations(text)
        for number, block in enumerate(run.graph):
            shape = block.shape(run.n_positions)
            index = [(7 * number + 3 * axis) % size for axis, size in enumerate(shape)]
            ranges = [[0, size] if axis % 2 else [size // 3, size] for axis, size in enumerate(shape)]
            for level in (0, 1 + number % 2):
                asked = {"text": text, "block": block.id, "ranges": ranges, "level": level}
                self._ask("tile", asked, lambda asked=asked: self._tile(run, asked))
            asked = {"text": text, "block": block.id, "index": index, "n_terms": n_terms}
            self._ask("explain", asked, lambda asked=asked: self._explained(run, asked))
        for asked in ({"block": "no such block", "index": []}, {"block": "ids", "index": [10**6]}):
            asked = {"text": text, "n_terms": n_terms, **asked}
            self._ask("explain", asked, lambda asked=asked: self._explained(run, asked))

    def _tile(self, run: Any, asked: dict[str, Any]) -> dict[str, Any]:
        part = run.tile(asked["block"], [(a, b) for a, b in asked["ranges"]], asked["level"])
        cells = [None if x != x else float(x) for x in part.reshape(-1).tolist()]
        rms, largest = run.spread(asked["block"])
        return {"shape": list(part.shape), "cells": cells, "rms": rms, "largest": largest}

    def _explained(self, run: Any, asked: dict[str, Any]) -> Explanation:
        told = explain(run, asked["block"], asked["index"]).to_dict(asked["n_terms"])
        return Explanation(**json.loads(json.dumps(told)))

    def _written(self, trace: Trace, suffix: str) -> str:
        path = self._folder / f"written.{suffix}"
        write(trace, path)
        return path.read_text(encoding="utf-8")

    def _ask(self, kind: str, asked: dict[str, Any], answer: Callable[[], Any]) -> None:
        try:
            said = {"said": _plain(answer())}
        except (LogitscopeError, ValidationError) as error:
            said = {"refused": " ".join(str(error).split())}
        self._asked.setdefault(kind, []).append({"asked": asked, **said})

    def _request(self, kind: type[BaseModel], asked: dict[str, Any]) -> Any:
        return kind(model=self._scope.model.name, **asked)


def _plain(said: Any) -> Any:
    if isinstance(said, BaseModel):
        return said.model_dump(mode="json")
    return [_plain(one) for one in said] if isinstance(said, list) else said


def _source(asked: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What is read, and the other keywords."""
    rest = {name: value for name, value in asked.items() if name not in ("text", "ids")}
    return (asked["text"] if "text" in asked else asked["ids"]), rest
