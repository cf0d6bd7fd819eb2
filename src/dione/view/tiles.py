"""Map tiles (256 × 256 pixels, web Mercator, XYZ) of finished files, and what stands at a point."""

import io
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.vrt import WarpedVRT
from rio_tiler.errors import PointOutsideBounds, TileOutsideBounds
from rio_tiler.io import Reader

from dione.prediction.files.form import SCALE, SUPPORT
from dione.prediction.looks import picture
from dione.sources.rasters import gdal
from dione.view.folder import Gallery, Shown

TILE_PX = 256
FURTHER_OUT = 2
"""Zooms below the one at which a file fills a tile: further out it would be a dot, for which rio-tiler warps the whole tile at full resolution."""
OPEN = 64
"""Files that are kept open, over all threads."""
KINDS = {one.value: one.name for one in SUPPORT.classes}
EMPTY = np.zeros((TILE_PX, TILE_PX, 4), np.uint8)
BANDS_OF = {"true": (3, 2, 1), "false": (4, 3, 2), "ndvi": (3, 4), "sigma": (1, 2, 3, 4)}
"""Bands that are read to paint these colours, counted from 1."""
Layer = Literal["input", "sr", "sigma", "support"]


def tile(gallery: Gallery, date: Shown, layer: Layer, colours: str, place: tuple[int, int, int]) -> bytes:
    """A PNG of the tile (z, x, y); see-through where there is nothing."""
    path = {"input": date.input, "sr": date.sr, "sigma": date.sigma, "support": date.support}[layer]
    if layer == "support":
        numbers = None if path is None else cut(path, place, (1,))
        return _png(EMPTY if numbers is None else picture.mapped(np.ma.filled(numbers[0], 0), SUPPORT.classes))
    values = None if path is None else read(path, place, BANDS_OF["sigma" if layer == "sigma" else colours])
    if values is None:
        return _png(EMPTY)
    if layer == "sigma":
        return _png(picture.overlay(values, worst=gallery.worst))
    return _png(picture.holed(date.tones[colours].paint(values), values))


def read(path: Path, place: tuple[int, int, int], bands: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Reflectance (4, 256, 256) of the tile (z, x, y), nearest pixels, NaN where nodata; of other bands than these 0. None outside of the file."""
    found = cut(path, place, bands)
    if found is None:
        return None
    values = np.zeros((4, TILE_PX, TILE_PX), np.float32)
    values[[band - 1 for band in bands]] = found.data * np.float32(SCALE)
    values[:, np.ma.getmaskarray(found).any(0)] = np.nan
    return values


def cut(path: Path, place: tuple[int, int, int], bands: tuple[int, ...]) -> Any:
    """Numbers of the file (band, 256, 256) on the tile (z, x, y), nearest pixels, a masked array. None outside of the file."""
    zoom, across, down = place
    for file in worlds(path):
        if zoom < file.minzoom - FURTHER_OUT:
            return None
        with suppress(TileOutsideBounds):
            return file.tile(across, down, zoom, tilesize=TILE_PX, indexes=bands, resampling_method="nearest", reproject_method="nearest").array
    return None


def spectra(gallery: Gallery, longitude: float, latitude: float) -> list[dict[str, Any]]:
    """For each date, reflectance of the four bands at a point: measured, sharpened, and its 1σ; and where its detail comes from, in words. None where there is none."""
    told = []
    for name, date in gallery.dates.items():
        layers = {layer: reflectance(path, longitude, latitude) for layer, path in (("input", date.input), ("sr", date.sr), ("sigma", date.sigma))}
        kind = at(date.support, longitude, latitude)
        told.append({"date": name, **layers, "support": None if kind is None else KINDS.get(int(kind[0]))})
    return told


def reflectance(path: Path | None, longitude: float, latitude: float) -> list[float] | None:
    """Of the pixel that holds a point, degrees; None where there is none."""
    found = at(path, longitude, latitude)
    return None if found is None else [round(number * SCALE, 4) for number in found]


def at(path: Path | None, longitude: float, latitude: float) -> list[float] | None:
    """The file's numbers of the pixel that holds a point, degrees; None where there is none."""
    if path is None or not (abs(longitude) <= 360 and abs(latitude) <= 90):
        return None
    for file in worlds(path):
        with suppress(PointOutsideBounds):
            found = file.point(longitude, latitude).array
            return None if np.ma.getmaskarray(found).any() else [float(number) for number in found.data]
    return None


def worlds(path: Path) -> Iterator[Reader]:
    """The file; and one in degrees that reaches beyond 180° a turn of the earth further on too, where its other half is."""
    yield (file := opened(path))
    if file.crs.is_geographic and not -180 <= file.bounds[0] <= file.bounds[2] <= 180:
        yield opened(path, turn=-360 if file.bounds[2] > 180 else 360)


def opened(path: Path, turn: int = 0) -> Reader:
    """The file, kept open for the next tile: half of a tile's time is opening. Each thread has its own, as GDAL asks; one written anew is opened anew."""
    return _kept(path, path.stat().st_mtime_ns, threading.get_ident(), turn)


@lru_cache(maxsize=OPEN)
def _kept(path: Path, written: int, thread: int, turn: int) -> Reader:
    file = gdal.opened(str(path))
    if turn:
        moved = Affine.translation(turn, 0) * file.transform
        file = WarpedVRT(file, src_transform=moved, transform=moved, width=file.width, height=file.height)
    return Reader(None, dataset=file)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG", compress_level=1)
    return packed.getvalue()
