"""Outlines with what is known of each: read from and written to GeoPackage, GeoJSON and CSV.

GeoJSON needs nothing more; other vector files need pyogrio (extra `vector`).
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import mapping, shape

from dione.base.documents import json_in
from dione.base.errors import BadSource, CannotWrite, DioneError, NotFound
from dione.base.files import whole

INSTALL = "pip install 'dione[vector]'"
DEGREES = "EPSG:4326"


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
        rows = [{name: _plain(values[at]) for name, values in self.columns.items()} for at in range(len(self))]
        features = [{"type": "Feature", "id": str(at), "geometry": mapping(one), "properties": rows[at]} for at, one in enumerate(self.geometries)]
        return {"type": "FeatureCollection", "features": features}

    def to_crs(self, crs: str) -> "Parcels":
        """The same in another CRS."""
        if crs == self.crs:
            return self
        turn = Transformer.from_crs(self.crs, crs, always_xy=True).transform
        turned = tuple(shapely.transform(one, lambda points: np.column_stack(turn(points[:, 0], points[:, 1]))) for one in self.geometries)
        return Parcels(turned, self.columns, crs)

    def write(self, path: str | Path) -> Path:
        """GeoPackage (.gpkg), GeoJSON in degrees (.geojson, .json) or a table without outlines (.csv), whole. Raises CannotWrite, DioneError (pyogrio)."""
        to = Path(path)
        if to.suffix.lower() not in WRITERS:
            raise CannotWrite(f"{to} ends in '{to.suffix}'; needs one of {', '.join(WRITERS)}")
        with whole(to) as partial:
            WRITERS[to.suffix.lower()](self, partial)
        return to


def read(path: str | Path) -> Parcels:
    """Polygons and their columns from GeoJSON, or any vector file that GDAL reads (extra `vector`). Raises NotFound, BadSource, DioneError."""
    of = Path(path)
    if not of.is_file():
        raise NotFound(f"no parcels at {of}\nneeds a vector file with polygons: GeoPackage, Shapefile, GeoJSON")
    made = _geojson(of) if of.suffix.lower() in (".geojson", ".json") else _vectors(of)
    kinds = {one.geom_type for one in made.geometries} - {"Polygon", "MultiPolygon"}
    if kinds or not len(made):
        raise BadSource(f"{of} holds {', '.join(sorted(kinds)) or 'nothing'}, needs polygons")
    return made


def _geojson(path: Path) -> Parcels:
    try:
        features = json_in(path)["features"]
        geometries = tuple(shape(one["geometry"]) for one in features)
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise BadSource(f"{path} is no GeoJSON feature collection: {type(error).__name__} {error}") from error
    rows = [one.get("properties") or {} for one in features]
    names = sorted({name for row in rows for name in row})
    return Parcels(geometries, {name: np.array([row.get(name) for row in rows]) for name in names}, DEGREES)


def _vectors(path: Path) -> Parcels:
    pyogrio = _pyogrio(path)
    try:
        about, _, shapes, columns = pyogrio.raw.read(path)
    except (RuntimeError, ValueError, OSError) as error:  # RuntimeError is the root of pyogrio's own
        raise BadSource(f"{path} holds no vectors that GDAL can read: {error}") from error
    if not about["crs"]:
        raise BadSource(f"{path} does not tell its CRS\nsave it again with one")
    return Parcels(tuple(shapely.from_wkb(shapes)), dict(zip(about["fields"], columns, strict=True)), about["crs"])


def _write_geojson(parcels: Parcels, path: Path) -> None:
    path.write_text(json.dumps(parcels.to_crs(DEGREES).__geo_interface__), "utf-8")


def _write_csv(parcels: Parcels, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(parcels.columns)
        rows.writerows(zip(*(map(_plain, values) for values in parcels.columns.values()), strict=True))


def _write_gpkg(parcels: Parcels, path: Path) -> None:
    """GDAL wants the file's ending, and names the layer after it: it is written beside and moved, its layer called parcels."""
    pyogrio = _pyogrio(path)
    shapes = np.array(
        shapely.to_wkb(np.array([shapely.multipolygons([one]) if one.geom_type == "Polygon" else one for one in parcels.geometries], object)), object
    )
    how = {"layer": "parcels", "driver": "GPKG", "geometry_type": "MultiPolygon", "crs": parcels.crs}
    beside = path.with_name(f"{path.name}.gpkg")
    try:
        pyogrio.raw.write(beside, shapes, list(parcels.columns.values()), np.array(list(parcels.columns), object), **how)
        beside.replace(path)
    except RuntimeError as error:  # the root of pyogrio's own
        raise CannotWrite(f"{path.parent} does not take a GeoPackage: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


WRITERS = {".gpkg": _write_gpkg, ".geojson": _write_geojson, ".json": _write_geojson, ".csv": _write_csv}


def _pyogrio(path: Path) -> Any:
    try:
        import pyogrio
        import pyogrio.errors
        import pyogrio.raw
    except ImportError as error:
        raise DioneError(f"{path.name} needs pyogrio, which is not installed ({error})\ninstall the extra: {INSTALL}; or use GeoJSON") from error
    return pyogrio


def _plain(value: Any) -> Any:
    """A number of Python; None for one that is none."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
