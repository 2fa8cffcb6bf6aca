"""Labels that would overlap, moved apart as little as it takes. Knows numbers only."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spread"]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart, in the order of `wanted`, each as near to its wanted one as the others allow.

    Neighbours that collide become one cluster around the mean of what its members want; clusters that collide merge.
    Where there is no room for all between `low` and `high`, the gap shrinks.

    Args:
        wanted: in any order; equal ones keep theirs.
        gap: between neighbours.
        low: of the first place.
        high: of the last place.

    >>> spread([1.0, 1.0, 9.0], 2.0, 0.0, 10.0)
    [0.0, 2.0, 9.0]
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / (len(wanted) - 1)) if len(wanted) > 1 else gap
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    clusters: list[tuple[float, list[int]]] = []  # the place of the first member, and the members

    def start(members: list[int]) -> float:
        mean = sum(wanted[i] - gap * k for k, i in enumerate(members)) / len(members)
        return min(max(mean, low), high - gap * (len(members) - 1))

    for i in order:
        clusters.append((start([i]), [i]))
        while len(clusters) > 1 and clusters[-2][0] + gap * len(clusters[-2][1]) > clusters[-1][0]:
            members = clusters[-2][1] + clusters[-1][1]
            clusters[-2:] = [(start(members), members)]
    out = [0.0] * len(wanted)
    for first, members in clusters:
        for k, i in enumerate(members):
            out[i] = first + gap * k
    return out
