"""A few windows of each date, never the whole scene: what is looked at."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import when
from dione.prepare.area import sample

SIDE_PX, COUNT = 128, 3
"""COUNT × COUNT windows of this side are looked at on each date."""
GROUP = 32
"""Dates that are read at a time."""
ENOUGH_PX = 1000
"""A date with fewer clear pixels in them says nothing about its dark ones."""
CLOUD_DARK = 0.2
"""If even the darkest hundredth is brighter than this, the date is cloud or snow, and tells nothing of an offset."""


@dataclass(frozen=True)
class Look:
    """The pixels looked at on one date."""

    day: str
    present: NDArray[np.float32]
    """(band, pixel), all that hold data."""
    clear: NDArray[np.float32]
    """(band, pixel), those seen clear."""

    @property
    def dark(self) -> NDArray[np.float32] | None:
        """The darkest hundredth of each band; None if too few pixels are clear, or even those are bright."""
        lowest = self._lowest
        return lowest if lowest is not None and lowest.min() < CLOUD_DARK else None

    @property
    def is_bright(self) -> bool:
        """Whether even the darkest hundredth is as bright as cloud or snow."""
        lowest = self._lowest
        return lowest is not None and bool(lowest.min() >= CLOUD_DARK)

    @property
    def _lowest(self) -> NDArray[np.float32] | None:
        return np.percentile(self.clear, 1, axis=1).astype(np.float32) if self.clear.shape[1] >= ENOUGH_PX else None


def looks(stack: xr.Dataset, dates: list[int]) -> list[Look]:
    """Of each date, by its position in the Stack's time; of many dates fewer pixels each, so that any number of them takes no more memory."""
    days, thin = when.labels(stack), -(-len(dates) // GROUP)
    groups = (dates[start : start + GROUP] for start in range(0, len(dates), GROUP))
    return [look for group in groups for look in _group(stack, group, days, thin)]


def _group(stack: xr.Dataset, dates: list[int], days: list[str], thin: int) -> Iterator[Look]:
    """Of some dates, read together."""
    windows = (window.slices for window in sample((stack.sizes["y"], stack.sizes["x"]), side=SIDE_PX, count=COUNT))
    parts = [stack[["reflectance", "valid"]].isel(time=dates, y=rows, x=columns).compute() for rows, columns in windows]
    for place, at in enumerate(dates):
        found = np.concatenate([part["reflectance"].values[place].reshape(parts[0].sizes["band"], -1) for part in parts], axis=1)
        valid = np.concatenate([part["valid"].values[place].reshape(-1) for part in parts])
        values = np.where(np.isfinite(found), found, np.float32(0))
        yield Look(days[at], _thinned(values[:, (values != 0).any(0)], thin), _thinned(values[:, valid], thin))


def _thinned(values: NDArray[np.float32], thin: int) -> NDArray[np.float32]:
    """Each so many-th pixel, but ENOUGH_PX of them where there are."""
    return values[:, :: max(min(thin, values.shape[1] // ENOUGH_PX), 1)]
