"""Colours as plain data: two ramps, a balance of both, the seed's pastel rule, and the ink that stays readable on each.

A ramp is a row of control points in Oklab, joined by straight lines there; its lightness only ever falls, so that it
survives greyscale, print and colour blindness. The balance is pale in the middle and falls towards both ends.
Knows nothing of traces or of what a number means.

Oklab: B. Ottosson, "A perceptual color space for image processing" (2020). Contrast: WCAG 2.2, §1.4.3.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from logitscope.errors import InputError

__all__ = [
    "BALANCE",
    "EMBER",
    "NOT_SCORED",
    "RAMPS",
    "TIDE",
    "Ramp",
    "contrast",
    "hsl",
    "ink_on",
    "luminance",
    "oklab_to_hex",
    "pastel",
]

RGB = tuple[float, float, float]

NOT_SCORED = "#d9d9d6"
"""The grey of what has no number; hatched where a face can hatch. No ramp contains a grey."""


@dataclass(frozen=True)
class Ramp:
    """A row of colours from pale (0) to deep (1); of the balance, from deep by way of pale (0.5) to deep.

    Attributes:
        name: what the JSON calls it.
        points: (place in 0..1, Oklab L in 0..1, a, b), places rising, L falling (of the balance: rising, then falling).
    """

    name: str
    points: tuple[tuple[float, float, float, float], ...]

    def at(self, value: float) -> str:
        """The colour at `value`, as `#rrggbb`; values outside 0..1 take the nearest end."""
        return oklab_to_hex(*self.oklab(value))

    def oklab(self, value: float) -> tuple[float, float, float]:
        """Lightness and the two opponent axes at `value` in 0..1."""
        if math.isnan(value):
            raise InputError("a missing number has no place on a colour ramp; draw it as missing.")
        value = min(1.0, max(0.0, value))
        places = [point[0] for point in self.points]
        right = min(max(bisect_right(places, value), 1), len(places) - 1)
        (t0, *low), (t1, *high) = self.points[right - 1], self.points[right]
        share = (value - t0) / (t1 - t0)
        lightness, a, b = (x + share * (y - x) for x, y in zip(low, high, strict=True))
        return lightness, a, b


def _from_lch(name: str, *points: tuple[float, float, float, float]) -> Ramp:
    """A ramp from (place, lightness, chroma, hue in degrees); rounded, so that every language reads the same digits."""
    return Ramp(
        name,
        tuple(
            (place, lightness, round(c * math.cos(math.radians(h)), 5), round(c * math.sin(math.radians(h)), 5))
            for place, lightness, c, h in points
        ),
    )


EMBER = _from_lch(
    "ember",
    (0.0, 0.985, 0.010, 95),
    (0.125, 0.952, 0.052, 92),
    (0.3, 0.875, 0.098, 76),
    (0.5, 0.755, 0.145, 50),
    (0.69, 0.600, 0.175, 24),
    (0.85, 0.450, 0.155, 352),
    (1.0, 0.290, 0.110, 318),
)
"""For surprise: paper, straw, apricot, coral, rose, plum, night. Deep means that the model did not see it coming."""

TIDE = _from_lch(
    "tide",
    (0.0, 0.985, 0.008, 110),
    (0.15, 0.930, 0.045, 150),
    (0.33, 0.840, 0.075, 178),
    (0.53, 0.700, 0.092, 205),
    (0.76, 0.520, 0.100, 238),
    (1.0, 0.330, 0.095, 266),
)
"""For the lens: foam, seafoam, turquoise, sea, deep. Deep means sure, or close to the final answer."""

RAMPS = {ramp.name: ramp for ramp in (EMBER, TIDE)}
"""Those whose lightness falls from one end to the other."""

BALANCE = _from_lch(
    "balance",
    (0.0, 0.380, 0.110, 264),
    (0.17, 0.590, 0.115, 248),
    (0.34, 0.810, 0.075, 232),
    (0.5, 0.985, 0.004, 95),
    (0.66, 0.850, 0.100, 72),
    (0.83, 0.650, 0.160, 45),
    (1.0, 0.420, 0.140, 25),
)
"""For differences: blue where the number is smaller, paper where it is the same, rust where it is larger."""


def oklab_to_hex(lightness: float, a: float, b: float) -> str:
    """An Oklab colour as `#rrggbb`; channels outside sRGB are clamped."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return _hex(
        tuple(  # type: ignore[arg-type]
            _encode(x)
            for x in (
                4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
                -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
                -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
            )
        )
    )


def hsl(hue: float, saturation: float, lightness: float) -> str:
    """A CSS `hsl()` colour as `#rrggbb`; hue in degrees, the others in 0..1."""
    swing = saturation * min(lightness, 1 - lightness)

    def channel(n: int) -> float:
        k = (n + hue / 30) % 12
        return lightness - swing * max(-1.0, min(k - 3, 9 - k, 1.0))

    return _hex((channel(0), channel(8), channel(4)))


def pastel(share: float) -> str:
    """The seed's colour: `share` in 0..1 of the way from hue 0 (unlikely) to hue 150 (likely), hsl(hue 60% 85%)."""
    return hsl(150 * min(1.0, max(0.0, share)), 0.60, 0.85)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 (black) to 1 (white), as WCAG defines it."""
    red, green, blue = (_decode(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21; 4.5 is what body text needs."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=4096)
def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on `colour`.

    Of the two, one always reaches 4.58: that is why the inks are pure and not softer.
    """
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, colour))


def _encode(linear: float) -> float:
    """Linear light to an sRGB channel, clamped to 0..1."""
    linear = min(1.0, max(0.0, linear))
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _decode(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _hex(channels: RGB) -> str:
    # floor(x + ½), as JavaScript's Math.round does; Python's round() goes to even.
    return "#" + "".join(f"{math.floor(255 * x + 0.5):02x}" for x in channels)
