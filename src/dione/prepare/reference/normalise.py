"""Radiance of VHR Stacks, and each scene brought to zero median and unit deviation, as the prior art trained on it.

In a pair the normalised scene stands in Sentinel-2's numbers: reflectance = its median + its deviation · normalised, so
that a network that normalises by the same two sees the prior art's label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from dione.base import stack as stacks
from dione.base.bands import BANDS
from dione.base.errors import BadValues, NotFound


def radiance(stack: xr.Dataset) -> xr.DataArray:
    """Radiance (time, band, y, x), W m⁻² sr⁻¹ µm⁻¹, of a VHR Stack.

    Raises BadValues for a Stack that does not tell the radiance of its reflectance (coordinate `white`).
    """
    if "white" not in stack.coords or not np.isfinite(stack["white"].values).all():
        raise BadValues("this Stack does not tell the radiance of its reflectance\nneeds a scene with ESUN and sun elevation in its metadata")
    return (stack["reflectance"] * stack["white"]).transpose(*stacks.DIMS["reflectance"]).astype("float32")


@dataclass(frozen=True)
class Normalisation:
    """A scene's own scale: (radiance − median) / deviation, of its pixels without cloud; a value a band."""

    median: tuple[float, ...]
    """W m⁻² sr⁻¹ µm⁻¹, if it is of radiance."""
    deviation: tuple[float, ...]

    @classmethod
    def of_row(cls, row: Mapping[str, Any], *, bands: tuple[str, ...] = BANDS, sharp: bool = False) -> "Normalisation":
        """From the columns that `dione vhr statistics` adds; those of the pansharpened scene if `sharp`. Raises NotFound, BadValues."""
        start = "sharp_" if sharp else ""
        try:
            median, deviation = (tuple(row[f"{start}{band}_clear_{what}_radiance"] for band in bands) for what in ("median", "std"))
        except KeyError as error:
            raise NotFound(f"the table has no column {error}\nadd it with: dione vhr statistics") from error
        if None in (*median, *deviation) or not np.isfinite([*median, *deviation]).all() or min(deviation) <= 0:
            raise BadValues(f"scene {row['scene']} has medians {median} and deviations {deviation}, needs numbers, and deviations above 0")
        return cls(median, deviation)

    def apply(self, radiance: xr.DataArray) -> xr.DataArray:
        """Normalised values of radiance (..., band, y, x); no unit, and no Stack: they are not reflectance."""
        median, deviation = self._along(radiance)
        return ((radiance - median) / deviation).transpose(*radiance.dims).astype("float32")

    def undo(self, normalised: xr.DataArray) -> xr.DataArray:
        """The radiance that normalised values came from."""
        median, deviation = self._along(normalised)
        return (normalised * deviation + median).transpose(*normalised.dims).astype("float32")

    def in_place_of(self, reference: xr.Dataset, other: "Normalisation") -> xr.Dataset:
        """A reference Stack of this scene, its median and deviation those of `other`, which are told in reflectance. Raises BadValues."""
        made = other.undo(self.apply(radiance(reference)))
        kept = np.where(np.isfinite(made.values), made.values, np.float32(0))
        return stacks.check(reference.assign(reflectance=(stacks.DIMS["reflectance"], kept)).assign_attrs(harmonised="scene"))

    def _along(self, values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
        if values.sizes["band"] != len(self.median):
            raise BadValues(f"{values.sizes['band']} bands, and the normalisation is of {len(self.median)}")
        return xr.DataArray(list(self.median), dims="band"), xr.DataArray(list(self.deviation), dims="band")
