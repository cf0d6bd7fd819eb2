"""The table of scenes: one row a raster, everything known of it in columns, as Parquet.

scene, kind, sensor, time, raster, metadata, level, angles, grid …; for each band of blue, green, red, nir and pan:
blue_index, blue_gain, blue_bias, blue_unit, blue_esun, blue_min, blue_max, blue_mean, blue_std (empty where a raster has
no such band). Later steps add columns, none takes any away.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError
from shapely.geometry import Polygon

from dione.base.area import from_wkt
from dione.base.bands import BANDS, PAN
from dione.base.errors import BadSource, NotFound, faults
from dione.base.storage import parquet
from dione.base.storage.documents import json_of
from dione.base.storage.files import folder
from dione.sources import vhr
from dione.sources.carrying import get, put
from dione.sources.delivered.deliveries import outline
from dione.sources.delivered.product import Product, VhrBand
from dione.sources.places import is_remote, shown

PLAIN = {"scene": str, "kind": str, "sensor": str, "time": None, "raster": str, "metadata": str, "dtype": str, "nodata": float, "level": str}
ANGLES = ("sun_elevation", "sun_azimuth", "view_angle", "incidence_angle", "view_azimuth", "earth_sun_distance_au")
OF_BAND = {
    "index": "index",
    "gain": "gain",
    "bias": "bias",
    "unit": "unit",
    "esun": "esun",
    "min": "lowest",
    "max": "highest",
    "mean": "mean",
    "std": "deviation",
}
"""Column → field of VhrBand."""
TYPES = {"time": pa.timestamp("us"), "nodata": pa.float64(), "rows": pa.int64(), "columns": pa.int64(), **dict.fromkeys(ANGLES, pa.float64())}


def row(product: Product) -> dict[str, Any]:
    """A product as one row; `product_of` turns it back."""
    made: dict[str, Any] = {name: getattr(product, name) for name in (*PLAIN, *ANGLES)}
    rows, columns = product.grid.shape
    made |= {"crs": str(product.grid.crs or ""), "transform": json.dumps(list(product.grid.affine)[:6]), "rows": int(rows), "columns": int(columns)}
    made["footprint"] = Polygon(product.footprint or outline(product).exterior.coords[:-1]).wkt
    for band in product.bands:
        made |= {f"{band.name}_{column}": getattr(band, field) for column, field in OF_BAND.items()}
    return made


def product_of(values: Mapping[str, Any]) -> Product:
    """The product that a row was made from; raises BadSource for values that cannot be one."""
    try:
        return _product(values)
    except (ValueError, TypeError, KeyError, AttributeError, CRSError) as error:
        raise BadSource(f"a row of the table of scenes cannot be used ({values.get('raster')}): {error}\nmake the table again with: dione vhr scan") from error


def _product(values: Mapping[str, Any]) -> Product:
    names = PAN if values["kind"] == "pan" else BANDS
    bands = tuple(VhrBand(name, **{field: values[f"{name}_{column}"] for column, field in OF_BAND.items()}) for name in names)
    grid = GeoBox((values["rows"], values["columns"]), Affine(*json_of(values["transform"])), values["crs"] or None)
    corners = tuple((float(x), float(y)) for x, y in from_wkt(values["footprint"]).exterior.coords[:-1])
    return Product(grid=grid, bands=bands, footprint=corners, **{name: values[name] for name in (*PLAIN, *ANGLES)})


def numbers(values: Mapping[str, Any]) -> vhr.Numbers:
    """The digital numbers of a row's raster, to be read window by window."""
    return vhr.Numbers(product_of(values))


def stack(values: Mapping[str, Any]) -> xr.Dataset:
    """A row's raster as a Stack; raises as `dione.sources.vhr.open`."""
    return vhr.open(product_of(values))


def write(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> str | Path:
    """The rows as Parquet, whole or not at all; columns beyond ours keep their order. Raises CannotWrite."""
    listed = list(rows)
    names = dict.fromkeys([*_columns(), *(name for one in listed for name in one)])
    table = pa.table({name: pa.array([one.get(name) for one in listed], _type(name)) for name in names})
    if not is_remote(path):
        folder(Path(path).parent)
    put(path, parquet.packed(table))
    return path


def read(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a table; raises NotFound, BadSource, also where two rasters of one kind bear one scene's name."""
    advice = f"make one with: dione vhr scan FOLDER -o {shown(path)}"
    try:
        listed: list[dict[str, Any]] = parquet.of_bytes(get(path), shown(path), "table of scenes", advice).to_pylist()
    except NotFound as error:
        raise NotFound(f"no table of scenes: {error}\n{advice}") from error
    missing = [name for name in _columns() if listed and name not in listed[0]]
    if missing or not listed:
        raise BadSource(f"{shown(path)} is no table of scenes: {f'no columns {missing}' if missing else 'it has no rows'}\n{advice}")
    if twice := [name for name, count in Counter((one["scene"], one["kind"]) for one in listed).items() if count > 1]:
        told = [f"{scene}: {', '.join(str(one['raster']) for one in listed if (one['scene'], one['kind']) == (scene, kind))}" for scene, kind in twice]
        again = "scan the folder that holds both, which tells scenes of one name apart, or give one of them another name"
        raise BadSource(faults(f"{shown(path)} has several rasters of one kind under one scene's name, of which only one would be used", told, again))
    return listed


def _columns() -> list[str]:
    return [*PLAIN, *ANGLES, "crs", "transform", "rows", "columns", "footprint", *(f"{band}_{column}" for band in (*BANDS, *PAN) for column in OF_BAND)]


def _type(name: str) -> pa.DataType | None:
    """Types of our own columns, so that an empty one keeps it; others follow from their values."""
    if name in TYPES:
        return TYPES[name]
    band, _, column = name.partition("_")
    if band in (*BANDS, *PAN) and column in OF_BAND:
        return pa.int64() if column == "index" else pa.string() if column == "unit" else pa.float64()
    return pa.string() if name in (*PLAIN, "crs", "transform", "footprint") else None
