"""What dates show beyond their local mean: `differences` of nets/parts/contrast.py, but for the contrast that they are held within."""

from typing import no_type_check

import numpy as np

from dione.base.machine.compiled import loop

REACH = 2
ZERO, ONE, AREA, LEAST = (np.float32(value) for value in (0, 1, 25, 1e-6))


@loop
@no_type_check
def differing(x, seen, own, around, deviation):
    """(t, c, h, w), (t, h, w) → of each date what it shows beyond its local mean, that mean beyond the target's, and the mean size over bands of the former.

    Three arrays to write to: (t, c, h, w), (t, c, h, w), (t, h, w).
    """
    dates, bands, height, width = x.shape
    nothing, padded = np.zeros(width, np.float32), np.zeros(width + 2 * REACH, np.float32)
    share, mean = np.empty(width, np.float32), np.empty(width, np.float32)
    of_target, known = np.empty((bands, height, width), np.float32), np.empty((height, width), np.float32)
    count = np.float32(bands)
    for date in range(dates):
        for row in range(height):
            _mean(seen[date], row, nothing, padded, share)
            if date == 0:
                for at in range(width):
                    known[row, at] = ONE if share[at] > ZERO else ZERO
            for at in range(width):
                share[at] = max(share[at], LEAST)
            clear, total, there = seen[date, row], deviation[date, row], known[row]
            for band in range(bands):
                _mean(x[date, band], row, nothing, padded, mean)
                here, target, found, colours = x[date, band, row], of_target[band, row], own[date, band, row], around[date, band, row]
                for at in range(width):
                    mean[at] = mean[at] / share[at]
                if date == 0:
                    target[:] = mean
                for at in range(width):
                    detail = (here[at] - mean[at]) * clear[at]
                    found[at] = detail
                    colours[at] = (mean[at] - target[at]) * clear[at] * there[at]
                    total[at] = abs(detail) if band == 0 else total[at] + abs(detail)
            for at in range(width):
                total[at] = total[at] / count


@loop
@no_type_check
def _mean(x, row, nothing, padded, out):
    """(h, w) → of one row the mean over 5 × 5 pixels around each, zero outside the picture: rows added up first, then columns, as `box_mean` does."""
    height, width = x.shape
    first = x[row - 2] if row >= 2 else nothing
    second = x[row - 1] if row >= 1 else nothing
    fourth = x[row + 1] if row + 1 < height else nothing
    fifth = x[row + 2] if row + 2 < height else nothing
    here, inner = x[row], padded[REACH : REACH + width]
    for at in range(width):
        inner[at] = first[at] + ((second[at] + here[at]) + (fourth[at] + fifth[at]))
    for at in range(width):
        out[at] = (padded[at] + ((padded[at + 1] + padded[at + 2]) + (padded[at + 3] + padded[at + 4]))) / AREA
