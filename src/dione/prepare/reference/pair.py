"""A Sentinel-2 series and a sharp reference of one area → a pair on nested grids: what a network is shown, and what it should give.

    dates         the nearest to the reference in a window of days, on one side of it or both, each clear enough itself
    grid          Sentinel-2's own, cut into zoom × zoom: the reference comes onto it in one resampling, in which its shift
                  against the nearest date is taken off, if that is wanted
    colours       the reference takes those of the nearest date (dione.prepare.reference.harmonise), or comes on its own scene's scale
                  (dione.prepare.reference.normalise), or as it is

What was measured on the way is told beside it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from dione.base import stack as stacks
from dione.base import when
from dione.base.bands import BANDS
from dione.base.errors import NotFound, NothingClear
from dione.base.grid import finer
from dione.prepare.reference import register
from dione.prepare.reference.harmonise import harmonise
from dione.prepare.reference.normalise import Normalisation
from dione.prepare.reference.register import Local, Shift
from dione.prepare.reference.resample import onto

DAY = np.timedelta64(1, "D")


class PairRule(BaseModel):
    """`[pairing]`: which dates go with a reference, and how the two are brought together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: PositiveFloat = 60
    """Sentinel-2 dates are at most this far from the reference."""
    side: Literal["before", "after", "both"] = "before"
    """Of the reference; the same day is on either side."""
    dates: PositiveInt = 8
    """The most that are kept, the nearest."""
    least_dates: PositiveInt = 1
    """With fewer, the reference is left out."""
    max_cloud: float = Field(default=0.05, ge=0, le=1)
    """Of the area, on a Sentinel-2 date and in the reference, each for itself."""
    least_cover: float = Field(default=0.95, gt=0, le=1)
    """Of the area that the reference's scene has to show at all."""
    zoom: PositiveInt = 4
    harmonise: Literal["linear", "moments", "histogram", "scene", "no"] = "linear"
    """How the reference's colours become Sentinel-2's. scene: (radiance − median) / deviation of the scene without clouds, as
    `dione vhr statistics` counts them, in Sentinel-2's numbers by the next two."""
    scene_median: tuple[float, ...] | None = None
    """Reflectance (band,) that a scene's median becomes: Sentinel-2's, as `dione dataset scaling` counts it."""
    scene_deviation: tuple[float, ...] | None = None
    """The same of its deviation."""
    registration: Literal["remove", "record", "no"] = "remove"
    """Whether the shift of the whole area is taken off, only told, or not looked for."""
    least_correlation: float = Field(default=0.25, ge=0, le=1)
    """Where details of the two are less alike even at their best, the shift is told but not taken off: it may be any."""
    most_error_m: PositiveFloat = 1.5
    """The same of a shift whose `error_m` is larger."""
    limit_m: PositiveFloat = 30
    """No larger shift is believed: the pair is reported."""
    local_px: PositiveInt = 48
    """Side of the windows in which what is left of the shift is told, pixels of 10 m."""
    smooth_m: NonNegativeFloat = 500
    """Over which length the residual of `linear` harmonising is smoothed."""

    @model_validator(mode="after")
    def _told(self) -> "PairRule":
        """Both numbers a band, where they are needed."""
        given = {"scene_median": self.scene_median, "scene_deviation": self.scene_deviation}
        wrong = [name for name, values in given.items() if self.harmonise == "scene" and (values is None or len(values) != len(BANDS))]
        if wrong:
            raise ValueError(f"harmonise = 'scene' needs {' and '.join(wrong)}: four reflectances ({', '.join(BANDS)}), from `dione dataset scaling STORE`")
        return self

    def believes(self, shift: Shift) -> bool:
        """Whether a shift was told surely enough to be taken off."""
        return shift.correlation >= self.least_correlation and shift.error_m <= self.most_error_m

    @property
    def scale(self) -> Normalisation:
        """What a normalised scene becomes."""
        return Normalisation(self.scene_median or (), self.scene_deviation or ())


@dataclass(frozen=True)
class Pair:
    """One reference and the dates that go with it, the nearest first."""

    coarse: xr.Dataset
    """All dates of the series that was given."""
    dates: tuple[int, ...]
    """Positions in it."""
    reference: xr.Dataset
    """One date, `zoom` times finer."""
    shift: Shift | None
    """As it was before anything was taken off; None if not looked for."""
    left: Shift | None
    """What was measured after the shift was taken off."""
    local: tuple[Local, ...] = ()


def dates_for(time: np.datetime64, coarse: xr.Dataset, clear: list[float], rule: PairRule) -> tuple[int, ...]:
    """Positions of the dates that go with a reference of `time`, the nearest first.

    clear: fraction of the area that each date saw. Raises NotFound where no date lies in the window, NothingClear where
    those that do are too cloudy; both tell the dates.
    """
    away = (coarse["time"].values - time) / DAY
    # By the day: an image of the same day is on either side, whatever the hour.
    days = np.array(when.days(coarse), "datetime64[D]") - time.astype("datetime64[D]")
    right_side = {"before": days <= np.timedelta64(0), "after": days >= np.timedelta64(0), "both": np.ones(len(days), bool)}[rule.side]
    near = np.flatnonzero((np.abs(away) <= rule.window_days) & right_side)
    window = f"within {rule.window_days:g} days {'around' if rule.side == 'both' else rule.side} {str(time)[:10]}"
    if not len(near):
        raise NotFound(f"no Sentinel-2 date {window}; the series goes from {when.days(coarse)[0]} to {when.days(coarse)[-1]}")
    usable = [int(at) for at in near if 1 - clear[at] <= rule.max_cloud]
    if len(usable) < rule.least_dates:
        told = ", ".join(f"{when.days(coarse)[at]} {1 - clear[at]:.0%}" for at in near)
        raise NothingClear(f"{len(usable)} dates {window} have at most {rule.max_cloud:.0%} of cloud over the area, needs {rule.least_dates} (hidden: {told})")
    return tuple(sorted(usable, key=lambda at: (abs(away[at]), -at))[: rule.dates])


def pair(coarse: xr.Dataset, dates: tuple[int, ...], reference: xr.Dataset, rule: PairRule) -> Pair:
    """Bring a reference of one date, on its own grid and without its clouds, together with its dates.

    Raises NotFound, NothingClear, BadGrid, BadValues: no common ground, too little clear, no shift within the limit.
    """
    target = coarse.isel(time=[dates[0]]).load()
    fine = finer(stacks.grid_of(coarse), rule.zoom)
    placed = onto(reference, fine)
    shift = left = None
    around: list[Local] = []
    if rule.registration != "no":
        shift = left = register.measure(placed, target, limit_m=rule.limit_m)
        if rule.registration == "remove" and rule.believes(shift):
            placed = onto(reference, fine, shift_m=(shift.south_m, shift.east_m))
            left = register.measure(placed, target, limit_m=rule.limit_m)
        around = register.local(placed, target, side_px=rule.local_px)
    if rule.harmonise not in ("scene", "no"):
        placed = harmonise(placed, target, method=rule.harmonise, smooth_m=rule.smooth_m)
    return Pair(coarse, dates, placed, shift, left, tuple(around))
