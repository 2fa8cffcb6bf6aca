"""A ranked list as data: a label, some figures and a bar for each row. Knows nothing of how it came about."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Bar", "Bars"]


@dataclass(frozen=True)
class Bar:
    """One row.

    Attributes:
        label: what it is about, fit to be shown.
        figures: what stands beside it, one for each column; None for what is missing.
        length: of its bar, from −1 to 1; below 0 it points to the left. None where there is none.
        bits: what it is coloured by.
        strong: it is what the list is about.
    """

    label: str
    figures: tuple[str | None, ...]
    length: float | None = None
    bits: float = 0.0
    strong: bool = False


@dataclass(frozen=True)
class Bars:
    """The list.

    Attributes:
        title: of it, fit to be shown.
        columns: the head: over the labels, and over each figure.
        rows: in the order in which they are shown.
        notes: what has to be known to read it, a sentence each.
        caption: model and the like.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Bar, ...]
    notes: tuple[str, ...] = ()
    caption: tuple[str, ...] = ()
