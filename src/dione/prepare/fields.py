"""Many areas out of one file: each feature with a name of its own, to be fetched one by one."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping

from dione.base import area as areas
from dione.base import documents
from dione.base.errors import BadRecipe, DioneError, NotFound, faults
from dione.prepare.naming import INSTALL

NAME = re.compile(r"[\w][\w.-]*")
"""What can be a file's name everywhere."""


def fields(path: str | Path, *, name: str = "name") -> dict[str, Mapping[str, Any]]:
    """GeoJSON geometries in longitude and latitude by the features' property `name`, or by their number where none has it.

    path: GeoJSON, or what GDAL reads as vectors (the extra `vector`), in its own CRS. Raises NotFound; BadRecipe with every
    name that is double or no file's name.
    """
    place = Path(path)
    if not place.is_file():
        raise NotFound(f"no file of areas at {path}\nneeds GeoJSON or GeoPackage, a feature for each")
    found = _of_json(place) if place.suffix.lower() in (".json", ".geojson") else _of_vectors(place, name)
    names = [str(properties[name]) if properties.get(name) is not None else f"{number:04d}" for number, (properties, _) in enumerate(found, 1)]
    wrong = [f"{one} is the {name} of {count} features" for one, count in Counter(names).items() if count > 1]
    wrong += [f"'{one}' cannot be a file's name" for one in names if not NAME.fullmatch(one)]
    if wrong or not names:
        raise BadRecipe(faults(f"{path} cannot be fetched", wrong or ["it holds no feature"], "each area needs a name of letters, digits, - and _: see --name"))
    return {one: geometry for one, (_, geometry) in zip(names, found, strict=True)}


def _of_json(path: Path) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    try:
        read = documents.json_of(path.read_bytes())
        features = read["features"] if read["type"] == "FeatureCollection" else [read]
        crs = ((read.get("crs") or {}).get("properties") or {}).get("name")
        return [(one.get("properties") or {}, _turned(one["geometry"], crs)) for one in features]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecipe(f"{path} is no GeoJSON of features: {type(error).__name__} {error}") from error


def _turned(geometry: Mapping[str, Any], crs: Any) -> Mapping[str, Any]:
    """In longitude and latitude; GeoJSON of before 2016 may name another CRS."""
    if crs is None or re.search(r"CRS84|EPSG::?4326$", str(crs)):
        return geometry
    return dict(mapping(areas.reprojected(shapely.geometry.shape(geometry), str(crs), areas.DEGREES)))


def _of_vectors(path: Path, name: str) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    try:
        from pyogrio.errors import DataSourceError
        from pyogrio.raw import read
    except ImportError as error:
        raise DioneError(f"{path} needs pyogrio, which is not installed ({error})\ninstall the extra: {INSTALL}; or save it as GeoJSON") from error
    try:
        about, _, shapes, columns = read(path)
    except DataSourceError as error:
        raise BadRecipe(f"{path} holds no vectors that GDAL can read: {error}") from error
    if shapes is None or not about["crs"]:
        raise BadRecipe(f"{path} holds no shapes, or does not tell their CRS\nsave it again with one, or as GeoJSON")
    told = dict(zip(map(str, about["fields"]), columns, strict=True)).get(name, [None] * len(shapes))
    placed = [mapping(areas.reprojected(shapely.from_wkb(one), about["crs"], areas.DEGREES)) for one in shapes]
    return [({name: value}, dict(one)) for value, one in zip(told, placed, strict=True)]
