"""Pixel grids. A grid is odc-geo's GeoBox: shape, affine and CRS in one value, never loose tuples."""

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from dione.base.crs import DEGREES, named, turn
from dione.base.errors import BadGrid

NEAR_PX = 1e-3
"""Two grids agree when their corners lie closer than this, in pixels."""
STRETCH = 0.02
"""Of a length. Mercator's projection of the whole world, as maps on the web have it, stretches twofold at 60°."""
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
        found.append(f"CRS {named(b.crs)} instead of {named(a.crs)}")
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
    """Ground sampling distance in metres, of a pixel that is no square the side of one as large; None where that is not known."""
    sides = sides_m(grid)
    return None if sides is None else float(np.sqrt(sides[0] * sides[1]))


def sides_m(grid: GeoBox) -> tuple[float, float] | None:
    """How wide and how high a pixel is on the ground, metres; None where that is not known."""
    unit = metres(grid)
    return None if unit is None else (abs(grid.affine.a) * unit[0], abs(grid.affine.e) * unit[1])


def metres(grid: GeoBox) -> tuple[float, float] | None:
    """How many metres of ground a unit of the grid's CRS is, across and along, at the grid's middle; None without a CRS, and for degrees beyond the poles.

    A projection that stretches no more than STRETCH, as those that countries survey with, is taken at its word.
    """
    if grid.crs is None:
        return None
    (x, y), (across, along) = grid.affine * (grid.shape[1] / 2, grid.shape[0] / 2), (abs(grid.affine.a) / 2, abs(grid.affine.e) / 2)
    if grid.crs.geographic and abs(y) + along > 90:
        return None
    ends = [x - across, x + across, x, x], [y, y, y + along, y - along]
    west, east, top, bottom = np.column_stack(turn(*ends, source=grid.crs.to_wkt(), target=DEGREES))
    ground = GROUND.inv(*west, *east)[2] / (2 * across), GROUND.inv(*top, *bottom)[2] / (2 * along)
    if grid.crs.geographic:
        return ground
    unit = float(grid.crs.proj.axis_info[0].unit_conversion_factor or 1)
    told = [measured if abs(measured / unit - 1) > STRETCH else unit for measured in ground]  # of what is nowhere on earth, not a number
    return told[0], told[1]
