"""Where: a Stack cropped to an area, and how much of it each date sees."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import geometry_mask
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import area as areas
from dione.base import stack as stacks
from dione.base.area import Area
from dione.base.crs import DEGREES
from dione.base.errors import BadGrid, NotFound
from dione.base.windows import Window, lattice

EXACT_PX = 2048 * 2048
"""Areas up to this many pixels are looked at whole."""
SAMPLE_SIDE, SAMPLES = 256, 8
"""Larger ones in SAMPLES × SAMPLES windows of this side, evenly spread."""


def clear_fractions(stack: xr.Dataset) -> list[float]:
    """The fraction of the area seen clear on each date, 0–1; outside of a cropped polygon nothing counts.

    Exact up to EXACT_PX; from a regular sample of windows above. Of a Stack from an archive only the classes are read (`clear`).
    """
    seen_in = "clear" if "clear" in stack else "valid"
    size = stack.sizes["y"], stack.sizes["x"]
    windows = list(lattice(size, 1024)) if size[0] * size[1] <= EXACT_PX else _spread(stack, size)
    clear, seen = np.zeros(stack.sizes["time"]), 0
    for window in windows:
        rows, columns = window.slices
        part = stack.isel(y=rows, x=columns)
        inside = part["inside"].values if "inside" in part.coords else np.ones(window.shape, bool)
        clear += (part[seen_in].values & inside).sum((1, 2))
        seen += int(inside.sum())
    return [float(fraction) for fraction in clear / max(seen, 1)]


def _spread(stack: xr.Dataset, size: tuple[int, int]) -> list[Window]:
    """A regular sample; where some of its windows would miss the polygon, one of the windows that do not."""
    regular = sample(size)
    if "inside" not in stack.coords:
        return regular
    inside = stack["inside"].values
    if all(inside[window.slices].any() for window in regular):
        return regular
    held = [window for window in lattice(size, SAMPLE_SIDE) if inside[window.slices].any()]
    return [held[at] for at in sorted({round(at) for at in np.linspace(0, len(held) - 1, SAMPLES**2)})]


def sample(scene: tuple[int, int], *, side: int = SAMPLE_SIDE, count: int = SAMPLES) -> list[Window]:
    """At most count × count windows of at most side × side pixels, evenly spread over a scene, corners included."""
    tops, lefts = (np.linspace(0, max(length - side, 0), min(count, -(-length // side))).astype(int) for length in scene)
    return [Window(int(top), int(left), min(int(top) + side, scene[0]), min(int(left) + side, scene[1])) for top in tops for left in lefts]


def crop(stack: xr.Dataset, area: Area) -> xr.Dataset:
    """The part of a Stack that covers an area, whole pixels; outside a polygon nothing is valid.

    A polygon is kept as the coordinate `inside` (y, x), so that fractions are of the polygon.
    Raises NotFound when they do not overlap, BadRecipe for an area that is none, BadGrid for a Stack without CRS.
    """
    grid = stacks.grid_of(stack)
    if grid.crs is None:
        raise BadGrid("an area in degrees cannot be found in a scene without a CRS\ngive the files one first, e.g. gdal_edit -a_srs EPSG:32631 FILE")
    wanted = areas.geometry(area)
    placed = areas.alongside(grid, areas.reprojected(wanted, DEGREES, str(grid.crs)))
    window = _within_scene(areas.touched(grid, placed), grid)
    if window is None:
        scene = areas.reprojected(box(*grid.boundingbox.bbox), str(grid.crs), DEGREES)
        raise NotFound(f"the area {areas.words(wanted)} does not touch the scene, which covers {areas.words(scene)} (west, south, east, north)")
    rows, columns = window.slices
    part = stack.isel(y=rows, x=columns)
    return _within(part, placed) if isinstance(area, Mapping) else part


def _within_scene(window: Window | None, grid: GeoBox) -> Window | None:
    """Cut at the edges of the scene; None when nothing is left."""
    if window is None:
        return None
    cut = Window(max(window.top, 0), max(window.left, 0), min(window.bottom, grid.shape[0]), min(window.right, grid.shape[1]))
    return cut if min(cut.shape) > 0 else None


def _within(part: xr.Dataset, placed: BaseGeometry) -> xr.Dataset:
    """Nothing valid outside; every pixel that the geometry touches is inside."""
    grid = stacks.grid_of(part)
    inside: NDArray[np.bool_] = geometry_mask([mapping(placed)], grid.shape, grid.affine, all_touched=True, invert=True)
    if not inside.any():
        raise NotFound("the area does not touch the scene: only their bounding boxes overlap")
    if "inside" in part.coords:
        inside &= part["inside"].values
    if part["valid"].chunks is None:
        valid: Any = (part["valid"].dims, LazilyIndexedArray(Inside(part["valid"].variable, inside)))
    else:
        valid = part["valid"] & xr.DataArray(inside, dims=("y", "x"))
    return part.assign(valid=valid).assign_coords(inside=(("y", "x"), inside))


class Inside(BackendArray):
    """`valid` (time, y, x) where it is `inside` (y, x), joined when read, so that a lazy Stack stays lazy."""

    def __init__(self, valid: xr.Variable, inside: NDArray[np.bool_]) -> None:
        self.valid, self.inside = valid, xr.Variable(("y", "x"), inside)
        self.shape, self.dtype = valid.shape, valid.dtype

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[np.bool_]:
        return np.asarray(self.valid[key].values & self.inside[key[1:]].values)
