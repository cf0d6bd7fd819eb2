"""A sharp reference given the colours of Sentinel-2, so that what a network learns is detail and not another sensor's tint.

What it takes is fitted where both are seen clear, at 10 m, the reference brought down by Sentinel-2's own blur; and then
applied at the reference's pixels:

    moments      gain and offset a band, so that mean and deviation agree
    histogram    a rising curve a band, so that quantiles agree
    linear       regression a band, of contrasts between near pixels, plus what is left of the difference, smoothed over
                 SMOOTH_M: light, haze, seasons

Both Stacks are read whole: for areas of kilometres, not for scenes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.bands import BANDS
from dione.base.errors import BadGrid, BadRecipe, NothingClear, faults
from dione.prepare.reference.interpolate import cubic, mean

METHODS = ("moments", "histogram", "linear")
Array = NDArray[np.float32]

ENOUGH_PX = 100
QUANTILES = 256
TIE = 1e-5
"""Quantiles that are as near are of pixels of one value: water, or what is saturated."""
SMOOTH_M = 500.0
"""Deviation of the Gaussian that smooths the residual: longer than any field, shorter than the weather."""
LEAST_ALIKE = 0.5
"""Correlation of contrasts below which less than their full gain is taken: they are hardly those of the same fields."""
NOISE = 0.00125
"""Deviation of a pixel of Sentinel-2, reflectance, a quarter more than usual: noise that counts as contrast is given to the reference."""
ROUNDS = 4
STEP_PX = 2
"""Contrasts are differences of pixels of 10 m so far apart: beyond what blur makes alike, and mostly within one field."""
OUTLIER = 3.0
"""Pixels further from the line than this many (robust) deviations are left out, as change, cloud or shadow."""


@dataclass(frozen=True)
class Curve:
    """A rising curve through points, a row a band; two points are a line, and beyond the ends it goes on as one."""

    sources: NDArray[np.float64]
    """(band, point), rising."""
    targets: NDArray[np.float64]

    def apply(self, image: NDArray[Any]) -> Array:
        """The image (band, ...) through each band's curve."""
        return np.stack([_through(band, x, y) for band, x, y in zip(image, self.sources, self.targets, strict=True)]).astype(np.float32)


def harmonise(reference: xr.Dataset, coarse: xr.Dataset, *, method: str = "linear", smooth_m: float = SMOOTH_M) -> xr.Dataset:
    """The reference, with the reflectance of Sentinel-2; validity and grid stay.

    reference: a Stack of one date. coarse: a Sentinel-2 Stack of one date in the same CRS, over the same ground or more.
    smooth_m: over which length the residual of `linear` is smoothed.
    Raises NotAStack, BadGrid, BadRecipe; NothingClear when fewer than ENOUGH_PX pixels of 10 m are clear in both.
    """
    if method not in METHODS:
        raise BadRecipe(f"no harmonisation is called '{method}'; there are {', '.join(METHODS)}")
    stacks.check(reference, "the reference")
    stacks.check(coarse, "the Sentinel-2 series")
    _comparable(reference, coarse)
    image, fine, at_10_m = reference["reflectance"].values[0], stacks.grid_of(reference), stacks.grid_of(coarse)
    down, seen = brought_down(image, reference["valid"].values[0], fine, at_10_m)
    seen &= coarse["valid"].values[0]
    if seen.sum() < ENOUGH_PX:
        raise NothingClear(f"{seen.sum()} pixels of 10 m are clear in both the reference and Sentinel-2, needs {ENOUGH_PX}\ntake another date or a larger area")
    target = coarse["reflectance"].values[0]
    if method == "linear":
        curve, rest = _line_and_rest(down, target, seen, smooth_m / (grids.size_m(at_10_m) or 10.0))
        made = curve.apply(image) + cubic(rest, at_10_m, fine)
    else:
        made = fit(down[:, seen], target[:, seen], method).apply(image)
    values = np.where(np.isfinite(made), made, np.float32(0)).astype(np.float32)[None]
    return stacks.check(reference.assign(reflectance=(stacks.DIMS["reflectance"], values)).assign_attrs(harmonised=method))


def fit(source: NDArray[Any], target: NDArray[Any], method: str) -> Curve:
    """The curves that turn source (band, pixel) into target (band, pixel), the same pixels of both."""
    source, target = source.astype(np.float64), target.astype(np.float64)
    if method == "histogram":
        at = np.linspace(0, 1, QUANTILES)
        curves = [_leveled(x, y) for x, y in zip(np.quantile(source, at, axis=1).T, np.quantile(target, at, axis=1).T, strict=True)]
        return Curve(*(np.stack(each) for each in zip(*curves, strict=True)))
    if method == "moments":
        gain = target.std(1) / np.maximum(source.std(1), 1e-6)
        offset = target.mean(1) - gain * source.mean(1)
    else:
        gain, offset = np.array([_line(x, y) for x, y in zip(source, target, strict=True)]).T
    ends = np.tile([0.0, 1.0], (len(source), 1))
    return Curve(ends, ends * gain[:, None] + offset[:, None])


def _leveled(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a rising curve; those of one value of x get the mean of their y, where it would else jump from the lowest to the highest."""
    place = np.cumsum(np.diff(x, prepend=x[0]) > TIE)
    count = np.bincount(place)
    return (np.bincount(place, x) / count)[place], (np.bincount(place, y) / count)[place]


def _line_and_rest(down: Array, target: Array, seen: NDArray[np.bool_], smooth_px: float) -> tuple[Curve, Array]:
    """A line a band and a smooth residual (band, y, x), the latter fitted to what the line leaves, ROUNDS times without outliers.

    The line has the slope of contrasts, and passes through the middle: fields that became brighter or darker as a whole would
    flatten one that is fitted to the values themselves, and so would haze and clouds that no mask shows.
    """
    gain = _contrasts(down, target, seen)
    offset = np.median(target[:, seen] - gain[:, None] * down[:, seen], axis=1)
    ends = np.tile([0.0, 1.0], (len(down), 1))
    curve = Curve(ends, ends * gain[:, None] + offset[:, None])
    left, rest = target - curve.apply(down), np.zeros_like(target)
    for _ in range(ROUNDS):
        near = seen.copy()
        near[seen] = np.all([_near(band) for band in (left - rest)[:, seen]], axis=0)
        slant = _plane(left, near)  # smoothed with the rest, a haze that grows across the area would stay in at its edges
        rest = slant + residual(left - slant, near, smooth_px)
    return curve, rest


def _plane(difference: Array, seen: NDArray[np.bool_]) -> Array:
    """Least squares' plane (band, y, x) through a difference where it is seen, nowhere beyond what it is there."""
    rows, columns = np.indices(seen.shape)
    terms = np.stack([np.ones(seen.shape), rows / seen.shape[0], columns / seen.shape[1]], axis=-1)
    found = np.linalg.lstsq(terms[seen], difference[:, seen].T.astype(np.float64), rcond=None)[0]
    plane = np.moveaxis(terms @ found, -1, 0)
    low, high = (end(plane[:, seen], axis=1)[:, None, None] for end in (np.min, np.max))
    return np.clip(plane, low, high).astype(np.float32)


def _contrasts(down: Array, target: Array, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Gain (band,) from contrasts of down (band, y, x) to those of target, without outliers. Raises NothingClear.

    The reduced major axis (as between sensors: Roy et al. 2016, Remote Sensing of Environment 185, 57–70): least squares would make the reference's
    contrast less than the target's by their correlation, for both have differences that the other does not. Below LEAST_ALIKE that is wanted,
    and a contrast that a season turned round is not turned back: nothing is left of it.
    """
    both = [seen[STEP_PX:] & seen[:-STEP_PX], seen[:, STEP_PX:] & seen[:, :-STEP_PX]]
    if sum(int(where.sum()) for where in both) < ENOUGH_PX:
        raise NothingClear(f"the {seen.sum()} pixels of 10 m that are clear in both the reference and Sentinel-2 lie apart\ntake another date or a larger area")

    def steps(image: Array) -> NDArray[np.float64]:
        parts = (image[:, STEP_PX:] - image[:, :-STEP_PX])[:, both[0]], (image[..., STEP_PX:] - image[..., :-STEP_PX])[:, both[1]]
        return np.concatenate(parts, axis=1).astype(np.float64)

    return np.array([_axis(x, y) for x, y in zip(steps(down), steps(target), strict=True)])


def _axis(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The gain between two that both err; what Sentinel-2's noise adds to the contrasts y is none."""
    forth, back = (max(_slope(*pair), 0.0) for pair in ((x, y), (y, x)))
    spread = max(1.4826 * float(np.median(np.abs(y))), 1e-6)
    signal = max(1 - 2 * (NOISE / spread) ** 2, 1e-6)
    return forth / max(min(forth * back / signal, 1.0) ** 0.5, LEAST_ALIKE)


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The slope of a line through 0, outliers told by the one before, the first by `_line`."""
    slope = _line(x, y)[0]
    for _ in range(ROUNDS - 1):
        kept = _near(y - slope * x)
        slope = float((x[kept] * y[kept]).sum() / max((x[kept] ** 2).sum(), 1e-12))
    return slope


def residual(difference: NDArray[Any], seen: NDArray[np.bool_], smooth_px: float) -> Array:
    """What varies slowly in a difference (band, y, x), looking only at pixels that are seen (y, x)."""
    # A little weight everywhere, so that the residual fades to nothing far from all that is seen.
    weight = ndimage.gaussian_filter(seen.astype(np.float64), smooth_px, mode="nearest") + 1e-6
    smooth = [ndimage.gaussian_filter(np.where(seen, band, 0.0), smooth_px, mode="nearest") / weight for band in difference]
    return np.stack(smooth).astype(np.float32)


def brought_down(image: Array, valid: NDArray[np.bool_], fine: GeoBox, coarse: GeoBox) -> tuple[Array, NDArray[np.bool_]]:
    """Image (band, y, x) as Sentinel-2 would see it, on its grid, and where all that a pixel saw was valid (y, x)."""
    return mean(image, valid, fine, coarse)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Gain and offset by least squares without outliers, which are told by a line that up to a quarter of them cannot bend.

    That line is Theil's (1950, the incomplete method): pixels in order of x, each paired with the one half the list further,
    and the median of the slopes of the pairs.
    """
    order = np.argsort(x, kind="stable")
    low, high = order[: len(x) // 2], order[len(x) - len(x) // 2 :]
    apart = x[high] - x[low] > 1e-9
    slope = float(np.median((y[high] - y[low])[apart] / (x[high] - x[low])[apart])) if apart.any() else 0.0
    kept = _near(y - slope * x - float(np.median(y - slope * x)))
    spread = max(float(x[kept].var()), 1e-12)
    gain = float(((x[kept] - x[kept].mean()) * (y[kept] - y[kept].mean())).mean()) / spread
    return gain, float(y[kept].mean() - gain * x[kept].mean())


def _near(difference: NDArray[Any]) -> NDArray[np.bool_]:
    """True (pixel,) where a difference is none of the outliers."""
    away = np.abs(difference)
    # 1.4826 medians of a normal distribution are one deviation.
    return np.asarray(away <= max(OUTLIER * 1.4826 * float(np.median(away)), 1e-9))


def _through(band: NDArray[Any], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Piecewise linear, going on beyond the ends: with the slope of a line of two points, or else by the same offset."""
    if len(x) == 2:
        return np.asarray(y[0] + (band - x[0]) * (y[1] - y[0]) / (x[1] - x[0]))
    inner = np.interp(band, x, y)
    return np.asarray(inner + np.minimum(band - x[0], 0) + np.maximum(band - x[-1], 0))


def _comparable(reference: xr.Dataset, coarse: xr.Dataset) -> None:
    fine, at_10_m = stacks.grid_of(reference), stacks.grid_of(coarse)
    wrong = [
        f"{name} has {one.sizes['time']} dates, needs 1 (choose with .isel(time=[0]))"
        for name, one in (("the reference", reference), ("Sentinel-2", coarse))
        if one.sizes["time"] != 1
    ]
    if fine.crs != at_10_m.crs:
        wrong.append(f"CRS {fine.crs} of the reference, {at_10_m.crs} of Sentinel-2")
    elif not fine.extent.intersects(at_10_m.extent):
        wrong.append("they show different ground")
    if abs(fine.affine.a) >= abs(at_10_m.affine.a):
        wrong.append(f"the reference has pixels of {abs(fine.affine.a):g}, needs smaller ones than Sentinel-2's {abs(at_10_m.affine.a):g}")
    if wrong:
        raise BadGrid(faults(f"the reference cannot be given Sentinel-2's colours ({', '.join(BANDS)})", wrong, "bring both to one CRS and one date first"))
