"""Some tokens of a text replaced by others, the rest kept as ids, so that nothing else is read differently.

Knows how ids and texts fit together; whoever calls says how a trace is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logitscope.editing.change import Change
from logitscope.editing.words import Source, Text, Wanted, ids_of, text_of, token_position
from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.trace import Tokens, Trace

__all__ = ["replace"]

_HOLDS = "next_logprob"


def replace(
    model: Model,
    source: Source,
    position: int | str,
    token: Wanted,
    *,
    remove: int | None = None,
    bos: bool = False,
    trace: Callable[..., Trace],
) -> Change:
    """The text before and after.

    Args:
        model: what reads.
        source: a text, token ids, or a trace; one that holds the last stage's likelihoods is not made again.
        position: the first token to be replaced, negative from the end; or the exact text of what is.
        token: what stands there instead: a text, which may become several tokens, or none; an id; or ids.
        remove: how many tokens it replaces; 1 by default, or as many as a text given as `position` has; 0 inserts.
        bos: put the BOS token first if it is not there.
        trace: makes one, as `Scope.trace` does.

    Raises:
        InputError: there is no such token, or nothing would be left.
    """
    text = text_of(model, source, bos=bos)
    first, n = token_position(text.tokens, position)
    n = n if remove is None else _count(remove, len(text.tokens) - first)
    begins = _begins(model, text, first)
    wanted = " " + token if isinstance(token, str) and token and begins else token
    inserted = ids_of(model.tokeniser, wanted)
    model.require_ids(inserted)
    ids = [*text.ids[:first], *inserted, *text.ids[first + n :]]
    if not ids:
        raise InputError("nothing would be left of the text; put something in the place of its only token.")
    edited = _edited(model, text.tokens, first, n, inserted, begins)
    last = [model.anatomy.last_stage]
    if isinstance(source, Trace):
        before = _usable(source, model) or trace(ids=text.ids, stages=last).replace(tokens=text.tokens)
    else:
        before = trace(ids=text.ids, stages=last).replace(tokens=text.tokens)
    after = trace(ids=ids, stages=last).replace(tokens=edited)
    return Change(before, after, first, n, len(inserted), _retokenised(model, edited))


def _count(remove: int, left: int) -> int:
    if not 0 <= remove <= left:
        raise InputError(f"remove={remove} was given; from this position on there are {left} tokens.")
    return int(remove)


def _begins(model: Model, text: Text, first: int) -> bool:
    """Whether the token carries the space that the tokenizer puts before a text and that is no part of it."""
    piece = text.tokens.pieces[first]
    return bool(piece) and not text.tokens.special[first] and model.tokeniser.bytes_of(text.ids[first]) == b" " + piece


def _edited(model: Model, tokens: Tokens, first: int, n: int, inserted: Sequence[int], begins: bool) -> Tokens:
    special = [i in model.tokeniser.special_ids for i in inserted]
    pieces = [b"" if s else model.tokeniser.bytes_of(i) for i, s in zip(inserted, special, strict=True)]
    if begins and pieces and pieces[0].startswith(b" "):
        pieces[0] = pieces[0][1:]
    names = {
        i: model.tokeniser.bytes_of(i).decode(errors="replace") for i in inserted if i in model.tokeniser.special_ids
    }
    return Tokens.from_pieces(
        ids=[*tokens.ids[:first].tolist(), *inserted, *tokens.ids[first + n :].tolist()],
        pieces=[*tokens.pieces[:first], *pieces, *tokens.pieces[first + n :]],
        special=[*tokens.special[:first].tolist(), *special, *tokens.special[first + n :].tolist()],
        names={**tokens.names, **names},
    )


def _usable(source: Trace, model: Model) -> Trace | None:
    """The last stage of a trace, where it says all that is needed and was made by these weights."""
    made = source.provenance
    if made.content_hash is not None and made.content_hash != model.content_hash:
        raise InputError(
            f"this trace was made by {made.model}, whose weights are not those of {model.name}; make it with this one."
        )
    whole = len(source.positions) == len(source.tokens)
    plain = made.lens == "logit" and made.norm == "final" and not made.stride
    if not (whole and plain and made.last_stage in source.stages and _HOLDS in source):
        return None
    return source.select(stages=[made.last_stage])


def _retokenised(model: Model, edited: Tokens) -> tuple[int, ...] | None:
    """What the edited text is read as, where that is something else; prefixes such as BOS do not count."""
    own = _without_prefix(edited)
    if not edited.text:
        return None if not own else ()
    try:
        again, _ = model.tokeniser.encode(edited.text)
    except InputError:  # a text that no tokens can be made of
        return ()
    ids = _without_prefix(again)
    return None if ids == own else ids


def _without_prefix(tokens: Tokens) -> tuple[int, ...]:
    special = [*tokens.special.tolist(), False]
    return tuple(tokens.ids[special.index(False) :].tolist())
