"""A VHR Stack on the grid that training wants (10 m / zoom), resampled once, with its wrong orthorectification taken off.

Every resampling blurs. So the shift that was measured and the change of grid and CRS are one warp, and pixels that become
larger are averaged over their own ground, as a detector of that size would.
"""

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.warp import reproject

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.bands import BANDS
from dione.base.crs import turn
from dione.base.errors import BadGrid, NotFound
from dione.base.windows import Window

LARGER = 1.2
"""Pixels that become larger than this many times are averaged, others interpolated (cubic)."""
WHOLE = 0.999
MARGIN_PX = 4


def onto(stack: xr.Dataset, grid: GeoBox, *, shift_m: tuple[float, float] = (0.0, 0.0), bands: tuple[str, ...] = BANDS) -> xr.Dataset:
    """The Stack on `grid`; only the ground of `grid` is read.

    grid: e.g. `dione.base.grid.finer(stack.grid_of(sentinel2), 4)`.
    shift_m: (south, east) how far the ground in an image lies from where its grid says, metres; it is put back there.
    A pixel is valid where all that it is made of is valid. Raises NotAStack; BadGrid for a Stack or grid without CRS;
    NotFound when they show different ground.
    """
    stacks.check(stack, bands=bands)
    source = stacks.grid_of(stack)
    if source.crs is None or grid.crs is None:
        raise BadGrid("a Stack without CRS cannot be resampled onto another grid\ngive the files one first, e.g. gdal_edit -a_srs EPSG:32631 FILE")
    # What belongs on the grid stands beside it in the scene. Moved is the grid: south and east are its own, in whatever CRS the scene is.
    beside = moved(grid, (-shift_m[0], -shift_m[1]))
    window = window_over(source, beside)
    if window is None:
        raise NotFound(f"the scene covers {_words(source)}, the grid {_words(grid)} (west, south, east, north): they show different ground")
    larger = (grids.size_m(grid) or 1) / (grids.size_m(source) or 1) > LARGER
    kernel = Resampling.average if larger else Resampling.cubic
    part = stack.isel(y=window.slices[0], x=window.slices[1])
    dates = [_warped(part.isel(time=at), source[window.slices], beside, kernel) for at in range(stack.sizes["time"])]
    reflectance, valid = (np.stack(many) for many in zip(*dates, strict=True))
    notes = {str(key): str(value) for key, value in stack.attrs.items()} | {"resampled": kernel.name}
    items = [str(item) for item in stack["item"].values]
    made = stacks.make(reflectance, valid, list(stack["time"].values), grid, items=items, bands=bands, **notes)
    return made.assign_coords(white=(("time", "band"), stack["white"].values)) if "white" in stack.coords else made


def moved(grid: GeoBox, shift_m: tuple[float, float]) -> GeoBox:
    """The right grid of an image whose ground lies `shift_m` (south, east) from where its own grid says."""
    across, along = grids.metres(grid) or (1.0, 1.0)
    return GeoBox(grid.shape, Affine.translation(shift_m[1] / across, -shift_m[0] / along) * grid.affine, grid.crs)


def _warped(date: xr.Dataset, source: GeoBox, grid: GeoBox, kernel: Resampling) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Reflectance (band, y, x) and validity of one date on `grid`."""
    places = dict(src_transform=source.affine, src_crs=str(source.crs), dst_transform=grid.affine, dst_crs=str(grid.crs), resampling=kernel, num_threads=1)
    values, seen = date["reflectance"].values, date["valid"].values
    holed = np.where(seen, values, np.float32(np.nan))
    image = np.full((len(values), *grid.shape), np.nan, np.float32)
    reproject(holed, image, src_nodata=np.nan, dst_nodata=np.nan, **places)
    # A rim of zeros, so that what lies beyond the scene counts as not seen.
    share = np.zeros(grid.shape, np.float32)
    rim = Affine.translation(-1, -1)
    reproject(np.pad(seen, 1).astype(np.float32), share, **{**places, "src_transform": source.affine * rim})
    valid = (share > WHOLE) & np.isfinite(image).all(0)
    return np.where(valid, image, np.float32(0)), valid


def window_over(source: GeoBox, grid: GeoBox) -> Window | None:
    """The pixels of `source` over which `grid` lies, and MARGIN_PX more; None if there are none."""
    rows, columns = grid.shape
    edge = np.linspace(0, 1, 21)
    across = np.concatenate([edge, edge, 0 * edge, 0 * edge + 1]) * columns
    down = np.concatenate([0 * edge, 0 * edge + 1, edge, edge]) * rows
    x, y = turn(*_at(grid.affine, across, down), source=str(grid.crs), target=str(source.crs))
    column, row = _at(~source.affine, np.asarray(x), np.asarray(y))
    if not np.isfinite([column, row]).all() or column.max() <= 0 or row.max() <= 0 or column.min() >= source.shape[1] or row.min() >= source.shape[0]:
        return None
    low, high = (int(np.floor(row.min())), int(np.floor(column.min()))), (int(np.ceil(row.max())), int(np.ceil(column.max())))
    return Window(*low, *high).grown(MARGIN_PX, (int(source.shape[0]), int(source.shape[1])))


def _at(affine: Affine, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Many points through an affine."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def _words(grid: GeoBox) -> str:
    return ", ".join(f"{edge:.5g}" for edge in grid.boundingbox.bbox) + f" in {grid.crs.to_epsg() if grid.crs else None}"
