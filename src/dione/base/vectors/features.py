"""Features: the shapes of a GeoJSON document or a vector file, in one CRS, with what is known of each."""

import datetime
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry import GeometryCollection, mapping, shape
from shapely.geometry.base import BaseGeometry

from dione.base.area import FAULTS, reprojected
from dione.base.crs import DEGREES
from dione.base.errors import BadRecipe, faults
from dione.base.storage.documents import json_of

IN_DEGREES = re.compile(r"CRS84|EPSG::?4326$")
"""What GeoJSON of before 2016 calls longitude and latitude."""
NAMED_BY = "name"
"""The column that names features where nobody says which; they may be without it."""
NEEDED = "needs a geometry, feature or collection of features (RFC 7946)"
NO_SHAPE, NOTHING = "has no shape", GeometryCollection()


@dataclass(frozen=True, repr=False)
class Features:
    """In the order of their file."""

    geometries: tuple[BaseGeometry, ...]
    """An empty one where `wrong` says why."""
    columns: Mapping[str, NDArray[Any]]
    """One value a feature."""
    crs: str = DEGREES
    """EPSG code or WKT."""
    source: str = "the features"
    """What messages call them."""
    wrong: Mapping[int, str] = field(default_factory=dict)
    """Why a feature has no geometry, by its place from 0."""

    def __len__(self) -> int:
        return len(self.geometries)

    def rows(self) -> list[dict[str, Any]]:
        """What is known of each, as Python's own numbers and texts; None for what is not."""
        return rows(self.columns, len(self))

    def in_degrees(self) -> "Features":
        """The same in longitude and latitude. Raises BadRecipe for a CRS from which there is no way."""
        if self.crs == DEGREES:
            return self
        try:
            turned = tuple(one if one.is_empty else reprojected(one, self.crs, DEGREES) for one in self.geometries)
        except (CRSError, ProjError, *FAULTS) as error:
            raise BadRecipe(f"{self.source} cannot be placed by its CRS '{self.crs:.60}': {error}\nsave it in longitude and latitude ({DEGREES})") from error
        return replace(self, geometries=turned, crs=DEGREES)

    def parted(self, fault: Callable[[BaseGeometry], str] = lambda _: "") -> tuple["Features", dict[int, str]]:
        """Those that have a geometry with which nothing is wrong, and why each other has none, by its place. fault: what is wrong with one, or ''."""
        wrong = {at: why for at, one in enumerate(self.geometries) if (why := self.wrong.get(at) or (NO_SHAPE if one.is_empty else fault(one)))}
        good = [at for at in range(len(self)) if at not in wrong]
        columns = {name: values[good] for name, values in self.columns.items()}
        return replace(self, geometries=tuple(self.geometries[at] for at in good), columns=columns, wrong={}), wrong

    def whole(self, fault: Callable[[BaseGeometry], str] = lambda _: "") -> "Features":
        """The same; raises BadRecipe with all that `parted` would leave out."""
        good, wrong = self.parted(fault)
        if wrong:
            told = [f"feature {at + 1} {why}" for at, why in wrong.items()]
            raise BadRecipe(faults(f"{self.source} cannot be used", told, "take these features out, or draw them again"))
        return good


def of_geojson(text: str | bytes, source: str) -> Features:
    """The features of a GeoJSON text: a collection, a feature or a geometry. Raises BadRecipe; a feature that is none is told in `wrong`."""
    try:
        document = json_of(text)
    except ValueError as error:
        raise BadRecipe(f"{source} is not GeoJSON: {error}\n{NEEDED}") from error
    members = _members(document, source)
    if not members:
        raise BadRecipe(f"{source} holds no feature; needs at least one")
    found = [_geometry(member) for member in members]
    wrong = {at: one for at, one in enumerate(found) if isinstance(one, str)}
    geometries = tuple(NOTHING if isinstance(one, str) else one for one in found)
    return Features(geometries, columns_of([_properties(member) for member in members]), _crs(document, source), source, wrong)


def of_sequence(data: bytes, source: str) -> Features:
    """The same of GeoJSON documents after one another (RFC 8142), or one a line, as QGIS's newline-delimited export has them."""
    parts = data.split(b"\x1e") if data.startswith(b"\x1e") else data.removeprefix(BOM_UTF8).splitlines()
    return of_geojson(b'{"type": "FeatureCollection", "features": [%s]}' % b",".join(part for part in parts if part.strip()), source)


def of_object(held: Any, source: str) -> Features:
    """The features of an object that is GeoJSON or speaks it (`__geo_interface__`), by the CRS that it names (`.crs`). Raises BadRecipe."""
    text = json.dumps(getattr(held, "__geo_interface__", held), default=lambda value: made if (made := plain(value)) is not value else str(value))
    found, crs = of_geojson(text, source), getattr(held, "crs", None)
    return found if crs is None else replace(found, crs=CRS(crs).to_string())


def collection(geometries: Sequence[BaseGeometry], columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """A GeoJSON feature collection of them."""
    pairs = enumerate(zip(geometries, rows(columns, len(geometries)), strict=True))
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "id": str(at), "geometry": mapping(one), "properties": row} for at, (one, row) in pairs],
    }


def rows(columns: Mapping[str, NDArray[Any]], count: int) -> list[dict[str, Any]]:
    """A table's rows; a number that is none, or a time, is None."""
    return [{name: plain(values[at]) for name, values in columns.items()} for at in range(count)]


def plain(value: Any) -> Any:
    """A value as JSON has it: a number or text of Python, a date or time as text, bytes as hexadecimal digits; None for a number or time that is none."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _members(document: Any, source: str) -> list[Any]:
    match document:
        case {"type": "FeatureCollection", "features": [*members]}:
            return members
        case {"type": "FeatureCollection"}:
            raise BadRecipe(f"{source} is not GeoJSON: its collection has no features\n{NEEDED}")
        case {"type": _}:
            return [document]
    raise BadRecipe(f"{source} is not GeoJSON: it holds {'no type' if isinstance(document, dict) else f'a {type(document).__name__}'}\n{NEEDED}")


def _geometry(member: Any) -> BaseGeometry | str:
    """The geometry of a feature, or of one that is a geometry; or why it is none."""
    try:
        told = member["geometry"] if member["type"] == "Feature" else member
        if told is None:
            return NO_SHAPE
        with np.errstate(invalid="ignore"):
            return shape(told)
    except FAULTS as error:
        return f"is no GeoJSON geometry: {type(error).__name__} {error}"


def _properties(member: Any) -> dict[str, Any]:
    found = member.get("properties") if isinstance(member, dict) else None
    return found if isinstance(found, dict) else {}


def columns_of(rows: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """What is known of each feature as columns, one value a feature; None, or NaN among real numbers, where one lacks it."""
    names = sorted({name for row in rows for name in row})
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: list[Any]) -> NDArray[Any]:
    """Numbers as numbers, with NaN for those of a real quantity that are missing; all else as it is."""
    kinds = {type(value) for value in values}
    if kinds in ({int}, {bool}) or (float in kinds and kinds <= {float, int, type(None)}):
        return np.array([np.nan if value is None else value for value in values])
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _crs(document: Any, source: str) -> str:
    """That of GeoJSON is longitude and latitude; before 2016 it could name another."""
    match document:
        case {"crs": {"properties": {"name": name}}} if not IN_DEGREES.search(str(name)):
            try:
                return str(CRS.from_user_input(str(name)).to_wkt())
            except CRSError as error:
                raise BadRecipe(f"{source} is in a CRS that is not known: '{name}'\nsave it in longitude and latitude ({DEGREES})") from error
    return DEGREES
