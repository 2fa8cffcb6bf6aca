"""Running text in lines of one width: where each stretch of colour lies, and where its letters do.

Line breaks and indentation of the text stay. Knows widths in points, and nothing of colours or sheets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from logitscope.render.figure.fonts import Face
from logitscope.view.labels import flowing
from logitscope.view.likelihood import Run

__all__ = ["NEWLINE", "Segment", "flow"]

NEWLINE = "⏎"
"""Stands where a line break is a token's own, so that its colour can be seen."""

TAB = 4

# SVG draws a row of blanks as one, so letters are placed in pieces that hold single blanks at most.
_PIECE = re.compile(r"\S+(?: \S+)*")


@dataclass(frozen=True)
class Segment:
    """A part of a run that lies on one line.

    Attributes:
        run: index of the run.
        line: from 0.
        x: where it begins, in points from the line's start.
        width: in points.
        letters: (x, text) of what has ink.
        first: whether the run begins here.
    """

    run: int
    line: int
    x: float
    width: float
    letters: tuple[tuple[float, str], ...]
    first: bool


@dataclass(frozen=True)
class _Glyph:
    text: str
    width: float
    run: int
    ends_line: bool = False


def flow(runs: Sequence[Run], face: Face, size: float, room: float) -> list[Segment]:
    """The runs laid out in lines of at most `room` points, broken after blanks where there are any."""
    segments: list[Segment] = []
    seen: set[int] = set()
    number = 0
    for hard_line in _hard_lines(runs, face, size):
        for line in _wrap(hard_line, room):
            segments += _segments(line, number, seen)
            number += 1
    return segments


def _hard_lines(runs: Sequence[Run], face: Face, size: float) -> list[list[_Glyph]]:
    lines: list[list[_Glyph]] = [[]]
    cell = face.width(" ", size)
    for index, run in enumerate(runs):
        label = run.partial or not run.text
        for character in run.label if label else flowing(run.text):
            if character == "\n":
                lines[-1].append(_Glyph(NEWLINE, cell, index, ends_line=True))
                lines.append([])
            elif character == "\t":
                column = round(sum(glyph.width for glyph in lines[-1]) / cell)
                lines[-1].append(_Glyph(" ", cell * (TAB - column % TAB), index))
            else:
                drawn = face.inked(character)
                lines[-1].append(_Glyph(drawn, face.width(drawn, size), index))
        if label and run.label and not run.text:  # a prefix stands apart from the text
            lines[-1].append(_Glyph(" ", cell / 2, -1))
    return lines if lines[-1] else lines[:-1]


def _wrap(line: list[_Glyph], room: float) -> list[list[_Glyph]]:
    if not line:
        return [[]]
    rows: list[list[_Glyph]] = []
    start, used, after_blank = 0, 0.0, 0
    for i, glyph in enumerate(line):
        if used + glyph.width > room + 1e-6 and i > start and not glyph.ends_line:
            cut = after_blank if after_blank > start else i
            if glyph.text == " " and cut != i:
                cut = i if cut == start else cut
            rows.append(line[start:cut])
            start = cut
            used = sum(g.width for g in line[start:i])
        used += glyph.width
        if glyph.text == " ":
            after_blank = i + 1
    rows.append(line[start:])
    return rows


def _segments(line: list[_Glyph], number: int, seen: set[int]) -> list[Segment]:
    out: list[Segment] = []
    x = 0.0
    i = 0
    while i < len(line):
        j = i
        while j < len(line) and line[j].run == line[i].run:
            j += 1
        held = line[i:j]
        width = sum(glyph.width for glyph in held)
        if held[0].run >= 0:
            out.append(Segment(held[0].run, number, x, width, _letters(held, x), held[0].run not in seen))
            seen.add(held[0].run)
        x += width
        i = j
    return out


def _letters(glyphs: list[_Glyph], x: float) -> tuple[tuple[float, str], ...]:
    text = "".join(glyph.text for glyph in glyphs if not glyph.ends_line)
    starts = [x]
    for glyph in glyphs:
        starts += [starts[-1]] * (len(glyph.text) - 1) + [starts[-1] + glyph.width]
    inked = [(starts[match.start()], match[0]) for match in _PIECE.finditer(text)]
    breaks = [(starts[len(text)], NEWLINE) for glyph in glyphs if glyph.ends_line]
    return (*inked, *breaks)
