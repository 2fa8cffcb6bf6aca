"""The Trace: every readout of one run, as arrays with named axes.

Knows numpy only: no model, no torch, no drawing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from logitscope.display import html_of
from logitscope.errors import InputError
from logitscope.trace.statistics import BINS, DERIVED, SAMPLES_PER_BIN, STATISTICS, Statistic
from logitscope.trace.tokens import Tokens, Vocabulary

if TYPE_CHECKING:
    import os

    import pandas
    import xarray

    from logitscope.trace.totals import Summary

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
        self_check: the largest relative disagreement of the four checks on load: the logits of the last stage, the
            remaining blocks run on every stage, the residual sums, and that no later token changes an earlier number.
        context_window: tokens that one window of the model holds (0 = unlimited).
        stride: new tokens per further window where the text was longer than one (0 = it was not).
        bos: which prefix stood before the text: `none`, `tokenizer` (its own convention) or `added` (asked for).
        versions: library versions by name.
        last_stage: the model's own output, which a piece need not hold; empty in files older than this field.
        length_dependent: rotary scaling depends on the text's length, so that appending text changes earlier numbers.
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
    last_stage: str = ""
    length_dependent: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, ready for JSON but for a `self_check` that is not finite."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return values | {"versions": dict(self.versions)}


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Every readout of one run.

    Position `t` predicts token `t + 1`; the last position predicts what is not there yet.

    Attributes:
        tokens: what was read.
        stages: names of the points of the residual stream that were read out, in the model's order.
        positions: int32, ascending, the positions of the text that the arrays hold; all of them unless this is a piece.
        arrays: statistics by name, as `trace.statistics.STATISTICS` describes them; read-only.
        vocabulary: names of every token id that occurs in the arrays.
        provenance: where the numbers come from.
        watched: ids of the `watch` axis.
        context_lengths: int32 per position of the piece: how many tokens the model saw, this one included; empty where
            that was not recorded.
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
        positions = _frozen(self.positions, "int32")
        context_lengths = _frozen(self.context_lengths, "int32")
        if positions.ndim != 1 or (np.diff(positions) <= 0).any():
            raise InputError(f"positions must ascend in one row; given were {_some(positions)}.")
        if len(positions) and not 0 <= positions[0] <= positions[-1] < len(self.tokens):
            raise InputError(f"positions {_some(positions)} do not fit a text of {len(self.tokens)} tokens.")
        if context_lengths.shape not in (positions.shape, (0,)):
            raise InputError(f"context lengths {context_lengths.shape} do not fit {len(positions)} positions.")
        if len(set(self.stages)) != len(self.stages):
            raise InputError(f"a stage stands twice in {', '.join(self.stages)}; each can stand once.")
        values = {
            "tokens": self.tokens.named(self.vocabulary),
            "stages": tuple(self.stages),
            "positions": positions,
            "arrays": self._checked_arrays(len(positions)),
            "watched": tuple(int(token_id) for token_id in self.watched),
            "context_lengths": context_lengths,
            "seams": tuple(int(position) for position in self.seams),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _checked_arrays(self, n_positions: int) -> Mapping[str, np.ndarray]:
        """Read-only views by name, of the shapes that the contract gives them."""
        sizes = {"stage": len(self.stages), "position": n_positions, "watch": len(self.watched)}
        sizes |= {"bin": BINS, "sample": SAMPLES_PER_BIN}
        frozen = {}
        for name, array in self.arrays.items():
            statistic = STATISTICS.get(name)
            if statistic is None:
                raise InputError(f"a trace cannot hold {name!r}; it holds {', '.join(STATISTICS)}.")
            shape = np.shape(array)
            if "k" in statistic.axes and len(shape) == len(statistic.axes):
                sizes.setdefault("k", shape[-1])
            if shape != tuple(sizes.get(axis) for axis in statistic.axes):
                raise InputError(f"{name!r} has shape {shape}; expected {_described(statistic, sizes)}.")
            frozen[name] = _frozen(array, statistic.dtype)
        return MappingProxyType({name: frozen[name] for name in STATISTICS if name in frozen})

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only mapping of arrays cannot be pickled, and traces travel between processes.
        values = [getattr(self, f.name) for f in fields(self)]
        return type(self), tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)

    def __repr__(self) -> str:
        return (
            f"Trace({len(self.positions)} of {len(self.tokens)} positions, {len(self.stages)} stages"
            f"{f' ({self.stages[0]} … {self.stages[-1]})' if self.stages else ''}, "
            f"model {self.provenance.model}, lens {self.provenance.lens})\n"
            f"  {self.tokens!r}\n"
            f"  {', '.join(self)}"
        )

    def _repr_html_(self) -> str | None:
        """How Jupyter shows a trace: as its page, where somebody draws pages; None for its text."""
        return html_of("Trace", self)

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

    @property
    def holds_output(self) -> bool:
        """Whether the model's last stage is among those that were read out; where that is not known, it is assumed."""
        return self.provenance.last_stage in ("", *self.stages)

    def stage(self, name: str) -> int:
        """The index of a stage by its name."""
        if name not in self.stages:
            raise InputError(f'stage "{name}" was asked for, but this trace holds {", ".join(self.stages)}.')
        return self.stages.index(name)

    def replace(self, **changes: object) -> Trace:
        """The same trace with other fields, checked like a new one."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def select(self, stages: Iterable[str] | None = None, positions: Iterable[int] | None = None) -> Trace:
        """The piece of this trace that holds only these stages and these positions of the text.

        Args:
            stages: names; they come out in the order of this trace.
            positions: of the text, from 0; negative ones count from its end.

        Raises:
            InputError: a stage or position that this trace does not hold.
        """
        rows = sorted({self.stage(name) for name in (self.stages if stages is None else stages)})
        asked = self.positions.tolist() if positions is None else [operator.index(p) for p in positions]
        wanted = sorted({p + len(self.tokens) if p < 0 else p for p in asked})
        held = {int(p): column for column, p in enumerate(self.positions)}
        absent = [p for p in wanted if p not in held]
        if absent:
            raise InputError(f"position {absent[0]} was asked for, but this trace holds {_some(self.positions)}.")
        columns = np.array([held[p] for p in wanted], dtype=np.intp)
        cells = np.ix_(np.array(rows, dtype=np.intp), columns)
        return replace(
            self,
            stages=tuple(self.stages[row] for row in rows),
            positions=self.positions[columns],
            arrays={name: array[cells] for name, array in self.arrays.items()},
            context_lengths=self.context_lengths[columns] if len(self.context_lengths) else self.context_lengths,
            seams=tuple(p for p in self.seams if p in set(wanted)),
        )

    def identical(self, other: Trace) -> bool:
        """Whether every field and every number is the same; NaN equals NaN."""
        plain = ("stages", "watched", "seams", "provenance")
        return (
            all(getattr(self, name) == getattr(other, name) for name in plain)
            and self.tokens.identical(other.tokens)
            and dict(self.vocabulary.pieces) == dict(other.vocabulary.pieces)
            and self.vocabulary.special == other.vocabulary.special
            and np.array_equal(self.positions, other.positions)
            and np.array_equal(self.context_lengths, other.context_lengths)
            and self.arrays.keys() == other.arrays.keys()
            and all(np.array_equal(a, other.arrays[name], equal_nan=True) for name, a in self.arrays.items())
        )

    # The faces of a trace live in files of their own, which know this one; hence the imports where they are used.

    def summary(self, stage: str | int = -1) -> Summary:
        """Total bits, bits per token, byte and word, perplexity, and a table by kind of token."""
        from logitscope.trace.summary import summarise

        return summarise(self, stage)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one safetensors file; suggested suffix `.trace.safetensors`. `open_trace` reads it back."""
        from logitscope.trace.file import save

        save(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and strings, ready for JSON; see `trace.export`."""
        from logitscope.trace.export import to_dict

        return to_dict(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A long table, one row per stage and position; see `trace.export`."""
        from logitscope.trace.export import to_pandas

        return to_pandas(self)

    def to_xarray(self) -> xarray.Dataset:
        """Every statistic with named axes and units; see `trace.export`."""
        from logitscope.trace.export import to_xarray

        return to_xarray(self)


def _frozen(array: object, dtype: str) -> np.ndarray:
    view = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _some(positions: np.ndarray) -> str:
    """A few numbers of a long row."""
    numbers = [str(p) for p in positions.ravel().tolist()]
    return ", ".join(numbers if len(numbers) <= 8 else [*numbers[:3], "…", *numbers[-3:]]) or "none"


def _described(statistic: Statistic, sizes: Mapping[str, int]) -> str:
    return "(" + ", ".join(f"{sizes[axis]} {axis}" if axis in sizes else axis for axis in statistic.axes) + ")"
