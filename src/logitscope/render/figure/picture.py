"""A figure that a notebook shows by itself, whether or not pyplot was imported there.

Notebooks learn to draw matplotlib's own figures from pyplot, which nothing here touches; until then they would print
`<Figure size ...>`. Knows no Jupyter.
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["Picture"]

SCREEN_DOTS = 96
"""Pixels of a page per inch; twice as many are stored, for screens that double theirs."""


class Picture(Figure):
    """A matplotlib Figure with a PNG of itself for notebooks."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and how large it is to be shown, in pixels of the page."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=2 * SCREEN_DOTS)
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": round(width * SCREEN_DOTS), "height": round(height * SCREEN_DOTS)}
