"""Regions of interest from a vector file that is no GeoJSON (GeoPackage, Shapefile, …), in whatever CRS it has: the extra `vector`."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import shapely
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from dione.base import area
from dione.base.errors import BadRecipe, DioneError, NotFound
from dione.sources.carrying import brought
from dione.sources.places import shown

GEOJSON = (".json", ".geojson")
INSTALL = "pip install 'dione[vector]'"
CONVERT = "ogr2ogr -t_srs EPSG:4326 regions.geojson"


def read(path: str) -> Mapping[str, Any]:
    """The features of a file as a GeoJSON in longitude and latitude, with their properties.

    Raises NotFound, BadRecipe for what GDAL cannot read or what tells no CRS, DioneError without pyogrio.
    """
    name = shown(path)
    try:
        from pyogrio.raw import read
    except ImportError as error:
        convert = f"install the extra: {INSTALL}; or save it as GeoJSON: {CONVERT} {PurePath(path).name}"
        raise DioneError(f"{name} needs pyogrio, which is not installed ({error})\n{convert}") from error
    with brought(path) as file:
        if not file.exists():
            raise NotFound(f"no regions of interest: {name} does not exist")
        try:
            about, _, shapes, columns = read(file)
        except (RuntimeError, ValueError, OSError) as error:  # RuntimeError is the root of pyogrio's own
            raise BadRecipe(f"{name} holds no vectors that GDAL can read: {error}\nsave it as GeoPackage or GeoJSON") from error
    if shapes is None or not len(shapes):
        raise BadRecipe(f"{name} holds no shape; needs polygons")
    if not about["crs"]:
        raise BadRecipe(f"{name} does not tell its CRS\nsave it again with one, or as GeoJSON in longitude and latitude")
    columns_by_name = dict(zip(about["fields"], columns, strict=True))
    made = [
        {"type": "Feature", "geometry": _placed(shape, about["crs"], name), "properties": {key: _plain(of[at]) for key, of in columns_by_name.items()}}
        for at, shape in enumerate(shapely.from_wkb(shapes))
    ]
    return {"type": "FeatureCollection", "features": made}


def _placed(shape: BaseGeometry | None, crs: str, name: str) -> dict[str, Any] | None:
    """In degrees; none for a row without a shape, which is told with the regions that are none."""
    if shape is None:
        return None
    try:
        return dict(mapping(area.reprojected(shape, crs, area.DEGREES)))
    except (CRSError, ProjError, *area.FAULTS) as error:
        raise BadRecipe(f"{name} cannot be placed by its CRS '{crs:.60}': {error}\nsave it in longitude and latitude (EPSG:4326)") from error


def _plain(value: Any) -> Any:
    """A value of a column as Python has it."""
    return value.item() if isinstance(value, np.generic) else value
