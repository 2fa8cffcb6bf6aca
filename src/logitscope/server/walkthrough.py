"""The walkthrough's part of the desk: graphs, runs that are kept for pages, parts of their blocks, and cells explained.

Everything that touches a model goes through that model's own line. Knows no HTTP; called in the event loop, except for
what jobs compute.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from logitscope.graph import Activations, Graph, explain, graph_of
from logitscope.server.answers import refuse
from logitscope.server.cells import (
    ExplainRequest,
    Explanation,
    GraphRequest,
    Run,
    RunRequest,
    TilePart,
    TileRequest,
    TilesRequest,
)
from logitscope.server.contract import TokeniseRequest
from logitscope.server.frames import END, Kind, frame
from logitscope.server.memories import Memories
from logitscope.server.settings import MIB, Settings

if TYPE_CHECKING:
    from logitscope.server.desk import Chunks, Desk, Served
    from logitscope.server.job import Job

__all__ = ["Walkthrough", "shapes_json", "tile_shape"]

_ITEM = 4
"""Bytes of a number."""

_GIANTS: Final = (("GPT-2", 12, 12, 768, 1024), ("GPT-2 XL", 48, 25, 1600, 1024), ("GPT-3", 96, 96, 12288, 2048))
"""Name, blocks, heads, width, context; all with 50,257 tokens and learned positions.

Sources: Radford et al. 2019, table 2; Brown et al. 2020, table 2.1, and its context of 2,048 tokens.
"""


@cache
def shapes_json() -> tuple[bytes, bytes]:
    """Known models as shapes, for the sense of size: JSON, and the same compressed."""
    from transformers import GPT2Config

    shapes = []
    for name, n_layer, n_head, n_embd, n_positions in _GIANTS:
        config = GPT2Config(vocab_size=50257, n_layer=n_layer, n_head=n_head, n_embd=n_embd, n_positions=n_positions)
        graph = graph_of(config)
        numbers = {"n_parameters": graph.sizes["n_parameters"], "n_positions": n_positions}
        shapes.append({"name": name, **numbers, "graph": graph.to_dict()})
    said = json.dumps(shapes, separators=(",", ":")).encode()
    return said, gzip.compress(said, mtime=0)


def tile_shape(asked: TilePart) -> tuple[int, ...]:
    """What a tile will be, if there is such a part of the block."""
    sizes = [stop - first for first, stop in asked.ranges]
    averaged = range(max(0, len(sizes) - 2), len(sizes))
    return tuple(-(-size // 2**asked.level) if i in averaged else size for i, size in enumerate(sizes))


class Walkthrough:
    """Takes what is asked about the inside of models.

    A run belongs to the page that asked for it. It is forgotten when the page has asked for several others, falls
    silent, or all runs together take too much; the page asks for it again, and it is the same.

    Args:
        desk: whose models.
        settings: what the server allows.
    """

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self._desk = desk
        self._settings = settings
        self._graphs: dict[str, bytes] = {}
        most = settings.pages * settings.page_runs
        self.runs: Memories[Activations] = Memories(most, settings.runs_bytes, settings.page_seconds)

    def graph(self, asked: GraphRequest) -> bytes:
        """A Graph as JSON.

        Raises:
            ModelError: the model's family has none.
        """
        served = self._desk.find(asked.model)
        if asked.model not in self._graphs:
            said = graph_of(served.scope.model.hf.config).to_dict()
            self._graphs[asked.model] = json.dumps(said, separators=(",", ":")).encode()
        return self._graphs[asked.model]

    async def run(self, asked: RunRequest, page: str | None) -> Job:
        """A Run: the text is tokenised, and its numbers can be asked for.

        Raises:
            ModelError: the model's family has no graph.
            Refused: longer than the model's context, or a block of it would be too large.
        """
        served = self._desk.find(asked.model)
        graph = graph_of(served.scope.model.hf.config)
        text = await self._desk.tokenise(TokeniseRequest(**asked.model_dump()))
        self._require_fitting(graph, len(text.ids))
        name = _name(served.card.content_hash, text.ids)
        said = Run(run=name, model=asked.model, n_positions=len(text.ids), text=text)

        def compute(job: Job) -> Chunks:
            owner = (asked.model, page, name)
            with self.runs.lent(owner, lambda: self._read(served, text.ids)):
                self._keep_few(owner)
                yield said.model_dump_json().encode()

        return self._desk.submit(served.worker, compute, "runs", page)

    def tile(self, asked: TileRequest, page: str | None) -> Job:
        """How far the whole block is from 0, then a part of it, as little-endian fp32; shaped as `tile_shape` says.

        Raises:
            Refused: more cells than one answer holds.
        """
        served = self._desk.find(asked.model)
        self._require_sendable(asked)

        def compute(job: Job) -> Chunks:
            with self._kept(asked, page) as run:
                yield _tile(run, asked)

        return self._desk.submit(served.worker, compute, "tile", None)

    def tiles(self, asked: TilesRequest, page: str | None) -> Job:
        """Several tiles, each as soon as it is there: frames of kind 0, in the order in which they were asked for.

        Raises:
            Refused: more cells in one of them than one answer holds.
        """
        served = self._desk.find(asked.model)
        for part in asked.parts:
            self._require_sendable(part)

        def compute(job: Job) -> Chunks:
            with self._kept(asked, page) as run:
                for part in asked.parts:
                    yield frame(Kind.PIECE, _tile(run, part))
            yield END

        return self._desk.submit(served.worker, compute, "tile", None)

    def explain(self, asked: ExplainRequest, page: str | None) -> Job:
        """An Explanation."""
        served = self._desk.find(asked.model)

        def compute(job: Job) -> Chunks:
            with self._kept(asked, page) as run:
                told = explain(run, asked.block, asked.index)
                yield Explanation(**_listed(told.to_dict(asked.n_terms))).model_dump_json().encode()

        return self._desk.submit(served.worker, compute, "explain", None)

    def _require_sendable(self, part: TilePart) -> None:
        size = prod(tile_shape(part)) * _ITEM
        if size > self._settings.tile_bytes:
            raise refuse(
                413,
                f"this part would take {size / MIB:,.1f} MiB; at most {self._settings.tile_bytes / MIB:,.1f} are sent "
                "at once. Ask for fewer cells, or a higher level.",
            )

    def _read(self, served: Served, ids: Sequence[int]) -> Activations:
        return Activations(served.scope.model.hf, ids, limit_mib=self._settings.run_bytes / MIB)

    @contextmanager
    def _kept(self, asked: TileRequest | TilesRequest | ExplainRequest, page: str | None) -> Iterator[Activations]:
        """The run that a page asks about; called in the model's thread."""

        def gone() -> Activations:
            raise refuse(410, "this text was forgotten here, as others were read after it; it is to be read again.")

        with self.runs.lent((asked.model, page, asked.run), gone) as run:
            yield run

    def _keep_few(self, owner: tuple[str, str | None, str]) -> None:
        """Forgets the page's oldest runs beyond what it may have."""
        older = [one for one in self.runs.owners() if isinstance(one, tuple) and one[:2] == owner[:2] and one != owner]
        for other in older[: max(0, len(older) + 1 - self._settings.page_runs)]:
            self.runs.forget(other)

    def _require_fitting(self, graph: Graph, n_positions: int) -> None:
        most = graph.sizes["context"]
        if n_positions > most:
            raise refuse(413, f"the text is {n_positions:,} tokens long; the walkthrough reads what the model reads at "
                         f"once, at most {most:,}.")  # fmt: skip
        largest = max((block for block in graph if block.kind == "value"), key=lambda b: prod(b.shape(n_positions)))
        size = prod(largest.shape(n_positions)) * _ITEM
        if size > self._settings.run_bytes:
            raise refuse(
                413,
                f'of a text of {n_positions:,} tokens, "{largest.id}" alone would take {size / MIB:,.0f} MiB; at most '
                f"{self._settings.run_bytes / MIB:,.0f} are kept here. Give a shorter text.",
            )


def _tile(run: Activations, asked: TilePart) -> bytes:
    """How far the whole block is from 0, then the part."""
    part = run.tile(asked.block, [(first, stop) for first, stop in asked.ranges], asked.level)
    return np.array(run.spread(asked.block), "<f4").tobytes() + part.astype("<f4", copy=False).tobytes()


def _name(content_hash: str, ids: Sequence[int]) -> str:
    """The same for the same ids and weights."""
    return hashlib.sha256(f"{content_hash} {' '.join(map(str, ids))}".encode()).hexdigest()[:24]


def _listed(part: Any) -> Any:
    """With lists where there are tuples, as JSON has them."""
    if isinstance(part, dict):
        return {key: _listed(value) for key, value in part.items()}
    return [_listed(value) for value in part] if isinstance(part, (list, tuple)) else part
