"""What is asked of every contestant, by the names of the numeric contract.

Knows nothing of who computes it. Runs in every contestant's own environment.
"""

from __future__ import annotations

__all__ = ["OWN", "STATISTICS", "TASKS", "TOP_K", "WORDS"]

TOP_K = 10

_TOP = ("top_ids", "top_logprobs")
_NEXT = ("entropy", "next_logprob", "next_rank")
_ALL = (
    *("top_logits", "logsumexp", "logit_mean", "logit_std", "next_logit"),
    *(f"{token}_{what}" for token in ("final", "input") for what in ("logit", "logprob", "rank")),
    *("kl_from_final", "kl_to_final", "kl_from_input", "kl_to_input"),
)

OWN = "own"
"""What a tool's own pages show, as it comes."""

TASKS = ("A", "B", "C", "H")
STATISTICS: dict[str, tuple[str, ...]] = {
    "A": _TOP,
    "B": (*_TOP, *_NEXT),
    "C": (*_TOP, *_NEXT, *_ALL),
    "H": (*_TOP, *_NEXT, *_ALL, "histogram"),
}
WORDS = {
    "A": "the ten likeliest tokens",
    "B": "A, entropy, log-probability and rank of the next token",
    "C": "B, all else of the numeric contract: moments, ranks of three tokens, four divergences",
    "H": "C and the histogram of all logits",
    OWN: "what the tool's own pages show, as it comes",
}
