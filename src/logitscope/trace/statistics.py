"""The names, axes and units of everything a trace holds: the numeric contract as data.

One registry for arrays, JSON, column headers and legends. Knows nothing of models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["BINS", "DERIVED", "SAMPLES_PER_BIN", "STATISTICS", "Derived", "Statistic"]

BINS = 64
"""Equal histogram bins from -8 to 8 standard deviations; the outer two are open."""

SAMPLES_PER_BIN = 3


@dataclass(frozen=True)
class Statistic:
    """One stored array: `[stage, position]` and any further axes."""

    name: str
    unit: str
    dtype: str
    axes: tuple[str, ...] = ("stage", "position")
    help: str = ""

    @property
    def is_rank(self) -> bool:
        return self.unit == "rank"

    @property
    def is_id(self) -> bool:
        return self.unit == "id"


def _target(prefix: str, what: str, axes: tuple[str, ...] = ("stage", "position")) -> list[Statistic]:
    return [
        Statistic(f"{prefix}_logit", "logit", "float32", axes, f"logit of {what}"),
        Statistic(f"{prefix}_logprob", "nats", "float32", axes, f"natural-log probability of {what}"),
        Statistic(f"{prefix}_rank", "rank", "int32", axes, f"rank of {what}, 1 = likeliest, 0 = no such token"),
    ]


_TOP = ("stage", "position", "k")
_WATCH = ("stage", "position", "watch")

STATISTICS: Mapping[str, Statistic] = {
    s.name: s
    for s in [
        Statistic("top_ids", "id", "int32", _TOP, "the likeliest tokens, best first"),
        Statistic("top_logprobs", "nats", "float32", _TOP, "their natural-log probabilities"),
        Statistic("top_logits", "logit", "float32", _TOP, "their logits"),
        Statistic("logsumexp", "logit", "float32", help="log of the sum of exponentials of the logits"),
        Statistic("logit_mean", "logit", "float32", help="mean of the logits over the vocabulary"),
        Statistic("logit_std", "logit", "float32", help="population standard deviation of the logits"),
        Statistic("entropy", "nats", "float32", help="entropy of the predicted distribution"),
        *_target("next", "the true next token"),
        *_target("final", "the last stage's likeliest token"),
        *_target("input", "the token at this position"),
        *_target("watch", "the tokens that the caller named", _WATCH),
        Statistic("kl_from_final", "nats", "float32", help="KL(final ‖ stage)"),
        Statistic("kl_to_final", "nats", "float32", help="KL(stage ‖ final)"),
        Statistic("kl_from_input", "nats", "float32", help="KL(input ‖ stage), input = the distribution at embed"),
        Statistic("kl_to_input", "nats", "float32", help="KL(stage ‖ input)"),
        Statistic("histogram", "count", "int32", ("stage", "position", "bin"), "tokens per bin of standardised logit"),
        Statistic(
            "histogram_samples", "id", "int32", ("stage", "position", "bin", "sample"), "some tokens of each bin"
        ),
    ]
}


@dataclass(frozen=True)
class Derived:
    """A name for pictures and tables that is computed from one stored statistic and never stored."""

    name: str
    unit: str
    source: str
    compute: Callable[[np.ndarray], np.ndarray]
    help: str = ""


def _to_bits(nats: np.ndarray) -> np.ndarray:
    return nats / np.float32(math.log(2))


DERIVED: Mapping[str, Derived] = {
    d.name: d
    for d in [
        Derived("top_prob", "probability", "top_logprobs", lambda a: np.exp(a[..., 0]), "of the stage's own guess"),
        Derived("final_prob", "probability", "final_logprob", np.exp, "of the last stage's guess"),
        Derived("next_prob", "probability", "next_logprob", np.exp, "of the true next token"),
        Derived("input_prob", "probability", "input_logprob", np.exp, "of the token at this position"),
        Derived("watch_prob", "probability", "watch_logprob", np.exp, "of the named tokens"),
        Derived("surprisal_bits", "bits", "next_logprob", lambda a: -_to_bits(a), "surprisal of the true next token"),
        Derived("entropy_bits", "bits", "entropy", _to_bits, "entropy of the predicted distribution"),
    ]
}
