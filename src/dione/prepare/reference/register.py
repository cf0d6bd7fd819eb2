"""How far the ground in a sharp reference lies from where its grid says, found by holding it against Sentinel-2.

The reference is brought down to Sentinel-2's pixels by Sentinel-2's own blur, at the shift that is tried. Whole pixels of
10 m are found by masked correlation of details (Padfield 2012, IEEE Transactions on Image Processing 21, 2706–2718), fractions
by least squares (Lucas and Kanade 1981): what is left of the difference, explained by how the image changes when it moves.
The same step in windows tells how the shift varies over the area. A gain and an offset a band never count, nor what is larger
than some pixels (the colour of a field in another year, land and water), nor pixels that fit far worse than the others: change,
cloud, shadow.

A shift is (south, east) in metres, as `dione.prepare.reference.resample.onto` takes it off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import fft

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadValues, NothingClear
from dione.base.windows import Window
from dione.prepare.reference.harmonise import brought_down, fit, residual
from dione.prepare.reference.resample import moved

Array = NDArray[np.float64]
ROUNDS, NEAR_M = 12, 0.05
"""Of least squares, at most; a step shorter than NEAR_M is the last."""
STEP_M = 1.0
OVERLAP = 0.6
ENOUGH_PX = 60
OUTLIER = 3.0
BLOCK_PX = 8
"""Pixels of 10 m over which misfits may be alike."""
DETAIL_PX = 3.0
"""Deviation of the Gaussian whose smooth image is taken off, pixels of 10 m."""
CLEARLY, ALIKE, CHANCE, NEARBY = 1.1, 0.3, 14.0, 8.0
"""A shift beyond the limit counts if it is so many times better than the best within: rows of houses agree with the next row nearly as well.
From ALIKE on, and from CHANCE / √pixels in small areas, details are those of the same ground: those of other ground reach 8 to 14 / √pixels somewhere,
and 6 to 9 within some pixels of where they should be, so that NEARBY is enough to begin there."""


@dataclass(frozen=True)
class Shift:
    """Where the reference stands."""

    south_m: float
    east_m: float
    error_m: float
    """One standard deviation of each, from how well least squares determine them."""
    correlation: float
    """Of the details of the two images there, 10 m: mean over bands, of either sign, since a crop turns the contrast of bare soil round."""

    @property
    def length_m(self) -> float:
        return float(np.hypot(self.south_m, self.east_m))


@dataclass(frozen=True)
class Local:
    """What is left of the shift in one window of the area."""

    window: Window
    """Pixels of 10 m."""
    south_m: float
    east_m: float
    error_m: float


@dataclass(frozen=True)
class Linear:
    """At one shift: what the images differ in, and how that changes with a metre of shift."""

    difference: Array
    """(band, y, x) Sentinel-2 − reference, in Sentinel-2's reflectance; NaN where it does not count."""
    south: Array
    """(band, y, x) a metre."""
    east: Array
    correlation: float

    def solve(self, window: Window | None = None) -> tuple[float, float, float]:
        """The shift (south, east) that explains most of a window, metres, and its deviation; NaN where too little is seen."""
        cut = (slice(None), *(window.slices if window else (slice(None), slice(None))))
        parts = [part[cut].ravel() for part in (self.difference, self.south, self.east)]
        known = np.isfinite(parts[0])
        if known.sum() < ENOUGH_PX * len(self.difference):
            return np.nan, np.nan, np.nan
        apart, slopes = parts[0][known], np.stack([parts[1][known], parts[2][known]], 1)
        normal = slopes.T @ slopes
        if np.linalg.cond(normal) > 1e4:
            return np.nan, np.nan, np.nan
        by = np.linalg.solve(normal, slopes.T @ apart)
        block = np.broadcast_to(_blocks(self.difference[cut].shape[1:]), self.difference[cut].shape).ravel()[known]
        pull = np.stack([np.bincount(block, slope * (apart - slopes @ by)) for slope in slopes.T])
        count, back = len(np.unique(block)), np.linalg.inv(normal)
        spread = count / max(count - 2, 1) * back @ (pull @ pull.T) @ back
        return float(by[0]), float(by[1]), float(np.sqrt(np.trace(spread) / 2))


def _blocks(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Which block each pixel of a window (y, x) belongs to; sixteen at least.

    What does not fit, a hedge that was cut or a field in flower, is larger than a pixel and shown by every band: what least
    squares determine is as sure as blocks say that err alone, not as pixels would (Liang and Zeger 1986, Biometrika 73, 13–22).
    """
    side = max(min(BLOCK_PX, min(shape) // 4), 1)
    rows, columns = (np.arange(length) // side for length in shape)
    return np.asarray(rows[:, None] * len(columns) + columns)


def measure(reference: xr.Dataset, coarse: xr.Dataset, *, limit_m: float = 30.0) -> Shift:
    """The shift of a reference of one date against one date of Sentinel-2, both in one CRS.

    Raises NothingClear where fewer than ENOUGH_PX pixels are clear in both; BadValues where no shift within limit_m fits.
    """
    south, east = _whole(reference, coarse, limit_m)
    pixel = grids.size_m(stacks.grid_of(coarse)) or 10.0
    for _ in range(ROUNDS):
        found = linear(reference, coarse, (south, east))
        more_south, more_east, error = found.solve()
        if not np.isfinite(error):
            raise NothingClear("too little is seen, or it is too plain, to tell how far reference and Sentinel-2 are apart\ntake another date or a larger area")
        south, east = south + float(np.clip(more_south, -pixel, pixel)), east + float(np.clip(more_east, -pixel, pixel))
        if np.hypot(more_south, more_east) < NEAR_M:
            break
    if np.hypot(south, east) > limit_m:
        raise _beyond(south, east, limit_m)
    return Shift(south, east, error, found.correlation)


def local(reference: xr.Dataset, coarse: xr.Dataset, *, side_px: int = 48, at: tuple[float, float] = (0.0, 0.0)) -> list[Local]:
    """What is left of the shift after `at` was taken off, in windows of side_px that overlap by half; those that can tell."""
    found = linear(reference, coarse, at)
    made = [Local(window, *found.solve(window)) for window in _windows(found.difference.shape[1:], side_px)]
    return [one for one in made if np.isfinite(one.error_m)]


def linear(reference: xr.Dataset, coarse: xr.Dataset, at: tuple[float, float]) -> Linear:
    """Difference and slopes at a shift."""
    target, seen_there = coarse["reflectance"].values[0].astype(np.float64), coarse["valid"].values[0]
    here, seen = _down(reference, coarse, at)
    sides = [_down(reference, coarse, (at[0] + south, at[1] + east))[0] for south, east in ((STEP_M, 0), (-STEP_M, 0), (0, STEP_M), (0, -STEP_M))]
    seen = seen & seen_there
    if seen.sum() < ENOUGH_PX:
        raise NothingClear(f"{seen.sum()} pixels of 10 m are clear in both reference and Sentinel-2, needs {ENOUGH_PX}\ntake another date or a larger area")
    target, here, south, east = (detail(image, seen) for image in (target, here, _slope(*sides[:2]), _slope(*sides[2:])))
    agree = float(np.mean([abs(_correlation(one[seen], other[seen])) for one, other in zip(here, target, strict=True)]))
    curve = fit(here[:, seen], target[:, seen], "linear")
    gain = ((curve.targets[:, -1] - curve.targets[:, 0]) / (curve.sources[:, -1] - curve.sources[:, 0]))[:, None, None]
    difference = np.where(seen, target - curve.apply(here), np.nan)
    spread = 1.4826 * np.nanmedian(np.abs(difference), (1, 2), keepdims=True)
    with np.errstate(invalid="ignore"):
        difference[np.abs(difference) > np.maximum(OUTLIER * spread, 1e-6)] = np.nan
    # Each band in units of its own misfit, so that near infrared, the brightest, does not decide alone.
    weight = 1 / np.maximum(spread, 1e-6)
    return Linear(difference * weight, south * gain * weight, east * gain * weight, agree)


def _slope(ahead: Array, behind: Array) -> Array:
    """How an image changes with a metre of shift, from two that stand STEP_M to each side."""
    return (ahead - behind) / (2 * STEP_M)


def detail(image: NDArray[Any], seen: NDArray[np.bool_]) -> Array:
    """What an image (band, y, x) shows that is smaller than some pixels, where it is seen; 0 elsewhere.

    Fields that became brighter as a whole would draw the shift to one side; their edges, alone, stay where they are.
    """
    return np.where(seen, image - residual(image, seen, DETAIL_PX), 0.0).astype(np.float64)


def _correlation(one: Array, other: Array) -> float:
    """Pearson's; 0 where one of them never changes."""
    a, b = one - one.mean(), other - other.mean()
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / length if length > 1e-12 else 0.0


def _down(reference: xr.Dataset, coarse: xr.Dataset, shift_m: tuple[float, float]) -> tuple[Array, NDArray[np.bool_]]:
    """The reference as Sentinel-2 would see it, were its ground put back by the shift."""
    image, valid = reference["reflectance"].values[0], reference["valid"].values[0]
    fine = stacks.grid_of(reference)
    down, seen = brought_down(image, valid, moved(fine, shift_m), stacks.grid_of(coarse))
    return down.astype(np.float64), seen


def _whole(reference: xr.Dataset, coarse: xr.Dataset, limit_m: float) -> tuple[float, float]:
    """The shift in whole pixels of 10 m, the best within the limit, none if that is not alike. Raises BadValues where one beyond it is, and CLEARLY more."""
    here, seen = _down(reference, coarse, (0.0, 0.0))
    target, seen_there = coarse["reflectance"].values[0], coarse["valid"].values[0]
    if min(seen.sum(), seen_there.sum()) < ENOUGH_PX:
        raise NothingClear(f"{seen.sum()} pixels of 10 m are clear in the reference, {seen_there.sum()} in Sentinel-2, needs {ENOUGH_PX} of each")
    agree = _agreement(detail(target, seen_there), detail(here, seen), seen_there, seen)
    pixel = grids.size_m(stacks.grid_of(coarse)) or 10.0
    # By how much the second image has to move down and right to meet the first: by what it shows too much of the south and east.
    down, right = ((np.arange(length) - length // 2) * pixel for length in agree.shape)
    within = np.hypot(down[:, None], right) <= limit_m + pixel
    best, near = (np.unravel_index(map_.argmax(), agree.shape) for map_ in (agree, np.where(within, agree, -1.0)))
    pixels = float(min(seen.sum(), seen_there.sum()))
    if agree[best] > max(CLEARLY * agree[near], ALIKE, CHANCE / pixels**0.5):
        raise _beyond(float(down[best[0]]), float(right[best[1]]), limit_m)
    return (float(down[near[0]]), float(right[near[1]])) if agree[near] > max(ALIKE, NEARBY / pixels**0.5) else (0.0, 0.0)


def _agreement(fixed: Array, moving: Array, seen_fixed: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Array:
    """How alike two images (band, y, x) are for every shift of `moving` by whole pixels, none in the middle: (2 y − 1, 2 x − 1).

    The root mean square of the bands' correlations: bare soil that became a crop turns near infrared round, and says as much
    of where it lies. Both are 0 where they are not seen. −1 where less than OVERLAP of them meet.
    """
    full = tuple(2 * length - 1 for length in seen.shape)
    fast = tuple(fft.next_fast_len(length, real=True) for length in full)

    def turned(images: NDArray[Any]) -> NDArray[np.complexfloating]:
        return np.asarray(fft.rfft2(images, fast))

    def met(one: NDArray[np.complexfloating], other: NDArray[np.complexfloating]) -> Array:
        return np.asarray(fft.irfft2(one * other, fast))[..., : full[0], : full[1]]

    fixed, moving = (image / np.maximum(np.abs(image).max((1, 2), keepdims=True), 1e-9) for image in (fixed, moving[:, ::-1, ::-1]))
    there, here, of_fixed, of_moving = (turned(image) for image in (seen_fixed.astype(np.float64), seen[::-1, ::-1].astype(np.float64), fixed, moving))
    count = np.maximum(met(there, here).round(), 1)
    sum_fixed, sum_moving = met(of_fixed, here), met(there, of_moving)
    spread = (met(turned(fixed**2), here) - sum_fixed**2 / count) * (met(there, turned(moving**2)) - sum_moving**2 / count)
    alike = (met(of_fixed, of_moving) - sum_fixed * sum_moving / count) ** 2 / np.maximum(spread, 1e-9)
    return np.where(count >= OVERLAP * count.max(), np.sqrt(alike.mean(0)), -1.0)


def _beyond(south: float, east: float, limit_m: float) -> BadValues:
    return BadValues(f"the reference fits {south:.1f} m further south and {east:.1f} m further east, at most {limit_m:g} m are believed\nlook at both images")


def _windows(shape: tuple[int, ...], side: int) -> Iterator[Window]:
    """Windows of a side that overlap by half, the last flush with the edge; one if the area is no larger."""
    starts = [sorted({*range(0, max(length - side, 0) + 1, max(side // 2, 1)), max(length - side, 0)}) for length in shape]
    for top in starts[0]:
        for left in starts[1]:
            yield Window(top, left, min(top + side, shape[0]), min(left + side, shape[1]))
