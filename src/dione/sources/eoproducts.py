"""SPOT 6/7, Pléiades, PlanetScope, Maxar and whatever else EOReader knows, through EOReader: the extra `vhr`.

EOReader finds out what a product is, calibrates it to reflectance, and orthorectifies it where it has to (with the DEM
named by its own environment variable). A product is read whole. Deimos-2 / GEOSAT-2 are read by `dione.sources.dimap`,
which keeps gain, bias and pan. EOReader gives each product at its nominal pixel (3 m for GEOSAT-2 level 1C), and
resamples a raster that has another.
"""

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from dione.base import grid as grids
from dione.base import masks, stack
from dione.base.errors import BadBands, BadSource, DioneError
from dione.sources.places import near, shown

WANTED = ("BLUE", "GREEN", "RED", "NIR")
INSTALL = "pip install 'dione[vhr]'"


def open(path: str | Path) -> xr.Dataset:
    """A Stack of one multispectral product, in memory.

    A pixel is valid where all bands are finite and reflectance is possible; clouds are still in.
    Raises DioneError when EOReader is not installed, BadSource for a product that it does not know or cannot read,
    BadBands when one of the four bands is missing.
    """
    reader, known = _eoreader()
    faults: tuple[type[Exception], ...] = (known, OSError, ValueError, KeyError, TypeError, AssertionError, tarfile.ReadError, zipfile.BadZipFile)
    try:
        product = reader.open(str(path), remove_tmp=True)
    except faults as error:
        raise BadSource(f"{shown(path)} cannot be read by EOReader: {error}{near(path)}") from error
    if product is None:
        raise BadSource(
            f"{shown(path)} is no product that EOReader knows\nname the folder or archive as it was delivered, or a .dim, or a GeoTIFF with its sensor"
        )
    missing = [name for name in WANTED if not product.has_band(name)]
    if missing:
        raise BadBands(f"{shown(path)} has no band {', '.join(missing)}\nneeds a multispectral product of blue, green, red and near infrared")
    try:
        loaded = product.load(list(WANTED))
        time = product.get_datetime(as_datetime=True)
    except faults as error:
        raise BadSource(f"{shown(path)} cannot be read by EOReader: {error}") from error
    return _stack(path, product, loaded, time)


def _stack(path: str | Path, product: Any, loaded: Any, time: Any) -> xr.Dataset:
    # EOReader's keys are its own names of bands, in the order that was asked for.
    by_name = {str(getattr(key, "name", key)).upper(): values for key, values in loaded.data_vars.items()}
    layers = [by_name[name].squeeze(drop=True) for name in WANTED]
    first = layers[0]
    grid = grids.north_up(GeoBox(first.shape, first.rio.transform(), str(first.rio.crs)), shown(path))
    reflectance = np.stack([np.asarray(layer.values, np.float32) for layer in layers])
    present = np.isfinite(reflectance).all(0)
    reflectance[:, ~present] = 0
    valid = present & masks.possible(reflectance, axis=0)
    sensor = str(getattr(product.constellation, "value", product.constellation))
    notes = {"source": shown(path), "sensor": sensor, "radiometry": "reflectance by EOReader", "offset_told_by": "files or assumed"}
    made = stack.make(reflectance[None], valid[None], [np.datetime64(time, "ns")], grid, items=[str(product.name)], **notes)
    return made.assign_coords(white=(("time", "band"), np.full((1, len(WANTED)), np.nan)))


def _eoreader() -> tuple[Any, type[Exception]]:
    """EOReader's reader and the root of its errors; raises DioneError when it is not there."""
    try:
        from eoreader.exceptions import EoReaderError
        from eoreader.reader import Reader
    except ImportError as error:
        raise DioneError(f"this product needs EOReader, which is not installed ({error})\ninstall the extra: {INSTALL}") from error
    return Reader(), EoReaderError
