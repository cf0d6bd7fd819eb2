"""Field boundaries: where an index changes sharply, on as many dates as there are.

    index, each date ──► gradient (Scharr) ──► in units of its own uncertainty ──► root mean square over the dates
         ──► calm ground: below `least` ──► its cores, `core_m` away from any edge: a gap in an edge joins no two fields
         ──► the seeds of a watershed of the edges ──► polygons

Edges of several dates together and a watershed between them: Watkins and van Niekerk (2019), Computers and Electronics
in Agriculture 158, 294–302, found them the best of the common ways for fields in Sentinel-2; seeds before flooding:
Meyer and Beucher (1990), Journal of Visual Communication and Image Representation 1, 21–46. Detail that nobody is sure
of does not part a field. Errors of neighbours are alike, so their difference is surer than the unit of strength, which
takes them as independent: calm ground has a strength of about 0.4 rather than 1.4 (docs/analysis.md).
"""

import logging
from collections.abc import Iterator
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
from dione.base.crs import named
from dione.base.errors import BadGrid, NothingClear
from dione.base.grid import size_m
from dione.base.windows import Window, lattice

log = logging.getLogger(__name__)

SCHARR = np.outer((3, 10, 3), (-1, 0, 1)) / 32
"""Derivative to the right, per pixel."""
FLOOR = 0.005
"""Of an index: an uncertainty below this is not believed."""
UNKNOWN = 0.01
"""Of an index, where a Stack has no sigma."""
SMOOTH_PX = 1.0
BLOCK_PX, HALO_PX = 2048, 3
"""Of the windows in which edges are found."""
TILE_PX, OVERLAP_PX = 3072, 512
"""Of the tiles in which fields are: 7.7 km, and 1.3 km around, at 2.5 m."""


@dataclass(frozen=True)
class BoundaryRule:
    """What is an edge, and what a field."""

    index: str = "NDVI"
    least: float = 1.0
    """Strength of an edge, in its own standard deviations (root mean square over the dates)."""
    least_m2: float = 500.0
    """The smallest calm ground that becomes a field."""
    trust: Trust = TRUST
    core_m: float = 12.5
    """How far from any edge the middle of a field is: half the width of the narrowest."""


@dataclass(frozen=True)
class Edges:
    """What all dates say of each pixel, (y, x)."""

    strength: NDArray[np.float32]
    """Root mean square over the dates, in standard deviations; 0 where none is trusted."""
    mean: NDArray[np.float32]
    """Of the index over the trusted dates."""
    seen: NDArray[np.bool_]
    """Whether any date is trusted."""


def boundaries(stack: xr.Dataset, rule: BoundaryRule = BoundaryRule()) -> Parcels:
    """Fields as polygons in the Stack's CRS: id, area_m2, the mean of the index and its deviation within, and the strength of the edge around.

    Ground that no date shows trustworthily is in none. Of a scene larger than TILE_PX, tiles are worked on one after the other.
    Raises NotAStack, NotFound (no such index), NothingClear, BadGrid for a Stack without CRS.
    """
    grid = stacks.grid_of(stacks.check(stack))
    if grid.crs is None:
        raise BadGrid("fields cannot be placed in a scene without a CRS\ngive its files one first")
    found = [part for part in tiled(stack, rule) if part is not None]
    if not found:
        raise NothingClear(f"no pixel is trusted on any of {stack.sizes['time']} dates\nallow a larger sigma, or take other dates")
    if not any(map(len, found)):
        log.warning(
            "no field is found: nowhere is ground that is further than %g m from any edge and calm over %g m²; let edges be stronger (least), cores narrower (core_m) or fields smaller (least_m2)",
            rule.core_m,
            rule.least_m2,
        )
    columns = {name: np.concatenate([part.columns[name] for part in found]) for name in found[0].columns}
    numbered = np.concatenate([part.columns["id"] + before for part, before in zip(found, np.cumsum([0, *map(_last, found)]), strict=False)])
    return Parcels(tuple(one for part in found for one in part.geometries), columns | {"id": numbered}, found[0].crs)


def tiled(stack: xr.Dataset, rule: BoundaryRule, *, tile: int = TILE_PX, overlap: int = OVERLAP_PX) -> Iterator[Parcels | None]:
    """The fields of each tile, whole ones where their core's middle is in it; a field larger than `overlap` is cut where tiles meet. None of one that shows nothing."""
    grid, shape = stacks.grid_of(stack), (stack.sizes["y"], stack.sizes["x"])
    pixel_m = size_m(grid) or 1.0
    for window in lattice(shape, tile):
        outer = window.grown(overlap, shape)
        rows, columns = outer.slices
        found = edges(stack.isel(y=rows, x=columns), rule)
        smooth = ndimage.gaussian_filter(found.strength, SMOOTH_PX)
        seeds = cores(smooth, found.seen, least=rule.least, least_px=rule.least_m2 / pixel_m**2, core_px=rule.core_m / pixel_m)
        labels = owned(np.asarray(watershed(smooth, seeds, mask=found.seen), np.int32), seeds, window, outer, overlap)
        yield _polygons(labels, found.mean, found.strength, grid[rows, columns], rule.index) if found.seen[window.within(outer).slices].any() else None


def owned(labels: NDArray[np.int32], seeds: NDArray[np.int32], window: Window, outer: Window, overlap: int) -> NDArray[np.int32]:
    """Of the fields of `outer`, those that are the window's: where the core's middle lies in it; of cores longer than `overlap`, which not every tile sees whole, what lies in it."""
    if outer == window:
        return labels
    inner = window.within(outer)
    boxes = [box for box in ndimage.find_objects(seeds) if box is not None]
    middle = np.array([[(side.start + side.stop) / 2 for side in box] for box in boxes]).reshape(-1, 2)
    mine = np.r_[False, ((middle >= (inner.top, inner.left)) & (middle < (inner.bottom, inner.right))).all(1)]
    long = np.r_[False, [max(side.stop - side.start for side in box) > overlap for box in boxes]].astype(bool)
    within = np.zeros(labels.shape, bool)
    within[inner.slices] = True
    return np.where(np.where(long[labels], within, mine[labels]), labels, 0)


def _last(part: Parcels) -> int:
    return int(part.columns["id"].max(initial=0))


def edges(stack: xr.Dataset, rule: BoundaryRule, *, block: int = BLOCK_PX) -> Edges:
    """Strength of the edge at each pixel, from windows of `block` pixels, one date at a time; the size changes nothing."""
    shape = stack.sizes["y"], stack.sizes["x"]
    squares, sums, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint16)
    for window in lattice(shape, block):
        outer = window.grown(HALO_PX, shape)
        rows, columns = outer.slices
        part = stack.isel(y=rows, x=columns)
        for date in range(stack.sizes["time"]):
            steep, values = (each[window.within(outer).slices] for each in _date(part.isel(time=[date]), rule))
            trusted = np.isfinite(values)
            squares[window.slices] += np.where(trusted, np.square(steep), 0)
            sums[window.slices] += np.where(trusted, values, 0)
            count[window.slices] += trusted
    many = np.maximum(count, 1).astype(np.float32)
    return Edges(np.sqrt(squares / many), sums / many, count > 0)


def _date(stack: xr.Dataset, rule: BoundaryRule) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Strength of one date's edges, and its index, NaN where not trusted; (y, x)."""
    found = indices(stack, rule.index, trust=rule.trust)
    values = found[rule.index].values[0]
    sigma = found[f"{rule.index}_sigma"].values[0] if f"{rule.index}_sigma" in found else np.full_like(values, UNKNOWN)
    filled = _continued(values, np.isfinite(values))
    steep = np.hypot(*(ndimage.convolve(filled, kernel, mode="nearest") for kernel in (SCHARR, SCHARR.T)))
    unsure = np.maximum(np.nan_to_num(sigma, nan=1.0), FLOOR) * np.sqrt(np.square(SCHARR).sum())
    return np.asarray(steep / unsure, np.float32), values


def fields(strength: NDArray[np.float32], seen: NDArray[np.bool_], *, least: float, least_px: float, core_px: float = 0.0) -> NDArray[np.int32]:
    """A number for each field, 0 outside of `seen`: cores of calm ground, grown until they meet along the strongest edge between."""
    smooth = ndimage.gaussian_filter(strength, SMOOTH_PX)
    return np.asarray(watershed(smooth, cores(smooth, seen, least=least, least_px=least_px, core_px=core_px), mask=seen), np.int32)


def cores(smooth: NDArray[np.float32], seen: NDArray[np.bool_], *, least: float, least_px: float, core_px: float) -> NDArray[np.int32]:
    """A number for each core: ground further than `core_px` from an edge, with at least `least_px` of calm ground around it."""
    calm = (smooth < least) & seen
    found, count = ndimage.label(calm if calm.all() else ndimage.distance_transform_edt(calm) > core_px)
    sizes = np.bincount(watershed(smooth, found, mask=calm).ravel(), minlength=count + 1)
    kept = np.zeros(count + 1, np.int32)
    large = np.flatnonzero(sizes[1:] >= max(least_px, 1)) + 1
    kept[large] = np.arange(1, len(large) + 1)
    return np.asarray(kept[found], np.int32)


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
    return Parcels(tuple(one for one, _ in drawn), columns, str(named(grid.crs)))
