"""How well the shift of a sharp reference is found, and whether it is taken off when it should be: planted shifts between dates of real series.

    python benchmarks/registration.py SERIES ... [--sides 16 24 40] [--count 100]

Parts of a series stand for pairs, its pixels for those of 2.5 m: one date, brought to pixels four times larger, is Sentinel-2; another date,
with another gain, is the reference, shifted by up to 15 m north or south and east or west. Half of the pairs show the same ground.

right       of the same ground: shifts found to NEAR_M
refused     of these: not taken off, since they were told too unsurely (`least_correlation`, `most_error_m`)
left        what is left of the shift, as a root mean square, after what is believed was taken off; planted: before
other       of other ground: shifts that are taken off
"""

import argparse
import json

import numpy as np
import xarray as xr

import dione
from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadValues, NothingClear
from dione.evaluation.lower import coarser
from dione.prepare.reference import register
from dione.prepare.reference.pair import PairRule

ZOOM, PIXEL_M, FURTHEST_PX, NEAR_M, CLEAR, NOISE = 4, 2.5, 6, 4.0, 0.7, 0.001


def part(series: xr.Dataset, date: int, corner: tuple[int, int], length: int) -> xr.Dataset | None:
    """One date of a square of a series as if its pixels were of 2.5 m; None where too little of it is clear."""
    cut = series.isel(time=[date], y=slice(corner[0], corner[0] + length), x=slice(corner[1], corner[1] + length))
    if cut["valid"].values.mean() < CLEAR:
        return None
    return stacks.make(cut["reflectance"].values, cut["valid"].values, list(cut["time"].values), grids.finer(testing.grid_at((length // ZOOM,) * 2), ZOOM))


def pair(series: xr.Dataset, side: int, other: bool, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset, tuple[float, float]] | None:
    """A reference, its Sentinel-2 date and the shift between them (south, east), metres; None if none is found in a few draws."""
    length, furthest = side * ZOOM, [series.sizes[axis] - side * ZOOM - FURTHEST_PX for axis in ("y", "x")]
    if min(furthest) <= FURTHEST_PX:
        return None
    for _ in range(50):
        here, there = (tuple(int(rng.integers(FURTHEST_PX, end)) for end in furthest) for _ in range(2))
        if other and max(abs(a - b) for a, b in zip(here, there, strict=True)) < length:
            continue
        first, second = rng.choice(series.sizes["time"], 2, replace=False)
        south, east = (int(by) for by in rng.integers(-FURTHEST_PX, FURTHEST_PX + 1, 2))
        top, left = there if other else here
        seen, sharp = part(series, first, here, length), part(series, second, (top + south, left + east), length)
        if seen is not None and sharp is not None:
            low = coarser(seen, zoom=ZOOM)
            noise = NOISE * rng.standard_normal(low["reflectance"].shape).astype(np.float32)
            return (
                sharp.assign(reflectance=sharp["reflectance"] * 0.8 + 0.02),
                low.assign(reflectance=low["reflectance"] + noise),
                (south * PIXEL_M, east * PIXEL_M),
            )
    return None


def measured(series: xr.Dataset, side: int, count: int, seed: int = 5) -> dict[str, float]:
    """The scores of one size of area."""
    rng, rule = np.random.default_rng(seed), PairRule()
    found: dict[bool, list[tuple[float, float, bool]]] = {False: [], True: []}
    for other in (False, True):
        for drawn in (pair(series, side, other, rng) for _ in range(count)):
            if drawn is None:
                continue
            reference, low, (south, east) = drawn
            planted = float(np.hypot(south, east))
            try:
                shift = register.measure(reference, low, limit_m=rule.limit_m)
                found[other].append((planted, float(np.hypot(shift.south_m - south, shift.east_m - east)), rule.believes(shift)))
            except (BadValues, NothingClear):
                found[other].append((planted, np.inf, False))
    told: dict[str, float] = {"pairs": len(found[False]), "of other ground": len(found[True])}
    if found[False]:
        planted, off, taken = np.transpose(found[False])
        right = off < NEAR_M
        told |= {"right": right.mean(), "refused": 1 - taken[right].mean()}
        told |= {"left": np.sqrt(np.square(np.where(taken > 0, off, planted)).mean()), "planted": np.sqrt(np.square(planted).mean())}
    if found[True]:
        told["other"] = float(np.mean([taken for *_, taken in found[True]]))
    return {name: value if isinstance(value, int) else round(float(value), 3) for name, value in told.items()}


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("series", nargs="+")
    given.add_argument("--sides", nargs="+", type=int, default=[16, 24, 40], help="of an area, pixels of 10 m")
    given.add_argument("--count", type=int, default=100)
    asked = given.parse_args()
    for folder in asked.series:
        series = dione.open(folder).compute()
        for side in asked.sides:
            print(json.dumps({"series": folder.rstrip("/").rpartition("/")[2], "side": side} | measured(series, side, asked.count)), flush=True)
