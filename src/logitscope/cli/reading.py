"""The text that a command reads: an argument, a file, or standard input, taken exactly as it is.

Newlines are not translated and a byte order mark is not dropped (`--encoding utf-8-sig` drops it). Knows no models.
"""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from logitscope.errors import InputError, ResourceError
from logitscope.samples import sample

__all__ = ["UTF_8", "read_text"]

UTF_8 = "utf-8"


def read_text(argument: str | None, file: Path | None, encoding: str = UTF_8, name: str | None = None) -> str:
    """The one text that was given.

    Args:
        argument: from the command line.
        file: a path, or `-` for standard input.
        encoding: of the file or of standard input.
        name: of a sample text, instead of all of these.

    Raises:
        InputError: there is no such sample, none or two texts were given, the file is no text in this encoding, or the
            text is empty.
        ResourceError: the file may not be read.
    """
    given = {"a text": argument, "--file": file, "--sample": name}
    both = [what for what, value in given.items() if value is not None]
    if len(both) > 1:
        raise InputError(f"{both[0]} and {both[1]} were both given; give one of them.")
    if name is not None:
        return sample(name).text
    if argument is not None:
        try:
            argument.encode(UTF_8)
        except UnicodeEncodeError:
            raise InputError("the text argument is not valid UTF-8; put it into a file and use --file.") from None
        return _not_empty(argument, "the text")
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(f'there is no encoding "{encoding}"; try utf-8, latin-1 or cp1252.') from None
    if file is not None and str(file) != "-":
        return _not_empty(_decoded(_bytes_of(file), codec, str(file)), f"{file}")
    if sys.stdin is None or (sys.stdin.isatty() and file is None):
        raise InputError("there is no text; give one as an argument, with --file PATH, or on standard input.")
    return _not_empty(_decoded(sys.stdin.buffer.read(), codec, "standard input"), "standard input")


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file {file}.") from None
    except IsADirectoryError:
        raise InputError(f"{file} is a folder; name a file in it.") from None
    except PermissionError:
        raise ResourceError(f"{file} may not be read; change its permissions.") from None
    except OSError as error:
        raise ResourceError(f"{file} could not be read: {(error.strerror or str(error)).lower()}.") from None


def _decoded(data: bytes, codec: str, name: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        what = f"byte {data[error.start]:#04x} at offset {error.start:,}"
        if codec == UTF_8 and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            advice = "it begins as UTF-16 does; try --encoding utf-16"
        elif codec == UTF_8:
            advice = "name what it is (--encoding latin-1) or convert it (iconv -f LATIN1 -t UTF-8)"
        else:
            advice = "name another --encoding"
        raise InputError(f"{name} is not {codec}: {what} does not fit; {advice}.") from None
    except (UnicodeError, LookupError):  # codecs that are none of text
        raise InputError(f"{name} could not be read as {codec}; name another --encoding.") from None


def _not_empty(text: str, name: str) -> str:
    if not text:
        raise InputError(f"{name} is empty; give at least one character.")
    return text
