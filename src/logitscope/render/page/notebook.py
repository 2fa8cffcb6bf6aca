"""A trace in a notebook's output: its page in a frame that can reach neither the notebook nor other frames.

The page stands in the frame's `srcdoc`, so that a notebook stays one file and survives nbconvert. Knows no Jupyter.
"""

from __future__ import annotations

from html import escape

from logitscope.errors import LogitscopeError
from logitscope.render.page.page import render_page, views_of
from logitscope.trace.trace import Trace

__all__ = ["NOTEBOOK_BYTES", "notebook_html"]

NOTEBOOK_BYTES = 6_000_000
"""Pages above this are left out: notebooks keep every output, and editors become slow."""

_HEIGHTS = {"text": 520, "lens": 640, "evolution": 760}

# What is between the tags is shown where frames are taken out, such as in notebooks that are not trusted.
_INSTEAD = "Trust this notebook, or run the cell, to see its page. "

_FRAME = (
    '<iframe sandbox="allow-scripts" loading="lazy" referrerpolicy="no-referrer" title="{title}" '
    'style="display:block;width:100%;height:{height}px;min-height:240px;border:0;resize:vertical;overflow:auto" '
    'srcdoc="{page}">{instead}</iframe>'
)


def notebook_html(trace: Trace) -> str | None:
    """A frame that holds the trace's page; None where there is none, and the text has to do.

    That is: the page would be too large, the trace holds nothing that is drawn, or the pages were not built.
    """
    if sum(array.nbytes for array in trace.arrays.values()) > 2 * NOTEBOOK_BYTES:
        return None  # not even packed
    try:
        page = render_page([trace])
    except LogitscopeError:
        return None
    if len(page) > NOTEBOOK_BYTES:
        return None
    height = _HEIGHTS[views_of([trace])[0]]
    return _FRAME.format(
        title="Logitscope: a trace", height=height, page=escape(page), instead=escape(_INSTEAD + repr(trace))
    )
