"""Texts to token ids with their exact bytes, for any Hugging Face tokenizer.

Bytes come from the vocabulary, never from decoding ids one by one (which loses parts of characters and leading spaces).
Knows tokenizers; knows no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from logitscope.errors import InputError, ModelError
from logitscope.trace import Tokens, Vocabulary

__all__ = ["Tokeniser"]

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE_MARK = "\u2581"


@lru_cache(maxsize=1)
def _byte_alphabet() -> dict[str, int]:
    """The printable characters that byte-level vocabularies write for the 256 bytes (Radford et al., 2019)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [b for b in range(256) if b not in set(plain)]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(moved)}


@dataclass(frozen=True)
class Tokeniser:
    """A Hugging Face tokenizer that knows the bytes of its tokens."""

    hf: Any

    @cached_property
    def n_tokens(self) -> int:
        """One more than the largest id that the tokenizer knows."""
        return max(self.hf.get_vocab().values(), default=-1) + 1

    @property
    def has_words(self) -> bool:
        """Whether the vocabulary holds more than special tokens."""
        return not set(self.hf.get_vocab().values()) <= self._added.keys()

    @cached_property
    def special_ids(self) -> frozenset[int]:
        return frozenset(int(i) for i in self.hf.all_special_ids)

    @cached_property
    def _added(self) -> dict[int, str]:
        return {int(i): str(t) for i, t in getattr(self.hf, "added_tokens_decoder", {}).items()}

    @cached_property
    def _parts(self) -> dict[str, Any]:
        backend = getattr(self.hf, "backend_tokenizer", None)
        return json.loads(backend.to_str()) if backend is not None else {}

    @cached_property
    def _is_byte_level(self) -> bool:
        return "ByteLevel" in _types(self._parts.get("decoder")) or "ByteLevel" in _types(
            self._parts.get("pre_tokenizer")
        )

    @cached_property
    def _marks_spaces(self) -> bool:
        """Whether a space is written as the SentencePiece mark."""
        return (
            _SPACE_MARK
            in json.dumps([self._parts.get(k) for k in ("normalizer", "pre_tokenizer", "decoder")], ensure_ascii=False)
            or not self._parts
        )

    def bytes_of(self, token_id: int) -> bytes:
        """The bytes that a token stands for; a special token's name.

        Raises:
            InputError: the tokenizer has no such id.
        """
        if token_id in self._added:
            name = self._added[token_id]
            # Gemma lists its runs of spaces among the added tokens.
            plain = self._marks_spaces and token_id not in self.special_ids
            return (name.replace(_SPACE_MARK, " ") if plain else name).encode()
        token = self._token(token_id)
        if token is None:
            raise InputError(f"token id {token_id} is not in the tokenizer's vocabulary (0 to {self.n_tokens - 1}).")
        if isinstance(token, bytes):
            return token
        if self._is_byte_level:
            alphabet = _byte_alphabet()
            if all(c in alphabet for c in token):
                return bytes(alphabet[c] for c in token)
            return token.encode()
        byte = _BYTE_TOKEN.fullmatch(token)
        if byte:
            return bytes([int(byte[1], 16)])
        if self._marks_spaces:
            token = token.replace(_SPACE_MARK, " ")
        return token.encode(errors="surrogatepass")

    @cached_property
    def _named(self) -> dict[int, bytes]:
        """Tokens whose bytes were asked for: finding them takes longer than reading out a token that was typed."""
        return {}

    def vocabulary(self, ids: Iterable[int]) -> Vocabulary:
        """Names of token ids; ids that the tokenizer does not know (padding, -1) are left out."""
        pieces = {}
        for i in sorted({int(i) for i in ids if 0 <= i < self.n_tokens}):
            if i not in self._named and self._knows(i):
                self._named[i] = self.bytes_of(i)
            if i in self._named:
                pieces[i] = self._named[i]
        return Vocabulary(pieces, frozenset(i for i in pieces if i in self.special_ids))

    def encode(self, text: str, *, bos: bool = False) -> tuple[Tokens, str]:
        """Tokens of a text, and which prefix was put before it: `none`, `tokenizer` or `added`.

        Args:
            text: as given; nothing is stripped.
            bos: put the BOS token before the text if the tokenizer's own convention does not.

        Raises:
            InputError: an empty text, or one that gives no tokens, or a tokenizer without BOS asked for one.
        """
        if not isinstance(text, str):
            raise InputError(f"the text is a {type(text).__name__}; give a string, or token ids as ids=.")
        if not text:
            raise InputError("the text is empty; at least one character is needed.")
        _require_encodable(text)
        try:
            encoded = self.hf(text, add_special_tokens=False, return_offsets_mapping=bool(self._parts), verbose=False)
        except TypeError:
            encoded = self.hf(text, add_special_tokens=False)
        ids = [int(i) for i in encoded["input_ids"]]
        if not ids:
            raise InputError("the tokenizer made no tokens of the text; give a text with other characters.")
        prefix, source = self._prefix(text, ids, bos)
        pieces = self._pieces(ids, text)
        spans = None
        if b"".join(pieces) != text.encode():
            spans = [(0, 0)] * len(prefix) + _spans(pieces, text, encoded.get("offset_mapping"))
        all_ids = prefix + ids
        tokens = Tokens.from_pieces(
            ids=all_ids,
            pieces=[b""] * len(prefix) + pieces,
            special=[True] * len(prefix) + [False] * len(ids),
            text=text,
            spans=spans,
            names={i: self.bytes_of(i).decode(errors="replace") for i in prefix},
        )
        return tokens, source

    def from_ids(self, ids: Sequence[int]) -> Tokens:
        """Tokens of given ids; the text is their joined bytes, without the space that the tokenizer puts before a text.

        Raises:
            InputError: no ids, or one that the tokenizer does not know.
        """
        if len(ids) == 0:
            raise InputError("no token ids were given; at least one is needed.")
        special = [i in self.special_ids for i in ids]
        pieces = [b"" if s else self.bytes_of(i) for i, s in zip(ids, special, strict=True)]
        names = {int(i): self.bytes_of(i).decode(errors="replace") for i, s in zip(ids, special, strict=True) if s}
        first = special.index(False) if False in special else 0
        if pieces[first].startswith(b" ") and self.puts_a_space_first:
            pieces[first] = pieces[first][1:]
        return Tokens.from_pieces(ids=list(ids), pieces=pieces, special=special, names=names)

    @cached_property
    def puts_a_space_first(self) -> bool:
        """Whether a text that begins with a letter is read as if a space stood before it."""
        ids = [int(i) for i in self.hf("a", add_special_tokens=False)["input_ids"]]
        return b"".join(self.bytes_of(i) for i in ids) == b" a"

    def token_id(self, text: str) -> int:
        """The id of the token that stands for exactly this text, a leading space included.

        Raises:
            InputError: no token does; those that it takes are listed.
        """
        _require_encodable(text)
        exact = self._by_bytes.get(text.encode())
        if exact is not None:
            return exact
        ids = [int(i) for i in self.hf(text, add_special_tokens=False)["input_ids"]]
        shown = ", ".join(repr(self.bytes_of(i).decode(errors="backslashreplace")) for i in ids)
        raise InputError(
            f"no token of this model is exactly {text!r}, which it reads as {len(ids)} ({shown}). "
            "Name one token, or an id."
        )

    @cached_property
    def _by_bytes(self) -> dict[bytes, int]:
        known = [i for i in reversed(range(self.n_tokens)) if self._knows(i)]
        fallback = self.byte_tokens
        return {self.bytes_of(i): i for i in [*fallback, *(i for i in known if i not in fallback)]}

    @cached_property
    def byte_tokens(self) -> frozenset[int]:
        """The tokens that SentencePiece has for single bytes, with which it writes what it has no other token for."""
        if self._is_byte_level:
            return frozenset()
        return frozenset(i for i in range(self.n_tokens) if _BYTE_TOKEN.fullmatch(str(self._token(i))))

    def _prefix(self, text: str, ids: list[int], bos: bool) -> tuple[list[int], str]:
        encoded = self.hf(text, return_special_tokens_mask=bool(self._parts), verbose=False)
        full = [int(i) for i in encoded["input_ids"]]
        fits = [k for k in range(len(full) - len(ids) + 1) if full[k : k + len(ids)] == ids]
        # A text that is itself the name of a special token fits in two places; the mask marks what was added.
        start = next((k for k, added in enumerate(encoded.get("special_tokens_mask") or ()) if not added), 0)
        at = start if start in fits or not fits else fits[0]
        if at:
            return full[:at], "tokenizer"
        if not bos:
            return [], "none"
        if self.hf.bos_token_id is None:
            raise InputError("bos=True was given, but this tokenizer has no BOS token. Leave it out.")
        return [int(self.hf.bos_token_id)], "added"

    def _pieces(self, ids: Sequence[int], text: str) -> list[bytes]:
        pieces = [self.bytes_of(i) for i in ids]
        # The space that SentencePiece, or a byte-level tokenizer if told to, puts before a text is no part of it.
        if pieces and b"".join(pieces) == b" " + text.encode():
            pieces[0] = pieces[0][1:]
        return pieces

    def _knows(self, token_id: int) -> bool:
        return token_id in self._added or self._token(token_id) is not None

    def _token(self, token_id: int) -> str | bytes | None:
        """As the vocabulary writes it; tokenizers overflow on ids that they could never have."""
        token: str | bytes | None = None
        if 0 <= token_id < self.n_tokens:
            token = self.hf.convert_ids_to_tokens(int(token_id))
        return token


def load_tokenizer(source: str, **options: Any) -> Tokeniser:
    """The tokenizer of a hub id or folder, with code of its own only if `trust_remote_code` is among the options.

    Raises:
        ModelError: there is none.
    """
    from transformers import AutoTokenizer

    try:
        tokeniser = Tokeniser(AutoTokenizer.from_pretrained(source, **options))
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(_no_tokenizer(source, reason[:160])) from error
    # Where files are missing, transformers makes an empty tokenizer of the class that the config names.
    if not tokeniser.has_words:
        raise ModelError(_no_tokenizer(source, "its vocabulary is missing"))
    return tokeniser


def _no_tokenizer(source: str, reason: str) -> str:
    return (
        f"{source} has no tokenizer that can be read ({reason}). "
        "Add its tokenizer.json, or name another with tokenizer=."
    )


def _types(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["type"]} if isinstance(part.get("type"), str) else set()
        return found.union(*(_types(v) for v in part.values()))
    if isinstance(part, list):
        return set().union(*(_types(v) for v in part))
    return set()


def _require_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the text holds a lone surrogate at character {error.start}, which no encoding can write. Remove it."
        ) from error


def _spans(pieces: Sequence[bytes], text: str, offsets: Sequence[tuple[int, int]] | None) -> list[tuple[int, int]]:
    """Character spans of tokens that are not the text byte by byte.

    The tokenizer's own offsets count; but where it drops characters they can be short by what was dropped, and then
    places at which every token stands literally are better.
    """
    found = _guess_spans(pieces, text)
    if offsets is None:
        return found
    given = [(int(start), int(end)) for start, end in offsets]
    return found if _literal(found, pieces, text) and not _literal(given, pieces, text) else given


def _literal(spans: Sequence[tuple[int, int]], pieces: Sequence[bytes], text: str) -> bool:
    return all(text[start:end].encode() == piece for (start, end), piece in zip(spans, pieces, strict=True))


def _guess_spans(pieces: Sequence[bytes], text: str) -> list[tuple[int, int]]:
    """Character spans where the tokenizer keeps no offsets: each piece is looked for from where the last one ended."""
    spans, at = [], 0
    for piece in pieces:
        shown = piece.decode(errors="ignore").strip()
        found = text.find(shown, at) if shown else -1
        start = found if found >= 0 else at
        at = start + len(shown) if found >= 0 else at
        spans.append((start, at))
    return spans
