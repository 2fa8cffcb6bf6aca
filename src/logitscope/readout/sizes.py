"""How large the pieces are that a readout is cut into: memory is bounded, and products run at full speed.

A block of positions keeps the final stage's logits over the whole vocabulary, and for histograms every stage's: what is
kept need not be multiplied again. More positions make larger products, fewer need less memory. Knows only numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

__all__ = ["Sizes", "fit"]

BUDGET = {"cpu": 84 << 20, "cuda": 512 << 20}
"""Bytes for all blocks that are read at the same time."""

LEAST = 2 << 20
"""Bytes for one block, however many threads there are."""

COLUMNS = {"cpu": 1536, "cuda": 4096}
"""Of a vocabulary tile: enough for a product's full speed, few enough for what is made of it to stay in the cache. A
device's cache is too small for that; there, each tile costs the processor a fraction of a millisecond."""

COPIED = 2 << 20
"""Bytes of a tile of the head where its rows have to be turned into fp32."""

FEW_ROWS = 32
"""Below this a product takes as long as one of more rows, and making it twice is no worse."""

_ROW = 400
"""Bytes of sums and lists for one stage at one position, about."""


@dataclass(frozen=True)
class Sizes:
    """Of the pieces of one readout.

    Attributes:
        positions: of a block.
        columns: of a vocabulary tile.
        keeps_all: whether a block keeps every stage's logits until its histograms are made.
    """

    positions: int
    columns: int
    keeps_all: bool


def fit(
    *,
    n_positions: int,
    n_stages: int,
    n_vocab: int,
    d_model: int,
    n_members: int,
    device: str,
    keeps_final: bool,
    histogram: bool,
    copies_weights: bool,
    scratch_tiles: int = 3,
) -> Sizes:
    """The largest pieces that the memory for them allows.

    Args:
        n_positions: of the text.
        n_stages: that are read together, references included.
        n_vocab: entries of the vocabulary.
        d_model: of the vectors.
        n_members: threads that read one block each.
        device: type of the head's device.
        keeps_final: whether anything refers to the final stage.
        histogram: whether standardised logits are counted.
        copies_weights: whether tiles of the head are copies.
        scratch_tiles: how many tiles the reducer may keep for itself.
    """
    budget = max(BUDGET.get(device, BUDGET["cuda"]) // n_members, LEAST)
    columns = min(n_vocab, COLUMNS.get(device, COLUMNS["cuda"]))
    # A device multiplies halves as they are, or has room for a copy of a few tiles.
    if copies_weights and device == "cpu":
        columns = min(columns, max(128, COPIED // (4 * d_model)))
        budget = max(LEAST, budget - 3 * 4 * columns * d_model)  # the last one is freed after the next is made
    final = 4 * n_vocab if keeps_final else 0
    row = 4 * d_model + _ROW + 4 * columns * scratch_tiles
    in_tiles = budget // (final + n_stages * (row + 4 * columns))
    in_whole = budget // (n_stages * (row + 4 * n_vocab))
    keeps_all = histogram and in_whole * n_stages >= min(FEW_ROWS, n_positions * n_stages)
    most = max(1, in_whole if keeps_all else in_tiles)
    # Blocks of one size, and as many for one thread as for another.
    n_blocks = ceil(n_positions / most)
    if n_members > 1:
        n_blocks = ceil(n_blocks / n_members) * n_members
    return Sizes(max(1, ceil(n_positions / max(1, n_blocks))), columns, keeps_all)
