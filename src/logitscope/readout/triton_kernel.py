"""What a tile adds to the sums of the tiles before it, as Triton kernels: every logit is read once and none is written.

A program reads one position at a few neighbouring stages, so that a row of a reference is fetched once for all of them.
Rows are not split between programs and no float is added atomically: the same tile gives the same bits every time.
Within a tile sums are fp32, across tiles float64, as `state` says.

With `reducing_kernel`, the compiled one for processors, this is one of two files that know how a state's arrays lie.
Knows no torch.
"""

from __future__ import annotations

import triton  # type: ignore[import-untyped, import-not-found, unused-ignore]
import triton.language as tl  # type: ignore[import-untyped, import-not-found, unused-ignore]

__all__ = ["INTERPRETED", "PLAIN", "add_tile", "bin_tile"]

INTERPRETED = bool(triton.knobs.runtime.interpret)
"""Whether kernels run in Triton's interpreter, on any device, slowly: by TRITON_INTERPRET=1 when it was imported."""

LOWEST = tl.constexpr(-3e38)
EMPTY = tl.constexpr(-0x7FFFFFFFFFFFFFFF)
"""Below the key of every number; the empty places of a list hold different ones from here on."""
FULL = tl.constexpr(0x7FFFFFFFFFFFFFFF)
"""Above the key of every number; a list that is longer than it need be begins with different ones from here down."""
IDS = tl.constexpr(0x7FFFFFFF)
"""The lower half of a key is this minus the id: of equal logits the lower id has the larger key."""


PLAIN = ["start", "n_stages", "n_positions", "n_columns", "n_real", "n_targets", "n_seen", "filled", "k", "top_stride"]
"""Numbers that a kernel is not compiled for anew: a list of another length must not cost a second."""


@triton.jit(do_not_specialize=PLAIN)
def add_tile(
    logits,
    reference_a,
    reference_b,
    sums,
    peaks_before,
    peaks_now,
    ids,
    logit,
    thresholds,
    greater,
    top_logits,
    top_ids,
    start,
    n_stages,
    n_positions,
    n_columns,
    n_real,
    n_targets,
    n_seen,
    filled,
    k,
    top_stride,
    NORMALISER: tl.constexpr,
    MOMENTS: tl.constexpr,
    COUNTS: tl.constexpr,
    REFERENCES: tl.constexpr,
    AWAY: tl.constexpr,
    TARGETS: tl.constexpr,
    K: tl.constexpr,
    STAGES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Take one tile into the arrays of a `State`; all are contiguous and end with positions, or positions and columns.

    `K` is k or more, a power of two, and 1 where no list is wanted; `TARGETS` likewise is at least `n_targets`.
    """
    # Programs of one position run side by side, and find its references in the cache.
    stage = tl.program_id(0).to(tl.int64) * STAGES + tl.arange(0, STAGES)
    position = tl.program_id(1).to(tl.int64)
    exists = stage < n_stages
    row = stage * n_positions + position
    n_rows = n_stages.to(tl.int64) * n_positions

    maximum = tl.full([STAGES], LOWEST, tl.float32)
    exp_sum = tl.zeros([STAGES], tl.float32)
    exp_moment = tl.zeros([STAGES], tl.float32)
    toward_a = tl.zeros([STAGES], tl.float32)
    toward_b = tl.zeros([STAGES], tl.float32)
    away_a = tl.zeros([STAGES], tl.float32)
    away_b = tl.zeros([STAGES], tl.float32)
    total = tl.zeros([STAGES], tl.float32)
    mean = tl.zeros([STAGES], tl.float32)
    deviations = tl.zeros([STAGES], tl.float32)
    spoilt = tl.zeros([STAGES], tl.int32)
    target = tl.arange(0, TARGETS)
    counts = tl.zeros([STAGES, TARGETS], tl.int32)
    peak_a = 0.0
    peak_b = 0.0
    if AWAY:
        peak_a = tl.load(peaks_now + position).to(tl.float32)
        if REFERENCES == 2:
            peak_b = tl.load(peaks_now + n_positions + position).to(tl.float32)

    # What was found before comes back as keys; what is found takes the place of the least of them. The first places are
    # blocked where the list is longer than k, so that the least is the k-th largest.
    place = tl.arange(0, K)
    slot = place - (K - k)
    keys = tl.zeros([STAGES, K], tl.int64) + (place.to(tl.int64) + EMPTY)[None, :]
    if K > 1:
        at = row[:, None] * top_stride + slot[None, :]
        known = exists[:, None] & ((slot >= 0) & (slot < filled))[None, :]
        before = tl.load(top_logits + at, mask=known, other=0.0)
        id_before = tl.load(top_ids + at, mask=known, other=0)
        keys = tl.where(known, (_ordered(before).to(tl.int64) << 32) | (id_before ^ IDS), keys)
        keys = tl.where((slot < 0)[None, :], (-place.to(tl.int64) + FULL)[None, :], keys)
    least = tl.min(keys, 1)

    for begin in range(0, n_columns, COLUMNS):
        column = begin + tl.arange(0, COLUMNS)
        inside = column < n_columns
        here = exists[:, None] & inside[None, :]
        z = tl.load(logits + row[:, None] * n_columns + column[None, :], mask=here, other=0.0)
        # Neither has a distribution, and a maximum by itself would pass over NaN.
        spoilt = spoilt | tl.max(((z != z) | (z == float("inf"))).to(tl.int32), 1)

        if NORMALISER:
            peak = tl.max(tl.where(here & (z == z), z, LOWEST), 1)
            higher = tl.maximum(maximum, peak)
            # The difference of two that are far enough apart is −inf, and −inf · 0 is NaN.
            down = tl.maximum(maximum - higher, -104.0)
            scale = tl.exp(down)
            # Below −87 powers of e are denormal, and 0 · −inf is NaN.
            exponent = tl.minimum(tl.maximum(z - higher[:, None], -87.0), 0.0)
            power = tl.where(here, tl.exp(exponent), 0.0)
            exp_moment = scale * (exp_moment + down * exp_sum) + tl.sum(power * exponent, 1)
            exp_sum = scale * exp_sum + tl.sum(power, 1)
            maximum = higher
            if REFERENCES >= 1:
                other = tl.load(reference_a + position * n_columns + column, mask=inside, other=0.0)
                # Two logits of −inf do not differ.
                gap = tl.where(z == other[None, :], 0.0, z - other[None, :])
                toward_a = scale * toward_a + tl.sum(tl.where(here, power * gap, 0.0), 1)
                if AWAY:
                    weight = tl.where(inside, tl.exp(tl.maximum(other - peak_a, -87.0)), 0.0)
                    away_a -= tl.sum(tl.where(here, weight[None, :] * gap, 0.0), 1)
            if REFERENCES == 2:
                other = tl.load(reference_b + position * n_columns + column, mask=inside, other=0.0)
                gap = tl.where(z == other[None, :], 0.0, z - other[None, :])
                toward_b = scale * toward_b + tl.sum(tl.where(here, power * gap, 0.0), 1)
                if AWAY:
                    weight = tl.where(inside, tl.exp(tl.maximum(other - peak_b, -87.0)), 0.0)
                    away_b -= tl.sum(tl.where(here, weight[None, :] * gap, 0.0), 1)

        if MOMENTS:
            # Chan, Golub & LeVeque (1979), as in `state`.
            n_here = tl.minimum(n_columns - begin, COLUMNS).to(tl.float32)
            n_before = begin * 1.0
            total_here = tl.sum(z, 1)
            off = tl.where(here, z - (total_here / n_here)[:, None], 0.0)
            delta = total_here / n_here - mean
            deviations += tl.sum(off * off, 1) + delta * delta * (n_before * n_here / (n_before + n_here))
            mean += delta * (n_here / (n_before + n_here))
            total += total_here

        real = here & (column < n_real)[None, :]
        if COUNTS:
            for i in range(n_targets):
                threshold = tl.load(thresholds + i * n_rows + row, mask=exists, other=0.0)
                above = tl.sum((real & (z > threshold[:, None])).to(tl.int32), 1)
                counts += tl.where(target[None, :] == i, above[:, None], 0)

        if K > 1:
            # Order by logit, then by the lower id: one comparison of 64-bit keys, of which no two are equal.
            key = (_ordered(z).to(tl.int64) << 32) | ((start + column) ^ IDS)[None, :]
            key = tl.where(real, key, EMPTY)
            best = tl.max(key, 1)
            enters = best > least
            while tl.max(enters.to(tl.int32), 0) > 0:
                keys = tl.where(enters[:, None] & (keys == least[:, None]), best[:, None], keys)
                least = tl.min(keys, 1)
                best = tl.max(tl.where(key < best[:, None], key, EMPTY), 1)
                enters = best > least

    nothing = tl.where(spoilt > 0, float("nan"), 0.0)
    if NORMALISER:
        before_m = tl.load(sums + row, mask=exists, other=0.0)
        before_z = tl.load(sums + n_rows + row, mask=exists, other=0.0)
        before_a = tl.load(sums + 2 * n_rows + row, mask=exists, other=0.0)
        now = tl.maximum(before_m, maximum.to(tl.float64))
        fall, own_fall = before_m - now, maximum.to(tl.float64) - now
        fade, own_fade = tl.exp(fall), tl.exp(own_fall)
        tl.store(sums + row, now + nothing, mask=exists)
        tl.store(sums + n_rows + row, fade * before_z + own_fade * exp_sum + nothing, mask=exists)
        moment = fade * (before_a + fall * before_z) + own_fade * (exp_moment + own_fall * exp_sum)
        tl.store(sums + 2 * n_rows + row, moment + nothing, mask=exists)
        if REFERENCES >= 1:
            at_a = sums + 5 * n_rows + row
            tl.store(at_a, fade * tl.load(at_a, mask=exists, other=0.0) + own_fade * toward_a, mask=exists)
            if AWAY:
                at_a += REFERENCES * n_rows
                faded = tl.exp(tl.load(peaks_before + position) - tl.load(peaks_now + position))
                tl.store(at_a, faded * tl.load(at_a, mask=exists, other=0.0) + away_a, mask=exists)
        if REFERENCES == 2:
            at_b = sums + 6 * n_rows + row
            tl.store(at_b, fade * tl.load(at_b, mask=exists, other=0.0) + own_fade * toward_b, mask=exists)
            if AWAY:
                at_b += 2 * n_rows
                which = n_positions + position
                faded = tl.exp(tl.load(peaks_before + which) - tl.load(peaks_now + which))
                tl.store(at_b, faded * tl.load(at_b, mask=exists, other=0.0) + away_b, mask=exists)
    if MOMENTS:
        total_before = tl.load(sums + 3 * n_rows + row, mask=exists, other=0.0)
        spread = tl.load(sums + 4 * n_rows + row, mask=exists, other=0.0) + deviations
        if n_seen > 0:
            apart = total.to(tl.float64) / n_columns - total_before / n_seen
            spread += apart * apart * (n_seen.to(tl.float64) * n_columns / (n_seen + n_columns))
        tl.store(sums + 3 * n_rows + row, total_before + total, mask=exists)
        tl.store(sums + 4 * n_rows + row, spread, mask=exists)

    wanted = exists[:, None] & (target < n_targets)[None, :]
    at_target = target.to(tl.int64)[None, :] * n_rows + row[:, None]
    home = tl.load(ids + target * n_positions + position, mask=target < n_targets, other=-1) - start
    found = wanted & ((home >= 0) & (home < n_columns))[None, :]
    own = tl.load(logits + row[:, None] * n_columns + home[None, :], mask=found, other=0.0)
    tl.store(logit + at_target, own, mask=found)
    if COUNTS:
        # A token never counts itself, whichever product its threshold came from.
        itself = found & (home < n_real)[None, :]
        threshold = tl.load(thresholds + at_target, mask=itself, other=0.0)
        counts += tl.load(greater + at_target, mask=wanted, other=0) - (itself & (own > threshold)).to(tl.int32)
        tl.store(greater + at_target, counts, mask=wanted)
    if K > 1:
        keys = tl.sort(keys, 1, True)
        high = (keys >> 32).to(tl.int32)
        value = tl.where(high < 0, high ^ 0x7FFFFFFF, high).to(tl.float32, bitcast=True) + nothing[:, None]
        token = (keys & 0x7FFFFFFF).to(tl.int32) ^ IDS
        at = row[:, None] * top_stride + slot[None, :]
        listed = exists[:, None] & (slot >= 0)[None, :] & ((keys > EMPTY + K) | (spoilt > 0)[:, None])
        tl.store(top_logits + at, value, mask=listed)
        tl.store(top_ids + at, token, mask=listed)


@triton.jit
def _ordered(z):
    """Integers in the order of the numbers: −0 like 0, and NaN above them all."""
    bits = tl.where(z == 0.0, 0.0, z).to(tl.int32, bitcast=True)
    bits = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return tl.where(z != z, 0x7FFFFFFF, bits)


@triton.jit(do_not_specialize=["start", "n_columns", "n_real"])
def bin_tile(
    logits,
    mean,
    scale,
    valid,
    counts,
    samples,
    start,
    n_columns,
    n_real,
    BINS: tl.constexpr,
    SAMPLES: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Take one tile into the arrays of a `Histogram`, one row in each program.

    `samples` are seen as unsigned, so that an empty place is the largest number and any id replaces it. Their minima
    are atomic because several threads find tokens of one bin; a minimum does not depend on who came first.
    """
    row = tl.program_id(0).to(tl.int64)
    bins = tl.arange(0, BINS)
    n_found = tl.zeros([BINS], tl.int32)
    middle, factor = tl.load(mean + row), tl.load(scale + row)
    if tl.load(valid + row) != 0:
        for begin in range(0, n_columns, COLUMNS):
            column = begin + tl.arange(0, COLUMNS)
            inside = column < n_columns
            where = _bin(tl.load(logits + row * n_columns + column, mask=inside, other=0.0), middle, factor, BINS)
            n_found += tl.histogram(where, BINS, mask=inside)
        tl.store(counts + row * BINS + bins, tl.load(counts + row * BINS + bins) + n_found)
        # The lowest ids first, then the lowest of the others, and so on: a later sweep must see what an earlier found.
        for turn in range(SAMPLES):
            for begin in range(0, n_real, COLUMNS):
                column = begin + tl.arange(0, COLUMNS)
                inside = column < n_real
                where = _bin(tl.load(logits + row * n_columns + column, mask=inside, other=0.0), middle, factor, BINS)
                at = samples + (row * BINS + where) * SAMPLES + turn
                token = (start + column).to(tl.uint32)
                best = tl.load(at, mask=inside, other=0)
                if turn > 0:
                    inside = inside & (token > tl.load(at - 1, mask=inside, other=0))
                tl.atomic_min(at, token, mask=inside & (token < best))
            tl.debug_barrier()


@triton.jit
def _bin(z, mean, scale, BINS: tl.constexpr):
    place = tl.floor((z - mean) * scale) + BINS // 2
    return tl.minimum(tl.maximum(place, 0.0), BINS - 1.0).to(tl.int32)
