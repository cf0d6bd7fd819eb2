"""Regions of interest: the polygons of a vector file. One that is none stops no other."""

import shapely
from shapely.geometry.base import BaseGeometry

from dione.base.errors import BadRecipe, faults
from dione.base.vectors import vectorfile
from dione.base.vectors.features import Features
from dione.sources.carrying import brought
from dione.sources.places import shown

ADVICE = "give polygons whose outlines do not cross themselves (QGIS: Fix geometries), GeoJSON in longitude and latitude"


def read(path: str) -> Features:
    """What a vector file holds, here or at s3://, in longitude and latitude; raises NotFound, BadRecipe, DioneError where pyogrio is needed and not there."""
    with brought(vectorfile.split(path)[0]) as here:
        return vectorfile.read(path, source=f"the file of regions {shown(path)}", here=here).in_degrees()


def usable(found: Features) -> tuple[Features, dict[str, str]]:
    """The features that are regions, and of each other one its name or number and why it is none; raises BadRecipe where no feature is one."""
    good, wrong = found.parted(fault)
    rows = found.rows()
    told = {f"region {rows[at].get('name') or at}": why for at, why in wrong.items()}
    if not len(good):
        raise BadRecipe(faults("no region of interest can be used", [f"{what} {why}" for what, why in told.items()], ADVICE))
    return good, told


def fault(region: BaseGeometry) -> str:
    """Why a geometry is no region; '' where it is one."""
    if region.area == 0 or not _in_degrees(region):
        return f"is a {region.geom_type} over {region.bounds}, needs a polygon in longitude and latitude"
    return "" if region.is_valid else f"crosses itself: {shapely.is_valid_reason(region)}"


def _in_degrees(polygon: BaseGeometry) -> bool:
    west, south, east, north = polygon.bounds
    return bool(west >= -180 and east <= 180 and south >= -85 and north <= 85)
