"""Files that appear under their final name whole or not at all.

Knows nothing of what is written.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from logitscope.errors import LogitscopeError, ResourceError, TraceError

__all__ = ["write_atomically"]


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Lends an open file beside `path` to write to, and gives it that name when the block ends well.

    Whatever ends the block otherwise, Ctrl-C too, removes it and leaves the old file, if any, as it was.

    Raises:
        TraceError: `path` is a folder or a device, or its folder does not exist.
        ResourceError: no permission, no space, or another refusal of the file system.
    """
    # A link stays a link; what it points to is replaced.
    final = Path(os.path.realpath(path))
    if final.is_dir():
        raise TraceError(f"{path} is a folder; name a file in it.")
    if final.exists() and not final.is_file():
        raise TraceError(f"{path} is not an ordinary file and cannot be replaced; name another.")
    if not final.parent.is_dir():
        raise TraceError(f"the folder of {path} does not exist; make it first.")
    # Short, so that a name as long as the file system allows still has room beside it.
    partial = final.parent / f".{secrets.token_hex(8)}.partial"
    try:
        # Not tempfile: its files are readable by their owner alone, and the name would carry that over.
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(final)
    except LogitscopeError:
        raise
    except OSError as error:
        raise ResourceError(f"{path} could not be written: {_reason(error)}.") from error
    finally:
        # After a good end there is nothing left to remove.
        partial.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return error.strerror.lower() if error.strerror else str(error)
