"""What `dione predict` wrote, as a Stack again: its dates with sigma and support."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window as RasterWindow
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import stack as stacks
from dione.base.errors import BadSource, NotFound
from dione.sources import geotiff
from dione.sources.places import raster

ENDINGS = ("sr", "sigma", "support")


def is_results(folder: str | Path) -> bool:
    """Whether a folder on this disk holds sharpened dates and their sigma."""
    return Path(folder).is_dir() and all(any(Path(folder).glob(f"*_{ending}.tif")) for ending in ("sr", "sigma"))


def open(folder: str | Path) -> xr.Dataset:
    """The results in a folder as a Stack with `sigma` and, if every date has one, `support`; only headers are read now.

    Raises NotFound for a folder without results, BadSource for one that lacks a date's sigma.
    """
    paths = {ending: sorted(Path(folder).glob(f"*_{ending}.tif")) for ending in ENDINGS}
    if not paths["sr"]:
        raise NotFound(f"no sharpened date in {folder}\nneeds the folder that `dione predict -o` wrote")
    names = [path.name.removesuffix("_sr.tif") for path in paths["sr"]]
    missing = sorted(set(names) - {path.name.removesuffix("_sigma.tif") for path in paths["sigma"]})
    if missing:
        raise BadSource(f"{folder} has no sigma of {', '.join(missing)}\nrun `dione predict` again into the same folder")
    sharp, sigma = (geotiff.open(f"{folder}/*_{ending}.tif") for ending in ("sr", "sigma"))
    made = sharp.assign(sigma=(stacks.DIMS["reflectance"], sigma["reflectance"].variable._data))
    if len(paths["support"]) == len(names):
        made = made.assign(support=(stacks.DIMS["valid"], LazilyIndexedArray(Numbers(tuple(map(str, paths["support"])), (sharp.sizes["y"], sharp.sizes["x"])))))
    return made.assign_attrs(source=str(folder))


class Numbers(BackendArray):
    """The one band of several uint8 files of one grid, (time, y, x), read when asked for."""

    def __init__(self, paths: tuple[str, ...], scene: tuple[int, int]) -> None:
        self.paths, self.shape, self.dtype = paths, (len(paths), *scene), np.dtype("uint8")

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[np.uint8]:
        dates, rows, columns = (np.atleast_1d(np.arange(side)[part]) for side, part in zip(self.shape, key, strict=True))
        window = RasterWindow(int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        whole = np.stack([_read(self.paths[date], window)[np.ix_(rows - rows.min(), columns - columns.min())] for date in dates])
        return np.asarray(whole[tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)])


def _read(path: str, window: RasterWindow) -> NDArray[np.uint8]:
    with raster(path) as file:
        return np.asarray(file.read(1, window=window), np.uint8)
