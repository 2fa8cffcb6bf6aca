"""What is asked of a readout, and the sums that it comes down to.

Knows the names of the numeric contract, not how they are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from logitscope.errors import InputError

__all__ = ["NAMES", "TARGETS", "Asked", "Request", "Sums"]

TARGETS = ("next", "final", "input", "watch")
"""Tokens that every stage is asked about: the true next, the last stage's likeliest, the one read, the caller's own."""

_OF_TARGETS = tuple(f"{target}_{what}" for target in TARGETS for what in ("logit", "logprob", "rank"))
_DIVERGENCES = ("kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input")
_HISTOGRAM = ("histogram", "histogram_samples")

NAMES = (
    *("top_ids", "top_logprobs", "top_logits", "logsumexp", "logit_mean", "logit_std", "entropy"),
    *(*_OF_TARGETS, *_DIVERGENCES, *_HISTOGRAM),
)
"""Every statistic, by its name in the numeric contract."""


@dataclass(frozen=True)
class Request:
    """What to read out.

    Attributes:
        top_k: how many of the likeliest tokens to name; 1 to the number of tokens.
        watch: token ids whose logit, log-probability and rank are wanted everywhere.
        histogram: whether to count standardised logits into bins; costs a second pass.
        statistics: names of the numeric contract, or None for all that the other fields allow for. Work that no name
            needs is not done.

    Raises:
        InputError: a name is no statistic, or `top_k` is below 1.
    """

    top_k: int = 10
    watch: tuple[int, ...] = ()
    histogram: bool = False
    statistics: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise InputError(f"top_k is {self.top_k}; at least 1 token must be named.")
        unknown = sorted((self.statistics or frozenset()) - set(NAMES))
        if unknown:
            raise InputError(f"{unknown[0]!r} is no statistic. There are {', '.join(NAMES)}.")


@dataclass(frozen=True)
class Sums:
    """What a reducer has to sum over the vocabulary.

    Attributes:
        normaliser: the maximum and the sum of exponentials.
        entropy: the sum of exponentials weighted by their exponents.
        moments: mean and squared deviations of the logits.
        k: how many of the largest logits to find; 0 for none.
        counts: how many logits are above each threshold.
    """

    normaliser: bool = True
    entropy: bool = False
    moments: bool = False
    k: int = 0
    counts: bool = False


@dataclass(frozen=True)
class Asked:
    """A request as the schedule needs it: which arrays, hence which targets, references and sums.

    Attributes:
        request: what the caller gave.
        has_input: whether there is a stage to read the input's distribution at.
    """

    request: Request
    has_input: bool

    def __post_init__(self) -> None:
        named = self.request.statistics or frozenset()
        if not self.has_input and (missing := sorted(n for n in named if n.startswith("kl_") and n.endswith("_input"))):
            raise InputError(f"{missing[0]!r} was asked for, but no input stage was named to compare with; name one.")
        if not self.request.watch and (missing := sorted(n for n in named if n.startswith("watch_"))):
            raise InputError(f"{missing[0]!r} was asked for, but no token is watched; give the ids in `watch`.")

    @cached_property
    def names(self) -> frozenset[str]:
        """The arrays to make."""
        request = self.request
        names = set(NAMES if request.statistics is None else request.statistics)
        if request.statistics is None:
            if not request.watch:
                names -= {name for name in names if name.startswith("watch_")}
            if not self.has_input:
                names -= {"kl_from_input", "kl_to_input"}
            if not request.histogram:
                names -= set(_HISTOGRAM)
        elif request.histogram:
            names |= set(_HISTOGRAM)
        return frozenset(names)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Kinds of targets that some array is about, in the order of `TARGETS`."""
        return tuple(t for t in TARGETS if any(name.startswith(f"{t}_") for name in self.names))

    @cached_property
    def sums(self) -> Sums:
        """What to sum for a stage that goes into the result."""
        names = self.names
        return Sums(
            normaliser=any(n in ("logsumexp", "entropy") or "logprob" in n or n.startswith("kl_") for n in names),
            entropy="entropy" in names,
            moments=self.histogram or bool(names & {"logit_mean", "logit_std"}),
            k=self.request.top_k if any(n.startswith("top_") for n in names) else 0,
            counts=any(n.endswith("_rank") for n in names),
        )

    @property
    def histogram(self) -> bool:
        return bool(self.names & set(_HISTOGRAM))

    def toward(self, kind: str) -> bool:
        """Whether KL(stage ‖ reference) is wanted; the reference is `final` or `input`."""
        return f"kl_to_{kind}" in self.names

    def away(self, kind: str) -> bool:
        """Whether KL(reference ‖ stage) is wanted; the reference is `final` or `input`."""
        return f"kl_from_{kind}" in self.names

    def refers_to(self, kind: str) -> bool:
        """Whether the distribution of the reference must be known before the stages are read."""
        return self.toward(kind) or self.away(kind) or (kind == "final" and "final" in self.targets)
