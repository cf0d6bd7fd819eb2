"""Zonal statistics: what each parcel was on each date, and how sure its mean is.

The mean of n pixels is surer than one of them, but not by √n: errors of neighbours are alike. With a correlation that
falls off as exp(−distance / length), the variance of the mean of many pixels of side d is that of one, divided by
n / (2π length² / d²), and by nothing where there are fewer than those (2π ℓ² is the integral of the exponential over
the plane; block kriging's variance of a mean, Journel and Huijbregts 1978, in its limit). Length is 4 m by default, so that
2π length² is a pixel of Sentinel-2: within it all errors count as one, and the next one's are others, since each averages
back to what was measured. What the date did not see and others filled has nothing that its mean is
held to: there all errors of a parcel count as one. The radiometric calibration of the sensor, some per cent, is not in it.
"""

import logging
from dataclasses import dataclass

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import geometry_mask

from dione.analysis.indices import indices
from dione.analysis.parcels import Parcels
from dione.analysis.trust import TRUST, Trust
from dione.base import area as areas
from dione.base import stack as stacks
from dione.base import when
from dione.base.crs import DEGREES
from dione.base.errors import BadGrid
from dione.base.grid import size_m

log = logging.getLogger(__name__)
AT_ONCE_PX = 1 << 22
"""Of all the dates that are looked at together: large parcels are worked on date by date, so that memory does not grow with the dates."""


@dataclass(frozen=True)
class ZonalRule:
    """What is averaged, and how errors hang together."""

    names: tuple[str, ...] = ("NDVI",)
    """Indices."""
    correlation_m: float = 4.0
    """Distance at which the correlation of errors has fallen to 1/e."""
    trust: Trust = TRUST


def zonal(stack: xr.Dataset, parcels: Parcels, rule: ZonalRule = ZonalRule()) -> Parcels:
    """The parcels, in their order, with for each date and index: mean, sigma of the mean, n trusted pixels, and the fraction that they are of all its pixels.

    Columns are called NDVI_2024-05-21_mean, …_sigma, …_n and …_trusted. A pixel belongs to the parcel that holds its
    middle. NaN where a parcel has no trusted pixel, or lies outside; of one that
    reaches beyond the scene, the pixels outside are not trusted. Only the pixels under parcels are read.
    Raises NotAStack, NotFound (no such index), BadGrid for a Stack without CRS.
    """
    grid = stacks.grid_of(stacks.check(stack))
    if grid.crs is None:
        raise BadGrid("parcels cannot be found in a scene without a CRS\ngive its files one first")
    within = [areas.alongside(grid, one) for one in parcels.to_crs(str(grid.crs)).geometries]
    reached = any(grid.extent.geom.intersects(one) for one in within)
    if within and not reached:
        none = "the parcel does not lie" if len(parcels) == 1 else f"none of the {len(parcels)} parcels lies"
        log.warning("%s in the scene, which reaches over %s (west, south, east, north)", none, _reach(grid))
    tied = 2 * np.pi * (rule.correlation_m / (size_m(grid) or rule.correlation_m)) ** 2
    rows = [_row(stack, one, rule, max(float(tied), 1.0)) for one in within]
    labels = when.labels(stack)
    names = [f"{name}_{day}_{what}" for day in labels for name in rule.names for what in ("mean", "sigma", "n", "trusted")]
    table = np.array(rows, np.float64).reshape(len(rows), len(names))
    if reached and not table[:, 2::4].any():
        log.warning(
            "no parcel has a number on any date, since no pixel with its middle in one is trusted; allow a larger sigma, or take other dates or larger parcels"
        )
    columns = {name: table[:, at].astype(np.int64) if name.endswith("_n") else table[:, at] for at, name in enumerate(names)}
    return Parcels(parcels.geometries, {**parcels.columns, **columns}, parcels.crs)


def _reach(grid: GeoBox) -> str:
    """In degrees, for messages."""
    return areas.words(areas.reprojected(grid.extent.geom, str(grid.crs), DEGREES))


def _row(stack: xr.Dataset, parcel: shapely.Geometry, rule: ZonalRule, tied: float) -> list[float]:
    nothing = [np.nan, np.nan, 0.0, 0.0]
    grid = stacks.grid_of(stack)
    window = areas.touched(grid, parcel)
    dates, height, width = stack.sizes["time"], *grid.shape
    if window is None or window.top >= height or window.left >= width or window.bottom <= 0 or window.right <= 0:
        return nothing * dates * len(rule.names)
    part = stack.isel(y=slice(max(window.top, 0), window.bottom), x=slice(max(window.left, 0), window.right))
    here = stacks.grid_of(part)
    inside = geometry_mask([parcel], here.shape, here.affine, invert=True)
    beyond = here.shape != window.shape
    total = max(int(inside.sum()), round(parcel.area / abs(grid.affine.determinant)) if beyond else 0)
    some = max(AT_ONCE_PX // inside.size, 1)
    row: list[float] = []
    for few in (part.isel(time=slice(date, date + some)) for date in range(0, dates, some)):
        found, own = indices(few, *rule.names, trust=rule.trust), few["seen" if "seen" in few else "valid"].values
        row += [
            value for date in range(few.sizes["time"]) for name in rule.names for value in _mean(found.isel(time=date), name, inside, own[date], total, tied)
        ]
    return row


def _mean(date: xr.Dataset, name: str, inside: NDArray[np.bool_], own: NDArray[np.bool_], total: int, tied: float) -> list[float]:
    """Mean, its sigma, n, and the fraction trusted of `total`. own: what the date saw itself."""
    values = date[name].values
    trusted = inside & np.isfinite(values)
    count = int(trusted.sum())
    if not count:
        return [np.nan, np.nan, 0.0, 0.0]
    sigma = np.nan
    if f"{name}_sigma" in date:
        variance = np.square(date[f"{name}_sigma"].values, dtype=np.float64)
        sigma = float(np.sqrt(_together(variance[trusted & own], tied) + _together(variance[trusted & ~own], np.inf)) / count)
    return [float(values[trusted].mean(dtype=np.float64)), sigma, float(count), count / total]


def _together(variance: NDArray[np.float64], tied: float) -> float:
    """Of the sum of pixels, each of whose errors is one with those of `tied` of them."""
    return float(variance.sum() * min(variance.size, tied)) if variance.size else 0.0
