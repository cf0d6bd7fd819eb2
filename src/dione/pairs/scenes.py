"""VHR scenes of a table, opened once, and looked at area by area: sharpened, without clouds, never read whole."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from dione.base import stack as stacks
from dione.base.area import from_wkt
from dione.base.errors import BadSource, NothingClear
from dione.pairs.areas import PIXEL_M, Area
from dione.pairs.recipe import Sharp
from dione.prepare import csmask
from dione.prepare.reference.brightness import CloudRule, cloudy
from dione.prepare.reference.interpolate import nearest
from dione.prepare.reference.normalise import Normalisation
from dione.prepare.reference.pansharpen import pansharpen
from dione.prepare.reference.resample import onto, window_over
from dione.sources.delivered import scenetable

Row = Mapping[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """A scene over one area."""

    cover: float
    """Fraction of the area that the scene shows at all."""
    cloud: float
    """Fraction of what it shows that is cloud."""
    clear: xr.Dataset
    """The multispectral raster around the area, valid where there is no cloud."""
    sharp: xr.Dataset
    """The sharpened scene around the area; nothing is read yet."""

    def reference(self) -> xr.Dataset:
        """The sharpened part, valid where clear, in memory."""
        free = nearest(self.clear["valid"].values[0], stacks.grid_of(self.clear), stacks.grid_of(self.sharp))
        sharp = self.sharp.load()
        return sharp.assign(valid=sharp["valid"] & xr.DataArray(free[None], dims=stacks.DIMS["valid"]))


@dataclass
class Scene:
    """One scene; its rasters are opened, and the fit of its pansharpening made, when first needed."""

    rows: Mapping[str, Row]
    """By kind: ms, and pan where there is one."""
    settings: Sharp

    @property
    def name(self) -> str:
        return str(self.rows["ms"]["scene"])

    @property
    def sensor(self) -> str:
        return str(self.rows["ms"]["sensor"])

    @property
    def time(self) -> np.datetime64:
        return np.datetime64(self.rows["ms"]["time"], "ns")

    @cached_property
    def footprint(self) -> BaseGeometry:
        """In longitude and latitude."""
        return from_wkt(str(self.rows["ms"]["footprint"]))

    @cached_property
    def colours(self) -> xr.Dataset:
        """The multispectral raster."""
        return scenetable.stack(self.rows["ms"])

    @cached_property
    def sharp(self) -> xr.Dataset:
        """With pan's detail, if there is a pan and it is wanted. Raises BadSource where the two have no pixel to fit."""
        if "pan" not in self.rows or self.settings.sharpen == "no":
            return self.colours
        try:
            return pansharpen(self.colours, scenetable.stack(self.rows["pan"]), method=self.settings.sharpen, clouds=self._cloud)
        except NothingClear as error:  # of the whole scene: no area of it can be used
            raise BadSource(f"the whole scene cannot be sharpened: {error}") from error

    @cached_property
    def scale(self) -> Normalisation:
        """Median and deviation of its radiance without clouds, sharpened if it is. Raises NotFound, BadValues."""
        return Normalisation.of_row(self.rows["ms"], sharp=self.sharp is not self.colours)

    def over(self, area: Area, *, margin_m: float) -> Look | None:
        """What the scene shows of an area and `margin_m` around it; None if nothing of the area. Raises BadSource, BadValues."""
        wide = area.grid.pad(math.ceil(margin_m / PIXEL_M))
        colours, sharp = _around(self.colours, wide), _around(self.sharp, wide)
        if colours is None or sharp is None:
            return None
        colours = colours.load()
        clear = colours.assign(valid=colours["valid"] & ~xr.DataArray(self._cloud(colours), dims=stacks.DIMS["valid"]))
        present, seen = (onto(part, area.grid)["valid"].values for part in (colours, clear))
        return Look(float(present.mean()), float(1 - seen.sum() / present.sum()), clear, sharp) if present.any() else None

    def _cloud(self, colours: xr.Dataset) -> Mask:
        """(time, y, x)"""
        if self.settings.clouds == "brightness":
            return np.asarray(cloudy(colours, CloudRule(self.settings.blue_above)).values)
        if self.settings.clouds == "csmask":
            return np.asarray(colours["valid"].values & ~csmask.without_clouds(colours)["valid"].values)
        return np.zeros(colours["valid"].shape, bool)


def scenes(rows: Iterable[Row], settings: Sharp) -> tuple[Scene, ...]:
    """The scenes of a table, in order of time. A pan without its multispectral raster is left to `dione vhr scan` to report."""
    parts: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        parts[row["scene"]][row["kind"]] = row
    return tuple(sorted((Scene(kinds, settings) for kinds in parts.values() if "ms" in kinds), key=lambda scene: (scene.time, scene.name)))


def _around(stack: xr.Dataset, grid: GeoBox) -> xr.Dataset | None:
    """The part of a Stack that `grid` needs; None if they show different ground."""
    window = window_over(stacks.grid_of(stack), grid)
    return None if window is None else stack.isel(y=window.slices[0], x=window.slices[1])
