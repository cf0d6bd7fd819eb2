"""Very-high-resolution scenes as Stacks: sharp references, usually of one date.

Multispectral and panchromatic are two Stacks, which `dione.prepare.reference.pansharpen` joins. Reflectance is at the top of the
atmosphere unless the product says otherwise. The coordinate `white` (time, band) is the radiance of reflectance 1, so
that radiance = reflectance × white, for the rules that are told in radiance; NaN where it is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import grid as grids
from dione.base import masks, stack
from dione.base.windows import Window
from dione.sources.delivered import dimap, eopixels, eoproducts, plainvhr
from dione.sources.delivered.product import Product
from dione.sources.delivered.sensors import SENSORS, Sensor
from dione.sources.places import listing, shown
from dione.sources.rasters import intact, ownmask
from dione.sources.rasters.gdal import raster
from dione.sources.stacks import lazy

OWN = (".dim", ".tif", ".tiff")
"""Endings of what is read here; other products are EOReader's."""


def read(path: str | Path, *, sensors: Mapping[str, Sensor] = SENSORS, **told: Any) -> Product:
    """What a scene is: from its `.dim`, for a plain GeoTIFF from what is told (`dione.sources.delivered.plainvhr.Told`), by EOReader for a folder.

    Raises NotFound, BadSource and its kinds; DioneError where EOReader is needed and not installed.
    """
    if not str(path).lower().endswith(OWN):
        listing(path)
        return eoproducts.read(path)
    if str(path).lower().endswith(".dim"):
        return dimap.read(path, sensors=sensors)
    return plainvhr.read(path, plainvhr.Told(**told), sensors=sensors)


def open(scene: str | Path | Product, *, sensors: Mapping[str, Sensor] = SENSORS, **told: Any) -> xr.Dataset:
    """A Stack of one raster of one scene, multispectral (four bands) or panchromatic (one); only headers are read now.

    A pixel is valid where no band holds the nodata value, not all are 0, the file's mask or alpha band is not 0, and reflectance is
    possible; clouds are still in.
    What is neither a `.dim` nor a GeoTIFF goes through EOReader: see `dione.sources.delivered.eopixels`.
    Raises NotFound, BadSource, BadBands, BadGrid, BadValues.
    """
    place = scene.raster if isinstance(scene, Product) else str(scene)
    if not place.lower().endswith(OWN):
        listing(place)
        return eopixels.open(place)
    product = scene if isinstance(scene, Product) else read(scene, sensors=sensors, **told)
    grid = grids.north_up(product.grid, shown(product.raster))
    scale, offset = product.scaling()
    reflectance, valid = lazy.arrays(Reflectance(Numbers(product), tuple(scale), tuple(offset)), bands=len(product.bands))
    notes = {"source": shown(product.raster), "sensor": product.sensor, "radiometry": _words(product), "offset_told_by": "files or assumed"}
    made = stack.make(reflectance, valid, [product.time], grid, items=[product.scene], bands=product.names, **notes)
    white = np.full(len(product.bands), np.nan) if product.white is None else product.white
    return made.assign_coords(white=(("time", "band"), white[None]))


@dataclass(frozen=True)
class Numbers:
    """The digital numbers of a scene, window by window, bands in dione's order."""

    product: Product

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.product.grid.shape[0], self.product.grid.shape[1]

    @property
    def names(self) -> tuple[str, ...]:
        return self.product.names

    @property
    def gain(self) -> NDArray[np.float64]:
        """(band,)"""
        return self.product.gain

    @property
    def bias(self) -> NDArray[np.float64]:
        """(band,)"""
        return self.product.bias

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Numbers (band, y, x) as they stand in the raster, and where there are any (y, x), by its own mask too."""
        indexes = [band.index for band in self.product.bands]
        with raster(self.product.raster) as file:
            numbers = intact.read(file, indexes, window)
            hidden = ownmask.hidden(file, indexes[0], [index for index in ownmask.alphas(file) if index not in indexes], window)
        present = np.isfinite(numbers).all(0) & (numbers != 0).any(0) & ~hidden
        if self.product.nodata is not None:
            present &= (numbers != self.product.nodata).all(0)
        return numbers, np.asarray(present)


@dataclass(frozen=True)
class Reflectance:
    """The same as reflectance, as `dione.sources.stacks.lazy` decodes it."""

    numbers: Numbers
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        return 1, *self.numbers.shape

    def read(self, date: int, window: Window) -> lazy.Pixels:
        numbers, present = self.numbers.read(window)
        scale, offset = (np.array(values, np.float32)[:, None, None] for values in (self.scale, self.offset))
        reflectance = numbers.astype(np.float32) * scale + offset
        reflectance[:, ~present] = 0
        return reflectance, present & masks.possible(reflectance, axis=0)


def _words(product: Product) -> str:
    """How numbers became reflectance."""
    kinds = {band.unit for band in product.bands}
    if kinds == {"reflectance"}:
        return "number × gain + bias (reflectance)"
    return f"number × gain + bias is radiance, over ESUN and a sun at {product.sun_elevation:.1f}° (top of the atmosphere)"
