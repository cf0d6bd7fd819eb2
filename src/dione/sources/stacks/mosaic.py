"""Dates of several products on one grid, read when asked for; each pixel comes from one product and is resampled once at most.

Products of one UTM zone share their lattice of pixels: their numbers are taken as they are. Those of another zone are
resampled once, from their own pixels to the grid (cubic; classes by nearest neighbour), where none of the first has data.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import masks
from dione.base.bands import BANDS
from dione.base.windows import Window
from dione.sources.rasters import blocks, sampling
from dione.sources.rasters.footing import Nested, footing, window_on
from dione.sources.remote.web import STRANGER, Web
from dione.sources.stacks import decoding, lazy
from dione.sources.stacks.acquisitions import Acquisition, Product
from dione.sources.stacks.scenes import Layer

LAYERS = len(BANDS) + 1
"""Files read at a time for one product: its bands and its classes."""


@dataclass(frozen=True)
class Mosaics:
    """Reads windows of dates (see `dione.sources.stacks.lazy`)."""

    dates: tuple[Acquisition, ...]
    grid: GeoBox
    web: Web = STRANGER

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.dates), *self.grid.shape

    def read(self, date: int, window: Window) -> lazy.Pixels:
        image = np.zeros((len(BANDS), *window.shape), np.float32)
        valid, wanted = np.zeros(window.shape, bool), np.ones(window.shape, bool)
        for product in self.dates[date].products:
            read = self._product(product, window)
            if read is not None:
                reflectance, clear, present = read
                taken = wanted & present
                image[:, taken] = reflectance[:, taken]
                valid |= taken & clear
                wanted &= ~present
            if not wanted.any():
                break
        return image, valid

    def _product(self, product: Product, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Reflectance, where it is clear, and where there is any; None where the product does not reach the window."""
        if window_on(product.grid, self.grid, window) is None:
            return None
        scene = product.scene
        with ThreadPoolExecutor(LAYERS) as pool:
            read = dict(zip(scene.layers, pool.map(lambda layer: self.layer(product, layer, window), scene.layers), strict=True))
        bands = [read[layer] for layer in scene.bands]
        flags = [(read[one.layer], one) for one in scene.flags]
        lost = decoding.missing(bands, scene.bands) | decoding.beyond(flags, window.shape)
        reflectance = decoding.reflectance(bands, scene.bands, lost)
        if product.factors is not None:
            reflectance *= product.factors.on(self.grid, window)
        return reflectance, decoding.clear(lost, reflectance, scl=read[scene.scl] if scene.scl else None, flags=flags), ~lost

    def classes(self, product: Product, window: Window) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where a product says that it is clear, and where it has anything."""
        if product.scene.scl is not None:
            scl = self.layer(product, product.scene.scl, window)
            return masks.valid_from_scl(scl), scl != 0
        flags = [(self.layer(product, one.layer, window), one) for one in product.scene.flags]
        return decoding.unflagged(flags, window.shape), ~decoding.beyond(flags, window.shape)

    def layer(self, product: Product, layer: Layer, window: Window) -> NDArray[Any]:
        """The numbers (y, x) of one file on a window of the grid; its nodata, or 0, where it does not reach."""
        file = blocks.File(layer.path, product.scene.item, product.version, self.web)
        part = window_on(layer.grid, self.grid, window)
        is_class = layer in product.scene.classes
        empty = 0 if layer.nodata is None else int(layer.nodata)
        if part is None:
            return np.full(window.shape, empty, np.uint8 if is_class else np.int32)
        numbers = blocks.read(file, layer.index, part, grid=layer.grid, empty=None if is_class else empty)
        place = footing(layer.grid, self.grid)
        if place is not None:
            return _nested(numbers, place, part, window, empty)
        at = sampling.places(layer.grid, self.grid, window)
        if is_class:
            return sampling.nearest(numbers, part, at, beyond=empty)
        seen = numbers != empty
        return sampling.cubic(np.where(seen, numbers.astype(np.float32), np.float32(np.nan)), part, at)


@dataclass(frozen=True)
class Classes:
    """The same dates as their classes or flags alone see them: a fifth of the bytes, or less."""

    mosaics: Mosaics

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.mosaics.shape

    def read(self, date: int, window: Window) -> lazy.Pixels:
        valid, wanted = np.zeros(window.shape, bool), np.ones(window.shape, bool)
        for product in self.mosaics.dates[date].products:
            if not product.scene.classes or window_on(product.grid, self.mosaics.grid, window) is None:
                continue
            clear, present = self.mosaics.classes(product, window)
            valid |= wanted & clear & present
            wanted &= ~present
            if not wanted.any():
                break
        return np.zeros((0, *window.shape), np.float32), valid


def _nested(numbers: NDArray[Any], place: Nested, part: Window, window: Window, empty: int) -> NDArray[Any]:
    """Numbers of a lattice that the grid's pixels nest in: taken as they are, larger pixels repeated."""
    rows = (np.arange(window.top, window.bottom) + place.top) // place.ratio
    columns = (np.arange(window.left, window.right) + place.left) // place.ratio
    inside = ((rows >= part.top) & (rows < part.bottom))[:, None] & ((columns >= part.left) & (columns < part.right))
    picked = numbers[np.clip(rows - part.top, 0, part.shape[0] - 1)][:, np.clip(columns - part.left, 0, part.shape[1] - 1)]
    return np.where(inside, picked, numbers.dtype.type(empty))
