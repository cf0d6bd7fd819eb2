"""When and where an EOPatch is: its times and its box, as JSON or as the pickles of 2021."""

import gzip
import zlib
from datetime import UTC, datetime

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS
from pyproj.exceptions import CRSError

from dione.base.errors import BadGrid, BadSource
from dione.base.storage.documents import json_of
from dione.sources.eopatches import pickled
from dione.sources.eopatches.eonames import METADATA
from dione.sources.eopatches.features import Feature
from dione.sources.places import naming, shown, system

LARGEST_METADATA = 16_000_000


def times_of(folder: str) -> list[datetime]:
    file, data = _metadata(folder, "times")
    if ".pkl" in file:
        return [_naive(time) for time in pickled.times(data, shown(file))]
    try:
        return [_naive(datetime.fromisoformat(text)) for text in json_of(data)]
    except (ValueError, TypeError) as error:
        raise BadSource(f'{shown(file)} is no list of times such as ["2018-08-15T10:56:21"]: {error}') from error


def _naive(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def grid_of(folder: str, imagery: Feature) -> GeoBox:
    """Pixels fill the box evenly; the first row lies north."""
    file, data = _metadata(folder, "box")
    (left, bottom, right, top), crs = pickled.box(data, shown(file)) if ".pkl" in file else _geojson_box(data, file)
    rows, columns = imagery.shape[1:3]
    if not (np.isfinite([left, bottom, right, top]).all() and left < right and bottom < top and rows and columns):
        raise BadGrid(f"{shown(file)} is no box that {imagery} could fill: {left}, {bottom}, {right}, {top}")
    try:
        CRS.from_user_input(crs)
    except CRSError as error:
        raise BadGrid(f"{shown(file)} names the CRS {crs}, which is not known") from error
    return GeoBox((rows, columns), Affine((right - left) / columns, 0, left, 0, -(top - bottom) / rows, top), crs)


def _geojson_box(data: bytes, file: str) -> tuple[tuple[float, float, float, float], str]:
    """Edges and CRS of a GeoJSON polygon; without a CRS it is in longitude and latitude, as GeoJSON says."""
    try:
        read = json_of(data)
        ring = np.array(read["coordinates"][0], float)
        (left, bottom), (right, top) = ring.min(0)[:2], ring.max(0)[:2]
        name = str(read["crs"]["properties"]["name"]) if "crs" in read else "CRS84"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadSource(f"{shown(file)} is no GeoJSON polygon: {type(error).__name__} {error}") from error
    return (float(left), float(bottom), float(right), float(top)), "EPSG:4326" if "CRS84" in name or "CRS:84" in name else f"EPSG:{name.split(':')[-1]}"


def _metadata(folder: str, what: str) -> tuple[str, bytes]:
    """The file that holds the box or the times, and its bytes, unpacked."""
    fs, inside = system(folder)
    with naming(folder):
        name = next((name for name in METADATA[what] if fs.exists(f"{inside}/{name}")), None)
        if name is None:
            raise BadSource(f"{shown(folder)} has no {what}: needs {METADATA[what][0]} (or {METADATA[what][2]} of 2021)")
        with fs.open(f"{inside}/{name}", "rb") as file:
            try:
                data = (gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file).read(LARGEST_METADATA)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise BadSource(f"{shown(folder)}/{name} cannot be unpacked: {error}") from error
    return f"{folder}/{name}", data
