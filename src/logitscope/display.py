"""How values show themselves in notebooks: who draws which kind of value, by name, imported when one is first shown.

Values know nothing of pictures, and importing the package loads none: the root package names who draws what, as it
names where everything public lives.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["drawn_by", "html_of"]

_DRAWERS: dict[str, tuple[str, str]] = {}


def drawn_by(kind: str, module: str, function: str) -> None:
    """Names the function that draws values of a kind, such as a class's name.

    Args:
        kind: what is drawn.
        module: where the function lives; imported when it is needed.
        function: takes the value, and returns HTML, or None where the value's text has to do.
    """
    _DRAWERS[kind] = (module, function)


def html_of(kind: str, value: object) -> str | None:
    """The HTML of a value; None where nobody draws it, or it is better shown as text."""
    if kind not in _DRAWERS:
        return None
    module, function = _DRAWERS[kind]
    drawn: str | None = getattr(import_module(module), function)(value)
    return drawn
