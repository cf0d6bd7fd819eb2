"""Clouds of VHR scenes by brightness: cloud is where the radiance of blue is above a threshold.

The rule of the prior art for Deimos-2, where 95 to 100 W m⁻² sr⁻¹ µm⁻¹ parts cloud from ground. It has no shape, no shadow
and no thin cirrus, and takes snow, sand and bright roofs for cloud: look at a picture before you rely on it.

The threshold is one of radiance, so what it means in reflectance goes with the sun (π L d² / (ESUN sin(elevation)), with an ESUN of 1960 in blue):
0.37 with the sun 25° high, which leaves in the rims of clouds and what is thin; 0.24 at 40°; 0.18 at 60°, which takes bright ground for cloud.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadValues, NothingClear

BLUE_ABOVE = 97.0


@dataclass(frozen=True)
class CloudRule:
    """When a pixel is cloud, and when a scene is clear enough to use all its pixels."""

    blue_above: float = BLUE_ABOVE
    """Radiance, W m⁻² sr⁻¹ µm⁻¹; 95–100 for Deimos-2."""
    all_below: float = 0.10
    """Scenes with a smaller fraction of cloud use all their pixels in statistics: so little may as well be bright roofs."""

    def cloudy(self, blue: NDArray[Any]) -> NDArray[np.bool_]:
        """True where the radiance of blue, of any shape, says cloud."""
        return np.asarray(blue > self.blue_above)


def cloudy(stack: xr.Dataset, rule: CloudRule = CloudRule()) -> xr.DataArray:
    """Cloud (time, y, x) of a VHR Stack, False where there is no data; lazy for a Stack of dask arrays.

    Raises BadValues for a Stack that does not tell the radiance of its reflectance (coordinate `white`).
    """
    stacks.check(stack)
    white = _white(stack)
    return ((stack["reflectance"].sel(band="blue", drop=True) * white.sel(band="blue", drop=True)) > rule.blue_above) & stack["valid"]


def without_clouds(stack: xr.Dataset, rule: CloudRule = CloudRule()) -> xr.Dataset:
    """The VHR Stack, valid only where the rule sees no cloud.

    Raises BadValues as `cloudy`, NothingClear with every date when nothing is left.
    """
    valid = stack["valid"] & ~cloudy(stack, rule)
    left = valid.sum(("y", "x")).values
    if not left.any():
        had = stack["valid"].sum(("y", "x")).values
        dates = ", ".join(f"{day} ({count} pixels with data)" for day, count in zip(when.days(stack), had, strict=True))
        needs = "take another scene, or raise the threshold if the ground is bright (snow, sand)"
        raise NothingClear(f"the scene is all cloud: the radiance of blue is above {rule.blue_above:g} everywhere on {dates}\n{needs}")
    return stack.assign(valid=valid.transpose(*stacks.DIMS["valid"]))


def _white(stack: xr.Dataset) -> xr.DataArray:
    if "white" not in stack.coords or not np.isfinite(stack["white"].values).all():
        raise BadValues(
            "the cloud rule is told in radiance, and this Stack does not tell the radiance of its reflectance\nuse ukis-csmask, or a scene with ESUN and sun"
        )
    return stack["white"]
