"""How dates compare with the target, and where they stand: `likeness` and `measured` of nets/parts/shifts.py."""

from typing import no_type_check

import numpy as np

from dione.base.machine.compiled import loop
from dione.nets.parts import shifts

REACH = shifts.RADIUS
RING = 16
"""Rows of running sums that are kept, at least as many as are averaged."""

ZERO, ONE, TWO, EIGHT, TWELVE = (np.float32(value) for value in (0, 1, 2, 8, 12))
AREA = np.float32((2 * REACH + 1) ** 2)
TINY, LEAST, AGREES, LIKEST = (np.float32(value) for value in (1e-12, 1e-9, 1e-3, 1.5))
LARGEST, RIDGE = np.float32(shifts.LARGEST), np.float32(shifts.RIDGE)


@loop
@no_type_check
def _sum(one, other, out):
    for at in range(len(out)):
        out[at] = one[at] + other[at]


@loop
@no_type_check
def pooled(x, out):
    """(h, w) → the mean over 15 × 15 pixels around each, zero outside the picture: of sums of 1, 2, 4 and 8 rows, then columns."""
    height, width = x.shape
    nothing, padded = np.zeros(width, np.float32), np.zeros(width + 2 * REACH, np.float32)
    inner = padded[REACH : REACH + width]
    two, four, eight = np.empty(width + 13, np.float32), np.empty(width + 11, np.float32), np.empty(width + 7, np.float32)
    twos, fours, eights = np.zeros((RING, width), np.float32), np.zeros((RING, width), np.float32), np.zeros((RING, width), np.float32)
    for newest in range(-REACH, height + REACH):
        before = x[newest - 1] if 1 <= newest <= height else nothing
        _sum(before, x[newest] if 0 <= newest < height else nothing, twos[(newest - 1) % RING])
        _sum(twos[(newest - 3) % RING], twos[(newest - 1) % RING], fours[(newest - 3) % RING])
        _sum(fours[(newest - 7) % RING], fours[(newest - 3) % RING], eights[(newest - 7) % RING])
        row = newest - REACH
        if row < 0:
            continue
        first = x[row - REACH] if row >= REACH else nothing
        second, fourth, eighth = twos[(row - 6) % RING], fours[(row - 4) % RING], eights[row % RING]
        for at in range(width):
            inner[at] = first[at] + second[at] + fourth[at] + eighth[at]
        _sum(padded[:-1], padded[1:], two)
        _sum(two[:-2], two[2:], four)
        _sum(four[:-4], four[4:], eight)
        for at in range(width):
            out[row, at] = (padded[at] + two[at + 1] + four[at + 3] + eight[at + 7]) / AREA


@loop
@no_type_check
def likened(own, target, both, out):
    """(c, h, w), (c, h, w), (h, w) → `own` times what makes it most like the target: `likeness`."""
    bands, height, width = own.shape
    product, met = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    common, strength = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    pooled(both, met)
    for band in range(bands):
        _product(own[band], both, target[band], product)
        pooled(product, common)
        _product(own[band], both, own[band], product)
        pooled(product, strength)
        for row in range(height):
            for at in range(width):
                scale = min(max(common[row, at] / (strength[row, at] + TINY), -LIKEST), LIKEST)
                out[band, row, at] = own[band, row, at] * (scale if met[row, at] > ZERO else ONE)


@loop
@no_type_check
def _product(one, seen, other, out):
    height, width = out.shape
    for row in range(height):
        for at in range(width):
            out[row, at] = one[row, at] * seen[row, at] * other[row, at]


@loop
@no_type_check
def measured(own, target, both, out):
    """(c, h, w), (c, h, w), (h, w) → (2, h, w) shift."""
    bands, height, width = own.shape
    halfway, unlike, weight = np.empty((height, width), np.float32), np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    sums, means = np.zeros((5, height, width), np.float32), np.empty((5, height, width), np.float32)
    down, right = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for band in range(bands):
        _compared(own[band], target[band], both, halfway, unlike)
        pooled(unlike, weight)
        for row in range(height):
            _slopes(halfway, row, down, right)
            one, other, seen, differ = own[band, row], target[band, row], both[row], weight[row]
            yy, xy, xx, y, x = sums[0, row], sums[1, row], sums[2, row], sums[3, row], sums[4, row]
            for at in range(width):
                agrees, apart = ONE / (differ[at] + TINY), (one[at] - other[at]) * seen[at]
                low, far = down[at] * seen[at], right[at] * seen[at]
                lows, fars = low * agrees, far * agrees
                yy[at] += lows * low
                xy[at] += lows * far
                xx[at] += fars * far
                y[at] += lows * apart
                x[at] += fars * apart
    for pair in range(5):
        pooled(sums[pair], means[pair])
    for row in range(height):
        yy, xy, xx, y, x = means[0, row], means[1, row], means[2, row], means[3, row], means[4, row]
        downwards, rightwards = out[0, row], out[1, row]
        for at in range(width):
            ridge = RIDGE * (yy[at] + xx[at]) + LEAST
            low, far, both_ways = yy[at] + ridge, xx[at] + ridge, xy[at]
            size = low * far - both_ways * both_ways
            downwards[at] = min(max((far * y[at] - both_ways * x[at]) / size, -LARGEST), LARGEST)
            rightwards[at] = min(max((low * x[at] - both_ways * y[at]) / size, -LARGEST), LARGEST)


@loop
@no_type_check
def _compared(own, target, both, halfway, unlike):
    """The mean of the two, and how little they agree."""
    height, width = own.shape
    for row in range(height):
        one, other, clear, middle, out = own[row], target[row], both[row], halfway[row], unlike[row]
        for at in range(width):
            middle[at] = (one[at] + other[at]) / TWO
            apart, seen = (one[at] - other[at]) * clear[at], other[at] * clear[at]
            out[at] = apart * apart + AGREES * (seen * seen)


@loop
@no_type_check
def _slopes(x, row, down, right):
    """`slope` of one row along both axes."""
    if 2 <= row < len(x) - 2:
        _slope(x[row - 2], x[row - 1], x[row + 1], x[row + 2], down)
    else:
        down[:] = ZERO
    here = x[row]
    _slope(here[:-4], here[1:-3], here[3:-1], here[4:], right[2:-2])


@loop
@no_type_check
def _slope(first, second, fourth, fifth, out):
    for at in range(len(out)):
        out[at] = (EIGHT * (fourth[at] - second[at]) - (fifth[at] - first[at])) / TWELVE
