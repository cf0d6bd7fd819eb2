"""Outlines with what is known of each: read from and written to GeoPackage, GeoJSON and CSV.

GeoJSON and CSV need nothing more; other vector files need pyogrio (extra `vector`).
"""

import csv
import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dione.base.crs import DEGREES, turned
from dione.base.errors import BadRecipe, CannotWrite
from dione.base.storage.files import LOCK, alone, at_home, folder, room, tidied, whole
from dione.base.vectors import vectorfile
from dione.base.vectors.antimeridian import crosses, halves, through
from dione.base.vectors.features import Features, collection, of_object, plain

log = logging.getLogger(__name__)
NAMED = 8
"""Features named at most."""
MOST = 2**63 - 1
"""Of the whole numbers of a GeoPackage; a column of larger ones is text."""


@dataclass(frozen=True, repr=False)
class Parcels:
    """Polygons in one CRS. `geopandas.GeoDataFrame.from_features(parcels, crs=parcels.crs)` makes a table of them."""

    geometries: tuple[shapely.Geometry, ...]
    columns: Mapping[str, NDArray[Any]]
    """One value a polygon."""
    crs: str
    """EPSG code or WKT."""

    def __repr__(self) -> str:
        return f"<Parcels: {len(self)} polygons, {self.crs.partition('[')[0]}; {', '.join(self.columns) or 'no columns'}>"

    def __len__(self) -> int:
        return len(self.geometries)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON feature collection in the CRS of the parcels."""
        return collection(self.geometries, self.columns)

    def to_crs(self, crs: str) -> "Parcels":
        """The same in another CRS."""
        if crs == self.crs:
            return self
        made = (turned(one, source=self.crs, target=crs) for one in self.geometries)
        whole = tuple(halves(through(one)) if crs == DEGREES and crosses(one) else one for one in made)
        return Parcels(whole, self.columns, crs)

    def write(self, path: str | Path) -> Path:
        """GeoPackage (.gpkg), GeoJSON in degrees (.geojson, .json) or a table without outlines (.csv), whole. Raises CannotWrite, DioneError (pyogrio)."""
        to = writable(path)
        with ExitStack() as held:
            with suppress(CannotWrite, OSError):  # somebody is at it: what is half there is theirs
                held.enter_context(alone(to, to.with_name(f".{to.name}{LOCK}")))
                tidied(to)
            with whole(to, shared=True) as partial:
                WRITERS[to.suffix.lower()](self, partial)
        return to


def writable(path: str | Path) -> Path:
    """Where parcels can be written, its folder made if needed: to be asked before they are worked out. Raises CannotWrite."""
    to = at_home(path)
    if to.suffix.lower() not in WRITERS:
        raise CannotWrite(f"{to} ends in '{to.suffix}'; needs one of {', '.join(WRITERS)}")
    folder(to.parent)
    return to


def read(path: str | Path) -> Parcels:
    """Polygons and their columns from a vector file, as `dione.base.vectors.vectorfile` reads it. Raises NotFound, BadRecipe, DioneError."""
    return _of(vectorfile.read(path, source=f"the file of parcels {path}"))


def taken(parcels: Any) -> Parcels:
    """Parcels as they are, from a file, or of whatever speaks GeoJSON: a GeoDataFrame, by its CRS. Raises as `read`."""
    if isinstance(parcels, Parcels):
        return parcels
    return read(parcels) if isinstance(parcels, str | Path) else _of(of_object(parcels, "the parcels"))


def _of(found: Features) -> Parcels:
    whole = found.whole(_fault)
    _in_degrees(whole)
    if crossed := [str(at) for at, one in enumerate(whole.geometries, 1) if not one.is_valid]:
        some = f"{', '.join(crossed[:NAMED])}{f' and {len(crossed) - NAMED} more' if len(crossed) > NAMED else ''}"
        log.warning("%s: the outline of feature %s crosses itself; taken is what it encloses", whole.source, some)
    return Parcels(tuple(one if one.is_valid else _enclosed(one) for one in whole.geometries), whole.columns, whole.crs)


def _in_degrees(found: Features) -> None:
    """Raise BadRecipe for metres that nobody called so: GeoJSON that names no CRS, and a table without one, are in degrees."""
    west, south, east, north = shapely.total_bounds(found.geometries)
    if found.crs == DEGREES and (max(-west, east) > 360 or max(-south, north) > 90):
        raise BadRecipe(
            f"{found.source} cannot be placed: corners lie over {(float(west), float(south), float(east), float(north))}, which are no degrees, and no CRS is named\n"
            f"save the parcels in longitude and latitude ({DEGREES}), or as a GeoPackage with their CRS; a GeoDataFrame is given its own by set_crs"
        )


def _fault(parcel: shapely.Geometry) -> str:
    if parcel.geom_type not in ("Polygon", "MultiPolygon"):
        return f"is a {parcel.geom_type}, needs a polygon"
    if not np.isfinite(shapely.get_coordinates(parcel)).all():
        return "has a corner that is nowhere: a coordinate is no finite number"
    return "" if parcel.is_valid or _enclosed(parcel).area else "encloses no ground"


def _enclosed(parcel: shapely.Geometry) -> shapely.Geometry:
    """What an outline that crosses itself encloses."""
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(parcel)))  # of a collection that has several polygons, too
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _write_geojson(parcels: Parcels, path: Path) -> None:
    path.write_text(json.dumps(parcels.to_crs(DEGREES).__geo_interface__), "utf-8")


def _write_csv(parcels: Parcels, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(parcels.columns)
        rows.writerows(zip(*(map(_cell, values) for values in parcels.columns.values()), strict=True))


def _cell(value: Any) -> Any:
    """A value in a table: lists and the like as JSON."""
    made = plain(value)
    return json.dumps(made, ensure_ascii=False) if isinstance(made, list | dict) else made


def _write_gpkg(parcels: Parcels, path: Path) -> None:
    """GDAL wants the file's ending, and names the layer after it: it is written beside and moved, its layer called parcels."""
    pyogrio = vectorfile.needed(path.name, "write GeoJSON")
    shapes = np.array(
        shapely.to_wkb(np.array([shapely.multipolygons([one]) if one.geom_type == "Polygon" else one for one in parcels.geometries], object)), object
    )
    *names, fid, geometry = _told_apart([*parcels.columns, "fid", "geom"])
    how = {"layer": "parcels", "driver": "GPKG", "geometry_type": "MultiPolygon", "crs": parcels.crs, "FID": fid, "GEOMETRY_NAME": geometry}
    beside = path.with_name(f"{path.name}.gpkg")
    try:
        values, missing = zip(*map(_masked, parcels.columns.values()), strict=True) if parcels.columns else ((), ())
        pyogrio.raw.write(beside, shapes, list(values), np.array(names, object), field_mask=list(missing), **how)
        beside.replace(path)
    except RuntimeError as error:  # the root of pyogrio's own
        raise CannotWrite(f"{path.parent} does not take a GeoPackage: {error}\n{room(path.parent)}") from error
    finally:
        beside.unlink(missing_ok=True)


def _told_apart(names: list[str]) -> list[str]:
    """The names of columns, each another, however large or small its letters, as a GeoPackage needs them: a later one of a name ends in a number."""
    made: dict[str, str] = {}
    for name in names:
        free = next(one for one in chain([name], (f"{name}_{number}" for number in count(2))) if one.lower() not in made)
        made[free.lower()] = free
    return list(made.values())


def _masked(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """A column as GDAL takes it; of whole numbers, or yes and no, of which some are missing: as such, and where they are."""
    if values.dtype != object:
        return values, None
    values = np.array([_cell(value) for value in values], object)
    kinds = {type(value) for value in values} - {type(None)}
    if kinds not in ({int}, {bool}) or any(abs(value) > MOST for value in values if value):
        return values, None
    return np.array([value or 0 for value in values], bool if bool in kinds else int), np.array([value is None for value in values])


WRITERS = {".gpkg": _write_gpkg, ".geojson": _write_geojson, ".json": _write_geojson, ".csv": _write_csv}
