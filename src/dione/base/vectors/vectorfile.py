"""Vector files: GeoJSON and KML by ourselves; GeoPackage, Shapefile, FlatGeobuf and File Geodatabase by pyogrio, the extra `vector`.

fields.geojson         in longitude and latitude, or in the CRS that it names
fields.kml, .kmz       in longitude and latitude
fields.gpkg            in its own CRS
fields.gpkg#parcels    one of its layers, where several hold shapes
"""

import os
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dione.base.crs import DEGREES
from dione.base.errors import BadRecipe, DioneError, NotFound
from dione.base.vectors import vectorforms
from dione.base.vectors.features import NO_SHAPE, NOTHING, Features, of_geojson, of_sequence
from dione.base.vectors.kml import of_kml

OURS = {".json": of_geojson, ".geojson": of_geojson, ".geojsonl": of_sequence, ".geojsons": of_sequence, ".kml": of_kml, ".kmz": of_kml}
"""By how a file's name ends, what reads its bytes; what begins as GeoJSON does is taken for it, whatever it is called."""
INSTALL = "pip install 'dione[vector]'"


def read(place: str | Path, *, source: str = "", here: Path | None = None) -> Features:
    """All features of a file, in their own CRS; one without a usable geometry is told in `wrong`.

    place: a file, or one of its layers, FILE#LAYER. source: what messages call it. here: its copy on this disk, if it is elsewhere.
    Raises NotFound; BadRecipe for a file that is empty or damaged, holds no feature, leaves its layer open or does not tell its
    CRS; DioneError without pyogrio.
    """
    name, layer = split(place)
    file, source = here or Path(name), source or str(place)
    try:
        size = file.stat().st_size
        own = OURS.get(file.suffix.lower()) or (of_geojson if size and _begins_as_json(file) else None)
        if size and own:
            return own(file.read_bytes(), source)
    except OSError as error:
        raise NotFound(f"{source} cannot be read: {error.strerror}\nneeds a vector file: GeoJSON, KML, GeoPackage, Shapefile") from error
    if not size:
        raise BadRecipe(f"{source} is empty, 0 bytes\nsave it again")
    return _of_gdal(file.absolute(), layer, source)


def split(place: str | Path) -> tuple[str, str | None]:
    """File and layer of FILE#LAYER; a file may have a # in its name."""
    file, _, layer = str(place).rpartition("#")
    return (file, layer) if Path(file).suffix and not os.path.exists(place) else (str(place), None)


def _begins_as_json(file: Path) -> bool:
    """Whether it may be GeoJSON: field, field.geojson.txt."""
    if file.is_dir():
        return False
    with file.open("rb") as held:
        return held.read(64).removeprefix(BOM_UTF8).lstrip().startswith(b"{")


def _of_gdal(file: Path, layer: str | None, source: str) -> Features:
    pyogrio = needed(source, f"save it as GeoJSON: ogr2ogr -t_srs {DEGREES} {file.stem}.geojson {file.name}")
    try:
        vectorforms.check(file, source)
        chosen = _layer(pyogrio.list_layers(file), layer, source)
        about, _, shapes, columns = pyogrio.raw.read(file, layer=chosen)
    except (RuntimeError, ValueError, OSError) as error:  # RuntimeError is the root of pyogrio's own
        raise BadRecipe(f"{source} holds no vectors that GDAL can read: {error}\nsave it again, as GeoPackage or GeoJSON") from error
    if not len(shapes):
        raise BadRecipe(f"{source} holds no feature; needs at least one")
    if not about["crs"]:
        beside = f" ({file.stem}.prj, beside it, would)" if file.suffix.lower() == ".shp" else ""
        raise BadRecipe(f"{source} does not tell its CRS{beside}\nsave it again with one, or as GeoJSON in longitude and latitude")
    geometries = shapely.from_wkb(shapes, on_invalid="ignore")
    wrong = {at: NO_SHAPE if shapes[at] is None else "is of a kind that is not known" for at, one in enumerate(geometries) if one is None}
    known = tuple(NOTHING if one is None else one for one in geometries)
    held = {str(name): _column(values, str(kind)) for name, values, kind in zip(about["fields"], columns, about["dtypes"], strict=True)}
    return Features(known, held, about["crs"], source, wrong)


def _column(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """A column as its file has it: whole numbers and yes or no come as floats where one of them is missing."""
    if values.dtype.kind != "f" or not kind.startswith(("int", "uint", "bool")):
        return values
    made = np.empty(len(values), object)
    made[:] = [None if np.isnan(value) else np.dtype(kind).type(value).item() for value in values]
    return made


def _layer(held: Any, wanted: str | None, source: str) -> str:
    """The layer that is wanted, or the only one with shapes. held: name and kind of each."""
    names = [str(name) for name, kind in held if kind is not None]
    if not names:
        raise BadRecipe(f"{source} holds no shapes, only tables: {', '.join(str(name) for name, _ in held) or 'none'}\nneeds points, lines or polygons")
    if wanted in names:
        return str(wanted)
    if wanted is None and len(names) == 1:
        return names[0]
    found = f"has no layer '{wanted}'" if wanted else "has several layers"
    raise BadRecipe(f"{source} {found}: {', '.join(names)}\nsay which behind the name of the file: #{names[0]}")


def needed(what: str, instead: str) -> Any:
    """pyogrio. Raises DioneError with what needs it, how to install it, and what can be done instead."""
    try:
        import pyogrio
        import pyogrio.raw
    except ImportError as error:
        raise DioneError(f"{what} needs pyogrio, which is not installed ({error})\ninstall the extra: {INSTALL}; or {instead}") from error
    return pyogrio
