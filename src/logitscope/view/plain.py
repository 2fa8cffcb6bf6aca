"""Specs as plain JSON values: what Python writes here, TypeScript builds again and compares.

Missing numbers are null, tuples are lists, names stay as they are. Knows nothing of what a spec means.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["plain", "real"]


def plain(value: Any) -> Any:
    """Dataclasses, tuples, mappings and numbers as what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def real(number: float) -> float | None:
    """A number of an array, or None where it is missing."""
    number = float(number)
    return None if math.isnan(number) else number
