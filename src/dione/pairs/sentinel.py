"""Sentinel-2 cut to an area: its own pixels, as they are, wherever it has the area's CRS; resampled once, otherwise."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base import when
from dione.base.crs import DEGREES
from dione.base.errors import BadGrid, NotFound
from dione.base.windows import Window
from dione.pairs.areas import PIXEL_M, Area
from dione.pairs.recipe import Sentinel
from dione.prepare.radiometry import check_values
from dione.prepare.reference.resample import onto
from dione.sources import open as open_source

Span = tuple[np.datetime64, np.datetime64]


@dataclass
class Source:
    """Sentinel-2 as the recipe names it; each series is opened once."""

    settings: Sentinel
    opened: dict[str, xr.Dataset] = field(default_factory=dict)

    def over(self, area: Area, spans: list[Span]) -> xr.Dataset:
        """The dates that lie in any of the spans, over an area, in memory.

        Raises NotFound where there is no such date or no common ground; what opening the source raises.
        """
        stack = self._stack(area, spans)
        times = stack["time"].values
        kept = np.flatnonzero(np.any([(times >= first) & (times <= last) for first, last in spans], axis=0)) if spans else np.arange(0)
        if not len(kept):
            told = ", ".join(f"{str(first)[:10]} to {str(last)[:10]}" for first, last in spans)
            raise NotFound(f"no Sentinel-2 date in {told}; the series has {len(times)}, from {when.days(stack)[0]} to {when.days(stack)[-1]}")
        return cut(stack.isel(time=kept), area)

    def _stack(self, area: Area, spans: list[Span]) -> xr.Dataset:
        name = self.settings.of(area.site, area.name)
        options: dict[str, Any] = self.settings.model_dump(exclude={"source"})
        if self.settings.archive:
            days = str(min(first for first, _ in spans))[:10], str(max(last for _, last in spans))[:10]
            return open_source(name, area=transform_bounds(str(area.grid.crs), DEGREES, *area.grid.boundingbox.bbox), dates=days, **options)
        if name not in self.opened:
            opened = open_source(name, **options)
            check_values(opened)
            self.opened[name] = opened
        return self.opened[name]


def cut(stack: xr.Dataset, area: Area) -> xr.Dataset:
    """The Stack over an area, in memory. In the area's CRS its pixels are kept, the nearest to the box; nothing is valid beyond its edge.

    Raises BadGrid for pixels that are not of 10 m, NotFound for other ground.
    """
    grid = stacks.grid_of(stack)
    pixel = grids.size_m(grid)
    if pixel is None or abs(pixel - PIXEL_M) > 0.05 * PIXEL_M:
        raise BadGrid(f"the Sentinel-2 series has pixels of {f'{pixel:.3g} m' if pixel else 'unknown size'}, needs {PIXEL_M} m")
    if grid.crs != area.grid.crs:
        return onto(stack, area.grid)
    window = _nearest(grid, area.grid)
    whole = window.grown(0, (int(grid.shape[0]), int(grid.shape[1])))
    if min(whole.shape) <= 0:
        raise NotFound(f"the Sentinel-2 series covers {_words(grid)}, area {area.name} {_words(area.grid)}: they show different ground")
    part = stack.isel(y=whole.slices[0], x=whole.slices[1]).load()
    if whole == window:
        return part
    reflectance = np.zeros((*part["reflectance"].shape[:2], *window.shape), np.float32)
    valid = np.zeros((part.sizes["time"], *window.shape), bool)
    inside = (..., *whole.within(window).slices)
    reflectance[inside], valid[inside] = part["reflectance"].values, part["valid"].values
    placed = GeoBox(window.shape, grid.affine * Affine.translation(window.left, window.top), grid.crs)
    notes = {str(key): str(value) for key, value in stack.attrs.items()}
    return stacks.make(reflectance, valid, list(part["time"].values), placed, items=[str(item) for item in part["item"].values], **notes)


def _nearest(grid: GeoBox, wanted: GeoBox) -> Window:
    """The window of `grid`, which may go beyond it, whose corner is nearest to that of `wanted`."""
    left, top = ~grid.affine * (wanted.affine.c, wanted.affine.f)
    row, column = round(top), round(left)
    return Window(row, column, row + int(wanted.shape[0]), column + int(wanted.shape[1]))


def _words(grid: GeoBox) -> str:
    return ", ".join(f"{edge:.7g}" for edge in grid.boundingbox.bbox)
