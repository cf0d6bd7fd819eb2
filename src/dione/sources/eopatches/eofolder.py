"""A folder as eo-learn 1.5 and later opens it: arrays as .npy, times and box as JSON. No eo-learn is needed.

    FOLDER/data/S2.npy                  (time, y, x, band)         data_timeless/…   (y, x, band)
    FOLDER/mask/IS_CLEAR.npy            (time, y, x, 1)            scalar/N_VIEWS.npy   (time, 1)
    FOLDER/timestamps.json              of the first axis          bbox.geojson      the ground that all arrays fill
    FOLDER/meta_info/….json             one value each

Arrays of one folder may differ in rows and columns, as a result and its input do; all of them fill the box.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base.errors import BadGrid, BadSource, CannotWrite, faults
from dione.sources.places import shown, system, writing

AXES = {"data": 4, "mask": 4, "scalar": 2, "data_timeless": 3, "mask_timeless": 3}
"""How many axes the arrays of each kind have; the first is time unless the kind is timeless."""


def save(
    folder: str | Path,
    *,
    arrays: Mapping[str, NDArray[Any]],
    times: Sequence[np.datetime64],
    grid: GeoBox,
    notes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> str:
    """Write an EOPatch folder, also on s3://, and return its path. Notes come first, so that a half one tells whose it is; the box comes last: a half one is none.

    arrays: by kind and name, as in `data/S2`. grid: its outer edge is the box. notes: values that JSON can hold.
    Raises BadSource with everything that does not fit together, BadGrid without a CRS, CannotWrite.
    """
    place = str(folder).rstrip("/")
    _check(arrays, times, place)
    box = json.dumps(box_of(grid))
    with writing(place):
        fs, inside = system(place)
        if fs.exists(inside):
            if not overwrite:
                raise CannotWrite(f"{shown(place)} is there already\nchoose another name, or remove it first")
            fs.rm(inside, recursive=True)
        files = {f"meta_info/{name}.json": json.dumps(value).encode() for name, value in (notes or {}).items()}
        files |= {f"{name}.npy": _npy(array) for name, array in arrays.items()}
        files |= {"timestamps.json": json.dumps([str(time.astype("datetime64[us]")) for time in times]).encode(), "bbox.geojson": box.encode()}
        for name, data in files.items():
            fs.makedirs(f"{inside}/{name}".rpartition("/")[0], exist_ok=True)
            fs.pipe_file(f"{inside}/{name}", data)
    return place


def _check(arrays: Mapping[str, NDArray[Any]], times: Sequence[np.datetime64], place: str) -> None:
    wrong = []
    for name, array in arrays.items():
        kind = name.partition("/")[0]
        if kind not in AXES or array.ndim != AXES[kind]:
            wrong.append(f"{name} has {array.ndim} axes, needs {AXES.get(kind, 'a kind of ' + ', '.join(AXES))}")
        elif not kind.endswith("timeless") and len(array) != len(times):
            wrong.append(f"{name} has {len(array)} dates, there are {len(times)} times")
        elif array.dtype.hasobject:
            wrong.append(f"{name} holds Python objects, needs plain numbers")
    if wrong:
        raise BadSource(faults(f"{shown(place)} cannot be an EOPatch", wrong))


def _npy(array: NDArray[Any]) -> bytes:
    data = io.BytesIO()
    np.save(data, np.ascontiguousarray(array), allow_pickle=False)
    return data.getvalue()


def box_of(grid: GeoBox) -> dict[str, Any]:
    """The ground of a grid: GeoJSON with a CRS, as sentinelhub's BBox writes itself; raises BadGrid for a CRS without EPSG code."""
    if grid.crs is None or grid.crs.epsg is None:
        raise BadGrid("an EOPatch needs a CRS with an EPSG code\ngive the files one first, e.g. gdal_edit -a_srs EPSG:32631 FILE")
    left, bottom, right, top = grid.boundingbox.bbox
    ring = [[left, bottom], [left, top], [right, top], [right, bottom], [left, bottom]]
    return {"type": "Polygon", "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{grid.crs.epsg}"}}, "coordinates": [ring]}
