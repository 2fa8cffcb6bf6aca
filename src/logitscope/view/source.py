"""Where a picture's numbers come from, as its caption says it. Knows a trace's provenance and nothing of drawing."""

from __future__ import annotations

from dataclasses import dataclass

from logitscope.trace.trace import Trace

__all__ = ["Source", "source_of"]

_PREFIX = {
    "none": "nothing stood before the text",
    "tokenizer": "the tokenizer's own prefix stood before the text",
    "added": "a prefix was added before the text",
}


@dataclass(frozen=True)
class Source:
    """What a caption names.

    Attributes:
        model: what the user named.
        revision: the hub commit, if there was one.
        dtype: the weights' type.
        lens: `logit`, `tail:11`, ...
        norm: `final`, `plain` or `none`.
        stage: the stage whose predictions are shown; None where several are.
        prefix: in words, what stood before the text.
        n_tokens: of the text, a prefix included.
        lossy: the tokenizer changed or dropped something.
    """

    model: str
    revision: str | None
    dtype: str
    lens: str
    norm: str
    stage: str | None
    prefix: str
    n_tokens: int
    lossy: bool


def source_of(trace: Trace, stage: str | None = None) -> Source:
    """The caption of a trace, or of one of its stages."""
    made = trace.provenance
    return Source(
        model=made.model,
        revision=made.revision,
        dtype=made.dtype,
        lens=made.lens,
        norm=made.norm,
        stage=stage,
        prefix=_PREFIX.get(made.bos, made.bos),
        n_tokens=len(trace.ids),
        lossy=trace.tokens.lossy,
    )
