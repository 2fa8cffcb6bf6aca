"""A folder that appears whole or not at all, and takes the place only of what an export wrote before.

Knows no models.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from logitscope.errors import InputError, ResourceError

__all__ = ["MADE_BY", "PART", "described", "described_as", "new_folder", "write", "write_json", "write_parts"]

MADE_BY = "logitscope"

PART = 8 * 2**20
"""Bytes of a part of a large file: what is fetched, checked and kept at a time."""


@contextmanager
def new_folder(path: str | os.PathLike[str], marker: str) -> Iterator[Path]:
    """Lends an empty folder beside `path`, and gives it that name when the block ends well.

    Whatever ends the block otherwise leaves what was there as it was.

    Args:
        path: may be missing, empty, or what an earlier export wrote.
        marker: the JSON file by which such a folder is known; it says `made_by`.

    Raises:
        InputError: `path` is something else, or lies in a folder that does not exist.
        ResourceError: no permission, no space, or another refusal of the file system.
    """
    final = Path(os.path.realpath(path))
    if not final.parent.is_dir():
        raise InputError(f"the folder of {path} does not exist; make it first.")
    if final.exists() and not _replaceable(final, marker):
        raise InputError(
            f"{path} exists and is neither empty nor an earlier export; name another folder, or remove this one."
        )
    partial, old = (final.parent / f".{secrets.token_hex(8)}.{what}" for what in ("partial", "old"))
    try:
        partial.mkdir()
        yield partial
        if final.exists():
            final.rename(old)
        try:
            partial.rename(final)
        except OSError:
            if old.exists():
                old.rename(final)
            raise
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else str(error)
        raise ResourceError(f"{path} could not be written: {reason}.") from error
    finally:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)


def write(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    """Writes one file and says what it is: path, bytes and SHA-256."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return described_as(name, content)


def write_json(folder: Path, name: str, content: Any) -> dict[str, Any]:
    """The same of a value, as JSON without infinities."""
    return write(folder, name, json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())


def write_parts(folder: Path, stem: str, contents: Iterable[bytes]) -> list[dict[str, Any]]:
    """Writes a large file in parts `stem-000.bin`, … and says what each is."""
    parts: list[dict[str, Any]] = []
    waiting = bytearray()

    def flush(size: int) -> None:
        parts.append(write(folder, f"{stem}-{len(parts):03}.bin", bytes(waiting[:size])))
        del waiting[:size]

    for content in contents:
        waiting += content
        while len(waiting) >= PART:
            flush(PART)
    if waiting or not parts:
        flush(len(waiting))
    return parts


def described(folder: Path, path: Path) -> dict[str, Any]:
    """What a file of a folder is."""
    return described_as(path.relative_to(folder).as_posix(), path.read_bytes())


def described_as(name: str, content: bytes) -> dict[str, Any]:
    """The same of its content."""
    return {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _replaceable(folder: Path, marker: str) -> bool:
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        said = json.loads((folder / marker).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and str(said.get("made_by", "")).split(" ")[0] == MADE_BY
