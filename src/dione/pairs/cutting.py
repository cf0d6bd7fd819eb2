"""Kept areas → patches of the one form that all stores have: an area's patches are cut from memory."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from dione.base import stack as stacks
from dione.pairs import sampling
from dione.pairs.areas import PIXEL_M, Area
from dione.pairs.larder import Stacks
from dione.pairs.recipe import Sampling
from dione.pairs.sampling import Ground
from dione.patches.store import Patch


@dataclass(frozen=True)
class Cutter:
    """How every area is cut."""

    rule: Sampling
    dates: int
    """Of each patch; those that a reference lacks are invalid."""
    seed: int
    rarity: NDArray[np.float64]
    """(class,) over all areas."""
    shadows: frozenset[tuple[str, str]]
    """(area, scene) with a cloudy neighbour."""

    def patches(self, area: Area, pairs: Sequence[Mapping[str, Any]], stacks: Stacks) -> Iterator[Patch]:
        """The patches of every pair that an area was kept with."""
        coarse, references = stacks
        for at, told in enumerate(pairs):
            yield from self._of_pair(area, coarse, references.isel(time=at), told)

    def _of_pair(self, area: Area, coarse: xr.Dataset, reference: xr.Dataset, told: Mapping[str, Any]) -> Iterator[Patch]:
        lr, seen = (self._of_dates(coarse[name].values, told["dates"]) for name in ("reflectance", "valid"))
        hr, valid = reference["reflectance"].values, reference["valid"].values
        zoom, side = hr.shape[-1] // lr.shape[-1], self.rule.size_px
        rng = np.random.default_rng([self.seed, *hashlib.sha256(f"{area.name}/{told['scene']}".encode()).digest()[:8]])
        facts, affine = self._facts(area, coarse, told), stacks.grid_of(coarse).affine
        for top, left in sampling.places(Ground(valid, lr[0], self.rarity), self.rule, rng):
            rows, columns = slice(top, top + side), slice(left, left + side)
            fine = slice(zoom * top, zoom * (top + side)), slice(zoom * left, zoom * (left + side))
            clear = seen[:, rows, columns]
            yield Patch(lr[:, :, rows, columns], clear, hr[:, *fine], facts | self._place(affine, told, int(top), int(left), clear))

    def _of_dates(self, values: NDArray[Any], dates: Sequence[int]) -> NDArray[Any]:
        """(date, …) a pair's own, the nearest first, and zeros for those that it lacks: patches are cut from it as they are."""
        made = np.zeros((self.dates, *values.shape[1:]), values.dtype)
        made[: len(dates)] = values[list(dates)]
        return made

    def _facts(self, area: Area, coarse: xr.Dataset, told: Mapping[str, Any]) -> dict[str, Any]:
        """What all patches of a pair have in common."""
        measured = {name: told[name] for name in told if name not in ("dates", "days", "clear", "local")}
        shadow = (area.name, str(told["scene"])) in self.shadows
        where = {"site": area.site, "place": area.name, "coarse_m": PIXEL_M, "epsg": area.epsg, "split": "none", "shadow": shadow}
        times, items = (coarse[name].values[list(told["dates"])] for name in ("time", "item"))
        return {**area.facts, **where, **measured, "dates": [str(time)[:19] for time in times], "files": [str(item) for item in items]}

    def _place(self, affine: Affine, told: Mapping[str, Any], top: int, left: int, clear: NDArray[np.bool_]) -> dict[str, Any]:
        """What is a patch's own: where it lies, how much of each date it saw, how far the reference is off there."""
        half = self.rule.size_px / 2
        x, y = affine * (left + half, top + half)
        near = min(told["local"], key=lambda one: np.hypot((one[0] + one[2]) / 2 - top - half, (one[1] + one[3]) / 2 - left - half), default=[None] * 7)
        local = {"local_south_m": near[4], "local_east_m": near[5], "local_error_m": near[6]}
        return {"top": top, "left": left, "x": x, "y": y, "clear": clear.mean((1, 2)).round(3).tolist(), **local}
