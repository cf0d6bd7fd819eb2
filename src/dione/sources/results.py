"""What `dione predict` wrote, as a Stack again: its dates with sigma, support and what each saw itself."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window as RasterWindow
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadSource, NotFound, faults
from dione.base.storage.documents import json_in
from dione.sources import geotiff
from dione.sources.places import File
from dione.sources.rasters import headers
from dione.sources.rasters.gdal import raster
from dione.sources.rasters.sorting import Reading

ENDINGS = ("sr", "sigma", "support")
KINDS = ("tif", "vrt")
"""A date is one file, or tiles under a virtual raster."""


def is_results(folder: str | Path) -> bool:
    """Whether a folder on this disk holds sharpened dates and their sigma."""
    return Path(folder).is_dir() and all(found(folder, ending) for ending in ("sr", "sigma"))


def found(folder: str | Path, ending: str) -> dict[str, Path]:
    """The files of a folder that end in `ending`, by the date that their names begin with, in time."""
    paths = (path for kind in KINDS for path in Path(folder).glob(f"*_{ending}.{kind}"))
    return dict(sorted((path.stem.removesuffix(f"_{ending}"), path) for path in paths))


def open(folder: str | Path) -> xr.Dataset:
    """The results in a folder as a Stack with `sigma` and, if every date has one, `support`, and `seen` of its input; only headers are read now.

    Raises NotFound for a folder without results, BadSource for one that lacks a date's sigma, BadGrid for one whose files do not all lie on the same ground.
    """
    dates = {ending: found(folder, ending) for ending in (*ENDINGS, "input")}
    if not dates["sr"]:
        raise NotFound(f"no sharpened date in {folder}\nneeds the folder that `dione predict -o` wrote")
    if missing := sorted(set(dates["sr"]) - set(dates["sigma"])):
        raise BadSource(f"{folder} has no sigma of {', '.join(missing)}\nrun `dione predict` again into the same folder")
    sharp, sigma = (geotiff.of_files([_file(dates[ending][name]) for name in dates["sr"]], Reading(), folder) for ending in ("sr", "sigma"))
    scene = sharp.sizes["y"], sharp.sizes["x"]
    supports, inputs = (
        headers.read_all([_file(dates[ending][name]) for name in dates["sr"]]) if set(dates["sr"]) <= set(dates[ending]) else []
        for ending in ("support", "input")
    )
    zoom = max(round(scene[1] / inputs[0].grid.shape[1]), 1) if inputs else 1
    finest = [(header.name, header.grid) for header in supports] + [(header.name, grids.finer(header.grid, zoom)) for header in inputs]
    _same_ground(folder, sharp, [("sigma", stacks.grid_of(sigma)), *finest])
    support = LazilyIndexedArray(Numbers(tuple(header.path for header in supports), scene)) if supports else None
    seen = LazilyIndexedArray(Numbers(tuple(header.path for header in inputs), scene, zoom, "bool")) if inputs else None
    times = [_moment(path, name, day) for (name, path), day in zip(dates["sr"].items(), sharp["time"].values, strict=True)]
    made = stacks.with_result(sharp, sigma["reflectance"].variable._data, support, seen)
    return made.assign_coords(time=np.array(times, "datetime64[ns]")).assign_attrs(source=str(folder))


def _moment(path: Path, name: str, told: np.datetime64) -> np.datetime64:
    """When a date was seen: names tell the day, its STAC item (beside it, or beside its tiles) the time of day too."""
    item = next((file for file in (path.with_name(f"{name}.json"), *sorted(path.with_name(name).glob(f"{name}_r*c*.json"))) if file.is_file()), None)
    try:
        moment = np.datetime64(json_in(item)["properties"]["datetime"].removesuffix("Z"), "ns") if item else told
    except (ValueError, KeyError, TypeError, AttributeError, OSError):  # somebody else's file of that name
        return told
    return moment if str(moment)[:10] == str(told)[:10] else told


def _same_ground(folder: str | Path, sharp: xr.Dataset, others: list[tuple[str, GeoBox]]) -> None:
    grid = stacks.grid_of(sharp)
    if wrong := [f"{name}: {', '.join(how)}" for name, other in others if (how := grids.differences(grid, other))]:
        raise BadGrid(faults(f"{folder} holds files that do not lie where its sharpened dates do", wrong, "run `dione predict` again into a folder of its own"))


def _file(path: Path) -> File:
    return File(str(path), path.name, path.stat().st_size)


class Numbers(BackendArray):
    """The first band of several files of one grid, (time, y, x), read when asked for; each pixel of theirs is zoom × zoom of the scene's, and as a bool whether it is data."""

    def __init__(self, paths: tuple[str, ...], scene: tuple[int, int], zoom: int = 1, dtype: str = "uint8") -> None:
        self.paths, self.shape, self.zoom, self.dtype = paths, (len(paths), *scene), zoom, np.dtype(dtype)

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[Any]:
        dates, rows, columns = (np.atleast_1d(np.arange(side)[part]) for side, part in zip(self.shape, key, strict=True))
        rows, columns = rows // self.zoom, columns // self.zoom
        window = RasterWindow(int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        whole = np.stack([_read(self.paths[date], window).astype(self.dtype)[np.ix_(rows - rows.min(), columns - columns.min())] for date in dates])
        return np.asarray(whole[tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)])


def _read(path: str, window: RasterWindow) -> NDArray[Any]:
    with raster(path) as file:
        return np.asarray(file.read(1, window=window))
