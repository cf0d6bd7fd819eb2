"""From headers to scenes: what is read for each date, and how numbers become reflectance; no pixel is read yet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import grid as grids
from dione.base.bands import BANDS, CLASSES
from dione.base.errors import BadGrid, BadValues, faults
from dione.sources.rasters.headers import Header
from dione.sources.rasters.sorting import Reading, sort
from dione.sources.stacks import scaling

T = TypeVar("T")
TAGS = "the file's tags"


@dataclass(frozen=True)
class Layer:
    """One band of one file, and how its numbers become reflectance: number × scale + offset."""

    path: str
    index: int
    """1-based, as rasterio counts."""
    grid: GeoBox
    scale: float
    offset: float
    nodata: float | None
    told_by: str
    """Where scale and offset came from: 'given', TAGS or 'assumed'."""

    def reflectance(self, numbers: NDArray[Any], out: NDArray[np.float32]) -> None:
        """Put it into `out`, in as few passes over memory as it takes."""
        np.multiply(numbers, np.float32(self.scale), out=out, dtype=np.float32, casting="unsafe")
        if self.offset:
            out += np.float32(self.offset)


@dataclass(frozen=True)
class Flags:
    """A file of bits, each of which marks pixels for one reason."""

    layer: Layer
    unfit: int
    """Bits that say that the ground was not seen clear."""
    is_edge: bool = False
    """Whether any bit says that there is no image."""


@dataclass(frozen=True)
class Scene:
    """One date: four bands and, where there are, its class masks."""

    time: datetime
    item: str
    bands: tuple[Layer, ...]
    """blue, green, red, nir."""
    scl: Layer | None = None
    clm: Layer | None = None
    flags: tuple[Flags, ...] = ()

    @property
    def classes(self) -> tuple[Layer, ...]:
        """All that tells what is clear."""
        return tuple(layer for layer in (self.scl, self.clm) if layer) + tuple(one.layer for one in self.flags)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.bands + self.classes


def scenes_of(headers: list[Header], reading: Reading) -> list[Scene]:
    """The dates of a series, in order of time. Raises BadSource, BadBands, BadValues, each with every fault."""
    scenes = [_scene(time, at, reading) for time, at in sort(headers, reading).items()]
    layers = unique((layer for scene in scenes for layer in scene.bands), lambda layer: (layer.path, layer.scale, layer.offset))
    wrong = [f"{_file(layer)}: {fault} ({layer.told_by})" for layer in layers for fault in scaling.wrong(layer.scale, layer.offset)]
    if wrong:
        raise BadValues(faults("numbers cannot become reflectance", wrong, "say --scale and --offset, or correct the tags of the files"))
    return scenes


def _scene(time: datetime, at: dict[str, tuple[Header, int]], reading: Reading) -> Scene:
    bands = tuple(_layer(*at[band], reading) for band in BANDS)
    files = list(dict.fromkeys(at[band][0].name for band in BANDS))
    item = files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    scl, clm = (_layer(*at[name], Reading(scale=1, offset=0)) if name in at else None for name in CLASSES)
    return Scene(time, item, bands, scl, clm)


def _layer(header: Header, position: int, reading: Reading) -> Layer:
    """Scale and offset as given, else by the file's tags, else by the convention: integers are reflectance × 10000."""
    scale, offset = header.scales[position], header.offsets[position]
    tagged = (scale, offset) != (1.0, 0.0)
    told_by = "given" if reading.scale is not None or reading.offset is not None else TAGS if tagged else "assumed"
    if not tagged and "int" in header.dtype:
        scale = 1e-4
    scale = scale if reading.scale is None else reading.scale
    offset = offset if reading.offset is None else reading.offset
    return Layer(header.path, position + 1, header.grid, scale, offset, header.nodata[position], told_by)


def one_grid(scenes: list[Scene], *, align: bool) -> GeoBox:
    """The grid of the first date, which all share unless `align`; raises BadGrid that tells which do not, and how.

    A class mask of coarser pixels over the same ground will do: classes are repeated, nothing is interpolated.
    """
    first = scenes[0].bands[0]
    grid = grids.north_up(first.grid, _file(first))
    wrong: dict[str, None] = {}
    layers = unique((layer for scene in scenes for layer in scene.layers), lambda layer: layer.path)
    for layer in layers:
        how = grids.differences(grid, layer.grid)
        if how and align and None in (grid.crs, layer.grid.crs):
            wrong[f"{_file(layer)} has another grid and no CRS to align it by"] = None
        elif how and not align and not (_is_mask(layer, scenes) and _same_ground(grid, layer.grid)):
            wrong[f"{_file(layer)}: {', '.join(how)}"] = None
    if wrong:
        head = f"{len(wrong)} of {len(layers)} files do not lie on the grid of {_file(first)}"
        raise BadGrid(faults(head, list(wrong), "resample them once with --align, or warp them to one grid first"))
    return grid


def radiometry(scenes: list[Scene]) -> str:
    """How numbers became reflectance, in words."""
    layers = unique((layer for scene in scenes for layer in scene.bands), lambda layer: (layer.scale, layer.offset, layer.told_by))
    words = [f"number × {layer.scale:g} {'-' if layer.offset < 0 else '+'} {abs(layer.offset):g} ({layer.told_by})" for layer in layers]
    return "; ".join(words)


def offset_told_by(scenes: list[Scene]) -> str:
    """Who told the offset, where it was not given, in words."""
    tagged = {layer.told_by == TAGS or layer.offset != 0 for scene in scenes for layer in scene.bands}
    return TAGS if tagged == {True} else f"{TAGS}, of some; else assumed" if True in tagged else "assumed"


def unique(many: Iterable[T], key: Callable[[T], object]) -> list[T]:
    """The first of each kind, in order."""
    return list({key(one): one for one in reversed(list(many))}.values())[::-1]


def _is_mask(layer: Layer, scenes: list[Scene]) -> bool:
    return any(layer in (scene.scl, scene.clm) for scene in scenes)


def _same_ground(grid: GeoBox, other: GeoBox) -> bool:
    """Whether two grids of one CRS have their outer corners in the same place, to a hundredth of the coarser pixel."""
    if grid.crs != other.crs:
        return False
    pixel = max(abs(grid.affine.a), abs(other.affine.a))
    corners = zip(grid.boundingbox, other.boundingbox, strict=True)
    return all(abs(a - b) < pixel / 100 for a, b in corners)


def _file(layer: Layer) -> str:
    return layer.path.rsplit("/", 1)[-1]
