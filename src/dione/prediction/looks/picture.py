"""Reflectance as pictures: one stretch for what stands side by side, read small from large files."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.windows import Window as FileWindow

from dione.base.windows import Window
from dione.prediction.files.form import Class
from dione.prediction.run import Target

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]
TRUE_COLOUR = (2, 1, 0)
FALSE_COLOUR = (3, 2, 1)
"""Near infrared, red, green: vegetation in red."""
EMPTY = 128
"""Grey where nothing was seen."""
UNSURE, ADDED = (230, 97, 0), (208, 28, 139)
"""Colours of the overlays for uncertainty and for added detail, readable on green and on grey, also to the colour-blind."""
CLASS_ALPHA = 150
"""Of a map of classes, of 255: what lies below shows through."""
HARDLY = 0.1
"""Of what is shown: a few pixels, of one field or of a cloud's rim, tell nothing of the brightness of the others."""
LOOK_PX = 512
"""Side at which files are looked at for their brightness."""
TOLERATED = 4 / 3
"""How many times as many pixels a side as asked for may be read, where the file has them ready."""
GREENS = ((91, 74, 60), (166, 138, 100), (240, 234, 210), (143, 181, 115), (47, 125, 59), (12, 74, 38))
"""NDVI from low to high, even steps."""


@runtime_checkable
class Tone(Protocol):
    """How reflectance becomes colours."""

    def paint(self, values: Array) -> Bytes:
        """(4, h, w) reflectance → (h, w, 3) bytes; grey where NaN."""


@dataclass(frozen=True)
class Stretch:
    """Reflectance shown black and white, for three bands."""

    bands: tuple[int, int, int]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def paint(self, values: Array) -> Bytes:
        """(4, h, w) reflectance → (h, w, 3) bytes; grey where NaN."""
        drawn = np.empty((*values.shape[1:], len(self.bands)), np.uint8)
        with np.errstate(invalid="ignore"):  # NaN is no byte; what becomes of it is painted over
            for at, band in enumerate(self.bands):
                shown = (values[band] - np.float32(self.low[at])) / np.float32(self.high[at] - self.low[at])
                np.clip(shown, 0, 1, out=shown)
                if self.bands == TRUE_COLOUR:
                    np.sqrt(shown, out=shown)  # the root lifts the shadows: reflectance is linear, screens and eyes are not
                drawn[..., at] = np.rint(shown * 255, out=shown)
        drawn[unseen(values[list(self.bands)])] = EMPTY
        return drawn


def stretch(values: Array, bands: tuple[int, int, int]) -> Stretch:
    """From the 2nd to the 98th percentile of (4, h, w) reflectance, with some room on both sides."""
    ends = []
    for band in bands:
        seen = values[band][np.isfinite(values[band])]
        low, high = np.percentile(seen, [2, 98]) if seen.size else (0.0, 0.3)
        room = max(0.1 * float(high - low), 0.005)
        ends.append((max(float(low) - room, 0.0), float(high) + room))
    return Stretch(bands, tuple(low for low, _ in ends), tuple(high for _, high in ends))


def measure(target: Target) -> Array:
    """What a date's stretch is taken from: its own pixels or, where it saw hardly any of what is shown, the result."""
    return read(target.sr, about=LOOK_PX) if target.clear < HARDLY * (target.clear + target.filled) else target.before.whole


@dataclass(frozen=True)
class Greenness:
    """NDVI, (nir − red) / (nir + red) (Rouse et al. 1974), from bare brown through pale to green."""

    low: float = -0.1
    high: float = 0.9

    def paint(self, values: Array) -> Bytes:
        """(4, h, w) reflectance → (h, w, 3) bytes; grey where NaN."""
        index = (values[3] - values[2]) / np.maximum(values[3] + values[2], 1e-4)
        place = np.clip((np.nan_to_num(index) - self.low) / (self.high - self.low), 0, 1) * 255
        steps = np.linspace(0, len(GREENS) - 1, 256)
        shades = np.stack([np.interp(steps, np.arange(len(GREENS)), channel) for channel in np.array(GREENS).T], -1)
        drawn = np.rint(shades).astype(np.uint8)[np.rint(place).astype(np.uint8)]
        drawn[~np.isfinite(index)] = EMPTY
        return drawn


def unseen(values: Array) -> NDArray[np.bool_]:
    """Where one of the bands (n, h, w) is NaN."""
    return np.isnan(values.sum(0))


def holed(pixels: Bytes, values: Array) -> Bytes:
    """Painted pixels (h, w, 3), see-through where `values` (4, h, w) are NaN; as they are if none is."""
    hole = unseen(values)
    return np.dstack([pixels, np.where(hole, np.uint8(0), np.uint8(255))]) if hole.any() else pixels


def read(path: Path, *, about: int | None = None, size: tuple[int, int] | None = None, window: Window | None = None) -> Array:
    """Reflectance (4, h, w) from a finished file, NaN where nodata.

    size: averaged to these rows and columns. about: the finest of the file's levels with at most a third more pixels a side, as it is:
    anything between has to be averaged from one several times as large. Where it has none so small, averaged to `about`.
    """
    with rasterio.open(path) as file:
        area = window or Window(0, 0, file.height, file.width)
        height, width = area.shape
        shrink = _level([1, *file.overviews(1)], max(height, width), about) if about else 1.0
        rows, columns = size or (max(1, round(height / shrink)), max(1, round(width / shrink)))
        place = FileWindow(area.left, area.top, width, height)
        numbers = file.read(window=place, out_shape=(file.count, rows, columns), resampling=Resampling.average)
        values: Array = numbers * np.array(file.scales, np.float32)[:, None, None]
        values[numbers == file.nodata] = np.nan
    return values


def _level(factors: Sequence[int], side: int, about: int) -> float:
    """How many times smaller to read `side` pixels, so that they become about so many."""
    fitting = (float(factor) for factor in factors if side / factor <= TOLERATED * about)
    return next(fitting, side / about)


def overlay(values: Array, *, worst: float, colour: tuple[int, int, int] = UNSURE) -> Bytes:
    """(4, h, w) 1σ, or another size in reflectance → (h, w, 4) bytes: the larger, the more opaque; `worst` and above are drawn strongest."""
    mean = np.nan_to_num(values.mean(0))
    alpha = np.clip(mean / max(worst, 1e-6), 0, 1) * 0.85
    # 32 steps of opacity are enough for the eye and pack far better.
    alpha = np.rint(np.rint(alpha * 32) / 32 * 255).astype(np.uint8)
    return np.dstack([*(np.full_like(alpha, c) for c in colour), alpha])


def mapped(numbers: Bytes, classes: Sequence[Class]) -> Bytes:
    """Numbers of classes (h, w) → (h, w, 4) bytes: their colours, half see-through, and nothing where there is no class."""
    colours = np.zeros((256, 4), np.uint8)
    for one in classes:
        colours[one.value] = (*one.colour, CLASS_ALPHA)
    return np.asarray(colours[numbers], np.uint8)


def read_classes(path: Path, *, size: tuple[int, int], window: Window | None = None) -> Bytes:
    """A finished map of classes (h, w), 0 where nodata, brought to `size`: of what falls together, the most frequent."""
    with rasterio.open(path) as file:
        area = window or Window(0, 0, file.height, file.width)
        place = FileWindow(area.left, area.top, area.shape[1], area.shape[0])
        return np.asarray(file.read(1, window=place, out_shape=size, resampling=Resampling.mode), np.uint8)


def fitted(pixels: Bytes, size: tuple[int, int], *, span: tuple[float, float] | None = None) -> Bytes:
    """Brought to `size` (height, width): enlarged by repeating pixels, so that 10 m pixels show as squares; made smaller by averaging.

    span: how much of the picture to take, rows and columns from the top left, when not all.
    """
    rows, columns = span or (float(pixels.shape[0]), float(pixels.shape[1]))
    how = Image.Resampling.BOX if rows > size[0] or columns > size[1] else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], how, box=(0, 0, columns, rows)))


def webp(pixels: Bytes, *, quality: int | None) -> bytes:
    """WebP bytes of (h, w, 3 or 4); quality None packs without loss."""
    packed = io.BytesIO()
    how = dict(lossless=True, quality=20, method=0) if quality is None else dict(quality=quality, method=2, alpha_quality=40)
    Image.fromarray(pixels).save(packed, "WEBP", **how)
    return packed.getvalue()


def data_uri(packed: bytes) -> str:
    """The picture as text that stands in a page."""
    return "data:image/webp;base64," + base64.b64encode(packed).decode()
