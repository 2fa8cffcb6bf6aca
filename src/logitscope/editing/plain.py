"""Numbers for JSON, which has no infinity and no NaN. Knows nothing of where they come from."""

from __future__ import annotations

import math

__all__ = ["finite"]


def finite(number: float) -> float | None:
    """The number, or None where JSON has none for it."""
    return number if math.isfinite(number) else None
