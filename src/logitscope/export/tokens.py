"""What a page needs to cut a text as Python does: the tokenizer's own files, and the bytes of every token.

Knows tokenizers, no graphs.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from logitscope.errors import InputError, ModelError
from logitscope.model.tokenise import Tokeniser

__all__ = ["TOKENIZER_FILES", "token_table", "tokenizer_files"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def tokenizer_files(tokeniser: Tokeniser) -> dict[str, bytes]:
    """The two files that every fast tokenizer is made of, by name.

    Raises:
        ModelError: it has none.
    """
    with TemporaryDirectory() as folder:
        tokeniser.hf.save_pretrained(folder)
        if any(not (Path(folder) / name).is_file() for name in TOKENIZER_FILES):
            raise ModelError(
                f"a {type(tokeniser.hf).__name__} has no tokenizer.json, without which a page cannot cut a text; name "
                "a folder that has one with --tokenizer."
            )
        read = {name: json.loads((Path(folder) / name).read_text(encoding="utf-8")) for name in TOKENIZER_FILES}
    # How texts were cut in this process, and where its files lie, is no part of the tokenizer.
    read["tokenizer.json"] |= {"truncation": None, "padding": None}
    for local in ("name_or_path", "_commit_hash", "is_local", "local_files_only"):
        read["tokenizer_config.json"].pop(local, None)
    return {name: json.dumps(one, ensure_ascii=False, sort_keys=False).encode() for name, one in read.items()}


def token_table(tokeniser: Tokeniser) -> dict[str, Any]:
    """The bytes of every token in hexadecimal, null where there is no such id, and what else cutting a text needs."""
    pieces = tokeniser.vocabulary(range(tokeniser.n_tokens)).pieces
    return {
        "bytes": [pieces[i].hex() if i in pieces else None for i in range(tokeniser.n_tokens)],
        "special": sorted(tokeniser.special_ids),
        "byte_tokens": sorted(tokeniser.byte_tokens),
        "puts_a_space_first": bool(pieces) and _puts_a_space_first(tokeniser),
        "prefix": _prefix(tokeniser),
    }


def _puts_a_space_first(tokeniser: Tokeniser) -> bool:
    try:
        return tokeniser.puts_a_space_first
    except InputError:  # it does not know the letter that this is tried with
        return False


def _prefix(tokeniser: Tokeniser) -> list[int]:
    """What the tokenizer's own convention puts before a text, found on the first token that can be read again."""
    for token_id in range(tokeniser.n_tokens):
        try:
            tokens, source = tokeniser.encode(tokeniser.from_ids([token_id]).text)
        except InputError:
            continue
        specials = tokens.special.tolist()
        return tokens.ids[: specials.index(False)].tolist() if source == "tokenizer" else []
    return []
