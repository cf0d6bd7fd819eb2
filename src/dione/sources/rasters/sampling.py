"""Numbers of one lattice at the pixels of another, each placed exactly, so that any window gives what the whole would.

GDAL's warper places pixels by approximation, which depends on the window: by up to an eighth of a pixel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base.crs import turn
from dione.base.windows import Window
from dione.sources.rasters.footing import footing


@dataclass(frozen=True)
class Places:
    """Where the centres of a window's pixels stand in a raster; 0 is the centre of its first pixel."""

    rows: NDArray[np.float64]
    """(y, x)"""
    columns: NDArray[np.float64]


def places(raster: GeoBox, grid: GeoBox, window: Window) -> Places:
    """For each pixel of a window of the grid, where it stands in the raster."""
    down, across = np.mgrid[window.top : window.bottom, window.left : window.right] + 0.5
    a = grid.affine
    x, y = a.a * across + a.b * down + a.c, a.d * across + a.e * down + a.f
    if raster.crs != grid.crs:
        x, y = turn(x, y, source=str(grid.crs), target=str(raster.crs))
    b = ~raster.affine
    return Places(b.d * x + b.e * y + b.f - 0.5, b.a * x + b.b * y + b.c - 0.5)


def cubic(numbers: NDArray[np.float32], part: Window, at: Places) -> NDArray[np.float32]:
    """By Catmull and Rom's cubic (1974; a = -1/2); NaN where any of the 16 that a pixel is made of is NaN or beyond `part`.

    numbers: those of `part`, a window of the raster.
    """
    top, left = np.floor(at.rows), np.floor(at.columns)
    down, across = _weights(at.rows - top), _weights(at.columns - left)
    made = np.zeros(at.rows.shape, np.float64)
    for i in range(4):
        line = sum(across[j] * _picked(numbers, part, top + i - 1, left + j - 1) for j in range(4))
        made += down[i] * line
    return made.astype(np.float32)


def image(numbers: NDArray[np.float32], part: Window, at: Places, raster: GeoBox, grid: GeoBox) -> NDArray[np.float32]:
    """The numbers as they are where the two share a lattice of pixels, or else by the cubic; NaN beyond `part`."""
    place = footing(raster, grid)
    return nearest(numbers, part, at, beyond=np.nan) if place is not None and place.ratio == 1 else cubic(numbers, part, at)


def no_finer(raster: GeoBox, grid: GeoBox) -> tuple[GeoBox, int]:
    """The raster, and 1; where its pixels are smaller than the grid's, that of their averages (see `averaged`), and of how many along a side."""
    row, column = (int(side) // 2 for side in grid.shape)
    at = places(raster, grid, Window(row, column, row + 2, column + 2))
    steps = [float(np.hypot(np.diff(at.rows, axis=axis), np.diff(at.columns, axis=axis)).min()) for axis in (0, 1)]
    ratio = max(1, round(min(steps))) if np.isfinite(steps).all() else 1
    rows, columns = (int(side) // ratio for side in raster.shape)
    return (raster if ratio == 1 else GeoBox((rows, columns), raster.affine * Affine.scale(ratio), raster.crs)), ratio


def averaged(numbers: NDArray[np.float32], ratio: int) -> NDArray[np.float32]:
    """(..., y, x) as averages of ratio × ratio; NaN where any of them is. An interpolation alone would skip pixels, and see patterns that are not there."""
    if ratio == 1:
        return numbers
    *before, rows, columns = numbers.shape
    made: NDArray[np.float32] = numbers.reshape(*before, rows // ratio, ratio, columns // ratio, ratio).mean((-3, -1), dtype=np.float32)
    return made


def nearest(numbers: NDArray[Any], part: Window, at: Places, *, beyond: float = 0) -> NDArray[Any]:
    """The number whose pixel holds the place; `beyond` where that is not in `part`."""
    rows, columns = np.floor(at.rows + 0.5), np.floor(at.columns + 0.5)
    inside = (rows >= part.top) & (rows < part.bottom) & (columns >= part.left) & (columns < part.right)
    return np.where(inside, _clipped(numbers, part, rows, columns), numbers.dtype.type(beyond))


def _weights(t: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [-0.5 * t + t**2 - 0.5 * t**3, 1 - 2.5 * t**2 + 1.5 * t**3, 0.5 * t + 2 * t**2 - 1.5 * t**3, -0.5 * t**2 + 0.5 * t**3]


def _picked(numbers: NDArray[np.float32], part: Window, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float32]:
    inside = (rows >= part.top) & (rows < part.bottom) & (columns >= part.left) & (columns < part.right)
    return np.where(inside, _clipped(numbers, part, rows, columns), np.float32(np.nan))


def _clipped(numbers: NDArray[Any], part: Window, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[Any]:
    down = np.clip(rows.astype(int) - part.top, 0, part.shape[0] - 1)
    across = np.clip(columns.astype(int) - part.left, 0, part.shape[1] - 1)
    return np.asarray(numbers[down, across])
