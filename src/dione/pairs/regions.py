"""Regions of interest: the polygons of a GeoJSON in longitude and latitude, or of another vector file. One that is none stops no other."""

from collections.abc import Mapping
from typing import Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from dione.base import documents
from dione.base.errors import BadRecipe, NotFound, faults
from dione.pairs import vectors
from dione.sources.carrying import get

ADVICE = "give polygons in EPSG:4326 whose outlines do not cross themselves (QGIS: Reproject layer, Fix geometries)"


def read(path: str) -> Mapping[str, Any]:
    """The regions in a file, here or at s3://, as GeoJSON; raises NotFound, BadRecipe, DioneError where pyogrio is needed and not there."""
    if not path.lower().endswith(vectors.GEOJSON):
        return vectors.read(path)
    try:
        found = documents.json_of(get(path))
    except NotFound as error:
        raise NotFound(f"no regions of interest: {error}") from error
    except ValueError as error:
        raise BadRecipe(f"{path} is not GeoJSON: {error}") from error
    if not isinstance(found, dict):
        raise BadRecipe(f"{path} is not GeoJSON: it holds a {type(found).__name__}, needs a collection of polygons")
    return found


def usable(regions: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The features that are regions, and of each other one its name or number and why it is none; raises BadRecipe where no feature is one."""
    good, wrong = [], {}
    for number, feature in enumerate(_features(regions)):
        if why := _fault(feature):
            wrong[f"region {feature['properties'].get('name') or number}"] = why
        else:
            good.append(feature)
    if not good:
        raise BadRecipe(faults("no region of interest can be used", [f"{what} {why}" for what, why in wrong.items()] or ["it holds no polygon"], ADVICE))
    return {"type": "FeatureCollection", "features": good}, wrong


def _features(regions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Features with properties, whatever their geometry; raises BadRecipe."""
    try:
        features = regions["features"] if regions["type"] == "FeatureCollection" else [regions]
        return [{**(one if one["type"] == "Feature" else {"geometry": one}), "properties": dict(one.get("properties") or {})} for one in features]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRecipe(f"the regions of interest are no GeoJSON: {type(error).__name__} {error}") from error


def _fault(feature: Mapping[str, Any]) -> str:
    """Why a feature is no region; '' where it is one."""
    try:
        geometry = shape(feature["geometry"])
        if geometry.area == 0 or not _in_degrees(geometry):
            return f"is a {geometry.geom_type} over {geometry.bounds}, needs a polygon in longitude and latitude"
        return "" if geometry.is_valid else f"crosses itself: {shapely.is_valid_reason(geometry)}"
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, ShapelyError) as error:
        return f"is no GeoJSON geometry: {type(error).__name__} {error}"


def polygons(regions: Mapping[str, Any]) -> list[tuple[BaseGeometry, dict[str, Any]]]:
    """Geometry in degrees and properties of each feature; raises BadRecipe with each that is none."""
    good, wrong = usable(regions)
    if wrong:
        raise BadRecipe(faults("regions of interest that are no polygons in longitude and latitude", [f"{what} {why}" for what, why in wrong.items()], ADVICE))
    return [(shape(one["geometry"]), one["properties"]) for one in good["features"]]


def _in_degrees(polygon: BaseGeometry) -> bool:
    west, south, east, north = polygon.bounds
    return bool(west >= -180 and east <= 180 and south >= -85 and north <= 85)
