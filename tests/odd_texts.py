"""Texts that a tokenizer, or what shows its tokens, may trip over."""

from __future__ import annotations

__all__ = ["ODD_TEXTS"]

ODD_TEXTS = [
    "the tin hat",
    "x",
    " ",
    "\n",
    "  two  spaces  ",
    "a\r\nb\rc\n",
    "\ttab\x00nul\x7f",
    "naïve café",
    "🙂",
    "👩‍👩‍👧‍👦 family",
    "שלום עולם",
    "मनीष",
    "e\u0301 and é",
    "<b>&amp;</b>",
    "\ufeffbom",
    "\ufffd",
    "\u2028\u2029",
    "a" * 300,
    "\U0010ffff",
]
"""One token, one character, emoji, right to left, CRLF, NUL, markup, combining marks, the last code point."""
