"""Field boundaries: where an index changes sharply, on as many dates as there are.

    index, each date ──► gradient (Scharr) ──► in units of its own uncertainty ──► root mean square over the dates
         ──► calm ground: below `least`, larger than `least_m2` ──► the seeds of a watershed of the edges ──► polygons

Edges of several dates together and a watershed between them: Watkins and van Niekerk (2019), Computers and Electronics
in Agriculture 158, 294–302, found them the best of the common ways for fields in Sentinel-2; seeds before flooding:
Meyer and Beucher (1990), Journal of Visual Communication and Image Representation 1, 21–46. An edge as uncertain as it
is strong counts one, so that detail that nobody is sure of does not part a field.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import shape
from skimage.segmentation import watershed

from dione.analysis.indices import indices
from dione.analysis.parcels import Parcels
from dione.analysis.trust import TRUST, Trust
from dione.base import stack as stacks
from dione.base.errors import BadGrid, NothingClear
from dione.base.grid import size_m

SCHARR = np.outer((3, 10, 3), (-1, 0, 1)) / 32
"""Derivative to the right, per pixel."""
FLOOR = 0.005
"""Of an index: an uncertainty below this is not believed."""
SMOOTH_PX = 1.0


@dataclass(frozen=True)
class BoundaryRule:
    """What is an edge, and what a field."""

    index: str = "NDVI"
    least: float = 2.0
    """Strength of an edge, in its own standard deviations (root mean square over the dates)."""
    least_m2: float = 500.0
    """The smallest calm ground that becomes a field."""
    trust: Trust = TRUST


def boundaries(stack: xr.Dataset, rule: BoundaryRule = BoundaryRule()) -> Parcels:
    """Fields as polygons in the Stack's CRS: id, area_m2, the mean of the index and its deviation within, and the strength of the edge around.

    Ground that no date shows trustworthily is in none. All dates of the Stack are held in memory, one index each.
    Raises NotAStack, NotFound (no such index), NothingClear, BadGrid for a Stack without CRS.
    """
    grid = stacks.grid_of(stacks.check(stack))
    if grid.crs is None:
        raise BadGrid("fields cannot be placed in a scene without a CRS\ngive its files one first")
    found = indices(stack, rule.index, trust=rule.trust)
    strength, seen = edges(found, rule.index)
    if not seen.any():
        raise NothingClear(f"no pixel is trusted on any of {stack.sizes['time']} dates\nallow a larger sigma, or take other dates")
    labels = fields(strength, seen, least=rule.least, least_px=rule.least_m2 / (size_m(grid) or 1.0) ** 2)
    values = found[rule.index].values
    mean = np.nansum(values, 0) / np.maximum(np.isfinite(values).sum(0), 1).astype(np.float32)
    return _polygons(labels, mean, strength, grid, rule.index)


def edges(found: xr.Dataset, index: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Strength of the edge at each pixel (y, x), in standard deviations; and where any date is trusted."""
    total, count = np.zeros(found[index].shape[1:]), np.zeros(found[index].shape[1:])
    for date in range(found.sizes["time"]):
        values = found[index].values[date]
        trusted = np.isfinite(values)
        sigma = found[f"{index}_sigma"].values[date] if f"{index}_sigma" in found else np.full_like(values, FLOOR)
        steep = np.hypot(*(ndimage.convolve(_continued(values, trusted), kernel, mode="nearest") for kernel in (SCHARR, SCHARR.T)))
        unsure = np.maximum(np.nan_to_num(sigma, nan=1.0), FLOOR) * np.sqrt(np.square(SCHARR).sum())
        total, count = total + np.where(trusted, np.square(steep / unsure), 0), count + trusted
    return np.sqrt(total / np.maximum(count, 1)).astype(np.float32), count > 0


def fields(strength: NDArray[np.float32], seen: NDArray[np.bool_], *, least: float, least_px: float) -> NDArray[np.int32]:
    """A number for each field, 0 outside of `seen`: calm ground, grown until it meets along the strongest edge between."""
    smooth = ndimage.gaussian_filter(strength, SMOOTH_PX)
    seeds, count = ndimage.label((smooth < least) & seen)
    sizes = np.bincount(seeds.ravel(), minlength=count + 1)
    kept = np.zeros(count + 1, np.int32)
    large = np.flatnonzero(sizes[1:] >= max(least_px, 1)) + 1
    kept[large] = np.arange(1, len(large) + 1)
    return np.asarray(watershed(smooth, kept[seeds], mask=seen), np.int32)


def _continued(values: NDArray[np.float32], trusted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Untrusted pixels as their nearest trusted one, so that a gap is no edge."""
    if trusted.all() or not trusted.any():
        return np.nan_to_num(values)
    rows, columns = ndimage.distance_transform_edt(~trusted, return_distances=False, return_indices=True)
    return np.asarray(values[rows, columns])


def _polygons(labels: NDArray[np.int32], values: NDArray[np.float32], strength: NDArray[np.float32], grid: GeoBox, index: str) -> Parcels:
    """The outline of every field, with what is known of it."""
    drawn = [(shape(outline), int(label)) for outline, label in shapes(labels, mask=labels > 0, transform=grid.affine)]
    order = np.array([label for _, label in drawn], np.int64)
    number = np.unique(labels[labels > 0])
    rim = labels * (ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3))
    with np.errstate(invalid="ignore"):  # scipy divides by the size of label 0, and of a rim, where there is none
        per_field = {
            index: ndimage.mean(values, labels, number),
            f"{index}_deviation": ndimage.standard_deviation(values, labels, number),
            "edge": np.nan_to_num(ndimage.mean(strength, rim, number)),
        }
    pixel_m2 = (size_m(grid) or 1.0) ** 2 / abs(grid.affine.determinant)
    areas = np.array([one.area * pixel_m2 for one, _ in drawn])
    columns = {"id": order, "area_m2": areas, **{name: np.asarray(each)[np.searchsorted(number, order)] for name, each in per_field.items()}}
    return Parcels(tuple(one for one, _ in drawn), columns, str(grid.crs))
