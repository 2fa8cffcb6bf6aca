"""Tokens as ids, exact bytes and character spans, and the names of token ids.

Knows no tokenizer: whoever has one hands over the bytes of each token. Bytes are the truth here and text is derived
from them, so that a token that holds part of a character is shown as its bytes and never as U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logitscope.errors import InputError
from logitscope.trace import units
from logitscope.trace.units import Span

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

__all__ = ["Tokens", "Vocabulary"]


def _as_hex(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(f"\\x{byte:02X}" for byte in error.object[error.start : error.end]), error.end


def _as_width(error: UnicodeError) -> tuple[str, int]:
    """Stands in for 1 to 3 undecodable bytes with a surrogate that says how many; decoding yields no others."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return chr(0xDC80 + error.end - error.start), error.end


codecs.register_error("logitscope.hex", _as_hex)
codecs.register_error("logitscope.width", _as_width)


@dataclass(frozen=True)
class Vocabulary:
    """Bytes of token ids; `special` ids stand for no text (their bytes are their name, such as `<s>`)."""

    pieces: Mapping[int, bytes]
    special: frozenset[int] = frozenset()

    def text(self, token_id: int) -> str:
        r"""What to show for an id: its text, bytes that are no whole character as `\xF0\x9F`, or `#123` if unknown."""
        piece = self.pieces.get(int(token_id))
        return f"#{int(token_id)}" if piece is None else _display(piece)

    def __getitem__(self, token_id: int) -> str:
        return self.text(token_id)


@dataclass(frozen=True, eq=False, repr=False)
class Tokens:
    """What was read.

    Attributes:
        text: the text as given (when ids were given: the joined bytes decoded, undecodable bytes replaced).
        ids: int32 `[position]`, a BOS token included.
        pieces: the exact bytes of each token; b"" for tokens that stand for no text (BOS).
        spans: int32 `[position, 2]`, the characters `text[start:end]` that a token touches; a character cut by a token
            boundary belongs to the spans of every token that holds one of its bytes; (n, n) for tokens without text.
        special: bool `[position]`, tokens such as BOS that stand for no text.
        lossy: the tokenizer changed or dropped something: joined bytes are not the text.
        names: what to call tokens that have no bytes, by id; a Trace adds those that its vocabulary knows.
    """

    text: str
    ids: np.ndarray
    pieces: tuple[bytes, ...]
    spans: np.ndarray
    special: np.ndarray
    lossy: bool = False
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = _frozen(self.ids, np.int32)
        spans = _frozen(np.asarray(self.spans).reshape(-1, 2) if np.size(self.spans) == 0 else self.spans, np.int32)
        special = _frozen(self.special, np.bool_)
        pieces = tuple(self.pieces)
        n = len(pieces)
        if ids.shape != (n,) or special.shape != (n,) or spans.shape != (n, 2):
            given = f"ids {ids.shape}, spans {spans.shape}, special {special.shape} and {n} pieces"
            raise InputError(f"tokens need one id, span, flag and piece each; given were {given}.")
        if n and (spans.min() < 0 or spans.max() > len(self.text) or (spans[:, 0] > spans[:, 1]).any()):
            raise InputError(f"token spans must lie in order within the text of {len(self.text)} characters.")
        for name, value in {"ids": ids, "spans": spans, "special": special, "pieces": pieces}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_pieces(
        cls,
        ids: Sequence[int] | np.ndarray,
        pieces: Iterable[bytes],
        special: Sequence[bool] | np.ndarray,
        text: str | None = None,
        spans: Sequence[tuple[int, int]] | np.ndarray | None = None,
        names: Mapping[int, str] | None = None,
    ) -> Tokens:
        """Tokens from their bytes.

        Args:
            ids: token ids.
            pieces: the bytes of each token, b"" for tokens that stand for no text.
            special: which tokens are special.
            text: what was tokenised; without it, the joined bytes decoded.
            spans: the tokenizer's character offsets, used only where the joined bytes are not the text.
            names: names of special tokens by id.

        Raises:
            InputError: lengths differ, or the joined bytes are not the text and there are no spans.
        """
        pieces = tuple(bytes(piece) for piece in pieces)
        joined = b"".join(pieces)
        marked = joined.decode("utf-8", "logitscope.width")
        decoded = re.sub("[\udc81-\udc83]", "\ufffd", marked)
        if text is None:
            text = decoded
        encoded = text.encode("utf-8", "surrogatepass")
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        if joined == encoded:
            spans = _spans_of_bytes(lengths, _widths(text))
        elif text == decoded:
            spans = _spans_of_bytes(lengths, _widths(marked, marked=True))
        elif spans is None:
            raise InputError(
                f"the joined token bytes ({len(joined)}) are not the text ({len(encoded)} bytes of UTF-8); "
                "a tokenizer that changes the text must give the character span of each token."
            )
        return cls(
            text=text,
            ids=np.asarray(ids, dtype=np.int32),
            pieces=pieces,
            spans=np.asarray(spans, dtype=np.int32),
            special=np.asarray(special, dtype=np.bool_),
            lossy=joined != encoded,
            names=dict(names or {}),
        )

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __getitem__(self, position: int) -> str:
        """What to show for the token at a position."""
        return self.texts[position]

    def __repr__(self) -> str:
        shown = ", ".join(repr(text) for text in self.texts[:12]) + (", …" if len(self) > 12 else "")
        return f"Tokens({len(self)}: {shown}{', lossy' if self.lossy else ''})"

    @cached_property
    def texts(self) -> tuple[str, ...]:
        r"""What to show for each token: its text, the name of a special one, parts of characters as `\xF0\x9F`."""
        tokens = zip(self.ids.tolist(), self.pieces, self.special.tolist(), strict=True)
        return tuple(self._show(token_id, piece, special) for token_id, piece, special in tokens)

    def _show(self, token_id: int, piece: bytes, special: bool) -> str:
        if piece and not (special and token_id in self.names):
            return _display(piece)
        return self.names.get(token_id, f"#{token_id}")

    @cached_property
    def partial(self) -> Bool[np.ndarray, " position"]:
        """Which tokens do not hold whole characters: they begin or end within one, or hold bytes that are none."""
        return _frozen(np.array([not _is_utf8(piece) for piece in self.pieces], dtype=np.bool_), np.bool_)

    def graphemes(self) -> tuple[Span, ...]:
        """The extended grapheme clusters with the tokens that touch each; see `trace.units`."""
        return units.graphemes(self.text, self.spans)

    def words(self) -> tuple[Span, ...]:
        """The words, each token in exactly one; see `trace.units`."""
        return units.words(self.text, self.spans)

    def lines(self) -> tuple[Span, ...]:
        """The lines, each token in exactly one; see `trace.units`."""
        return units.lines(self.text, self.spans)

    def sentences(self) -> tuple[Span, ...]:
        """The sentences, each token in exactly one; see `trace.units`."""
        return units.sentences(self.text, self.spans)

    def named(self, vocabulary: Vocabulary) -> Tokens:
        """These tokens with the names that a vocabulary has for those without bytes."""
        tokens = zip(self.ids.tolist(), self.pieces, self.special.tolist(), strict=True)
        wanted = {token_id for token_id, piece, special in tokens if special or not piece}
        found = {i: vocabulary.text(i) for i in sorted(wanted - set(self.names)) if i in vocabulary.pieces}
        return replace(self, names={**self.names, **found}) if found else self

    def identical(self, other: Tokens) -> bool:
        """Whether every field is the same."""
        return (
            (self.text, self.pieces, self.lossy) == (other.text, other.pieces, other.lossy)
            and dict(self.names) == dict(other.names)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.spans, other.spans)
            and np.array_equal(self.special, other.special)
        )


def _frozen(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    view = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _display(piece: bytes) -> str:
    return piece.decode("utf-8", "logitscope.hex")


def _is_utf8(piece: bytes) -> bool:
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _widths(text: str, marked: bool = False) -> Int[np.ndarray, " character"]:
    """Bytes of each character; where `marked`, U+DC81 to U+DC83 stand for 1 to 3 bytes that could not be decoded."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    widths = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    return np.where((points >> 8 == 0xDC) & marked, points - 0xDC80, widths)


def _spans_of_bytes(
    lengths: Int[np.ndarray, " position"], widths: Int[np.ndarray, " character"]
) -> Int[np.ndarray, "position 2"]:
    """The characters that each token's bytes touch, from the bytes of each token and of each character."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    n = len(widths)
    character = np.append(np.repeat(np.arange(n), widths), n)
    first = character[starts]
    return np.stack([first, np.where(ends > starts, character[np.maximum(ends - 1, 0)] + 1, first)], axis=1)
