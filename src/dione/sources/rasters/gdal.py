"""Rasters as GDAL opens them here: by their first bytes, whatever they are called, and nothing that they name or that lies beside them."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import rasterio
from fsspec import AbstractFileSystem

# The one family of GDAL errors that rasterio lets through unwrapped (from warps and blocks).
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from dione.base.errors import BadSource
from dione.base.machine import shortage
from dione.base.telling import shown
from dione.sources.places import faults_of_stores, is_remote, system
from dione.sources.rasters import companions, placeless, virtual

DRIVERS = {
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "GTiff"),
    **dict.fromkeys((b"\0\0\0\x0c", b"\xff\x4f\xff\x51"), "JP2OpenJPEG"),
}
"""GDAL's drivers by how a file begins. It would open by content: a virtual raster called .tif could read any other file, near or far."""
OTHERS = {b"PK\3\4": "a zip: unpack it, and name the folder", **dict.fromkeys((b"\x89HDF", b"CDF\1", b"CDF\2"), "NetCDF, which is not read: export GeoTIFFs")}
"""What else downloads come as, and what to do."""
ZIPPED = "/vsizip/"
RASTER_FAULTS: tuple[type[Exception], ...] = (RasterioError, CPLE_BaseError, OSError)


@contextmanager
def raster(path: str) -> Iterator[rasterio.DatasetReader]:
    """An open GeoTIFF or JPEG 2000, local or remote; whatever goes wrong inside the block becomes a BadSource that names the file."""
    with readable(path), opened(path) as file:
        yield file


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Turn what goes wrong inside the block with this raster into a BadSource that names it."""
    try:
        yield
    except (*RASTER_FAULTS, *faults_of_stores()) as error:
        advice = shortage.advice(error, "it may be damaged or half copied: fetch it again, or take it out of the series")
        raise BadSource(f"{shown(path)} cannot be read: {shown(_last(error))}\n{advice}") from error


def opened(path: str) -> rasterio.DatasetReader:
    """The raster, open, to be closed by who asked for it; raises BadSource and what GDAL does."""
    driver, how = driver_of(path), {"opener": Store(system(path)[0])} if is_remote(path) else {}
    alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR") if path.startswith(ZIPPED) else nullcontext()  # what lies beside it is not looked at
    with placeless.allowed(), alone:
        file = rasterio.open(path, driver=driver, **how)
    try:
        companions.check_named(file, path)
    except BadSource:
        file.close()
        raise
    return file


class Store:
    """A file system as rasterio is given it. It asks each for the size of 'test', to see whether it can: that is no question for an object store.

    What GDAL would open beside a raster is not there unless it is a GeoTIFF.
    """

    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    def size(self, path: str) -> Any:
        if path == "test":
            raise FileNotFoundError(path)
        return self._fs.size(path)

    def open(self, path: str, *how: Any, **more: Any) -> Any:
        file = self._fs.open(path, *how, **more)
        if path.lower().endswith(companions.ENDINGS):
            if file.read(4) not in companions.TIFF:
                file.close()
                raise FileNotFoundError(path)
            file.seek(0)
        return file


def driver_of(path: str) -> str:
    """The driver for a raster; raises BadSource for what is neither GeoTIFF nor JPEG 2000, nor a virtual raster of ours."""
    if path.startswith(ZIPPED):
        return "JP2OpenJPEG" if path.lower().endswith(".jp2") else "GTiff"
    fs, inside = system(path)
    with fs.open(inside, "rb") as file:
        begin = bytes(file.read(4))
    if begin == virtual.MARK and path.endswith(".vrt") and not is_remote(path):
        virtual.check(Path(path))
        for one in virtual.laid(Path(path)):
            opened(str(one.path)).close()
        return "VRT"
    if begin in OTHERS:
        raise BadSource(f"{shown(path)} is {OTHERS[begin]}")
    if not is_remote(path):
        companions.check_beside(Path(inside))
    if begin not in DRIVERS:
        raise BadSource(f"{shown(path)} is neither GeoTIFF nor JPEG 2000: it begins with {begin!r}\nfetch it again, or take it out of the series")
    return DRIVERS[begin]


def _last(error: Exception) -> str:
    """The sentence that says most: GDAL's own, under rasterio's 'see previous exception'."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return str(error)
