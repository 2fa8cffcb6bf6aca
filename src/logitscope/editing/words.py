"""Texts as tokens, and tokens as they are wanted in the middle of a text.

Knows a tokenizer; runs no model.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser
from logitscope.trace import Tokens, Trace

__all__ = ["Source", "Text", "Wanted", "beginning", "ids_of", "text_of", "token_position"]

Source: TypeAlias = "str | Sequence[int] | Trace"
"""What is edited: a text, token ids, or a trace of them."""

Wanted: TypeAlias = "str | int | Sequence[int]"
"""A token or word: its text, which may be several tokens, or its id or ids."""

_ANCHORS = ("\n", ".", "a", "0")
"""Characters after which a piece of text is tried, to see how it is written where it does not begin a text."""


@dataclass(frozen=True)
class Text:
    """A text as it was given.

    Attributes:
        tokens: what it is read as.
        bos: which prefix stands before it: `none`, `tokenizer` or `added`.
    """

    tokens: Tokens
    bos: str

    @property
    def ids(self) -> list[int]:
        return [int(i) for i in self.tokens.ids]


def text_of(model: Model, source: Source, *, bos: bool = False) -> Text:
    """The tokens of whatever was given.

    Args:
        source: a text; token ids; or a trace, whose tokens are taken as they are.
        bos: put the BOS token first if it is not there.

    Raises:
        InputError: an empty text, an id that is none, or no BOS token to put there.
    """
    if isinstance(source, Trace):
        if bos and source.provenance.bos == "none":
            raise InputError("bos=True was given with a trace that was made without; make it with bos=True.")
        tokens, prefix = source.tokens, source.provenance.bos
    elif isinstance(source, str):
        tokens, prefix = model.tokeniser.encode(source, bos=bos)
    else:
        given = [_whole(i, "token id") for i in source]
        first = model.tokeniser.hf.bos_token_id
        if bos and first is None:
            raise InputError("bos=True was given, but this tokenizer has no BOS token. Leave it out.")
        starts = first is not None and given[:1] == [first]
        prefix = "tokenizer" if starts else "added" if bos else "none"
        tokens = model.tokeniser.from_ids([int(first), *given] if bos and not starts else given)
    model.require_ids(tokens.ids.tolist())
    return Text(tokens, prefix)


def beginning(model: Model, *, bos: bool = False) -> list[int]:
    """The ids that stand before any text: those that the tokenizer puts there, or BOS where it is asked for."""
    # What that is does not depend on the text, but a tokenizer that reads an empty one may put its end there too.
    tokens, _ = model.tokeniser.encode(_ANCHORS[2], bos=bos) if _readable(model.tokeniser) else (None, "")
    if tokens is None:
        return []
    ids = tokens.ids.tolist()
    return [int(i) for i, special in zip(ids, tokens.special.tolist(), strict=True) if special]


def _readable(tokeniser: Tokeniser) -> bool:
    return bool(_plain(tokeniser, _ANCHORS[2]))


def ids_of(tokeniser: Tokeniser, wanted: Wanted, *, within: bool = True) -> list[int]:
    """The ids of a token or word that stands in the middle of a text.

    The one token that is exactly this text, if there is one; else what the tokenizer makes of it where other text
    stands before it, so that no space is put there that was not asked for.

    Args:
        tokeniser: whose ids.
        wanted: a text, a leading space included; an id; or ids.
        within: other text stands before it; False at the beginning of a text.

    Raises:
        InputError: the tokenizer has no such id, or cannot write this text.
    """
    if not isinstance(wanted, str):
        given: list[Any] = list(wanted) if isinstance(wanted, Sequence) or hasattr(wanted, "__iter__") else [wanted]
        ids = [_whole(i, "token id") for i in given]
        for token_id in ids:
            tokeniser.bytes_of(token_id)
        return ids
    if not wanted:
        return []
    data = _encoded(wanted)
    if within:
        exact = _exact(tokeniser, wanted)
        if exact is not None:
            return [exact]
    plain = _plain(tokeniser, wanted)
    if not within or _joined(tokeniser, plain) == data:
        return _some(plain, wanted)
    for anchor in _ANCHORS:
        head, both = _plain(tokeniser, anchor), _plain(tokeniser, anchor + wanted)
        rest = both[len(head) :]
        if head and both[: len(head)] == head and _joined(tokeniser, rest) == data:
            return rest
    return _some(plain, wanted)


def token_position(tokens: Tokens, wanted: int | str) -> tuple[int, int]:
    """Where a token stands, and how many tokens it is.

    Args:
        tokens: of the text.
        wanted: a position, negative from the end; or the exact text of one or several tokens, which must stand there
            once.

    Raises:
        InputError: there is no such position, or no such text, or several.
    """
    if not isinstance(wanted, str):
        position = _whole(wanted, "position")
        if not -len(tokens) <= position < len(tokens):
            raise InputError(f"position {position} was asked for, but the text's positions are 0 to {len(tokens) - 1}.")
        return position % len(tokens), 1
    data = wanted.encode(errors="surrogatepass")
    found = []
    for first, special in enumerate(tokens.special.tolist()):
        joined = b""
        for stop in range(first, len(tokens)):
            joined += tokens.pieces[stop]
            if len(joined) >= len(data):
                # A token without text (the mark before a text) belongs to what stands before it.
                if joined == data and not special and tokens.pieces[first]:
                    found.append((first, stop - first + 1))
                break
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(str(first) for first, _ in found)
        raise InputError(f"{wanted!r} stands in the text {len(found)} times, at positions {where}; give one of these.")
    if wanted and wanted in tokens.text:
        shown = ", ".join(repr(text) for text in _touching(tokens, wanted))
        raise InputError(f"{wanted!r} does not begin and end where tokens do ({shown}); name whole tokens.")
    raise InputError(f"{wanted!r} does not stand in the text; give what does, a leading space included.")


def _touching(tokens: Tokens, wanted: str) -> list[str]:
    start = tokens.text.index(wanted)
    end = start + len(wanted)
    spans = zip(tokens.texts, tokens.spans.tolist(), strict=True)
    return [text for text, (first, stop) in spans if first < end and stop > start]


def _exact(tokeniser: Tokeniser, text: str) -> int | None:
    try:
        return tokeniser.token_id(text)
    except InputError:
        return None


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the text holds a lone surrogate at character {error.start}, which no encoding can write. Remove it."
        ) from error


def _plain(tokeniser: Tokeniser, text: str) -> list[int]:
    return [int(i) for i in tokeniser.hf(text, add_special_tokens=False)["input_ids"]]


def _joined(tokeniser: Tokeniser, ids: Sequence[int]) -> bytes:
    return b"".join(tokeniser.bytes_of(i) for i in ids)


def _some(ids: list[int], text: str) -> list[int]:
    if not ids:
        raise InputError(f"the tokenizer makes no tokens of {text!r}; give a text with other characters.")
    return ids


def _whole(number: Any, what: str) -> int:
    """A whole number of any library's kind; others are not rounded."""
    try:
        return operator.index(number)
    except TypeError:
        raise InputError(f"{what} {number!r} was given; it must be a whole number.") from None
