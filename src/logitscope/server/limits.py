"""How large a trace would be, before it is computed.

Knows the numeric contract; runs nothing.
"""

from __future__ import annotations

from math import prod

from logitscope.scope.plan import Plan
from logitscope.server.answers import refuse
from logitscope.server.contract import MAX_IDS
from logitscope.trace.statistics import BINS, SAMPLES_PER_BIN, STATISTICS

__all__ = ["require_fitting", "trace_bytes"]

_ITEM = 4
"""Bytes of every number in a trace."""


def trace_bytes(plan: Plan) -> int:
    """What the arrays of a trace will take."""
    request = plan.request
    sizes = {"k": request.top_k, "watch": len(request.watch), "bin": BINS, "sample": SAMPLES_PER_BIN}
    held = [
        statistic
        for name, statistic in STATISTICS.items()
        if (request.statistics is None or name in request.statistics)
        and (request.histogram or "bin" not in statistic.axes)
    ]
    each = sum(prod(sizes[axis] for axis in statistic.axes[2:]) for statistic in held)
    return _ITEM * each * len(plan.stages) * len(plan.positions)


def require_fitting(plan: Plan, most_bytes: int) -> None:
    """Lets through what is not too much.

    Raises:
        Refused: too many tokens, or too many numbers of them.
    """
    if len(plan.tokens) > MAX_IDS:
        raise refuse(413, f"the text is {len(plan.tokens):,} tokens long; at most {MAX_IDS:,} are read here.")
    size = trace_bytes(plan)
    if size > most_bytes:
        raise refuse(
            413,
            f"the trace would take {_mib(size)} MiB; at most {_mib(most_bytes)} are computed here. Ask for fewer "
            "positions, stages or statistics, a smaller top_k, or no histogram.",
        )


def _mib(size: int) -> str:
    return f"{-(-size // 2**20):,}"
