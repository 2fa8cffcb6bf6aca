"""Sums over a tile of logits in one visit to each row, compiled by numba: what a dozen sweeps of torch do otherwise.

A row of a tile is a few KiB, so that all loops over it but the first find it in the processor's first cache. numba has
no vectorised exp of its own; the polynomial here is within 1.5 units in the last place, and every loop below compiles
to vector instructions on x86 and ARM alike. This is the one file that imports numba, and it is imported only when a
readout is large enough to be worth the time that takes.

All functions stand in this one file because numba's cache does not notice changes in others. Knows no torch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from logitscope.readout.tile import LOWEST, UNDERFLOW

__all__ = ["COUNTS", "MOMENTS", "NORMALISER", "NO_REFERENCE", "add_tile", "bin_tile"]

_f = np.float32
_LOG2_E, _TO_WHOLE = _f(1.4426950408889634), _f(1.5 * 2**23)
_LN_2, _LN_2_REST = _f(0.693145751953125), _f(1.42860682030941723212e-6)
_P5, _P4, _P3, _P2, _P1, _P0 = (
    *(_f(1.9875691500e-4), _f(1.3981999507e-3), _f(8.3334519073e-3)),
    *(_f(4.1665795894e-2), _f(1.6666665459e-1), _f(5.0000001201e-1)),
)
_ONE, _ZERO = _f(1), _f(0)
_LOWEST, _UNDERFLOW, _NEGATIVE_INFINITY = _f(LOWEST), _f(UNDERFLOW), _f(-np.inf)
_EXPONENT, _BIAS = np.int32(23), np.int32(0x3F800000)
_LANES = 64
"""Of so many parts of a row the maximum is kept, so that the list of the likeliest opens few of them."""

NORMALISER, MOMENTS, COUNTS = 1, 2, 4
NO_REFERENCE = np.zeros((0, 0), np.float32)

_SUMS = {"reassoc", "contract", "nsz"}
"""A sum may run in any order, which makes it a vector's; NaN and infinities stay what they are."""


def _same_bits(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


def _float_type(_: Any, bits: Any) -> Any:
    return types.float32(types.int32), _same_bits


def _bits_type(_: Any, number: Any) -> Any:
    return types.int32(types.float32), _same_bits


_float_of_bits: Any = intrinsic(_float_type)
_bits_of_float: Any = intrinsic(_bits_type)


@njit(fastmath={"contract"})
def _exp(x: Any) -> Any:
    """e^x from −87 to 0: 2^n by the exponent's bits, and a polynomial (Cephes' expf) for the rest."""
    shifted = x * _LOG2_E + _TO_WHOLE  # its last bits are the nearest whole number
    n = shifted - _TO_WHOLE
    r = x - n * _LN_2
    r = r - n * _LN_2_REST
    p = _P5
    p = p * r + _P4
    p = p * r + _P3
    p = p * r + _P2
    p = p * r + _P1
    p = p * r + _P0
    p = p * (r * r) + r + _ONE
    return p * _float_of_bits((_bits_of_float(shifted) << _EXPONENT) + _BIAS)


@njit
def _peaks(z: Any, peaks: Any) -> Any:
    """The largest logit of each lane (columns that are `_LANES` apart), and of all; a NaN is passed over.

    Lanes and not blocks of neighbours: the maximum of neighbours would not compile to vectors.
    """
    n = z.shape[0]
    for lane in range(_LANES):
        peaks[lane] = _NEGATIVE_INFINITY
    whole = n - n % _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            value = z[start + lane]
            peaks[lane] = value if value > peaks[lane] else peaks[lane]
    for i in range(whole, n):
        peaks[i - whole] = z[i] if z[i] > peaks[i - whole] else peaks[i - whole]
    highest = _LOWEST
    for lane in range(_LANES):
        highest = max(highest, peaks[lane])
    return highest


@njit(fastmath=_SUMS)
def _exponentials(z: Any, highest: Any, into: Any) -> Any:
    """Σ exp(z − m) and Σ exp(z − m)(z − m)."""
    total, moment = _ZERO, _ZERO
    for i in range(z.shape[0]):
        x = z[i] - highest
        x = _UNDERFLOW if x < _UNDERFLOW else x  # a NaN stays one
        e = _exp(x)
        into[i] = e
        total += e
        moment += e * x
    return total, moment


@njit(fastmath=_SUMS)
def _moments(z: Any, near: Any) -> Any:
    """Σ (z − c) and Σ (z − c)², for a c that is not far from the mean."""
    total, squares = _ZERO, _ZERO
    for i in range(z.shape[0]):
        d = z[i] - near
        total += d
        squares += d * d
    return total, squares


@njit(fastmath=_SUMS)
def _gaps(z: Any, reference: Any, own: Any, theirs: Any) -> Any:
    """Σ own (z − r) and Σ theirs (r − z); two logits of −inf do not differ."""
    toward, away = _ZERO, _ZERO
    for i in range(z.shape[0]):
        gap = _ZERO if z[i] == reference[i] else z[i] - reference[i]
        toward += own[i] * gap
        away -= theirs[i] * gap
    return toward, away


@njit(fastmath=_SUMS)
def _gaps_of_two(z: Any, first: Any, second: Any, own: Any, theirs: Any) -> Any:
    """The same for two references in one visit."""
    toward, away, toward_second, away_second = _ZERO, _ZERO, _ZERO, _ZERO
    of_first, of_second = theirs[0], theirs[1]
    for i in range(z.shape[0]):
        gap = _ZERO if z[i] == first[i] else z[i] - first[i]
        toward += own[i] * gap
        away -= of_first[i] * gap
        gap = _ZERO if z[i] == second[i] else z[i] - second[i]
        toward_second += own[i] * gap
        away_second -= of_second[i] * gap
    return toward, away, toward_second, away_second


@njit
def _count_above(z: Any, threshold: Any, n_real: Any) -> Any:
    count = np.int32(0)
    for i in range(n_real):
        count += np.int32(z[i] > threshold)
    return count


@njit
def _count_above_three(z: Any, one: Any, two: Any, three: Any, n_real: Any) -> Any:
    """The next token, the final guess and the input in one visit."""
    above_one, above_two, above_three = np.int32(0), np.int32(0), np.int32(0)
    for i in range(n_real):
        above_one += np.int32(z[i] > one)
        above_two += np.int32(z[i] > two)
        above_three += np.int32(z[i] > three)
    return above_one, above_two, above_three


@njit
def _list(z: Any, peaks: Any, start: Any, n_real: Any, filled: Any, logits: Any, ids: Any) -> None:
    """Enter what belongs into a list of the likeliest; of equal logits the lower id comes first."""
    k = logits.shape[0]
    if filled and logits[0] != logits[0]:
        return
    for lane in range(min(_LANES, n_real)):
        if filled == k and not peaks[lane] >= logits[k - 1]:
            continue
        for i in range(lane, n_real, _LANES):
            value, token = z[i], start + i
            if filled < k:
                filled += 1
            elif not (value > logits[k - 1] or (value == logits[k - 1] and token < ids[k - 1])):
                continue
            place = filled - 1
            while place > 0 and (logits[place - 1] < value or (logits[place - 1] == value and token < ids[place - 1])):
                logits[place] = logits[place - 1]
                ids[place] = ids[place - 1]
                place -= 1
            logits[place] = value
            ids[place] = token


@njit
def _merge_exponentials(sums: Any, highest: Any, total: Any, moment: Any) -> Any:
    """`State`'s rule for m, Z and A; returns what the tile's sums and those before it are scaled by."""
    before = sums[0]
    own, theirs = 1.0, 1.0
    if highest > before:
        theirs = math.exp(before - highest)
        sums[2] = theirs * (sums[2] + (before - highest) * sums[1]) + moment
        sums[0] = highest
    else:
        own = math.exp(highest - before)
        sums[2] += own * (moment + (highest - before) * total)
    sums[1] = theirs * sums[1] + own * total
    return own, theirs


def _add_tile(
    z: Any, start: Any, n_real: Any, what: Any, first: Any, second: Any, sums: Any, peaks: Any, ids: Any, logit: Any,
    thresholds: Any, greater: Any, top_logits: Any, top_ids: Any, n_seen: Any, filled: Any,
) -> None:  # fmt: skip
    """Takes one tile into a `State`, whose arrays these are; `first` and `second` are the references' logits."""
    n_stages, n_positions, n = z.shape
    n_references = (first.shape[0] > 0) + (second.shape[0] > 0)
    n_targets = ids.shape[0]
    lane_peaks = np.empty(_LANES, np.float32)
    own = np.empty(n, np.float32)
    theirs = np.empty((2, n), np.float32)
    fades, weighs = np.empty(2), np.empty(2)
    row, gaps = np.empty(sums.shape[0]), np.empty(4)
    above = np.zeros(n_targets, np.int32)
    for position in range(n_positions):
        for r in range(n_references):
            reference = first[position] if r == 0 else second[position]
            peak = _peaks(reference, lane_peaks)
            _exponentials(reference, peak, theirs[r])
            highest = max(peaks[r, position], np.float64(peak))
            fades[r], weighs[r] = math.exp(peaks[r, position] - highest), math.exp(peak - highest)
            peaks[r, position] = highest
        for stage in range(n_stages):
            logits = z[stage, position]
            peak = _peaks(logits, lane_peaks)
            broken = False
            for i in range(sums.shape[0]):
                row[i] = sums[i, stage, position]
            if what & NORMALISER:
                total, moment = _exponentials(logits, peak, own)
                broken = total != total
                scale, rescale = _merge_exponentials(row, np.float64(peak), np.float64(total), np.float64(moment))
                if n_references == 1:
                    gaps[0], gaps[1] = _gaps(logits, first[position], own, theirs[0])
                elif n_references == 2:
                    gaps[0], gaps[2], gaps[1], gaps[3] = _gaps_of_two(
                        logits, first[position], second[position], own, theirs
                    )
                for r in range(n_references):
                    i = 5 + r
                    row[i] = rescale * row[i] + scale * gaps[r]
                    i += n_references
                    row[i] = fades[r] * row[i] + weighs[r] * gaps[r + n_references]
            if what & MOMENTS:
                near = _ZERO
                if n_seen:
                    near = _f(row[3] / n_seen)
                else:
                    for i in range(min(n, _LANES)):
                        near += logits[i] / _f(min(n, _LANES))
                if not math.isfinite(near):
                    near = _ZERO
                total, squares = _moments(logits, near)
                shift = np.float64(total) / n
                row[4] += np.float64(squares) - shift * np.float64(total)
                if n_seen:
                    delta = np.float64(near) + shift - row[3] / n_seen
                    row[4] += delta * delta * (np.float64(n_seen) * n / (n_seen + n))
                row[3] += np.float64(near) * n + np.float64(total)
            for i in range(sums.shape[0]):
                sums[i, stage, position] = row[i]
            if what & COUNTS and n_targets == 3:
                limits = thresholds[:, stage, position]
                above[0], above[1], above[2] = _count_above_three(logits, limits[0], limits[1], limits[2], n_real)
            elif what & COUNTS:
                for target in range(n_targets):
                    above[target] = _count_above(logits, thresholds[target, stage, position], n_real)
            for target in range(n_targets):
                column = ids[target, position] - start
                if 0 <= column < n:
                    logit[target, stage, position] = logits[column]
                if what & COUNTS:
                    itself = 0 <= column < n_real and logits[column] > thresholds[target, stage, position]
                    greater[target, stage, position] += above[target] - np.int32(itself)
            if top_logits.shape[1]:
                line = stage * n_positions + position
                if broken:
                    for i in range(top_logits.shape[1]):
                        top_logits[line, i] = np.nan
                else:
                    _list(logits, lane_peaks, start, n_real, filled, top_logits[line], top_ids[line])


@njit
def _bins(z: Any, mean: Any, scale: Any, n_bins: Any, into: Any) -> None:
    middle, last = _f(n_bins // 2), _f(n_bins - 1)
    for i in range(z.shape[0]):
        place = np.floor((z[i] - mean) * scale) + middle
        place = _ZERO if place < _ZERO else place
        place = last if place > last else place
        into[i] = np.uint8(place)


@njit
def _sample(bins: Any, room: Any, start: Any, n_real: Any, n_open: Any, samples: Any) -> None:
    """Name the lowest ids of the bins that have room."""
    last = samples.shape[1] - 1
    for i in range(n_real):
        b = bins[i]
        if room[b]:
            place = 0
            while samples[b, place] >= 0:
                place += 1
            samples[b, place] = start + i
            if place == last:
                room[b] = False
                n_open -= 1
                if n_open == 0:
                    return


def _bin_tile(z: Any, start: Any, n_real: Any, mean: Any, scale: Any, valid: Any, counts: Any, samples: Any) -> None:
    """Takes one tile into a `Histogram`, whose arrays these are."""
    n_stages, n_positions, n = z.shape
    n_bins, n_samples = samples.shape[1:]
    bins = np.empty(n, np.uint8)  # unsigned: no index counts from the end
    # Neighbours are often in the same bin; counting them in turns, none waits for the one before.
    turns = np.empty((4, n_bins), np.int32)
    room = np.empty(n_bins, np.bool_)
    for stage in range(n_stages):
        for position in range(n_positions):
            line = stage * n_positions + position
            if not valid[line]:
                continue
            _bins(z[stage, position], mean[line], scale[line], n_bins, bins)
            turns[:] = 0
            for i in range(0, n - 3, 4):
                turns[0, bins[i]] += 1
                turns[1, bins[i + 1]] += 1
                turns[2, bins[i + 2]] += 1
                turns[3, bins[i + 3]] += 1
            for i in range(n - n % 4, n):
                turns[0, bins[i]] += 1
            n_open = 0
            for b in range(n_bins):
                n_here = turns[0, b] + turns[1, b] + turns[2, b] + turns[3, b]
                is_open = n_here > 0 and samples[line, b, n_samples - 1] < 0
                room[b] = is_open
                n_open += is_open
                counts[line, b] += n_here
            if n_open:
                _sample(bins, room, start, n_real, n_open, samples[line])


_ADD = types.void(
    types.float32[:, :, ::1], types.int64, types.int64, types.int64, types.float32[:, ::1], types.float32[:, ::1],
    types.float64[:, :, ::1], types.float64[:, ::1], types.int64[:, ::1], types.float32[:, :, ::1],
    types.float32[:, :, ::1], types.int32[:, :, ::1], types.float32[:, ::1], types.int32[:, ::1], types.int64,
    types.int64,
)  # fmt: skip
_BIN = types.void(
    types.float32[:, :, ::1], types.int64, types.int64, types.float32[::1], types.float32[::1], types.boolean[::1],
    types.int32[:, ::1], types.int32[:, :, ::1],
)  # fmt: skip


def _compiled(function: Any, signature: Any) -> Any:
    """Machine code from numba's cache on disk, or made now: a second or so, and kept where that is possible."""
    try:
        return njit(signature, nogil=True, cache=True)(function)
    except (RuntimeError, OSError):  # no place to write to, or one that fails
        return njit(signature, nogil=True)(function)


add_tile = _compiled(_add_tile, _ADD)
bin_tile = _compiled(_bin_tile, _BIN)
