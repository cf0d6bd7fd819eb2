"""What the dates show beyond a picture: `Dates.beyond` of nets/parts/shifts.py."""

from typing import no_type_check

import numpy as np
import torch

from dione.base.machine.compiled import fma, loop

STRIP_PX = 256
"""Pixels of a row that are worked on at a time, with sums that stay in the fastest cache."""
ZERO, HALF, ONE, TWO, FOUR = (np.float32(value) for value in (0, 0.5, 1, 2, 4))
SEEN = np.float32(0.05)


def _at_once() -> bool:
    """Whether PyTorch rounds once where it multiplies and adds, as it does on processors that have an instruction for it."""
    near_one = torch.full((64,), 1 + 2**-12)
    return bool(torch.addcmul(-near_one * near_one, near_one, near_one).any())


AT_ONCE = _at_once()


@loop
@no_type_check
def _plus(total, one, other):
    """`addcmul`."""
    return fma(one, other, total) if AT_ONCE else total + one * other


@loop
@no_type_check
def beyond(apart, shift, share, expected, mean, seen):
    """(t, c, h, w), (t, 2, h, w), (t, h, w), (h, w, c, 9) → (h, w, c, 9), (9, h, w): `Dates.beyond`, strip by strip."""
    dates, bands, height, width = apart.shape
    phi, near, left = np.empty((8, STRIP_PX), np.float32), np.empty((9, STRIP_PX), np.float32), np.empty(STRIP_PX, np.float32)
    rows, columns = np.empty((3, STRIP_PX), np.float32), np.empty((3, STRIP_PX), np.float32)
    total, weight, changes = np.empty((bands, 9, STRIP_PX), np.float32), np.empty((9, STRIP_PX), np.float32), np.empty((bands, 9, STRIP_PX), np.float32)
    for row in range(height):
        for start in range(0, width, STRIP_PX):
            many = min(STRIP_PX, width - start)
            strip = slice(start, start + many)
            total[:], weight[:] = ZERO, ZERO
            for at in range(many):
                for band in range(bands):
                    for power in range(9):
                        changes[band, power, at] = expected[row, start + at, band, power]
            for date in range(dates):
                down, right = shift[date, 0, row, strip], shift[date, 1, row, strip]
                _places(down, right, share[date, row, strip], rows, columns, near, weight)
                if date > 0:  # the target shows nothing beyond itself
                    _powers(down, right, phi)
                    for band in range(bands):
                        left[:many] = apart[date, band, row, strip]
                        for power in range(8):
                            _less(left[:many], changes[band, power + 1], phi[power])
                        for place in range(9):
                            _more(total[band, place, :many], left, near[place])
            for place in range(9):
                here, out = weight[place], seen[place, row, strip]
                for at in range(many):
                    out[at] = here[at]
                for band in range(bands):
                    found, out = total[band, place], mean[row, strip, band, place]
                    for at in range(many):
                        out[at] = found[at] / (here[at] + SEEN)


@loop
@no_type_check
def _less(left, change, power):
    for at in range(len(left)):
        left[at] = _plus(left[at], -change[at], power[at])


@loop
@no_type_check
def _more(total, left, near):
    for at in range(len(total)):
        total[at] = _plus(total[at], left[at], near[at])


@loop
@no_type_check
def _powers(down, right, phi):
    """`basis`, but for the first."""
    for at in range(len(down)):
        low, lower = TWO * down[at], FOUR * (down[at] * down[at])
        far, farther = TWO * right[at], FOUR * (right[at] * right[at])
        phi[0, at], phi[1, at], phi[2, at], phi[5, at] = far, farther, low, lower
        phi[3, at], phi[4, at], phi[6, at], phi[7, at] = low * far, low * farther, lower * far, lower * farther


@loop
@no_type_check
def _places(down, right, share, rows, columns, near, weight):
    """`places` of a date, each times its share, and added to those of the dates before."""
    for third in range(3):
        _beside(down, third, rows[third])
        _beside(right, third, columns[third])
    for place in range(9):
        low, far, here, total = rows[place // 3], columns[place % 3], near[place], weight[place]
        for at in range(len(down)):
            here[at] = low[at] * far[at] * share[at]
        for at in range(len(down)):
            total[at] += here[at]


@loop
@no_type_check
def _beside(shift, third, out):
    at_px = HALF * np.float32(third - 1)
    for at in range(len(shift)):
        out[at] = max(ONE - abs(shift[at] - at_px) * TWO, ZERO)
