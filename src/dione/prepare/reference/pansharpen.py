"""Pansharpening: the colours of the multispectral raster with the detail of the panchromatic one.

    enlarged   E_k   each band on pan's grid (Catmull-Rom cubic)
    intensity  I     Σ w_k E_k + c: what pan would be at the coarse resolution

    ratio      E_k · P / I                  Brovey; weights are given, or equal (the prior art)
    gsa        E_k + g_k (P' − I)           Gram-Schmidt adaptive: weights by regression of pan, brought down to the
                                            coarse grid, on the bands; g_k = cov(E_k, I) / var(I); P' is pan with the
                                            mean and deviation of I

Aiazzi, Baronti and Selva (2007), IEEE Transactions on Geoscience and Remote Sensing 45, 3230–3239; Gillespie, Kahle and
Walker (1987), Remote Sensing of Environment 22, 343–365. What is fitted is fitted once, on windows spread over the scene, so
that a result does not depend on the windows it is read in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import stack as stacks
from dione.base.bands import PAN
from dione.base.errors import BadGrid, BadRecipe, NothingClear, faults
from dione.base.windows import Window
from dione.prepare.area import sample
from dione.prepare.reference.interpolate import cubic, filled, mean, nearest

METHODS = ("ratio", "gsa")
Array = NDArray[np.float32]
Clouds = Callable[[xr.Dataset], NDArray[np.bool_]]
"""Cloud (time, y, x) in a part of the multispectral Stack."""

SIDE_PX, COUNT = 256, 4
"""COUNT × COUNT windows of this side, coarse pixels, are looked at for a fit."""
ENOUGH_PX = 100
REACH_PX = 5
"""How far a sharp pixel looks, coarse pixels: two for the cubic, two for what fills a gap, one for pixels cut by a window."""
DARKEST = 1e-4
"""Intensity below this is taken as this, so that no ratio runs away."""


@dataclass(frozen=True)
class Fit:
    """How pan follows from the bands, and the bands from pan."""

    method: str
    weights: NDArray[np.float64]
    """(band,)"""
    constant: float = 0.0
    gains: NDArray[np.float64] | None = None
    """(band,) of gsa."""
    pan_scale: float = 1.0
    pan_offset: float = 0.0
    """P' = scale · P + offset."""

    def apply(self, enlarged: Array, pan: Array) -> Array:
        """Sharp bands (band, y, x) from enlarged ones (band, y, x) and pan (y, x); in reflectance."""
        intensity = np.tensordot(self.weights.astype(np.float32), enlarged, 1) + np.float32(self.constant)
        if self.gains is None:
            return np.asarray(enlarged * (pan / np.maximum(intensity, np.float32(DARKEST))), np.float32)
        detail = np.float32(self.pan_scale) * pan + np.float32(self.pan_offset) - intensity
        return np.asarray(enlarged + self.gains.astype(np.float32)[:, None, None] * detail, np.float32)


def pansharpen(ms: xr.Dataset, pan: xr.Dataset, *, method: str = "gsa", weights: tuple[float, ...] | None = None, clouds: Clouds | None = None) -> xr.Dataset:
    """A Stack on pan's grid; lazy, read window by window.

    ms, pan: Stacks of one date each, of four bands and of pan, in one CRS. weights: (band,) of the ratio, adding up to 1.
    clouds: what is left out of the fit. Valid where both are, clouds too. Raises NotAStack, BadGrid, BadRecipe; NothingClear when there is nothing to fit to.
    """
    stacks.check(ms, "the multispectral raster")
    stacks.check(pan, "the panchromatic raster", bands=PAN)
    _comparable(ms, pan)
    fitted = fit(ms, pan, method=method, weights=weights, clouds=clouds)
    reflectance, valid = (LazilyIndexedArray(Sharp(ms, pan, fitted, variable)) for variable in ("reflectance", "valid"))
    notes = {**ms.attrs, "pansharpened": method, "pan_source": str(pan.attrs.get("source", ""))}
    made = stacks.make(reflectance, valid, list(ms["time"].values), stacks.grid_of(pan), items=[str(item) for item in ms["item"].values], **notes)
    return made.assign_coords(white=(("time", "band"), ms["white"].values)) if "white" in ms.coords else made


def fit(ms: xr.Dataset, pan: xr.Dataset, *, method: str = "gsa", weights: tuple[float, ...] | None = None, clouds: Clouds | None = None) -> Fit:
    """What `apply` needs, from windows spread over the scene; without clouds, which are white and saturate, unless there is nothing else."""
    bands = ms.sizes["band"]
    if method == "ratio":
        if weights is not None and len(weights) != bands:
            raise BadRecipe(f"pansharpening has {len(weights)} weights for {bands} bands")
        return Fit("ratio", np.full(bands, 1 / bands) if weights is None else np.array(weights, np.float64))
    if method != "gsa":
        raise BadRecipe(f"no pansharpening is called '{method}'; there are {', '.join(METHODS)}")
    colours, grey, cloudy = _looked_at(ms, pan, clouds)
    if len(grey) - cloudy.sum() >= ENOUGH_PX:
        colours, grey = colours[~cloudy], grey[~cloudy]
    if len(grey) < ENOUGH_PX:
        raise NothingClear(f"{len(grey)} pixels are valid in both rasters, needs {ENOUGH_PX} to fit pan to the bands\nuse the ratio, which fits nothing")
    *found, constant = np.linalg.lstsq(np.column_stack([colours, np.ones(len(grey))]), grey, rcond=None)[0]
    intensity = colours @ np.array(found) + constant
    spread = max(float(intensity.var()), 1e-12)
    gains = ((colours - colours.mean(0)) * (intensity - intensity.mean())[:, None]).mean(0) / spread
    scale = float(intensity.std() / max(grey.std(), 1e-6))
    return Fit("gsa", np.array(found), float(constant), gains, scale, float(intensity.mean() - scale * grey.mean()))


def _looked_at(ms: xr.Dataset, pan: xr.Dataset, clouds: Clouds | None) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Bands (pixel, band), pan brought down to their grid (pixel,) and cloud (pixel,), where both are valid."""
    colours, grey, cloudy = [np.zeros((0, ms.sizes["band"]))], [np.zeros(0)], [np.zeros(0, bool)]
    coarse, fine = stacks.grid_of(ms), stacks.grid_of(pan)
    for window in sample((ms.sizes["y"], ms.sizes["x"]), side=SIDE_PX, count=COUNT):
        rows, columns = window.slices
        there = covering(coarse, fine, window, margin=0)
        if there is None:
            continue
        part = ms.isel(y=rows, x=columns).load()
        below = pan.isel(time=0, band=0, y=there.slices[0], x=there.slices[1])
        down, whole = mean(below["reflectance"].values, below["valid"].values, fine[there.slices], coarse[window.slices])
        valid = part["valid"].values[0] & whole
        colours.append(part["reflectance"].values[0][:, valid].T.astype(np.float64))
        grey.append(down[valid].astype(np.float64))
        cloudy.append(clouds(part)[0][valid] if clouds else np.zeros(int(valid.sum()), bool))
    return np.concatenate(colours), np.concatenate(grey), np.concatenate(cloudy)


class Sharp(BackendArray):
    """One variable of the sharpened Stack; a window of it is made from the same ground in both rasters."""

    def __init__(self, ms: xr.Dataset, pan: xr.Dataset, fitted: Fit, variable: str) -> None:
        self.ms, self.pan, self.fitted, self.variable = ms, pan, fitted, variable
        place = (pan.sizes["y"], pan.sizes["x"])
        self.shape = (1, ms.sizes["band"], *place) if variable == "reflectance" else (1, *place)
        self.dtype = np.dtype("float32" if variable == "reflectance" else "bool")

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[Any]:
        *others, rows, columns = (np.atleast_1d(np.arange(side)[part]) for side, part in zip(self.shape, key, strict=True))
        single = tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)
        if not len(rows) or not len(columns):
            return np.zeros((*map(len, others), len(rows), len(columns)), self.dtype)[single]
        window = Window(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        made = (self._reflectance if self.variable == "reflectance" else self._valid)(window)
        return made[np.ix_(*others, rows - window.top, columns - window.left)][single]

    def _reflectance(self, window: Window) -> NDArray[Any]:
        coarse, fine = stacks.grid_of(self.ms), stacks.grid_of(self.pan)
        here = covering(fine, coarse, window, margin=REACH_PX)
        pan = self.pan["reflectance"].isel(time=0, band=0, y=window.slices[0], x=window.slices[1]).values
        if here is None:
            return np.zeros((1, self.ms.sizes["band"], *window.shape), np.float32)
        part = self.ms.isel(time=0, y=here.slices[0], x=here.slices[1])
        enlarged = cubic(filled(part["reflectance"].values, part["valid"].values), coarse[here.slices], fine[window.slices])
        return np.where(self._valid(window), self.fitted.apply(enlarged, pan), np.float32(0))[None]

    def _valid(self, window: Window) -> NDArray[Any]:
        coarse, fine = stacks.grid_of(self.ms), stacks.grid_of(self.pan)
        here = covering(fine, coarse, window, margin=1)
        if here is None:
            return np.zeros((1, *window.shape), bool)
        seen = self.ms["valid"].isel(time=0, y=here.slices[0], x=here.slices[1]).values
        own = self.pan["valid"].isel(time=0, y=window.slices[0], x=window.slices[1]).values
        return np.asarray(own & nearest(seen, coarse[here.slices], fine[window.slices]))[None]


def covering(grid: GeoBox, other: GeoBox, window: Window, *, margin: int) -> Window | None:
    """The pixels of `other` that cover `window` of `grid`, and `margin` more; None if there are none."""
    (left, top), (right, bottom) = (~other.affine * (grid.affine * corner) for corner in ((window.left, window.top), (window.right, window.bottom)))
    near = 1e-6
    made = Window(int(np.floor(top + near)), int(np.floor(left + near)), int(np.ceil(bottom - near)), int(np.ceil(right - near)))
    made = Window(max(made.top - margin, 0), max(made.left - margin, 0), min(made.bottom + margin, other.shape[0]), min(made.right + margin, other.shape[1]))
    return made if min(made.shape) > 0 else None


def _comparable(ms: xr.Dataset, pan: xr.Dataset) -> None:
    coarse, fine = stacks.grid_of(ms), stacks.grid_of(pan)
    wrong = [
        f"the {name} Stack has {one.sizes['time']} dates, needs 1" for name, one in (("multispectral", ms), ("panchromatic", pan)) if one.sizes["time"] != 1
    ]
    if coarse.crs != fine.crs:
        wrong.append(f"CRS {fine.crs} of pan, {coarse.crs} of the bands")
    elif not coarse.extent.intersects(fine.extent):
        wrong.append("they show different ground")
    if abs(fine.affine.a) > abs(coarse.affine.a):
        wrong.append(f"pan has the larger pixels: {abs(fine.affine.a):g}, the bands' are {abs(coarse.affine.a):g}")
    if wrong:
        raise BadGrid(faults("these two rasters cannot be joined", wrong, "name the two rasters of one scene"))
