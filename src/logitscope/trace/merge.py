"""Pieces of one run, over fewer stages, positions or statistics, put together exactly.

Knows nothing of where pieces come from; it copies numbers and computes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from logitscope.errors import TraceError
from logitscope.trace.stages import stage_key
from logitscope.trace.statistics import STATISTICS
from logitscope.trace.tokens import Tokens, Vocabulary
from logitscope.trace.trace import Provenance, Trace

__all__ = ["merge"]

_SHOWN = 5


def merge(pieces: Iterable[Trace]) -> Trace:
    """The trace that pieces of one run make together, in whatever order they come.

    Stages stand in the model's order, positions ascend, vocabularies and seams unite. Pieces may overlap where they
    agree. Each statistic must be there for every stage and position: nothing is filled in.

    Raises:
        TraceError: no pieces, pieces of different runs, cells on which pieces disagree, or cells that no piece holds.
    """
    pieces = list(pieces)
    if not pieces:
        raise TraceError("no pieces were given; merging needs at least one.")
    stages = tuple(sorted({name for piece in pieces for name in piece.stages}, key=stage_key))
    positions = np.unique(np.concatenate([piece.positions for piece in pieces])).astype(np.int32)
    if any(piece.watched != pieces[0].watched for piece in pieces):
        raise TraceError("pieces watch different tokens; trace them with the same ones.")
    rows = [np.array([stages.index(name) for name in piece.stages], dtype=np.intp) for piece in pieces]
    columns = [np.searchsorted(positions, piece.positions) for piece in pieces]
    held = [name for name in STATISTICS if any(name in piece.arrays for piece in pieces)]
    return Trace(
        tokens=_tokens(pieces),
        stages=stages,
        positions=positions,
        arrays={name: _array(name, pieces, rows, columns, stages, positions) for name in held},
        vocabulary=_vocabulary(pieces),
        provenance=_provenance(pieces),
        watched=pieces[0].watched,
        context_lengths=_context_lengths(pieces, columns, positions),
        seams=tuple(sorted({seam for piece in pieces for seam in piece.seams})),
    )


def _array(
    name: str,
    pieces: Sequence[Trace],
    rows: Sequence[np.ndarray],
    columns: Sequence[np.ndarray],
    stages: Sequence[str],
    positions: np.ndarray,
) -> np.ndarray:
    """One statistic over all stages and positions."""
    parts = [(p.arrays[name], r, c) for p, r, c in zip(pieces, rows, columns, strict=True) if name in p.arrays]
    shapes = {array.shape[2:] for array, _, _ in parts}
    if len(shapes) > 1:
        raise TraceError(
            f"pieces hold {name} with different sizes {sorted(shapes)}; trace them with the same settings."
        )
    whole = np.zeros((len(stages), len(positions), *shapes.pop()), dtype=STATISTICS[name].dtype)
    filled = np.zeros((len(stages), len(positions)), dtype=bool)
    for array, row, column in parts:
        cells = np.ix_(row, column)
        agrees = (whole[cells] == array) | ((whole[cells] != whole[cells]) & (array != array))
        clash = filled[cells] & ~agrees.all(axis=tuple(range(2, agrees.ndim)))
        if clash.any():
            i, j = np.argwhere(clash)[0]
            where = f'stage "{stages[row[i]]}", position {positions[column[j]]}'
            raise TraceError(f"pieces disagree on {name} at {where}; they are not of one run.")
        whole[cells] = array
        filled[cells] = True
    if not filled.all():
        raise TraceError(f"no piece holds {name} at {_listed(filled, stages, positions)}; add the missing pieces.")
    return whole


def _listed(filled: np.ndarray, stages: Sequence[str], positions: np.ndarray) -> str:
    """The cells that are missing, by stage, in as few words as they need."""
    rows = [i for i in range(len(stages)) if not filled[i].all()]
    texts = []
    for i in rows[:_SHOWN]:
        numbers = [str(p) for p in positions[~filled[i]].tolist()]
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        texts.append(f'stage "{stages[i]}" (positions {", ".join(numbers[:_SHOWN])}{more})')
    return ", ".join(texts) + (f" and {len(rows) - _SHOWN} more stages" if len(rows) > _SHOWN else "")


def _context_lengths(pieces: Sequence[Trace], columns: Sequence[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """What each position saw; no length at all where no piece recorded any."""
    if not any(len(piece.context_lengths) for piece in pieces):
        return np.zeros(0, dtype=np.int32)
    lengths = np.full(len(positions), -1, dtype=np.int32)
    for piece, column in zip(pieces, columns, strict=True):
        if not len(piece.context_lengths):
            continue
        clash = (lengths[column] != -1) & (lengths[column] != piece.context_lengths)
        if clash.any():
            raise TraceError(f"pieces disagree on the context length at position {piece.positions[clash][0]}.")
        lengths[column] = piece.context_lengths
    if (lengths == -1).any():
        raise TraceError(f"no piece says how much context position {positions[lengths == -1][0]} had.")
    return lengths


def _tokens(pieces: Sequence[Trace]) -> Tokens:
    names: dict[int, str] = {}
    for piece in pieces:
        names |= piece.tokens.names
    first = replace(pieces[0].tokens, names=names)
    if not all(replace(piece.tokens, names=names).identical(first) for piece in pieces):
        raise TraceError("pieces are of different texts or tokens; only pieces of one run merge.")
    return first


def _vocabulary(pieces: Sequence[Trace]) -> Vocabulary:
    united: dict[int, bytes] = {}
    for piece in pieces:
        for token_id, name in piece.vocabulary.pieces.items():
            if united.setdefault(token_id, name) != name:
                raise TraceError(f"pieces name token {token_id} differently; they are not of one tokenizer.")
    return Vocabulary(united, frozenset[int]().union(*(piece.vocabulary.special for piece in pieces)))


def _provenance(pieces: Sequence[Trace]) -> Provenance:
    """That of all pieces; only the time may differ, and the earliest stands for the run."""
    created = min((p.provenance.created for p in pieces if p.provenance.created), default="")
    first = replace(pieces[0].provenance, created=created)
    for piece in pieces:
        for name, value in replace(piece.provenance, created=created).to_dict().items():
            if value != first.to_dict()[name]:
                raise TraceError(
                    f"pieces differ in {name} ({first.to_dict()[name]} and {value}); they are not of one run."
                )
    return first
