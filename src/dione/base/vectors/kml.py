"""KML and KMZ, as Google Earth keeps what was drawn in it: features in longitude and latitude, read without GDAL, which might follow what a file names.

Source: OGC 07-147r2, KML 2.2. Shapes are points, lines, polygons and groups of them; links to other files are not followed, but that a KMZ whose first
document only links, as GDAL and QGIS write it, is all that it holds.
"""

import io
import re
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

from shapely.errors import ShapelyError
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from dione.base.errors import BadRecipe, BadSource
from dione.base.storage.xmltext import parsed
from dione.base.vectors.features import NO_SHAPE, NOTHING, Features, columns_of

MARK = b"PK\3\4"
MOST_BYTES = 100_000_000
"""Of the document that a KMZ, which is a zip, holds."""


def of_kml(data: bytes, source: str) -> Features:
    """The placemarks of a document, or of the first in a KMZ, or of all in one. Raises BadRecipe; one whose shape is none is told in `wrong`."""
    first, *others = _unzipped(data, source) if data.startswith(MARK) else [data]
    root = _root(first, source)
    places = list(root.iter("Placemark")) or [place for other in others for place in _root(other, source).iter("Placemark")]
    if not places:
        linked = ", only links to other files, which are not followed" if root.find(".//NetworkLink") is not None else ""
        raise BadRecipe(f"{source} holds no placemark{linked}; needs at least one, with a shape")
    found = [_shape(place) for place in places]
    wrong = {at: one for at, one in enumerate(found) if isinstance(one, str)}
    return Features(
        tuple(NOTHING if isinstance(one, str) else one for one in found), columns_of([_known(place) for place in places]), source=source, wrong=wrong
    )


def _root(document: bytes, source: str) -> Element:
    try:
        root = parsed(document, source)
    except BadSource as error:
        raise BadRecipe(str(error)) from error
    if root.tag != "kml":
        raise BadRecipe(f"{source} is no KML: it is a document of '{root.tag:.40}'\nsave it again, as KML or GeoJSON")
    return root


def _unzipped(data: bytes, source: str) -> list[bytes]:
    """The documents in a KMZ, in its order; macOS puts files of its own beside them."""
    held: list[bytes] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.lower().endswith(".kml") and not PurePosixPath(name).name.startswith("._"):
                    with archive.open(name) as file:
                        held.append(file.read(MOST_BYTES + 1 - sum(map(len, held))))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise BadRecipe(f"{source} is a damaged zip: {error}\nsave it again") from error
    if not held:
        raise BadRecipe(f"{source} is a zip without a KML in it\nname what it holds by itself")
    if sum(map(len, held)) > MOST_BYTES:
        raise BadRecipe(f"{source} holds more than {MOST_BYTES / 1e6:.0f} MB of KML\nsave what is needed of it as GeoJSON")
    return held


def _known(place: Element) -> dict[str, Any]:
    """Its name, and its own data as text."""
    name = place.findtext("name")
    told = {str(one.get("name")): one.findtext("value") for one in place.iterfind("ExtendedData/Data")}
    told |= {str(one.get("name")): one.text for one in place.iterfind("ExtendedData/SchemaData/SimpleData")}
    return ({} if name is None else {"name": name.strip()}) | {key: value and value.strip() for key, value in told.items()}


def _shape(place: Element) -> BaseGeometry | str:
    """Of a placemark; or why it has none."""
    shapes = [child for child in place if child.tag in SHAPES]
    if not shapes:
        return NO_SHAPE
    try:
        made = [SHAPES[child.tag](child) for child in shapes]
    except (ValueError, IndexError, ShapelyError) as error:
        return f"has coordinates that are none: {error}"
    return made[0] if len(made) == 1 else _together(made)


def _together(shapes: list[BaseGeometry]) -> BaseGeometry:
    """Several shapes as one: a field in parts is polygons, and no mere collection."""
    return MultiPolygon(shapes) if all(isinstance(shape, Polygon) for shape in shapes) else GeometryCollection(shapes)


def _points(held: Element | None) -> list[tuple[float, float]]:
    """`longitude,latitude[,height]` after one another, with spaces between, and behind commas where people wrote them; heights are left."""
    words = re.sub(r"\s*,\s*", ",", "" if held is None else held.findtext("coordinates") or "").split()
    return [(float(x), float(y)) for x, y in (word.split(",")[:2] for word in words)]


def _polygon(held: Element) -> BaseGeometry:
    return Polygon(_points(held.find("outerBoundaryIs/LinearRing")), [_points(ring) for ring in held.iterfind("innerBoundaryIs/LinearRing")])


def _group(held: Element) -> BaseGeometry:
    return _together([SHAPES[child.tag](child) for child in held if child.tag in SHAPES])


SHAPES = {
    "Point": lambda held: Point(_points(held)[0]),
    "LineString": lambda held: LineString(_points(held)),
    "LinearRing": lambda held: LineString(_points(held)),
    "Polygon": _polygon,
    "MultiGeometry": _group,
}
