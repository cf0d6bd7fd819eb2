"""Areas across the antimeridian: in halves, as GeoJSON has them (RFC 7946, §3.1.9), or counted through beyond 180°.

in halves           178 ▐██ 180 … -180 ██▌ -178
counted through     178 ▐██████▌ 182
"""

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

HALF = 180.0
"""Longitudes that are further apart than this are nearer to each other the other way round."""


def crosses(geometry: BaseGeometry) -> bool:
    """Whether a geometry in degrees reaches over the antimeridian: by its width, or by longitudes beyond it."""
    west, _, east, _ = geometry.bounds
    return bool(east - west > HALF or east > HALF or west < -HALF)


def through(geometry: BaseGeometry) -> BaseGeometry:
    """The same with longitudes from 0 to 360; parts that touch at 180° are one."""

    def turned(points: np.ndarray) -> np.ndarray:
        return np.column_stack([np.where(points[:, 0] < 0, points[:, 0] + 360, points[:, 0]), points[:, 1]])

    return shapely.union_all([shapely.transform(part, turned) for part in shapely.get_parts(geometry)])


def halves(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry that is counted through, in longitudes from -180 to 180."""
    _, south, _, north = geometry.bounds
    western = shapely.intersection(geometry, shapely.box(0, south - 1, HALF, north + 1))
    eastern = shapely.intersection(geometry, shapely.box(HALF, south - 1, 360, north + 1))
    parts = [part for half in (western, translate(eastern, -360)) for part in shapely.get_parts(half) if part.area or not geometry.area]
    return shapely.MultiPolygon(parts) if all(part.geom_type == "Polygon" for part in parts) else shapely.GeometryCollection(parts)
