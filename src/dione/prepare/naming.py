"""The ways to name an area.

0.60,43.65,0.75,43.75               a box: west,south,east,north in degrees
43.70,0.68                          a point, latitude first as maps write it, with the side of a square in metres
31TCJ                               a tile of Sentinel-2
POLYGON ((0.6 43.6, ...))           WKT in longitude and latitude
{"type": "Polygon", ...}            GeoJSON
field.geojson, fields.gpkg, ...     a file of vectors, as `base/vectors/vectorfile.py` reads it
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import box, mapping

from dione.base import area as areas
from dione.base.area import Area
from dione.base.crs import DEGREES, turn, utm
from dione.base.errors import BadRecipe, NotFound
from dione.base.vectors import vectorfile
from dione.base.vectors.features import Features, of_geojson, of_object
from dione.prepare import mgrs

WAYS = "west,south,east,north in degrees, lat,lon with a size in metres, a tile such as 31TCJ, WKT, or a file: GeoJSON, KML, GeoPackage, Shapefile"
WKT = re.compile(r"\s*((MULTI)?(POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)Z?M?(?![^\s(])", re.IGNORECASE)
"""How it begins; so may the name of a file: polygon (1).geojson."""
PIXEL_M = 10
"""Squares around a point lie on multiples of it, as Sentinel-2's pixels do."""


def parse(text: str, *, size_m: float | None = None) -> Area:
    """An area as a person writes it, in longitude and latitude.

    size_m: side of the square around a point, metres; only a point has one. Raises NotFound, BadRecipe.
    """
    words = text.replace(",", " ").split()
    if len(words) in (2, 4) and (numbers := _numbers(words)):
        return _square(numbers, size_m) if len(numbers) == 2 else _plain(tuple(numbers), text, size_m)
    if WKT.match(text) and not os.path.isfile(vectorfile.split(text)[0]):
        return _plain(_of_wkt(text, size_m), text, None)
    if text.lstrip().startswith("{"):
        return _plain(_of(of_geojson(text, "the area")), "GeoJSON", size_m)
    if mgrs.is_tile(text) and not Path(text).exists():
        return _plain(mapping(areas.reprojected(box(*mgrs.box_of(text)), mgrs.crs_of(text), DEGREES)), text, size_m)
    return _plain(_of_file(text), text, size_m)


def area_of(area: Any, *, size_m: float | None = None) -> Area:
    """An area as a program gives it: text as for `parse`, a path, two numbers (latitude, longitude) or four, GeoJSON, or a geometry.

    Two numbers are the middle of a square of `size_m` metres. What names its CRS (`.crs` of a GeoDataFrame or of our own
    parcels; old GeoJSON) is turned to longitude and latitude. Raises NotFound, BadRecipe.
    """
    if isinstance(area, str | Path):
        return parse(str(area), size_m=size_m)
    geojson = getattr(area, "__geo_interface__", area)
    if isinstance(geojson, Mapping) and ("crs" in geojson or getattr(area, "crs", None) is not None):
        return _plain(_of(of_object(area, "the area")), f"a {type(area).__name__}", size_m)
    if isinstance(geojson, Mapping):
        return _plain(dict(geojson), f"a {geojson.get('type', 'mapping')}", size_m)
    numbers = [float(number) for number in area]
    return _square(numbers, size_m) if len(numbers) == 2 else _plain(tuple(numbers), f"{tuple(numbers)}", size_m)


def _plain(area: Area, text: str, size_m: float | None) -> Area:
    if size_m is not None:
        raise BadRecipe(f"a size goes with a point only, and the area is '{text}'\nleave --size out, or give --area as latitude,longitude")
    return area


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _square(point: list[float], size_m: float | None) -> Mapping[str, Any]:
    """The square around a point (latitude, longitude), on the pixels of its UTM zone."""
    latitude, longitude = point
    if not (-80 <= latitude <= 84 and -180 <= longitude <= 180):
        raise BadRecipe(f"the point is {latitude:g},{longitude:g}; needs latitude,longitude in degrees, from -80 to 84 and -180 to 180")
    if size_m is None or not np.isfinite(size_m) or size_m < PIXEL_M:
        raise BadRecipe(f"a point has no area: give the side of a square in metres, e.g. --area {latitude:g},{longitude:g} --size 1280")
    crs = f"EPSG:{utm(longitude, latitude)}"
    x, y = turn(longitude, latitude, source=DEGREES, target=crs)
    pixels = round(size_m / PIXEL_M)
    left, bottom = (round(centre / PIXEL_M - pixels / 2) * PIXEL_M for centre in (x, y))
    square = box(left, bottom, left + pixels * PIXEL_M, bottom + pixels * PIXEL_M)
    return dict(mapping(areas.reprojected(square, crs, DEGREES)))


def _of_wkt(text: str, size_m: float | None) -> Area:
    try:
        made = areas.from_wkt(text)
    except ValueError as error:
        raise BadRecipe(f"the area is no WKT: {error}\nneeds e.g. POLYGON ((0.6 43.6, 0.7 43.6, 0.7 43.7, 0.6 43.6)), longitude first") from error
    if made.geom_type == "Point":
        return _square([made.y, made.x], size_m)
    if size_m is not None:
        raise BadRecipe(f"a size goes with a point only, and the area is a {made.geom_type}\nleave --size out")
    return dict(mapping(made))


def _of_file(text: str) -> Mapping[str, Any]:
    try:
        return _of(vectorfile.read(text, source=f"area {text}"))
    except NotFound as error:
        raise NotFound(f"area '{text}' is neither {WAYS} that can be read\n{error}") from error


def _of(found: Features) -> Mapping[str, Any]:
    """All of a file as one area."""
    placed = found.whole().in_degrees().geometries
    return dict(mapping(placed[0] if len(placed) == 1 else shapely.GeometryCollection(placed)))
