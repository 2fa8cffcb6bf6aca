"""The Trace: every readout of one run, as arrays with named axes.

Knows numpy only: no model, no torch, no drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from logitscope.errors import InputError
from logitscope.trace.statistics import DERIVED, STATISTICS
from logitscope.trace.tokens import Tokens, Vocabulary

__all__ = ["Provenance", "Trace"]


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from; written into every file and caption.

    Attributes:
        model: what the user named (hub id, folder name, `embedded:NAME`), never an absolute path.
        revision: the hub commit that was loaded, if there was one.
        content_hash: sha256 of the weights' files, or of the parameters of a model that was passed in loaded.
        model_class: the transformers class, such as `GPT2LMHeadModel`.
        dtype: the weights' type while computing.
        lens: `logit`, `tail:11`, ...
        norm: `final`, `plain` or `none`.
        self_check: the largest relative disagreement that the check on load found (logits, over the tolerance's scale).
        context_window: tokens that one window of the model holds (0 = unlimited).
        stride: new tokens per further window where the text was longer than one (0 = it was not).
        bos: which prefix stood before the text: `none`, `tokenizer` (its own convention) or `added` (asked for).
        versions: library versions by name.
    """

    model: str
    model_class: str
    dtype: str
    lens: str = "logit"
    norm: str = "final"
    revision: str | None = None
    content_hash: str | None = None
    self_check: float | None = None
    context_window: int = 0
    stride: int = 0
    bos: str = "none"
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """Every readout of one run.

    Position `t` predicts token `t + 1`; the last position predicts what is not there yet.

    Attributes:
        tokens: what was read.
        stages: names of the points of the residual stream that were read out, in the model's order.
        positions: int32, the positions of the text that the arrays hold; all of them unless this is a piece.
        arrays: statistics by name, as `trace.statistics.STATISTICS` describes them; read-only.
        vocabulary: names of every token id that occurs in the arrays.
        provenance: where the numbers come from.
        watched: ids of the `watch` axis.
        context_lengths: int32 per position of the piece: how many tokens the model saw, this one included.
        seams: positions at which a further window begins to be read out; empty for texts within one window.
    """

    tokens: Tokens
    stages: tuple[str, ...]
    positions: np.ndarray
    arrays: Mapping[str, np.ndarray]
    vocabulary: Vocabulary
    provenance: Provenance
    watched: tuple[int, ...] = ()
    context_lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    seams: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        frozen = {}
        for name, array in self.arrays.items():
            statistic = STATISTICS.get(name)
            if statistic is None:
                raise InputError(f"a trace cannot hold {name!r}; it holds {', '.join(STATISTICS)}.")
            expected = (len(self.stages), len(self.positions))
            if array.shape[:2] != expected or array.ndim != len(statistic.axes):
                raise InputError(f"{name!r} has shape {array.shape}; expected {expected} and {statistic.axes[2:]}.")
            view = np.asarray(array, dtype=statistic.dtype).view()
            view.flags.writeable = False
            frozen[name] = view
        object.__setattr__(self, "arrays", MappingProxyType(frozen))

    def __getitem__(self, name: str) -> np.ndarray:
        """The array of a stored or derived statistic, by its name in the numeric contract."""
        if name in self.arrays:
            return self.arrays[name]
        derived = DERIVED.get(name)
        if derived is not None and derived.source in self.arrays:
            return derived.compute(self.arrays[derived.source])
        if name in STATISTICS or name in DERIVED:
            raise InputError(f"this trace does not hold {name!r}; it was not asked for. It holds {', '.join(self)}.")
        raise InputError(f"{name!r} is no statistic. There are {', '.join([*STATISTICS, *DERIVED])}.")

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def __iter__(self) -> Iterator[str]:
        yield from self.arrays
        yield from (d.name for d in DERIVED.values() if d.source in self.arrays)

    @property
    def ids(self) -> np.ndarray:
        """int32 `[position]`: every token of the text, also those that a piece has no readouts of."""
        return self.tokens.ids

    def stage(self, name: str) -> int:
        """The index of a stage by its name."""
        if name not in self.stages:
            raise InputError(f'stage "{name}" was asked for, but this trace holds {", ".join(self.stages)}.')
        return self.stages.index(name)

    def replace(self, **changes: object) -> Trace:
        return replace(self, **changes)  # type: ignore[arg-type]
