"""How a raster's own lattice of pixels stands under a grid: nested, so that numbers are taken as they are, or not."""

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from dione.base.crs import turn
from dione.base.windows import Window

NEAR_PX = 1e-3
"""Corners that agree to this, in pixels of the grid, are the same."""
MARGIN_PX = 4
"""Pixels of another lattice that are read around what is asked for, as an interpolation needs."""


@dataclass(frozen=True)
class Nested:
    """Each pixel of the raster is cut into ratio × ratio pixels of the grid."""

    ratio: int
    top: int
    """Rows of the grid's pixels from the raster's corner down to the grid's."""
    left: int


def footing(raster: GeoBox, grid: GeoBox) -> Nested | None:
    """How the grid nests in the raster's lattice; None if it does not."""
    ratio = raster.affine.a / grid.affine.a
    if raster.crs != grid.crs or abs(ratio - round(ratio)) > NEAR_PX / max(raster.shape) or round(ratio) < 1:
        return None
    a, b = raster.affine, grid.affine
    if a.b or a.d or b.b or b.d or abs(a.e / b.e - ratio) > NEAR_PX / max(raster.shape):
        return None
    left, top = (b.c - a.c) / b.a, (b.f - a.f) / b.e
    if abs(left - round(left)) > NEAR_PX or abs(top - round(top)) > NEAR_PX:
        return None
    return Nested(round(ratio), round(top), round(left))


def window_on(raster: GeoBox, grid: GeoBox, window: Window) -> Window | None:
    """The pixels of the raster that a window of the grid needs; None if it does not reach it."""
    place = footing(raster, grid)
    if place is not None:
        edges = ((window.top + place.top) // place.ratio, (window.left + place.left) // place.ratio)
        ends = (-(-(window.bottom + place.top) // place.ratio), -(-(window.right + place.left) // place.ratio))
        return _cut(Window(*edges, *ends), raster)
    rows, columns = _outline(window)
    x, y = _at(grid, rows, columns)
    if raster.crs != grid.crs:
        x, y = turn(x, y, source=str(grid.crs), target=str(raster.crs))
    inverse = ~raster.affine
    column, row = inverse.a * np.asarray(x) + inverse.b * np.asarray(y) + inverse.c, inverse.d * np.asarray(x) + inverse.e * np.asarray(y) + inverse.f
    if not np.isfinite([row, column]).all():
        return None
    low, high = (int(np.floor(row.min())), int(np.floor(column.min()))), (int(np.ceil(row.max())), int(np.ceil(column.max())))
    reached = _cut(Window(*low, *high), raster)
    return reached and reached.grown(MARGIN_PX, (int(raster.shape[0]), int(raster.shape[1])))


def around(raster: GeoBox, grid: GeoBox, window: Window) -> Window | None:
    """The same, with as many around it as an interpolation needs, where the grid nests too."""
    part = window_on(raster, grid, window)
    return part and part.grown(MARGIN_PX, (int(raster.shape[0]), int(raster.shape[1])))


def _cut(window: Window, raster: GeoBox) -> Window | None:
    rows, columns = raster.shape
    made = Window(max(window.top, 0), max(window.left, 0), min(window.bottom, int(rows)), min(window.right, int(columns)))
    return made if min(made.shape) > 0 else None


def _outline(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Points along the window's edges, rows and columns."""
    along = np.linspace(0, 1, 17)
    down = np.concatenate([along, along, 0 * along, 0 * along + 1]) * window.shape[0] + window.top
    across = np.concatenate([0 * along, 0 * along + 1, along, along]) * window.shape[1] + window.left
    return down, across


def _at(grid: GeoBox, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a = grid.affine
    return a.a * columns + a.b * rows + a.c, a.d * columns + a.e * rows + a.f
