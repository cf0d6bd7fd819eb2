"""Pixel grids. A grid is odc-geo's GeoBox: shape, affine and CRS in one value, never loose tuples."""

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from dione.base.crs import DEGREES, turn
from dione.base.errors import BadGrid

NEAR_PX = 1e-3
"""Two grids agree when their corners lie closer than this, in pixels."""
AS_TOLD = 0.01
"""A map's metres that are closer to the ground's are taken for them; UTM's are, to 0.001."""
GROUND = Geod(ellps="WGS84")


def finer(grid: GeoBox, zoom: int) -> GeoBox:
    """The grid whose pixels cut each pixel of `grid` into zoom × zoom; corners stay where they are."""
    height, width = grid.shape
    return GeoBox((height * zoom, width * zoom), grid.affine * Affine.scale(1 / zoom), grid.crs)


def same(a: GeoBox, b: GeoBox) -> bool:
    """Whether two grids have one CRS and one shape, and corners that agree to NEAR_PX."""
    return not differences(a, b)


def differences(a: GeoBox, b: GeoBox) -> list[str]:
    """How grid `b` differs from grid `a`, in words; empty when they are the same."""
    found = []
    if a.crs != b.crs:
        found.append(f"CRS {b.crs} instead of {a.crs}")
    if a.shape != b.shape:
        found.append(f"{b.shape[0]}×{b.shape[1]} px instead of {a.shape[0]}×{a.shape[1]}")
    corners = np.array([(0, 0), a.shape[::-1]])
    apart = max(np.abs(np.array((~a.affine) * (b.affine * tuple(c))) - c).max() for c in corners)
    if apart > NEAR_PX:
        found.append(f"corners {apart:.3g} px apart")
    return found


def north_up(grid: GeoBox, where: str) -> GeoBox:
    """`grid` itself, if rows go down and columns go right; raises BadGrid for a rotated or flipped one, or a CRS of no map."""
    a = mapped(grid, where).affine
    if a.b or a.d or a.a <= 0 or a.e >= 0:
        raise BadGrid(
            f"{where} has a rotated or flipped grid ({a.a:g}, {a.b:g}, {a.d:g}, {a.e:g}); needs rows going south, columns going east\nwarp it first, e.g. gdalwarp {where} straight.tif"
        )
    return grid


def mapped(grid: GeoBox, where: str) -> GeoBox:
    """`grid` itself, if its CRS is projected, in degrees or none; raises BadGrid for that of a site, of heights or of the earth's middle."""
    if grid.crs is not None and not grid.crs.geographic and not grid.crs.projected:
        found = grid.crs.proj
        raise BadGrid(
            f"{where} has a CRS that places nothing on a map: {found.type_name} '{found.name}'; needs one that is projected or in degrees, or none\n"
            "give it the right one, or take it away: gdal_edit -a_srs EPSG:32631, gdal_edit -a_srs None"
        )
    return grid


def size_m(grid: GeoBox) -> float | None:
    """Ground sampling distance in metres, of a pixel that is no square the side of one as large; None without a CRS."""
    sides = sides_m(grid)
    return None if sides is None else float(np.sqrt(sides[0] * sides[1]))


def sides_m(grid: GeoBox) -> tuple[float, float] | None:
    """How wide and how high a pixel in the grid's middle is on the ground, metres; None without a CRS.

    A map's own metres are taken as they are, unless they are far from the ground's: those of web Mercator are half as long at 60°.
    """
    if grid.crs is None:
        return None
    across, down = abs(grid.affine.a), abs(grid.affine.e)
    column, row = grid.shape[1] / 2, grid.shape[0] / 2
    if grid.crs.geographic:
        _, latitude = grid.affine * (column, row)
        return 111_320 * across * float(np.cos(np.radians(latitude))), 111_320 * down
    unit = float(grid.crs.proj.axis_info[0].unit_conversion_factor or 1)
    ends = [grid.affine * (column + right, row + below) for right, below in ((-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5))]
    (west, east, top, bottom) = np.column_stack(turn(*np.transpose(ends), source=grid.crs.to_wkt(), target=DEGREES))
    if not np.isfinite([west, east, top, bottom]).all():
        return across * unit, down * unit
    measured = [GROUND.inv(*one, *other)[2] for one, other in ((west, east), (top, bottom))]
    on_map = (across * unit, down * unit)
    told = [ground if abs(ground / mapped - 1) > AS_TOLD else mapped for ground, mapped in zip(measured, on_map, strict=True)]
    return told[0], told[1]
