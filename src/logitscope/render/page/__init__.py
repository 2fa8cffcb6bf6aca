"""Traces as one HTML file that needs nothing else: the built script and sheet, the numbers, and who may read them.

Knows no model and draws nothing itself: the script, built from `web/`, does that in the reader's browser.
"""

from logitscope.render.page.notebook import NOTEBOOK_BYTES, notebook_html
from logitscope.render.page.page import EMBEDDED, LARGE_BYTES, View, large_words, render_page, views_of
from logitscope.render.page.parts import read_parts
from logitscope.render.page.write import to_html

__all__ = [
    "EMBEDDED",
    "LARGE_BYTES",
    "NOTEBOOK_BYTES",
    "View",
    "large_words",
    "notebook_html",
    "read_parts",
    "render_page",
    "to_html",
    "views_of",
]
