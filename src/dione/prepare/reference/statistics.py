"""Statistics of VHR scenes in one pass, window by window: memory does not grow with the scene, and pieces add up.

Everything is counted in histograms of digital numbers, so medians are exact; radiance follows, being linear in them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadValues, NothingClear
from dione.base.windows import Window, lattice
from dione.prepare.reference.brightness import CloudRule
from dione.prepare.reference.histogram import Histogram

BLOCK_PX = 1024


@runtime_checkable
class Numbers(Protocol):
    """A raster of digital numbers, as `dione.sources.vhr.Numbers` reads it."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def gain(self) -> NDArray[np.float64]:
        """(band,) radiance = number · gain + bias."""

    @property
    def bias(self) -> NDArray[np.float64]: ...

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Numbers (band, y, x), and where there are any (y, x)."""


Clouds = Callable[[Window, NDArray[Any]], NDArray[np.bool_]]
"""Cloud (y, x) in a window of a raster, whose numbers (band, y, x) are given."""


@dataclass(frozen=True)
class Tally:
    """What was counted in a raster, or in a part of it; parts add up."""

    everything: Histogram
    """Of all pixels that hold data."""
    clear: Histogram
    """Of those without cloud."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.everything + other.everything, self.clear + other.clear)

    @property
    def cloud(self) -> float:
        """Fraction of the pixels with data; NaN if there are none."""
        return 1 - self.clear.total / self.everything.total if self.everything.total else float("nan")


def tally(raster: Numbers, clouds: Clouds, *, windows: Iterable[Window] | None = None) -> Tally:
    """Count a raster, or the windows of it that are given (any split of the raster adds up to the same)."""
    made = Tally(Histogram.empty(len(raster.names)), Histogram.empty(len(raster.names)))
    for window in lattice(raster.shape, BLOCK_PX) if windows is None else windows:
        numbers, present = raster.read(window)
        cloud = clouds(window, numbers)
        made += Tally(Histogram.of(numbers, present), Histogram.of(numbers, present & ~cloud))
    return made


def own_clouds(raster: Numbers, rule: CloudRule) -> Clouds:
    """The cloud rule on a raster's own blue band. Raises BadValues if it has none."""
    if "blue" not in raster.names:
        raise BadValues(f"clouds are found by blue, and the raster has {', '.join(raster.names)}")
    at = raster.names.index("blue")
    gain, bias = raster.gain[at], raster.bias[at]
    return lambda _, numbers: rule.cloudy(numbers[at] * np.float32(gain) + np.float32(bias))


def columns(made: Tally, raster: Numbers, rule: CloudRule, *, cloud: float | None = None, prefix: str = "") -> dict[str, Any]:
    """A row's new columns: median of all pixels, and mean, median and deviation without clouds, in numbers and in radiance.

    cloud: the fraction that decides whether all pixels are used, if not the tally's own; prefix: before each column.
    Raises NothingClear if the raster holds no data, or is all cloud.
    """
    if not made.everything.total:
        raise NothingClear("the raster holds no data: every pixel has the nodata value")
    fraction = made.cloud if cloud is None else cloud
    used = made.everything if fraction < rule.all_below else made.clear
    if not used.total:
        raise NothingClear(f"the scene is all cloud: the radiance of blue is above {rule.blue_above:g} in all {made.everything.total} pixels with data")
    median, mean, middle, deviation = made.everything.median(), used.mean(), used.median(), used.deviation()
    found: dict[str, Any] = {f"{prefix}cloud": fraction, f"{prefix}pixels": made.everything.total, f"{prefix}clear_pixels": used.total}
    for at, name in enumerate(raster.names):
        gain, bias = float(raster.gain[at]), float(raster.bias[at])
        start = f"{prefix}{name}_"
        found |= {f"{start}median_dn": float(median[at]), f"{start}median_radiance": float(median[at]) * gain + bias}
        for what, value in (("mean", mean[at]), ("median", middle[at])):
            found |= {f"{start}clear_{what}_dn": float(value), f"{start}clear_{what}_radiance": float(value) * gain + bias}
        found |= {f"{start}clear_std_dn": float(deviation[at]), f"{start}clear_std_radiance": float(deviation[at]) * gain}
    return found
