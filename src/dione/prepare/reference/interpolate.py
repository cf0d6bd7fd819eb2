"""From one north-up grid to another of the same CRS, axis by axis, in the overlap: `rows @ image @ columns.T`.

Pixels of the target beyond the source repeat its edge; who needs to know asks `nearest` on a mask.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from dione.base import optics

Array = NDArray[np.float32]
WHOLE = 0.999
"""A pixel's weights lie this far on valid pixels, or it is not valid."""


def cubic(image: Array, source: GeoBox, target: GeoBox) -> Array:
    """Image (..., y, x) on a finer grid, by Catmull and Rom's cubic (1974; a = −1/2)."""
    rows, columns = (_cubic(*axis) for axis in _axes(source, target))
    return np.asarray(rows @ image @ columns.T, np.float32)


def filled(image: Array, valid: NDArray[np.bool_]) -> Array:
    """Image (band, y, x) whose pixels that are not valid (y, x) hold the mean of the valid ones in the 5 × 5 around, or 0.

    So that interpolation beside a gap does not see what stands in it.
    """
    share = ndimage.uniform_filter(valid.astype(np.float32), 5, mode="nearest")
    around = np.stack([ndimage.uniform_filter(np.where(valid, band, np.float32(0)), 5, mode="nearest") for band in image])
    return np.where(valid, image, np.where(share > 1e-3, around / np.maximum(share, np.float32(1e-3)), np.float32(0))).astype(np.float32)


def nearest(mask: NDArray[np.bool_], source: GeoBox, target: GeoBox) -> NDArray[np.bool_]:
    """Mask (y, x) on another grid: of the pixel that holds the centre; False beyond the source."""
    places, inside = [], []
    for length, start, step, count in _axes(source, target):
        at = np.floor(start + step * np.arange(count) + 0.5 + 1e-9).astype(int)
        places.append(np.clip(at, 0, length - 1))
        inside.append((at >= 0) & (at < length))
    return np.asarray(mask[np.ix_(*places)] & inside[0][:, None] & inside[1][None])


def mean(image: Array, valid: NDArray[np.bool_], source: GeoBox, target: GeoBox) -> tuple[Array, NDArray[np.bool_]]:
    """Image (..., y, x) as an instrument with the larger pixels of `target` sees it, and where all it saw was valid.

    Box and optics as in `dione.base.optics`. A pixel that reaches beyond the source is not valid.
    """
    axes = _axes(source, target)
    rows, columns = (_seen(*axis) for axis in axes)
    within = [_within(*axis) for axis in axes]
    weight = rows @ valid.astype(np.float32) @ columns.T
    seen = rows @ np.where(valid, image, np.float32(0)) @ columns.T
    return np.asarray(seen / np.maximum(weight, np.float32(1e-6)), np.float32), np.asarray((weight > WHOLE) & within[0][:, None] & within[1][None])


def _axes(source: GeoBox, target: GeoBox) -> list[tuple[int, float, float, int]]:
    """For rows and columns: length of the source, where the target's first centre stands in it (0 = first centre), its step, its length."""
    both = ~source.affine * target.affine
    return [
        (int(source.shape[0]), round(both.f + both.e / 2 - 0.5, 9), both.e, int(target.shape[0])),
        (int(source.shape[1]), round(both.c + both.a / 2 - 0.5, 9), both.a, int(target.shape[1])),
    ]


@lru_cache(64)
def _cubic(length: int, start: float, step: float, count: int) -> Array:
    """The matrix (count, length) of weights."""
    at = start + step * np.arange(count)
    first = np.floor(at).astype(int)
    t = at - first
    weights = np.stack([-0.5 * t + t**2 - 0.5 * t**3, 1 - 2.5 * t**2 + 1.5 * t**3, 0.5 * t + 2 * t**2 - 1.5 * t**3, -0.5 * t**2 + 0.5 * t**3])
    matrix = np.zeros((count, length))
    for tap, weight in enumerate(weights, -1):
        np.add.at(matrix, (np.arange(count), np.clip(first + tap, 0, length - 1)), weight)
    return matrix.astype(np.float32)


@lru_cache(64)
def _seen(length: int, start: float, step: float, count: int) -> Array:
    """The matrix (count, length) of an instrument whose pixels are `step` of the source's wide."""
    # Where optics puts the middle of both axes, against where it is.
    centred = (start + 0.5 + step * (count - 1) / 2 - length / 2) / step
    return np.asarray(optics.sampling(count, length, step, shift_px=centred), np.float32)


def _within(length: int, start: float, step: float, count: int) -> NDArray[np.bool_]:
    """(count,) whether the whole of a target's pixel lies in the source, to a hundredth of it."""
    centre = start + 0.5 + step * np.arange(count)
    return np.asarray((centre - step / 2 >= -step / 100) & (centre + step / 2 <= length + step / 100))
