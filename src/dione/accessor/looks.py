"""Dates of a Stack as pictures."""

from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image

from dione.base import when
from dione.base.errors import NotFound
from dione.prediction.looks import picture

Colours = Literal["true", "false"]
BANDS = {"true": picture.TRUE_COLOUR, "false": picture.FALSE_COLOUR}
THUMBNAIL_PX = 256


def on(stack: xr.Dataset, date: when.Date) -> int:
    """Position of a date, or of the "latest". Raises NotFound with the dates there are."""
    return stack.sizes["time"] - 1 if isinstance(date, str) and date == "latest" else when.position(stack, date)


def rgb(stack: xr.Dataset, date: when.Date, colours: Colours = "true") -> xr.DataArray:
    """uint8 (y, x, rgb) of a date. Raises NotFound."""
    if colours not in BANDS:
        raise NotFound(f"no colours '{colours}'; there are {', '.join(BANDS)}")
    one = stack.isel(time=on(stack, date))
    seen = np.where(one["valid"].values, one["reflectance"].values, np.float32(np.nan))
    painted = picture.stretch(seen, BANDS[colours]).paint(seen)
    coords = {name: one[name] for name in ("y", "x", "time", "spatial_ref")}
    return xr.DataArray(painted, coords | {"rgb": ["r", "g", "b"]}, ("y", "x", "rgb"), f"{colours} colour")


def image(pixels: NDArray[np.uint8], *, max_side: int) -> Image.Image:
    """(h, w, 3) bytes as a picture: large ones averaged, small ones enlarged by repeating pixels, sides at most `max_side`."""
    height, width = pixels.shape[:2]
    scale = max_side / max(height, width)
    scale = max(int(scale), 1) if scale >= 1 else scale
    return Image.fromarray(picture.fitted(pixels, (max(round(height * scale), 1), max(round(width * scale), 1))))


def thumbnail(stack: xr.Dataset) -> str:
    """The latest date's middle as a data URI: at most THUMBNAIL_PX pixels a side are read, whatever the scene's size."""
    rows, columns = (_middle(stack.sizes[side]) for side in ("y", "x"))
    drawn = image(rgb(stack.isel(y=rows, x=columns), "latest").values, max_side=THUMBNAIL_PX)
    return picture.data_uri(picture.webp(np.asarray(drawn), quality=80))


def _middle(length: int) -> slice:
    start = max((length - THUMBNAIL_PX) // 2, 0)
    return slice(start, start + THUMBNAIL_PX)
