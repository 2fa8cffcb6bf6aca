"""What a page is told of an exported model: the server's card, with what a browser can and cannot do.

Knows the contract between pages and engines; measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from logitscope.export.weights import Form
from logitscope.scope import Scope
from logitscope.server.cards import card_of
from logitscope.server.contract import MAX_NEW_TOKENS, MAX_TOP_K, MAX_WATCHED, Limits

__all__ = ["LIMITS", "browser_card"]

LIMITS: Final = Limits(
    characters=20_000,
    tokens=4_096,
    top_k=MAX_TOP_K,
    watch=MAX_WATCHED,
    new_tokens=MAX_NEW_TOKENS,
    tried=200,
    trace_bytes=128 * 2**20,
    upload_bytes=128 * 2**20,
)
"""What one request may ask of a page's own machine, which computes on one core."""

_TAILS = "The tail lenses need the model's last blocks run on other vectors, which a static site does not do."

_INSTEAD = "here there are the trace file, which Python turns into all others, CSV and JSON."

_FILES: Final[Mapping[str, str]] = {
    "save.html": f"Pages of a trace are made by Python alone; {_INSTEAD}",
    "save.parquet": f"Parquet files are written by Python alone; {_INSTEAD}",
}
"""Kinds of files that a page has nothing to write with."""

_FORMS: Final[Mapping[str, str]] = {
    "fp16": "Its matrices are rounded to half precision",
    "int8": "Its matrices are kept in 8 bits",
    "int4": "Its matrices are kept in 4 bits",
}


def browser_card(
    scope: Scope,
    form: Form,
    dtype: str,
    content_hash: str,
    errors: Mapping[str, float],
    halved: Mapping[str, float] | None,
    without: Mapping[str, str],
) -> dict[str, Any]:
    """The card of an exported model, as JSON.

    Args:
        scope: the model.
        form: how its weights are kept.
        dtype: what it is computed in.
        content_hash: of the numbers that are computed with.
        errors: `logprob`, the largest difference from the model in fp32 that was measured, and `mean`, the usual one.
        halved: the same of half precision, where graphics processors may multiply in it.
        without: what this export cannot do, and why.
    """
    card = card_of(scope, LIMITS)
    cannot = {**card.cannot, **_FILES, **without}
    notes = [*card.notes]
    if len(card.lenses) > 1:
        notes.append(_TAILS)
    if form in _FORMS:
        notes.append(
            f"{_FORMS[form]}: on the texts that were measured, log-probabilities differ from the model's own by up to "
            f"{errors['logprob']:.2g} nats, those of the next token by {errors['mean']:.2g} on average."
        )
    if halved is not None:
        notes.append(
            "A graphics processor that has half precision multiplies in it: on the texts that were measured, "
            f"log-probabilities then differ by up to {halved['logprob']:.2g} nats, those of the next token by "
            f"{halved['mean']:.2g} on average."
        )
    changes = {
        "lenses": ["logit"],
        "dtype": dtype,
        "device": "this browser",
        "content_hash": content_hash,
        "notes": notes,
        "can": [ability for ability in card.can if ability not in cannot],
        "cannot": cannot,
    }
    said: dict[str, Any] = card.model_copy(update=changes).model_dump(mode="json")
    return said
