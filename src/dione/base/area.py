"""Where: an area in longitude and latitude, and the whole pixels of a grid that it touches."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely.affinity import translate
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from dione.base.crs import DEGREES, turned
from dione.base.errors import BadRecipe
from dione.base.vectors import antimeridian
from dione.base.windows import Window

WIDEST_DEGREES = 90.0
"""An area across the antimeridian that reaches further is one whose west and east are exchanged."""
DEEPEST_WKT = 16
NEAR_PX = 1e-6
"""A border this near to a pixel's edge lies on it."""

FAULTS = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError, ShapelyError)
"""What shapely raises on what is no geometry."""

Area = Sequence[float] | Mapping[str, Any]
"""(west, south, east, north) in degrees, or a GeoJSON geometry, feature or collection in longitude and latitude.

Across the antimeridian: a box whose west is above its east; a polygon that runs on beyond 180, jumps from 179 to -179, or
is in two halves."""


def geometry(area: Area) -> BaseGeometry:
    """The area in longitude and latitude, in two halves if it lies across the antimeridian; raises BadRecipe when it is none, or crosses itself."""
    if not isinstance(area, Mapping):
        return _box(area)
    try:
        with np.errstate(invalid="ignore"):
            made = _one([shape(one) for one in geometries(area)])
    except FAULTS as error:
        raise BadRecipe(f"the area is no GeoJSON geometry: {type(error).__name__} {error}") from error
    if made.area == 0:
        raise BadRecipe(f"the area is a {made.geom_type} of no size over {made.bounds}; needs a polygon in longitude and latitude")
    return made


def from_wkt(text: str) -> BaseGeometry:
    """A geometry from its text; raises ValueError for what is none, also for brackets in brackets, on which GEOS falls over."""
    depth = np.cumsum([(letter == "(") - (letter == ")") for letter in text])
    if depth.size and depth.max() > DEEPEST_WKT:
        raise ValueError(f"it is nested more than {DEEPEST_WKT} deep")
    try:
        return shapely.from_wkt(text)
    except ShapelyError as error:
        raise ValueError(str(error)) from error


def words(geometry: BaseGeometry) -> str:
    """The box around it, for messages: west, south, east, north."""
    west, south, east, north = geometry.bounds
    if antimeridian.crosses(geometry):
        west, _, east, _ = antimeridian.through(geometry).bounds
        east -= 360
    return ", ".join(f"{edge:.4f}" for edge in (west, south, east, north))


def reprojected(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """The geometry in another CRS; edges are cut into a hundred first, since they bend. In degrees it is in halves across the antimeridian."""
    if source == DEGREES and antimeridian.crosses(geometry):
        geometry = antimeridian.through(geometry)
    west, south, east, north = geometry.bounds
    fine = shapely.segmentize(geometry, max(east - west, north - south) / 100)
    made = turned(fine, source=source, target=target)
    return antimeridian.halves(antimeridian.through(made)) if target == DEGREES and antimeridian.crosses(made) else made


def alongside(grid: GeoBox, placed: BaseGeometry) -> BaseGeometry:
    """A geometry in the grid's CRS, its longitudes counted as those of a grid in degrees that runs on beyond ±180, or from 0 to 360."""
    west, _, east, _ = grid.boundingbox.bbox
    if grid.crs is None or not grid.crs.geographic or (west >= -antimeridian.HALF and east <= antimeridian.HALF):
        return placed
    counted = antimeridian.through(placed)
    return counted if east > antimeridian.HALF else translate(counted, -360)


def touched(grid: GeoBox, placed: BaseGeometry) -> Window | None:
    """The whole pixels that the geometry (in the grid's CRS) touches, counted from the grid's corner and not cut at its edges.

    None where the geometry cannot be placed.
    """
    west, south, east, north = placed.bounds
    if not np.isfinite([west, south, east, north]).all():
        return None
    inverse = ~grid.affine
    (left, top), (right, bottom) = inverse * (west, north), inverse * (east, south)
    # A border that coincides with a pixel's edge, up to rounding, takes no further pixel.
    return Window(
        int(np.floor(top + NEAR_PX)),
        int(np.floor(left + NEAR_PX)),
        int(np.ceil(bottom - NEAR_PX)),
        int(np.ceil(right - NEAR_PX)),
    )


def _box(area: Sequence[float]) -> BaseGeometry:
    if len(area) == 4 and np.isfinite(area).all() and 180 >= area[0] > area[2] >= -180 and area[1] < area[3] and max(map(abs, area[1::2])) <= 90:
        west, south, east, north = map(float, area)
        _not_round_the_earth(west, east + 360)
        return antimeridian.halves(box(west, south, east + 360, north))
    if len(area) != 4 or not np.isfinite(area).all() or area[0] >= area[2] or area[1] >= area[3] or max(map(abs, area[1::2])) > 90:
        raise BadRecipe(f"area is {tuple(area)}, needs west,south,east,north in degrees, west below east, south below north")
    west, south, east, north = map(float, area)
    return box(west, south, east, north)


def _one(parts: list[BaseGeometry]) -> BaseGeometry:
    """All parts as one geometry, each of them simple; in halves if they lie across the antimeridian."""
    if not np.isfinite(shapely.get_coordinates(parts)).all():
        raise BadRecipe("the area has corners that are no numbers; needs a polygon in longitude and latitude")
    west, south, east, north = shapely.GeometryCollection(parts).bounds
    if max(-west, east) > 360 or max(-south, north) > 90:
        raise BadRecipe(f"the area lies over {(west, south, east, north)}, which are no degrees; needs a polygon in longitude and latitude")
    if not antimeridian.crosses(shapely.GeometryCollection(parts)):
        _no_crossing(parts)
        return shapely.union_all(parts)
    turned = [antimeridian.through(part) for part in parts]
    _no_crossing(turned)
    whole = shapely.union_all(turned)
    _not_round_the_earth(whole.bounds[0], whole.bounds[2])
    return antimeridian.halves(whole) if whole.area else whole


def _not_round_the_earth(west: float, east: float) -> None:
    if east - west > WIDEST_DEGREES:
        raise BadRecipe(
            f"the area reaches over {east - west:g} degrees across the antimeridian, from {west:g} to {east - 360:g}; at most {WIDEST_DEGREES:g} may be\n"
            "is west below east? give places that lie far apart in runs of their own"
        )


def _no_crossing(parts: list[BaseGeometry]) -> None:
    wrong = [shapely.is_valid_reason(part) for part in parts if not part.is_valid]
    if wrong:
        raise BadRecipe(
            f"the area is no simple polygon: {'; '.join(wrong)}\nits outline crosses itself there; draw it again, or repair it (QGIS: Fix geometries)"
        )


def geometries(area: Mapping[str, Any]) -> list[Any]:
    """The geometries in a GeoJSON object of any kind."""
    if area["type"] == "FeatureCollection":
        return [feature["geometry"] for feature in area["features"]]
    return [area["geometry"] if area["type"] == "Feature" else area]
