"""Draws the site's icons from `public/icon.svg`: `python web/make_icons.py`. Needs Pillow, which matplotlib brings.

The drawing is a few rounded rectangles, read from the file itself; a maskable icon has its background to the edge and
the rest within the circle that every launcher leaves. Knows nothing of how the pages are built.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageDraw

__all__ = ["ICONS", "draw"]

WEB = Path(__file__).resolve().parent
SOURCE = WEB / "public" / "icon.svg"
ICONS = WEB / "public-site" / "icons"
SIZES = {"180.png": (180, True), "192.png": (192, False), "512.png": (512, False), "512-maskable.png": (512, True)}
"""By name: pixels, and whether the background goes to the edge."""

_FINER = 8
"""Drawn so many times as large, then made smaller: smooth corners."""

_SAFE = 0.8
"""The share of a maskable icon's width that launchers leave."""

_SVG = "{http://www.w3.org/2000/svg}"


def draw(size: int, *, full: bool) -> Image.Image:
    """The icon.

    Args:
        size: pixels of each side.
        full: whether the background goes to the edge, as launchers that cut their own shape want it.
    """
    root = ElementTree.fromstring(SOURCE.read_text(encoding="utf-8"))
    units = float(root.attrib["viewBox"].split()[2])
    background = next(root.iter(f"{_SVG}rect"))
    group = next(root.iter(f"{_SVG}g"))
    fine = size * _FINER
    image = Image.new("RGBA", (fine, fine), background.attrib["fill"] if full else (0, 0, 0, 0))
    drawing = ImageDraw.Draw(image)
    if not full:
        _rectangle(drawing, background, background.attrib["fill"], fine / units, 0)
    shrunk = _SAFE if full else 1.0
    for bar in group.iter(f"{_SVG}rect"):
        _rectangle(drawing, bar, group.attrib["fill"], fine / units * shrunk, fine * (1 - shrunk) / 2)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _rectangle(drawing: ImageDraw.ImageDraw, rect: ElementTree.Element, fill: str, scale: float, start: float) -> None:
    x, y, width, height, radius = (
        float(rect.attrib.get(name, 0)) * scale for name in ("x", "y", "width", "height", "rx")
    )
    box = (start + x, start + y, start + x + width - 1, start + y + height - 1)
    drawing.rounded_rectangle(box, radius, fill=fill)


def main() -> int:
    """Writes all icons; the exit status."""
    ICONS.mkdir(parents=True, exist_ok=True)
    for name, (size, full) in SIZES.items():
        draw(size, full=full).save(ICONS / name, optimize=True)
    print(f"{len(SIZES)} icons in {ICONS.relative_to(WEB)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
