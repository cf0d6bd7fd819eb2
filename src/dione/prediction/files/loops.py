"""Loops over the pixels of a large block, for what NumPy would go through memory many times for: `encode` of form.py, `tiles` of packing.py."""

from typing import no_type_check

import numpy as np

from dione.base.machine.compiled import loop_of

ZERO, ONE, LARGEST, BEYOND = (np.float32(value) for value in (0, 1, 65535, np.inf))


@loop_of("void(f4[:,:,:], b1[:,:], f4, u2[:,:,::1])")
@no_type_check
def encoded(values, valid, per_unit, numbers):
    """(band, y, x) float32, (y, x) → (band, y, x) uint16: what `encode` says."""
    bands, height, width = values.shape
    seen, held = np.empty(width, np.float32), np.empty((bands, width), np.float32)
    for row in range(height):
        for at in range(width):
            seen[at] = ONE if valid[row, at] else ZERO
        for band in range(bands):
            here = held[band]
            here[:] = values[band, row]  # side by side, so that several are worked on at once
            for at in range(width):
                seen[at] = seen[at] if abs(here[at]) < BEYOND else ZERO
        for band in range(bands):
            here, out = held[band], numbers[band, row]
            for at in range(width):
                scaled = np.rint(min(max(here[at] * per_unit, ONE), LARGEST))
                out[at] = np.uint16(np.int32(scaled if seen[at] > ZERO else ZERO))


@loop_of("void(u2[:,:,:], u2[:,:,::1])")
@no_type_check
def differences(numbers, made):
    """(band, h, w) uint16 → (tile, tile, band): each less its neighbour to the left, around zero; what is beyond stays."""
    bands, height, width = numbers.shape
    for row in range(height):
        for band in range(bands):
            here, out = numbers[band, row], made[row, :, band]
            out[0] = here[0]
            for at in range(1, width):
                out[at] = here[at] - here[at - 1]
