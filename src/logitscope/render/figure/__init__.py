"""View specs as matplotlib figures: one picture per file, drawn from a spec alone.

Figures are made through the object interface; no state of pyplot is read or changed, and no window opens.
"""

from logitscope.errors import InputError

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as error:
    raise InputError('drawing needs matplotlib, which is not installed: pip install "logitscope[figures]"') from error

from logitscope.render.figure.depth import draw_depth
from logitscope.render.figure.evolution import draw_evolution
from logitscope.render.figure.histogram import draw_histogram
from logitscope.render.figure.increments import draw_increments
from logitscope.render.figure.inputs import draw_inputs
from logitscope.render.figure.lens import draw_lens
from logitscope.render.figure.likelihood import draw_likelihood
from logitscope.render.figure.write import write_figure

__all__ = [
    "draw_depth",
    "draw_evolution",
    "draw_histogram",
    "draw_increments",
    "draw_inputs",
    "draw_lens",
    "draw_likelihood",
    "write_figure",
]
