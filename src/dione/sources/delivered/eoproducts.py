"""SPOT 6/7, Pléiades, PlanetScope, Maxar and whatever else EOReader knows, through EOReader: the extra `vhr`.

EOReader finds out what a product is, calibrates it to reflectance, and orthorectifies it where it has to (with the DEM
named by its own environment variable). What a product is stands here; its pixels: `dione.sources.delivered.eopixels`. Deimos-2 /
GEOSAT-2 are read by `dione.sources.delivered.dimap`, which keeps gain, bias and pan.
"""

import math
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from dione.base.bands import BANDS, PAN
from dione.base.errors import BadBands, BadSource, DioneError
from dione.sources.delivered.product import Product, VhrBand
from dione.sources.places import is_remote, near, shown

INSTALL = "pip install 'dione[vhr]'"
OF_READING = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, tarfile.ReadError, zipfile.BadZipFile)
"""What EOReader raises of products that are damaged, beside its own errors."""


def knows(path: str | Path) -> bool:
    """Whether a folder is a product by its name and the files in it; its metadata may yet be damaged. Raises DioneError without EOReader."""
    reader, faults = _eoreader(path)
    try:
        return reader.open(str(path), remove_tmp=True) is not None
    except faults:
        return True


def read(path: str | Path) -> Product:
    """What a product is; its pixels are not read. `raster` and `metadata` are its folder, and its numbers are reflectance.

    Raises DioneError when EOReader is not installed, BadSource for a product that it does not know or cannot read,
    BadBands when one of the four bands is missing and there is no pan either.
    """
    product, faults = opened(path)
    names = bands(product, path)
    try:
        affine, columns, rows, crs = product.default_transform()
        time = product.get_datetime(as_datetime=True)
        azimuth, zenith = _told(product.get_mean_sun_angles, faults, 2)
        view_azimuth, _, incidence = _told(product.get_mean_viewing_angles, faults, 3)  # its angle off nadir takes the incidence for an elevation
    except faults as error:
        raise BadSource(f"{shown(path)} cannot be read by EOReader: {error}") from error
    return Product(
        scene=str(product.name),
        kind="pan" if names == PAN else "ms",
        sensor=sensor(product),
        time=time.replace(tzinfo=None),
        raster=str(path),
        metadata=str(path),
        grid=GeoBox((int(rows), int(columns)), affine, named(crs)),
        dtype="float32",
        nodata=None,
        bands=tuple(VhrBand(name, at, 1.0, 0.0, unit="reflectance") for at, name in enumerate(names, 1)),
        level=str(getattr(product.product_type, "name", "")),
        sun_elevation=None if zenith is None else 90 - zenith,
        sun_azimuth=azimuth,
        incidence_angle=incidence,
        view_azimuth=view_azimuth,
    )


def opened(path: str | Path) -> tuple[Any, tuple[type[Exception], ...]]:
    """The product as EOReader opens it, and what it may raise."""
    reader, faults = _eoreader(path)
    try:
        product = reader.open(str(path), remove_tmp=True)
    except faults as error:
        raise BadSource(f"{shown(path)} cannot be read by EOReader: {error}{near(path)}") from error
    if product is None:
        raise BadSource(
            f"{shown(path)} is no product that EOReader knows\n"
            "name the folder as it was delivered, nothing in it renamed; or a .dim, or a GeoTIFF with its sensor (--sensor)"
        )
    return product, faults


def bands(product: Any, path: str | Path) -> tuple[str, ...]:
    """The four, or pan alone; raises BadBands."""
    missing = [name for name in BANDS if not product.has_band(name.upper())]
    if not missing:
        return BANDS
    if product.has_band("PAN"):
        return PAN
    raise BadBands(f"{shown(path)} has no band {', '.join(missing)}\nneeds a multispectral product of blue, green, red and near infrared, or a pan")


def _told(ask: Any, faults: tuple[type[Exception], ...], count: int) -> tuple[float | None, ...]:
    """Angles in degrees; None where the metadata do not tell them."""
    try:
        found = tuple(None if angle is None or not math.isfinite(angle) else float(angle) for angle in ask())
    except faults:
        return (None,) * count
    return found if len(found) == count else (None,) * count


def named(crs: Any) -> str:
    """By its code where it has one."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def sensor(product: Any) -> str:
    return str(getattr(product.constellation, "value", product.constellation))


def _eoreader(path: str | Path) -> tuple[Any, tuple[type[Exception], ...]]:
    """EOReader's reader and what it raises; raises DioneError when it is not there, or cannot get at the place."""
    try:
        from eoreader.exceptions import EoReaderError
        from eoreader.reader import Reader
    except ImportError as error:
        raise DioneError(f"{shown(path)} needs EOReader, which is not installed ({error})\ninstall the extra: {INSTALL}") from error
    if is_remote(path):
        raise BadSource(f"{shown(path)} is a product for EOReader, which reads what is on this disk\ncopy the folder here first")
    return Reader(), (EoReaderError, *OF_READING)
