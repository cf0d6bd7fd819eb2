"""The pixels of a product of EOReader (`dione.sources.delivered.eoproducts`), as reflectance, piece by piece.

EOReader calibrates what it loads, and loads a part as well as the whole. To ask it costs seconds, however little is asked
for; so pieces are squares of one lattice, of which the last few are kept. What it has to orthorectify, or to bring from
degrees to metres, it does as a whole, and so is read as a whole.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from rasterio.windows import Window as RasterWindow

from dione.base import grid as grids
from dione.base import masks, stack
from dione.base.errors import BadSource
from dione.base.windows import Window, lattice
from dione.sources.delivered import eoproducts
from dione.sources.places import shown
from dione.sources.stacks import lazy

SIDE_PX = 2048
KEPT = 4
"""Pieces in memory, 67 MB of four bands each."""
_turn = threading.Lock()
"""EOReader works on one thing at a time."""


def open(path: str | Path) -> xr.Dataset:
    """A Stack of one product, multispectral or panchromatic, at its raster's own pixel; pixels are read when asked for.

    A pixel is valid where all bands are finite and reflectance is possible; clouds are still in.
    Raises as `dione.sources.delivered.eoproducts.read`; reading pixels later may raise BadSource.
    """
    product, faults = eoproducts.opened(path)
    names = eoproducts.bands(product, path)
    try:
        affine, columns, rows, crs = product.default_transform()
        time = product.get_datetime(as_datetime=True)
        reflectance: Any
        valid: Any
        if product.is_ortho and crs.is_projected:
            grid = grids.north_up(GeoBox((int(rows), int(columns)), affine, eoproducts.named(crs)), shown(path))
            reflectance, valid = lazy.arrays(Pieces(str(path), names, grid, uuid4().hex), bands=len(names))
        else:
            # At the nominal pixel of a raster in degrees it would resample, to pixels that are not square.
            loaded = product.load([name.upper() for name in names], pixel_size=abs(affine.a) if crs.is_projected else None)
            pixels, placed = _pixels(loaded, names)
            grid = grids.north_up(placed, shown(path))
            reflectance, valid = (part[None] for part in pixels)
    except faults as error:
        raise BadSource(f"{shown(path)} cannot be read by EOReader: {error}") from error
    notes = {"source": shown(path), "sensor": eoproducts.sensor(product), "radiometry": "reflectance by EOReader", "offset_told_by": "files or assumed"}
    made = stack.make(reflectance, valid, [np.datetime64(time, "ns")], grid, items=[str(product.name)], bands=names, **notes)
    return made.assign_coords(white=(("time", "band"), np.full((1, len(names)), np.nan)))


@dataclass(frozen=True)
class Pieces:
    """A product as `dione.sources.stacks.lazy` decodes it."""

    path: str
    names: tuple[str, ...]
    grid: GeoBox
    token: str
    """Of one opening: what was kept of an earlier one is not used."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return 1, int(self.grid.shape[0]), int(self.grid.shape[1])

    def read(self, date: int, window: Window) -> lazy.Pixels:
        reflectance, valid = np.zeros((len(self.names), *window.shape), np.float32), np.zeros(window.shape, bool)
        for piece in lattice(self.shape[1:], SIDE_PX):
            if common := piece.common(window):
                with _turn:
                    values, seen = _piece(self, piece)
                to, of = common.within(window).slices, common.within(piece).slices
                reflectance[:, *to], valid[to] = values[:, *of], seen[of]
        return reflectance, valid


@lru_cache(maxsize=KEPT)
def _piece(of: Pieces, piece: Window) -> lazy.Pixels:
    product, faults = _opened(of.path, of.token)
    part = RasterWindow(piece.left, piece.top, piece.shape[1], piece.shape[0])
    try:
        pixels, placed = _pixels(product.load([name.upper() for name in of.names], pixel_size=abs(of.grid.affine.a), window=part), of.names)
        product.clean_tmp()  # it writes every part that it loads
    except faults as error:
        raise BadSource(f"{shown(of.path)} cannot be read by EOReader: {error}") from error
    wanted = of.grid[piece.slices]
    if not grids.same(placed, wanted):
        raise BadSource(f"{shown(of.path)}: EOReader gave another part than was asked for: {'; '.join(grids.differences(wanted, placed))}")
    return pixels


@lru_cache(maxsize=2)
def _opened(path: str, token: str) -> tuple[Any, tuple[type[Exception], ...]]:
    return eoproducts.opened(path)


def forget() -> None:
    """Let go of all products and pieces that are kept."""
    _piece.cache_clear()
    _opened.cache_clear()


def _pixels(loaded: Any, names: tuple[str, ...]) -> tuple[lazy.Pixels, GeoBox]:
    """What EOReader loaded, bands in our order, and where it lies."""
    # Its keys are its own names of bands, in its own order.
    by_name = {str(getattr(key, "name", key)).lower(): values for key, values in loaded.data_vars.items()}
    layers = [by_name[name].isel(band=0, drop=True) if "band" in by_name[name].dims else by_name[name] for name in names]
    reflectance = np.stack([np.asarray(layer.values, np.float32) for layer in layers])
    present = np.isfinite(reflectance).all(0)
    reflectance[:, ~present] = 0
    placed = GeoBox(layers[0].shape, layers[0].rio.transform(), eoproducts.named(layers[0].rio.crs))
    return (reflectance, present & masks.possible(reflectance, axis=0)), placed
