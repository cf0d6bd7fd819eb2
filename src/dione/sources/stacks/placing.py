"""The grid of an area: the pixels of the UTM zone that most of it was seen in, as many as the area touches."""

from collections import defaultdict
from collections.abc import Sequence

import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from dione.base import area as areas
from dione.base.crs import DEGREES
from dione.base.errors import BadGrid, NotFound
from dione.base.windows import Window


def grid_for(grids: Sequence[GeoBox], area: BaseGeometry | None) -> GeoBox:
    """One grid for all: in the CRS that covers most of the area, on the lattice of the first raster that has it.

    area: in longitude and latitude; None for all that the rasters of that CRS cover.
    Raises BadGrid for rasters without a CRS, NotFound when none touches the area.
    """
    by_crs: dict[str, list[GeoBox]] = defaultdict(list)
    for grid in grids:
        if grid.crs is None:
            raise BadGrid("a product does not tell its CRS, so an area cannot be found in it")
        by_crs[str(grid.crs)].append(grid)
    crs = max(by_crs, key=lambda one: (_covered(by_crs[one], area), len(by_crs[one])))
    wanted = area if area is not None else shapely.union_all([_outline(grid) for grid in by_crs[crs]])
    first = by_crs[crs][0]
    placed = areas.reprojected(wanted, DEGREES, crs) if area is not None else shapely.union_all([box(*grid.boundingbox.bbox) for grid in by_crs[crs]])
    window = areas.touched(first, placed)
    if window is None or not any(placed.intersects(box(*grid.boundingbox.bbox)) for grid in by_crs[crs]):
        raise NotFound(f"no product touches the area {areas.words(wanted)} (west, south, east, north)")
    return _moved(first, window)


def _moved(grid: GeoBox, window: Window) -> GeoBox:
    """The grid of a window, which may reach beyond the first one's edges."""
    affine = grid.affine * grid.affine.translation(window.left, window.top)
    return GeoBox(window.shape, affine, grid.crs)


def _covered(grids: list[GeoBox], area: BaseGeometry | None) -> float:
    """How much of the area they cover, square degrees; without an area, what they cover."""
    seen = shapely.union_all([_outline(grid) for grid in grids])
    return float(seen.area if area is None else seen.intersection(area).area)


def _outline(grid: GeoBox) -> BaseGeometry:
    return areas.reprojected(box(*grid.boundingbox.bbox), str(grid.crs), DEGREES)
