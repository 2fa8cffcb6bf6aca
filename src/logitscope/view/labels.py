"""Token texts that may be shown: nothing in them can move a cursor, hide a neighbour or turn the line around.

`visible` is for labels and cells, where whitespace becomes a mark; `flowing` is for running text, where newlines, tabs
and spaces stay what they are. Knows nothing of terminals, markup or HTML: every face still has to quote its own.
"""

from __future__ import annotations

import unicodedata

from logitscope.trace.tokens import Tokens, Vocabulary

__all__ = ["MARKS", "decode_partly", "flowing", "has_partial", "id_label", "token_label", "visible"]

MARKS = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍", "\xa0": "⍽"}
"""Whitespace as labels show it."""

_JOINERS = frozenset("\u200c\u200d")
"""Zero-width joiners: format characters that emoji and Indic and Persian scripts cannot be written without."""

_FLAG = "\U0001f3f4"
"""The black flag: tag characters after it spell England, Scotland and Wales; anywhere else they are invisible ink."""


def visible(piece: bytes | str, *, spaces: bool = False) -> str:
    r"""A token's text on one line: whitespace as marks, anything that is not ink as an escape.

    Bytes that are only a part of a character are shown as bytes, never as U+FFFD. With `spaces`, those stay.

    >>> visible(b" the\n"), visible(b"\xe2\x9d"), visible("a\x1b[2J")
    ('␣the⏎', '\\xE2\\x9D', 'a\\x1B[2J')
    """
    runs = (piece,) if isinstance(piece, str) else decode_partly(piece)
    marks = MARKS | {" ": " "} if spaces else MARKS
    shown = "".join(_escaped(run) if isinstance(run, bytes) else _inked(run, marks) for run in runs)
    # A label that begins with a combining mark would sit on whatever its neighbour ends with.
    return "◌" + shown if shown and unicodedata.category(shown[0])[0] == "M" else shown


def token_label(tokens: Tokens, position: int) -> str:
    """The label of a token of the text; of one that stands for no text, its name."""
    piece = tokens.pieces[position]
    return visible(piece) if piece and not tokens.special[position] else visible(tokens.texts[position])


def id_label(vocabulary: Vocabulary, token_id: int) -> str:
    """The label of a token of the vocabulary; `#123` where its bytes are unknown."""
    piece = vocabulary.pieces.get(token_id)
    return f"#{token_id}" if piece is None else visible(piece)


def flowing(text: bytes | str) -> str:
    """Running text for a screen: newlines, tabs and spaces kept, CRLF drawn as one newline, the rest as `visible`."""
    if isinstance(text, str):
        return _inked(text.replace("\r\n", "\n"), {"\r": MARKS["\r"], "\n": "\n", "\t": "\t"}, spaces=True)
    return "".join(_escaped(run) if isinstance(run, bytes) else flowing(run) for run in decode_partly(text))


def decode_partly(piece: bytes) -> tuple[str | bytes, ...]:
    r"""Bytes as runs of whole characters (str) and runs of what is no whole character (bytes), in order.

    >>> decode_partly(b"a\xe2\x9d")
    ('a', b'\xe2\x9d')
    """
    runs: list[str | bytes] = []
    start = 0
    while start < len(piece):
        try:
            runs.append(piece[start:].decode("utf-8"))
            break
        except UnicodeDecodeError as err:
            if err.start:
                runs.append(piece[start : start + err.start].decode("utf-8"))
            broken = piece[start + err.start : start + err.end]
            if runs and isinstance(runs[-1], bytes):
                runs[-1] += broken
            else:
                runs.append(broken)
            start += err.end
    return tuple(runs)


def has_partial(piece: bytes) -> bool:
    """Whether some of the bytes are only a part of a character."""
    return any(isinstance(run, bytes) for run in decode_partly(piece))


def _escaped(run: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in run)


def _inked(text: str, marks: dict[str, str], *, spaces: bool = False) -> str:
    """The text with `marks` put in, and everything else that leaves no ink or does not stay in place escaped."""
    shown: list[str] = []
    tagged = False
    for i, c in enumerate(text):
        category = unicodedata.category(c)
        tag = 0xE0020 <= ord(c) < 0xE0080
        tagged = c == _FLAG or (tagged and tag)
        joins = c in _JOINERS and (spaces or 0 < i < len(text) - 1)
        if c in marks:
            shown.append(marks[c])
        elif joins or (tag and tagged) or (category == "Zs" and spaces):
            shown.append(c)
        elif category in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") or 0xE0000 <= ord(c) < 0xE1000:
            # Control and format characters move cursors and reverse lines; lone surrogates cannot be encoded.
            shown.append(_escape(ord(c)))
        else:
            shown.append(c)
    return "".join(shown)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
