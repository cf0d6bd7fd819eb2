"""Dates of Sentinel-2B as Sentinel-2A would have seen them: the bands of the two differ slightly. Off unless it is asked for.

The Harmonized Landsat Sentinel-2 product brings both to Landsat 8's bands, each by a line a band that was fitted to 500
spectra of Hyperion (Claverie et al. 2018, Remote Sensing of Environment 219, 145-161; coefficients of its version 2.0):

    landsat = slope · reflectance + offset,   so   as A = (slope_B · B + offset_B − offset_A) / slope_A

Blue is the same for both (B's response is taken for A's), and for the near infrared of 10 m (B08) and for Sentinel-2C
none are published there. What it comes to is less than Sentinel-2's noise: 0.2 % of green, 0.04 % of red, 1e-4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import when
from dione.base.bands import BANDS
from dione.base.errors import BadSource, faults


@dataclass(frozen=True)
class Line:
    """Landsat's reflectance = slope · reflectance + offset."""

    slope: float
    offset: float


TO_LANDSAT = {
    "sentinel-2a": {"green": Line(1.0053, -0.0009), "red": Line(0.9765, 0.0009)},
    "sentinel-2b": {"green": Line(1.0075, -0.0008), "red": Line(0.9761, 0.0010)},
}


def as_sentinel2a(stack: xr.Dataset) -> xr.Dataset:
    """The Stack with green and red of its Sentinel-2B dates as Sentinel-2A's bands see them; blue and near infrared stay.

    Lazy as the Stack is. Raises BadSource for dates of another satellite, or of which none is told (coordinate `platform`).
    """
    platforms = [str(one) for one in stack["platform"].values] if "platform" in stack.coords else [""] * stack.sizes["time"]
    unknown = [f"{day}: {platform or 'no satellite told'}" for day, platform in zip(when.labels(stack), platforms, strict=True) if platform not in TO_LANDSAT]
    if unknown:
        raise BadSource(faults("dates that cannot be brought to Sentinel-2A's bands", unknown[:8], f"coefficients are known of {' and '.join(TO_LANDSAT)}"))
    slope, offset = (xr.Variable(("time", "band"), values) for values in _lines(platforms))
    reflectance = stack["reflectance"]
    if reflectance.chunks is None:
        made: Any = (reflectance.dims, LazilyIndexedArray(Adjusted(reflectance.variable, slope, offset)))
    else:
        made = (reflectance * slope + offset).transpose(*reflectance.dims).astype("float32")
    return stack.assign(reflectance=made).assign_attrs(bands_of="sentinel-2a")


class Adjusted(BackendArray):
    """`reflectance` (time, band, y, x) · slope + offset (time, band), worked out when read."""

    def __init__(self, reflectance: xr.Variable, slope: xr.Variable, offset: xr.Variable) -> None:
        self.reflectance, self.slope, self.offset = reflectance, slope, offset
        self.shape, self.dtype = reflectance.shape, reflectance.dtype

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        part = self.reflectance[key]
        return np.asarray((part * self.slope[key[:2]] + self.offset[key[:2]]).transpose(*part.dims).values, np.float32)


def _lines(platforms: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset (time, band) that lead to Sentinel-2A."""
    slope, offset = np.ones((len(platforms), len(BANDS)), np.float32), np.zeros((len(platforms), len(BANDS)), np.float32)
    for at, platform in enumerate(platforms):
        for band, wanted in TO_LANDSAT["sentinel-2a"].items():
            own = TO_LANDSAT[platform][band]
            slope[at, BANDS.index(band)] = own.slope / wanted.slope
            offset[at, BANDS.index(band)] = (own.offset - wanted.offset) / wanted.slope
    return slope, offset
