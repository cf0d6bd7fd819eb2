"""From one coordinate reference system to another: x or longitude first, whatever order an authority gives its axes."""

from typing import Any

import numpy as np
import shapely
from odc.geo.crs import CRS
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

DEGREES = "EPSG:4326"


def turn(x: Any, y: Any, *, source: str, target: str) -> tuple[Any, Any]:
    """Coordinates, numbers or arrays of one shape, in another CRS; infinite where there is no way. Raises CRSError for one that is none."""
    across, along = Transformer.from_crs(source, target, always_xy=True).transform(x, y)
    return across, along


def turned(geometry: BaseGeometry, *, source: str, target: str) -> BaseGeometry:
    """A geometry's corners in another CRS; edges stay straight. `dione.base.area.reprojected` bends them as it should."""
    return shapely.transform(geometry, lambda points: np.column_stack(turn(points[:, 0], points[:, 1], source=source, target=target)))


def code_of(crs: CRS | None) -> str | None:
    """EPSG:32631; None without a CRS or for one that has no code."""
    return f"EPSG:{crs.epsg}" if crs is not None and crs.epsg else None


def named(crs: CRS | None) -> str | None:
    """EPSG:32631, or the whole text of a CRS without a code; None without one."""
    return code_of(crs) or (None if crs is None else str(crs))


def utm(longitude: float, latitude: float) -> int:
    """The EPSG code of a point's UTM zone, by meridians alone."""
    return (32600 if latitude >= 0 else 32700) + int((longitude + 180) % 360 // 6) + 1
