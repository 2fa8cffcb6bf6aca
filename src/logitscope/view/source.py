"""Where a picture's numbers come from, as its caption says it. Knows a trace's provenance and nothing of drawing.

A saved trace can hold anything in place of a model's name, so every text is made visible here, once for every face.
"""

from __future__ import annotations

from dataclasses import dataclass

from logitscope.trace.increments import Increments
from logitscope.trace.trace import Trace
from logitscope.view.labels import visible

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
        output: `stage` is the model's own output, as far as is known; where several are shown, the last of them is.
        length_dependent: rotary scaling depends on the text's length, so that other lengths give other numbers.
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
    output: bool
    length_dependent: bool


def source_of(trace: Trace | Increments, stage: str | None = None) -> Source:
    """The caption of a trace, or of one of its stages; of increments, whose stage is the model's last."""
    made = trace.provenance
    if isinstance(trace, Increments):
        stage = made.last_stage
    return Source(
        model=_shown(made.model),
        revision=None if made.revision is None else _shown(made.revision),
        dtype=_shown(made.dtype),
        lens=_shown(made.lens),
        norm=_shown(made.norm),
        stage=None if stage is None else _shown(stage),
        prefix=_PREFIX.get(made.bos) or _shown(made.bos),
        n_tokens=len(trace.ids),
        lossy=trace.tokens.lossy,
        output=trace.holds_output if stage is None and isinstance(trace, Trace) else made.last_stage in ("", stage),
        length_dependent=made.length_dependent,
    )


def _shown(text: str) -> str:
    return visible(text, spaces=True)
