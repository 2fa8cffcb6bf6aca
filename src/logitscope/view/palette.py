"""A pair of colours for each of several curves: a light one and a dark one of the same hue.

Hues step by the golden angle, so that curves next to each other in rank are far apart in hue; lightness is the same for
all, so that light and dark can be told apart in greyscale. Knows no curves.
"""

from __future__ import annotations

import math

from logitscope.view.colour import oklab_to_hex

__all__ = ["pair"]

_FIRST, _STEP = 265.0, 137.508
_LIGHT, _DARK = (0.80, 0.095), (0.46, 0.135)


def pair(index: int) -> tuple[str, str]:
    """The light and the dark colour of curve `index`, as `#rrggbb`."""
    hue = math.radians(_FIRST + _STEP * index)
    light, dark = (
        oklab_to_hex(lightness, chroma * math.cos(hue), chroma * math.sin(hue)) for lightness, chroma in (_LIGHT, _DARK)
    )
    return light, dark
