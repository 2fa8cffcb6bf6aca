"""A figure shows itself in a notebook that never imported pyplot."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from logitscope import plot
from tests.view.passages import prose


def test_a_notebook_is_given_a_png_twice_as_fine_as_it_is_shown() -> None:
    figure = plot.likelihood(prose())
    data, shown = figure._repr_png_()  # type: ignore[attr-defined]  # the protocol of notebooks
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert abs(width - 2 * shown["width"]) <= 1
    assert abs(height - 2 * shown["height"]) <= 1
    assert [shown["width"], shown["height"]] == [round(96 * inches) for inches in figure.get_size_inches()]


def test_ipython_shows_it_without_pyplot() -> None:
    script = """
import sys
from IPython.core.formatters import DisplayFormatter
from logitscope import plot
from tests.view.passages import prose
formats, metadata = DisplayFormatter().format(plot.lens(prose()))
assert "image/png" in formats, formats
assert set(metadata["image/png"]) == {"width", "height"}
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300, cwd=Path(__file__).parents[3])
