"""Draws the pictures of README.md and docs/ from the command line's own renderers.

    python docs/make_pictures.py

Knows how a terminal looks in an SVG; the numbers and the words are the model's.
"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

import logitscope as ls
from logitscope import view
from logitscope.render.terminal import Screen, render_grid, render_likelihood
from logitscope.render.terminal.screen import Glyphs

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
PASSAGE = ROOT / "src" / "logitscope" / "embedded" / "passage.txt"
COLUMNS = 104

# A picture stands on its own: no font is fetched, and it reads on light pages and dark ones.
_SVG = """\
<svg class="{unique_id}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id} text {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#ffffff" stroke="#c8c8c8"/>
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g>{matrix}</g>
</g>
</svg>
"""

_PAPER = TerminalTheme(
    (255, 255, 255),
    (36, 36, 36),
    [
        (36, 36, 36),
        (170, 40, 40),
        (40, 120, 40),
        (150, 100, 0),
        (40, 80, 170),
        (130, 50, 130),
        (0, 115, 125),
        (90, 90, 90),
    ],
)


def draw(name: str, *parts: RenderableType, screen: Screen) -> None:
    for part in parts:
        screen.console.print(part)
    svg = screen.console.export_svg(title="", theme=_PAPER, code_format=_SVG, unique_id="t")
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(PICTURES / f"{name}.svg")


def blank_screen() -> Screen:
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, color_system="truecolor", force_terminal=True)
    return Screen(console, "truecolor", Glyphs())


def main() -> None:
    trace = ls.load("embedded:tales").trace(PASSAGE.read_text(encoding="utf-8"), bos=True)
    text, grid = view.likelihood(trace, "bits", "token", 0), view.grid(trace, "top_prob", window=(28, 44))
    screen = blank_screen()
    draw("passage", render_likelihood(text, screen), render_grid(grid, screen), screen=screen)


if __name__ == "__main__":
    main()
