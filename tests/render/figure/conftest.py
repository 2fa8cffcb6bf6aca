"""Goldens of figures: SVG without what differs between machines. `--update-goldens` rewrites them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from logitscope.render.figure import fonts, write_figure

GOLDENS = Path(__file__).parent / "goldens"

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


@pytest.fixture
def only_dejavu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No fonts but those that come with matplotlib, whatever this machine has."""
    caches = (fonts._families, fonts._chain, fonts._advance, fonts._inked)
    monkeypatch.setattr(fonts, "_FURTHER", ())
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path: Path, only_dejavu: None) -> Callable[[str, Figure], None]:
    """Compares a figure with the golden of that name, to a twentieth of a point."""

    def compare(name: str, figure: Figure) -> None:
        write_figure(figure, tmp_path / "figure.svg")
        drawn = normalised((tmp_path / "figure.svg").read_text(encoding="utf-8"))
        path = GOLDENS / f"{name}.svg"
        if request.config.getoption("--update-goldens"):
            path.write_text(drawn, encoding="utf-8")
        expected = path.read_text(encoding="utf-8")
        assert _NUMBER.sub("#", drawn) == _NUMBER.sub("#", expected), name
        pairs = zip(_NUMBER.findall(drawn), _NUMBER.findall(expected), strict=True)
        far = [(a, b) for a, b in pairs if abs(float(a) - float(b)) > 0.05]
        assert far == [], name

    return compare


def normalised(svg: str) -> str:
    """Without the metadata and matplotlib's version, numbers to a hundredth."""
    svg = re.sub(r"<metadata>.*?</metadata>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    return _NUMBER.sub(lambda match: f"{float(match[0]):.2f}", svg)
