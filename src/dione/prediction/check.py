"""What a finished file is worth, measured on the file itself: its agreement with the date it sharpens."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from rasterio.windows import Window as RasterWindow

from dione.base import optics
from dione.base.windows import Window
from dione.prediction.files.form import SCALE
from dione.prediction.windows.overlap import abreast
from dione.prepare.area import sample
from dione.prepare.select import Choice

SIDE_PX = 256
COUNT = 8
"""At most COUNT × COUNT windows of SIDE_PX coarse pixels are looked at: whole scenes up to 20 × 20 km, a sample of larger ones."""
AT_ONCE = 4
"""Windows looked at at a time."""
EDGE_PX = 2
"""Coarse pixels left out at the edge of a window, where its surroundings are unknown."""


@dataclass(frozen=True)
class Measured:
    """Fractions of the area and a difference in reflectance."""

    clear: float
    """Seen clear on the target date."""
    filled: float
    """Seen on support dates only."""
    consistency: float | None
    """Mean |result averaged back with the sensor's point-spread function − target|; None where the target saw no pixel and all around it."""

    def warnings(self, views: int, *, learned: bool) -> tuple[str, ...]:
        """What a person has to be told of a result of so many dates, by a model that has learned or by a method without weights."""
        missing = 1 - self.clear - self.filled
        found = {
            "one date only: all added detail comes from what the model learned, none from other dates": views == 1 and learned,
            f"{self.filled:.0%} of the area was under cloud and is filled from other dates; its sigma is larger": self.filled > 0.01,
            f"{missing:.0%} of the area was not seen on this date, nor filled from another, and is nodata": missing > 0.01,
        }
        return tuple(words for words, holds in found.items() if holds)


def measure(path: Path, stack: xr.Dataset, choice: Choice, *, zoom: int, modulation: float | None = None) -> Measured:
    """Compare a finished file with its target date, whose sensor left `modulation` at Nyquist; Sentinel-2's if not said."""
    shape = (stack.sizes["y"], stack.sizes["x"])

    def look(window: Window) -> tuple[int, int, int, float, int]:
        """Pixels seen clear, filled, and all of the area; the sum of the differences, and how many."""
        rows, columns = window.slices
        date = stack[["reflectance", "valid"]].isel(time=choice.target, y=rows, x=columns).compute()
        target, own = date["reflectance"].values, date["valid"].values
        with rasterio.open(path) as file:
            numbers = file.read(window=RasterWindow.from_slices(*window.zoomed(zoom).slices))
        covered = (numbers[0] > 0)[::zoom, ::zoom]
        inner = _inner(window, shape)
        back = _averaged(numbers * np.float32(SCALE), zoom, modulation or optics.NYQUIST_MODULATION)
        apart = np.abs(back - target)[:, *inner][:, (own & _surrounded(covered))[inner]]
        asked = int(date["inside"].sum()) if "inside" in date.coords else own.size  # of a polygon
        return int(own.sum()), int((covered & ~own).sum()), asked, float(apart.sum(dtype=np.float64)), apart.size

    clear, filled, pixels, total, count = map(sum, zip(*abreast(look, sample(shape, side=SIDE_PX, count=COUNT), threads=AT_ONCE), strict=True))
    return Measured(clear / max(pixels, 1), filled / max(pixels, 1), total / count if count else None)


def _averaged(fine: np.ndarray, zoom: int, modulation: float) -> np.ndarray:
    """(band, y, x) as the sensor sees it. Its weights reach a few pixels of a thousand: most of the matrices is zero."""
    from scipy.sparse import csr_array

    down, across = (csr_array(optics.sampling(side // zoom, side, zoom, modulation=modulation)) for side in fine.shape[1:])
    return np.stack([(across @ (down @ band).T).T for band in fine])


def _inner(window: Window, shape: tuple[int, int]) -> tuple[slice, slice]:
    """All but the edges that lie inside of the scene."""
    return tuple(  # type: ignore[return-value]
        slice(EDGE_PX if low else 0, side - (EDGE_PX if high < whole else 0))
        for low, high, side, whole in zip((window.top, window.left), (window.bottom, window.right), window.shape, shape, strict=True)
    )


def _surrounded(covered: np.ndarray) -> np.ndarray:
    """Pixels with no hole within the point-spread function."""
    from scipy.ndimage import binary_erosion

    return binary_erosion(covered, np.ones((2 * EDGE_PX + 1,) * 2), border_value=1)
