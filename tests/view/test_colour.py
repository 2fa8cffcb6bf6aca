"""The ramps survive greyscale, print and colour blindness, and whatever is written on them can be read."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.view.colour import BALANCE, EMBER, NOT_SCORED, RAMPS, TIDE, contrast, hsl, ink_on, luminance, pastel

# Machado, Oliveira, Fernandes: "A physiologically-based model for simulation of color vision deficiency" (2009),
# severity 1.0, for linear light.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
EVERYWHERE = [i / 64 for i in range(65)]


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(light: np.ndarray) -> np.ndarray:
    """Written a second time, the other way round: from light to Oklab."""
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(light, 0, 1))


@pytest.mark.parametrize("ramp", RAMPS.values(), ids=RAMPS)
def test_control_points_run_from_pale_to_deep(ramp) -> None:
    places = [p[0] for p in ramp.points]
    lightness = [p[1] for p in ramp.points]
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert places == sorted(set(places))
    assert lightness == sorted(set(lightness), reverse=True)


@pytest.mark.parametrize("ramp", RAMPS.values(), ids=RAMPS)
def test_every_control_point_is_a_colour_that_screens_have(ramp) -> None:
    for place, *lab in ramp.points:
        np.testing.assert_allclose(oklab(linear(ramp.at(place))), lab, atol=0.006)


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("ramp", RAMPS.values(), ids=RAMPS)
def test_lightness_falls_all_the_way_for_every_reader(ramp, blindness: str) -> None:
    lightness = [oklab(BLINDNESS[blindness] @ linear(ramp.at(place)))[0] for place in EVERYWHERE]
    assert all(a > b for a, b in pairwise(lightness))


@pytest.mark.parametrize("ramp", RAMPS.values(), ids=RAMPS)
def test_luminance_falls_all_the_way_in_greyscale(ramp) -> None:
    grey = [luminance(ramp.at(place)) for place in EVERYWHERE]
    assert all(a > b for a, b in pairwise(grey))


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("ramp", RAMPS.values(), ids=RAMPS)
def test_steps_of_an_eighth_can_be_told_apart_by_every_reader(ramp, blindness: str) -> None:
    steps = [oklab(BLINDNESS[blindness] @ linear(ramp.at(i / 8))) for i in range(9)]
    apart = [100 * float(np.linalg.norm(b - a)) for a, b in pairwise(steps)]
    # About 2 is what can just be seen side by side; the seed's pastels come to 5.9 from end to end.
    assert min(apart) > 4.0, apart


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_balance_falls_from_its_middle_to_both_ends_for_every_reader(blindness: str) -> None:
    lightness = [oklab(BLINDNESS[blindness] @ linear(BALANCE.at(place)))[0] for place in EVERYWHERE]
    assert all(a < b for a, b in pairwise(lightness[:33]))
    assert all(a > b for a, b in pairwise(lightness[32:]))


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_more_and_less_can_be_told_apart_by_every_reader(blindness: str) -> None:
    for i in range(4, 33):
        sides = [oklab(BLINDNESS[blindness] @ linear(BALANCE.at(0.5 + side * i / 64))) for side in (-1, 1)]
        assert 100 * float(np.linalg.norm(sides[0] - sides[1])) > 4.0


@given(st.floats(0, 1))
def test_text_reads_on_every_place_of_the_balance(place: float) -> None:
    colour = BALANCE.at(place)
    assert contrast(ink_on(colour), colour) >= 4.5


@given(st.floats(0, 1), st.sampled_from(sorted(RAMPS)))
def test_text_reads_on_every_place_of_a_ramp(place: float, name: str) -> None:
    colour = RAMPS[name].at(place)
    assert contrast(ink_on(colour), colour) >= 4.5


@given(st.floats(0, 1))
def test_text_reads_on_every_pastel(place: float) -> None:
    assert contrast(ink_on(pastel(place)), pastel(place)) >= 4.5


@given(st.integers(0, 0xFFFFFF))
def test_one_of_two_inks_reads_on_any_colour_at_all(number: int) -> None:
    colour = f"#{number:06x}"
    assert contrast(ink_on(colour), colour) >= 4.5


def test_what_is_missing_looks_like_nothing_on_a_ramp() -> None:
    missing = oklab(linear(NOT_SCORED))
    for ramp in (EMBER, TIDE):
        assert min(np.linalg.norm(oklab(linear(ramp.at(place))) - missing) for place in EVERYWHERE) > 0.04


def test_the_ends_take_what_lies_beyond_them() -> None:
    assert EMBER.at(-3) == EMBER.at(0)
    assert EMBER.at(7) == EMBER.at(1)


def test_a_missing_number_has_no_colour() -> None:
    with pytest.raises(InputError, match="draw it as missing"):
        TIDE.at(math.nan)


@pytest.mark.parametrize(
    ("hue", "expected"),
    # What browsers compute for hsl(hue 60% 85%).
    [(0, "#f0c2c2"), (60, "#f0f0c2"), (75, "#e4f0c2"), (120, "#c2f0c2"), (150, "#c2f0d9")],
)
def test_hsl_is_what_css_says(hue: float, expected: str) -> None:
    assert hsl(hue, 0.60, 0.85) == expected
    assert pastel(hue / 150) == expected


def test_contrast_of_black_and_white_is_twenty_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)
