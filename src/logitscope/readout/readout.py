"""Every statistic of every stage, without ever holding the logits of all of them.

Positions are read in blocks and the vocabulary in tiles, so that the memory needed beside vectors and results depends
on neither the length of the text nor the number of stages. Knows heads and vectors, not models, norms or lenses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from logitscope.errors import InputError
from logitscope.readout.block import Block, Plan, Workspace
from logitscope.readout.choose import suitable
from logitscope.readout.histogram import BINS, SAMPLES_PER_BIN
from logitscope.readout.request import NAMES, Asked, Request
from logitscope.readout.sizes import Sizes, fit
from logitscope.readout.state import Targets
from logitscope.readout.team import n_members, together
from logitscope.readout.vectors import Source, as_vectors

if TYPE_CHECKING:
    from logitscope.readout.head import Head
    from logitscope.readout.reducer import Reducer

__all__ = ["cut", "read_out"]

_WORK_EACH = 1 << 28
"""Multiplications from which a thread is better off with products of its own: two tokens at 13 stages of GPT-2."""


@torch.no_grad()
def read_out(
    head: Head,
    stages: Sequence[str],
    vectors: Source,
    *,
    final: str,
    input_stage: str | None,
    input_ids: Tensor | np.ndarray | Sequence[int],
    next_ids: Tensor | np.ndarray | Sequence[int],
    request: Request | None = None,
    vocab_tile: int | None = None,
    position_block: int | None = None,
    reducer: Callable[[torch.device], Reducer] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, np.ndarray]:
    """Reads the predicted distribution at every stage and position.

    A row whose vector holds a NaN is NaN everywhere, with rank 0 and id −1; nothing else is touched by it. A logit of
    −inf (a bias that forbids a token) leaves log-probabilities, entropy and ranks right; the mean is then −inf, the
    standard deviation and sums over such tokens NaN.

    Args:
        head: turns vectors into logits; the work is done on its device.
        stages: names of the stages to read, in the order of the result.
        vectors: `[position, d_model]` of a stage by its name, exactly what goes into the head (already normed): a
            mapping, a function that makes them (called again for each block of positions), or an object that makes a
            block at a time.
        final: the stage that `final_*` and `kl_*_final` refer to; read whether or not it is in `stages`.
        input_stage: the stage that `kl_*_input` refer to, or None to leave these out.
        input_ids: the token at each position.
        next_ids: the token that came next, −1 where nothing did.
        request: what to read out; all statistics by default.
        vocab_tile: columns of the tiles that the vocabulary is read in; by default what suits memory and caches.
        position_block: how many positions are read together, likewise.
        reducer: makes what looks at the logits, one for each thread. By default Triton's kernels on CUDA where
            triton is installed; on a processor the compiled one where numba is and the readout is large enough to be
            worth loading it; and plain torch otherwise.
        cancelled: asked before each vocabulary tile whether nobody waits for the result any more.

    Returns:
        Arrays `[stage, position, ...]` by the names, types and units of the numeric contract.

    Raises:
        InputError: an id, a stage or an option does not fit.
        Cancelled: `cancelled` said so.
    """
    request = request or Request()
    asked = Asked(request, has_input=input_stage is not None)
    targets = _targets(head, asked, input_ids, next_ids)
    n_positions = targets.ids.shape[1]
    _check(head, stages, request, vocab_tile, position_block)
    references = {"final": final} if asked.refers_to("final") else {}
    if input_stage is not None and asked.refers_to("input"):
        references["input"] = input_stage
    n_stages = len({*stages, *references.values()})
    make_reducer = reducer or suitable(head.device, n_stages * n_positions * head.n_vocab, asked.histogram)
    team, sizes = cut(head, n_positions, n_stages, "final" in references, asked.histogram, make_reducer)
    sizes = replace(sizes, columns=vocab_tile or sizes.columns, positions=position_block or sizes.positions)
    plan = Plan(head, asked, tuple(stages), references, sizes, cancelled)
    source = as_vectors(vectors, n_positions, head.weight(0, 1).shape[1])
    arrays = _allocate(asked, len(stages), n_positions)

    def member() -> Callable[[int], None]:
        workspace = Workspace(head.device, make_reducer(head.device))

        @torch.no_grad()
        def read_block(start: int) -> None:
            stop = min(start + sizes.positions, n_positions)
            block = Block(plan, source, start, targets.between(start, stop), workspace)
            for group, found in block.read():
                pairs = [(plan.stages.index(name), i) for i, name in enumerate(group) if name in plan.stages]
                where, which = [place for place, _ in pairs], [i for _, i in pairs]
                for name, values in found.items():
                    arrays[name][where, start:stop] = values[which].cpu().numpy()

        return read_block

    starts = range(0, n_positions, sizes.positions) if n_stages else range(0)
    together(min(team, len(starts)), starts, member)
    return arrays


def cut(
    head: Head,
    n_positions: int,
    n_stages: int,
    keeps_final: bool,
    histogram: bool,
    reducer: Callable[[torch.device], Reducer],
) -> tuple[int, Sizes]:
    """On how many threads blocks are read, and how large these are."""
    team = n_members() if head.device.type == "cpu" else 1
    one, other = head.weight(0, 1), head.weight(0, 1)
    work = n_positions * n_stages * head.n_vocab * one.shape[1]
    team = max(1, min(team, n_positions, work // _WORK_EACH))
    sizes = fit(
        n_positions=n_positions,
        n_stages=n_stages,
        n_vocab=head.n_vocab,
        d_model=one.shape[1],
        n_members=team,
        device=head.device.type,
        keeps_final=keeps_final,
        histogram=histogram,
        copies_weights=one.data_ptr() != other.data_ptr(),
        scratch_tiles=getattr(reducer, "scratch_tiles", 3),
    )
    return team, sizes


def _targets(
    head: Head,
    asked: Asked,
    input_ids: Tensor | np.ndarray | Sequence[int],
    next_ids: Tensor | np.ndarray | Sequence[int],
) -> Targets:
    known = {"input": torch.as_tensor(input_ids), "next": torch.as_tensor(next_ids)}
    n_positions = len(known["input"])
    for kind, ids in known.items():
        if ids.shape != (n_positions,):
            raise InputError(f"{kind}_ids has shape {tuple(ids.shape)} for {n_positions} positions; give one id each.")
    rows: list[Tensor] = []
    spans = {}
    for kind in asked.targets:
        if kind == "watch":
            ids = torch.tensor(asked.request.watch).unsqueeze(1).expand(-1, n_positions)
        else:
            # The final stage's guess is not known before it was read.
            ids = known.get(kind, torch.full((n_positions,), -1)).unsqueeze(0)
        lowest, limit = (0, head.n_tokens) if kind == "watch" else (-1, head.n_vocab)
        if ids.numel() and not lowest <= int(ids.min()) <= int(ids.max()) < limit:
            wrong = int(ids.min()) if int(ids.min()) < lowest else int(ids.max())
            raise InputError(f"{kind} id {wrong} was given, but the vocabulary has ids 0 to {limit - 1}.")
        spans[kind] = (len(rows), len(rows) + len(ids))
        rows += list(ids.long())
    ids = torch.stack(rows) if rows else torch.empty(0, n_positions, dtype=torch.long)
    return Targets(spans, ids.to(head.device))


def _check(
    head: Head, stages: Sequence[str], request: Request, vocab_tile: int | None, position_block: int | None
) -> None:
    if request.top_k > head.n_tokens:
        raise InputError(f"top_k is {request.top_k}, but the vocabulary has {head.n_tokens} tokens; ask for fewer.")
    if len(set(stages)) != len(stages):
        twice = next(stage for stage in stages if list(stages).count(stage) > 1)
        raise InputError(f'stage "{twice}" was asked for twice; name each stage once.')
    for name, size in (("vocab_tile", vocab_tile), ("position_block", position_block)):
        if size is not None and size < 1:
            raise InputError(f"{name} is {size}; it must be at least 1.")


def _allocate(asked: Asked, n_stages: int, n_positions: int) -> dict[str, np.ndarray]:
    k, n_watched = asked.request.top_k, len(asked.request.watch)
    arrays = {}
    for name in NAMES:
        if name not in asked.names:
            continue
        further: tuple[int, ...] = ()
        if name.startswith("top_"):
            further = (k,)
        elif name.startswith("watch_"):
            further = (n_watched,)
        elif name.startswith("histogram"):
            further = (BINS,) if name == "histogram" else (BINS, SAMPLES_PER_BIN)
        whole = name.endswith(("_ids", "_rank")) or name.startswith("histogram")
        arrays[name] = np.zeros((n_stages, n_positions, *further), np.int32 if whole else np.float32)
    return arrays
