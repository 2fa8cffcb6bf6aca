"""`logitscope.to_html`: traces as a page, returned or written. Knows nothing of what is in a page."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from logitscope.render.page.page import View, large_words, render_page
from logitscope.trace.atomic import write_atomically
from logitscope.trace.trace import Trace

if TYPE_CHECKING:
    import os

__all__ = ["to_html"]


@overload
def to_html(
    trace: Trace | Sequence[Trace], path: None = None, *, title: str | None = None, view: View | None = None
) -> str: ...


@overload
def to_html(
    trace: Trace | Sequence[Trace],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    view: View | None = None,
) -> None: ...


def to_html(
    trace: Trace | Sequence[Trace],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    view: View | None = None,
) -> str | None:
    """A trace as one self-contained page: it opens from disk, needs no network, and runs nothing but its own script.

    It shows what the trace holds: the text where likelihoods of it were read, the lens where several stages were, the
    evolution where tokens were followed. Of very large traces a warning says how large the page is.

    Args:
        trace: or several, such as a text and `scope.follow` of it, or different texts to choose from.
        path: a file to write, whole or not at all; None to get the page's text, to be stored as UTF-8.
        title: of the page; the beginning of the text by default.
        view: `text`, `lens` or `evolution`: what is shown first.

    Returns:
        The page, or None where it was written to `path`.

    Raises:
        InputError: no traces, traces that hold nothing that can be drawn, or not what `view` needs.
        TraceError: `path` is a folder, or its folder does not exist.
        ResourceError: `path` cannot be written, or this installation was built without its pages.
    """
    shown = (trace,) if isinstance(trace, Trace) else tuple(trace)
    page = render_page(shown, title=title, view=view, place={"subblocks": "1"} if _has_subblocks(shown) else None)
    large = large_words(page)
    if large:
        warnings.warn(large, stacklevel=2)
    if path is None:
        return page
    with write_atomically(path) as file:
        file.write(page.encode())
    return None


def _has_subblocks(traces: Sequence[Trace]) -> bool:
    """Who read out stages after attention wants to see them."""
    return any(name.endswith(".attn") for trace in traces for name in trace.stages)
