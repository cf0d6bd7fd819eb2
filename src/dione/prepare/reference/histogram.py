"""Histograms of digital numbers, one bin a number: exact medians from pieces that add up."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadValues

BINS = 65_536
"""Every number that 16 bits hold."""


@dataclass(frozen=True)
class Histogram:
    """How often each number stands in each band. Histograms of pieces add up to that of the whole."""

    counts: NDArray[np.int64]
    """(band, BINS)"""

    @classmethod
    def empty(cls, bands: int) -> "Histogram":
        return cls(np.zeros((bands, BINS), np.int64))

    @classmethod
    def of(cls, numbers: NDArray[Any], where: NDArray[np.bool_]) -> "Histogram":
        """Of the numbers (band, y, x) at the pixels `where` (y, x). Raises BadValues for more than 16 bits."""
        if numbers.dtype not in (np.uint8, np.uint16):
            raise BadValues(f"the raster holds {numbers.dtype} numbers; statistics need uint8 or uint16\nconvert it, e.g. gdal_translate -ot UInt16")
        return cls(np.stack([np.bincount(band[where], minlength=BINS) for band in numbers]).astype(np.int64))

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.counts + other.counts)

    @property
    def total(self) -> int:
        """Pixels."""
        return int(self.counts[0].sum())

    def median(self) -> NDArray[np.float64]:
        """(band,) the exact median, halfway between the two in the middle if there are two; NaN of nothing."""
        if not self.total:
            return np.full(len(self.counts), np.nan)
        up_to = self.counts.cumsum(1)
        middles = ((self.total - 1) // 2, self.total // 2)
        return np.array([np.mean([np.searchsorted(band, middle, side="right") for middle in middles]) for band in up_to])

    def mean(self) -> NDArray[np.float64]:
        """(band,); NaN of nothing."""
        return self.counts @ np.arange(BINS, dtype=np.float64) / (self.total or np.nan)

    def deviation(self) -> NDArray[np.float64]:
        """(band,) standard deviation; NaN of nothing."""
        away = np.arange(BINS) - np.nan_to_num(self.mean())[:, None]
        return np.sqrt((self.counts * away**2).sum(1) / (self.total or np.nan))
