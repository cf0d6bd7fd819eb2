"""A real series as a sensor with larger pixels would have seen it; then the series itself is the truth."""

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import optics
from dione.base import stack as stacks
from dione.base.errors import BadGrid

SMALLEST_PX = 16


def coarser(stack: xr.Dataset, *, zoom: int = 4, modulation: float = optics.NYQUIST_MODULATION, shifts: NDArray[np.float64] | None = None) -> xr.Dataset:
    """The series with pixels zoom times larger; rows and columns that do not fill one are cut off.

    shifts: (time, 2) where each date's grid really stands, rows and columns in coarse pixels; none by default. What the
    Stack says of its grid stays the same, as with real dates, whose registration is never perfect.
    A coarse pixel is valid if all the fine ones in it are; what is hidden lends its neighbours nothing.
    Raises BadGrid for a scene of under SMALLEST_PX coarse pixels.
    """
    rows, columns = stack.sizes["y"] // zoom, stack.sizes["x"] // zoom
    if min(rows, columns) < SMALLEST_PX:
        raise BadGrid(
            f"{stack.sizes['y']}×{stack.sizes['x']} px leave {rows}×{columns} at {zoom} times the pixel; needs {SMALLEST_PX} each side\nuse a larger area"
        )
    part = stack.isel(y=slice(rows * zoom), x=slice(columns * zoom))
    moved = np.zeros((stack.sizes["time"], 2)) if shifts is None else shifts
    dates = [_date(part.isel(time=date).compute(), zoom, modulation, moved[date]) for date in range(len(moved))]
    reflectance, valid = (np.stack(parts) for parts in zip(*dates, strict=True))
    grid = stacks.grid_of(stack)
    coarse = GeoBox((rows, columns), grid.affine * Affine.scale(zoom), grid.crs)
    return stacks.make(reflectance, valid, list(stack["time"].values), coarse, items=stack["item"].values.tolist(), source="brought down")


def drawn_shifts(dates: int, *, shift_px: float, seed: int) -> NDArray[np.float64]:
    """(time, 2) normal with deviation `shift_px` coarse pixels each axis, at most three of these."""
    return np.clip(np.random.default_rng(seed).normal(0, 1, (dates, 2)), -3, 3) * shift_px


def _date(part: xr.Dataset, zoom: int, modulation: float, shift: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    valid, (height, width) = part["valid"].values, part["valid"].shape
    down, across = (optics.sampling(n // zoom, n, zoom, shift_px=by, modulation=modulation) for n, by in zip((height, width), shift, strict=True))
    weight = down @ valid.astype(np.float32) @ across.T
    seen = down @ np.where(valid, part["reflectance"].values, 0) @ across.T / np.maximum(weight, 1e-6)
    upright, level = (_footprint(n, zoom, float(by)) for n, by in zip((height, width), shift, strict=True))
    hidden = upright @ (~valid).astype(np.float32) @ level.T > 0
    return seen.astype(np.float32), ~hidden


def _footprint(fine: int, zoom: int, shift_px: float) -> NDArray[np.float32]:
    """(coarse, fine) 1 where a fine pixel lies, wholly or in part, in a coarse one."""
    start = (np.arange(fine // zoom)[:, None] + shift_px) * zoom
    at = np.arange(fine)
    return ((at + 1 > start) & (at < start + zoom)).astype(np.float32)
