"""Clouds and their shadows by ukis-csmask, a network on blue, green, red and near infrared: the extra `clouds`.

Wieland, Li and Martinis (2019), Remote Sensing of Environment 230, 111203. It was trained at about 30 m, so an image is
brought to about 20 m first (what is a texture at 1 m is noise to it), and each answer covers the pixels it was made of.
"""

from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.bands import BANDS
from dione.base.errors import DioneError

PIXEL_M = 20.0
INSTALL = "pip install 'dione[clouds]'"
Level = Literal["l1c", "l2a"]
"""Reflectance at the top of the atmosphere, or that of the ground."""


def without_clouds(stack: xr.Dataset, *, level: Level = "l1c") -> xr.Dataset:
    """The Stack, valid only where ukis-csmask sees neither cloud nor shadow; read whole, date by date.

    level: l1c for reflectance at the top of the atmosphere (VHR references), l2a for that of the ground.
    Raises NotAStack; DioneError when ukis-csmask is not installed.
    """
    stacks.check(stack)
    network = _network()
    times = max(1, round(PIXEL_M / (grids.size_m(stacks.grid_of(stack)) or PIXEL_M)))
    clear = np.stack([_clear(stack.isel(time=at), network, times, level) for at in range(stack.sizes["time"])])
    return stack.assign(valid=(stacks.DIMS["valid"], clear & stack["valid"].values))


def _clear(date: xr.Dataset, network: Any, times: int, level: str) -> NDArray[np.bool_]:
    """True (y, x) where one date is clear."""
    image, seen = date["reflectance"].values, date["valid"].values
    small = _blocks(np.where(seen, image, np.float32(0)), times)
    found = network(np.ascontiguousarray(np.moveaxis(small, 0, -1)), band_order=list(BANDS), product_level=level, nodata_value=0)
    clear = np.asarray(found.valid).squeeze(-1).astype(bool)
    return clear.repeat(times, 0).repeat(times, 1)[: seen.shape[0], : seen.shape[1]]


def _blocks(image: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Means (band, ⌈y/times⌉, ⌈x/times⌉) of times × times pixels; the edge is repeated to fill the last."""
    bands, rows, columns = image.shape
    padded = np.pad(image, ((0, 0), (0, -rows % times), (0, -columns % times)), mode="edge")
    return np.asarray(padded.reshape(bands, padded.shape[1] // times, times, padded.shape[2] // times, times).mean((2, 4)), np.float32)


def _network() -> Any:
    try:
        from ukis_csmask.mask import CSmask
    except ImportError as error:
        raise DioneError(
            f"ukis-csmask is not installed ({error})\ninstall the extra: {INSTALL}\n"
            'or go without: leave find_clouds (--find-clouds) out, so that clouds stay in; of VHR scenes say clouds = "brightness", the rule of blue, or "no"'
        ) from error
    return CSmask
