"""KML and KMZ, as Google Earth keeps what was drawn in it: features in longitude and latitude, read without GDAL, which might follow what a file names.

Source: OGC 07-147r2, KML 2.2. Shapes are points, lines, polygons and groups of them; links to other files are not followed.
"""

import io
import zipfile
import zlib
from typing import Any
from xml.etree.ElementTree import Element

from shapely.errors import ShapelyError
from shapely.geometry import GeometryCollection, LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from dione.base.errors import BadRecipe, BadSource
from dione.base.features import NO_SHAPE, NOTHING, Features, columns_of
from dione.base.xmltext import parsed

MARK = b"PK\3\4"
MOST_BYTES = 100_000_000
"""Of the document that a KMZ, which is a zip, holds."""


def of_kml(data: bytes, source: str) -> Features:
    """The placemarks of a document, or of the first in a KMZ. Raises BadRecipe; one whose shape is none is told in `wrong`."""
    try:
        root = parsed(_unzipped(data, source) if data.startswith(MARK) else data, source)
    except BadSource as error:
        raise BadRecipe(str(error)) from error
    if root.tag != "kml":
        raise BadRecipe(f"{source} is no KML: it is a document of '{root.tag:.40}'\nsave it again, as KML or GeoJSON")
    places = list(root.iter("Placemark"))
    if not places:
        linked = ", only links to other files, which are not followed" if root.find(".//NetworkLink") is not None else ""
        raise BadRecipe(f"{source} holds no placemark{linked}; needs at least one, with a shape")
    found = [_shape(place) for place in places]
    wrong = {at: one for at, one in enumerate(found) if isinstance(one, str)}
    return Features(
        tuple(NOTHING if isinstance(one, str) else one for one in found), columns_of([_known(place) for place in places]), source=source, wrong=wrong
    )


def _unzipped(data: bytes, source: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            first = next(member for member in archive.infolist() if member.filename.lower().endswith(".kml"))
            with archive.open(first) as file:
                held = file.read(MOST_BYTES + 1)
    except StopIteration as error:
        raise BadRecipe(f"{source} is a zip without a KML in it\nname what it holds by itself") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise BadRecipe(f"{source} is a damaged zip: {error}\nsave it again") from error
    if len(held) > MOST_BYTES:
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
    return made[0] if len(made) == 1 else GeometryCollection(made)


def _points(held: Element | None) -> list[tuple[float, float]]:
    """`longitude,latitude[,height]` after one another, with spaces between; heights are left."""
    words = ("" if held is None else held.findtext("coordinates") or "").split()
    return [(float(x), float(y)) for x, y in (word.split(",")[:2] for word in words)]


def _polygon(held: Element) -> BaseGeometry:
    return Polygon(_points(held.find("outerBoundaryIs/LinearRing")), [_points(ring) for ring in held.iterfind("innerBoundaryIs/LinearRing")])


def _group(held: Element) -> BaseGeometry:
    return GeometryCollection([SHAPES[child.tag](child) for child in held if child.tag in SHAPES])


SHAPES = {
    "Point": lambda held: Point(_points(held)[0]),
    "LineString": lambda held: LineString(_points(held)),
    "LinearRing": lambda held: LineString(_points(held)),
    "Polygon": _polygon,
    "MultiGeometry": _group,
}
