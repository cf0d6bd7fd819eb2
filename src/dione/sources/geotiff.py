"""GeoTIFFs (and JPEG 2000) as a Stack: one multiband file a date, or one file a band a date."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import grid as grids
from dione.base import stack, when
from dione.base.errors import BadSource, NotFound
from dione.base.windows import Window
from dione.sources.places import File, listing, shown, some, state, system
from dione.sources.rasters import headers, intact, names, ownmask, sampling
from dione.sources.rasters.footing import around
from dione.sources.rasters.openfiles import kept
from dione.sources.rasters.sorting import Reading
from dione.sources.stacks import decoding, lazy
from dione.sources.stacks.scenes import Layer, Scene, offset_told_by, one_grid, radiometry, scenes_of

log = logging.getLogger(__name__)

ENDINGS = (".tif", ".tiff", ".jp2")
NO_CLASS = 99
"""What SCL and CLM say beyond their edges: neither knows it, so that it is not clear."""


def open(
    path: str | Path,
    *,
    bands: Sequence[str] | None = None,
    pattern: str | None = None,
    date: str | None = None,
    scale: float | None = None,
    offset: float | None = None,
    align: bool = False,
) -> xr.Dataset:
    """A Stack of a folder of GeoTIFFs, a glob pattern (`series/*_10m.tif`) or one file; only headers are read now.

    bands: names in the file's order where band descriptions do not tell; "-" skips one, "scl" and "clm" are masks.
    pattern: where names tell the date (and band), see `dione.sources.rasters.names`; files that do not fit are left out.
    date: YYYY-MM-DD of a file whose name has none.
    scale, offset: reflectance is number × scale + offset; else by the files' tags; else integers are taken as
        reflectance × 10000 and floats as reflectance. What was done stands in the Stack's attribute `radiometry`.
    align: resample dates that lie on other grids onto the first date's, once (cubic; masks by nearest neighbour).

    A pixel is valid where no band has the file's nodata value or is not finite, the file's mask or alpha band is not 0,
    not all bands are 0, reflectance is possible, and SCL or CLM (bands, or files of the same date) say clear.
    Raises NotFound, BadSource, BadBands, BadGrid, BadValues; reading pixels later may raise BadSource.
    """
    return of_files(_rasters(path, pattern), Reading(tuple(bands) if bands else None, pattern, _day(date), scale, offset), path, align=align)


def of_files(files: list[File], reading: Reading, path: str | Path, *, align: bool = False) -> xr.Dataset:
    """The same of files that were found at `path`."""
    scenes = scenes_of(headers.read_all(files), reading)
    grid = one_grid(scenes, align=align)
    if grid.crs is None:
        log.warning("%s has no CRS: the result will have none either, and cannot be placed on a map", shown(path))
    reflectance, valid = lazy.arrays(Files(tuple(scenes), grid))
    notes = {"source": shown(path), "radiometry": radiometry(scenes), "offset_told_by": "given" if reading.offset is not None else offset_told_by(scenes)}
    made = stack.make(reflectance, valid, [scene.time for scene in scenes], grid, items=[scene.item for scene in scenes], **notes)
    made.encoding[stack.VERSIONS] = state(files)
    return made


def _rasters(path: str | Path, pattern: str | None) -> list[File]:
    """The files that may be of the series: rasters by their ending, but no companions, and those that fit the pattern."""
    found = listing(path, depth=2)
    rasters = [f for f in found if f.name.lower().endswith(ENDINGS)] if len(found) > 1 else found
    if any("/" not in f.name for f in rasters):
        rasters = [f for f in rasters if "/" not in f.name] if _is_folder(path) else rasters
    if not rasters:
        raise NotFound(f"no GeoTIFF in {shown(path)}; it holds {some([f.name for f in found])}\nneeds files ending in {', '.join(ENDINGS)}")
    if pattern:
        rule = names.expression(pattern)
        fitting = [f for f in rasters if names.match(f.name, rule)]
        if not fitting:
            held = some([f.name for f in rasters])
            raise NotFound(f"none of {len(rasters)} files in {shown(path)} fits the pattern '{pattern}': {held}\n* stands for anything, %Y %m %d for the date")
        return fitting
    return [f for f in rasters if (names.band_in(f.name) or "").lower() not in names.COMPANIONS]


def _is_folder(path: str | Path) -> bool:
    """Whether it is one, or else a pattern: a folder may have brackets in its name."""
    fs, inside = system(path)
    return bool(fs.isdir(inside))


def _day(date: str | None) -> datetime | None:
    try:
        return when.utc(datetime.fromisoformat(date)) if date else None
    except ValueError as error:
        raise BadSource(f"date is {date!r}, needs YYYY-MM-DD") from error


@dataclass(frozen=True)
class Files:
    """Reads windows of scenes on one grid."""

    scenes: tuple[Scene, ...]
    grid: GeoBox

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.scenes), *self.grid.shape

    def read(self, date: int, window: Window) -> lazy.Pixels:
        scene = self.scenes[date]
        numbers, hidden = self._numbers(scene, window)
        bands = [numbers[layer] for layer in scene.bands]
        lost = decoding.missing(bands, scene.bands) | hidden
        reflectance = decoding.reflectance(bands, scene.bands, lost)
        scl, clm = (numbers[layer] if layer else None for layer in (scene.scl, scene.clm))
        return reflectance, decoding.clear(lost, reflectance, scl=scl, clm=clm)

    def _numbers(self, scene: Scene, window: Window) -> tuple[dict[Layer, NDArray[Any]], decoding.Mask]:
        """The numbers of each layer, and where a file's own mask hides its image; each file is opened once for all its layers."""
        by_file: dict[tuple[str, bool], list[Layer]] = defaultdict(list)
        for layer in scene.layers:
            by_file[layer.path, layer in scene.bands].append(layer)
        taken = {(layer.path, layer.index) for layer in scene.layers}
        found: dict[Layer, NDArray[Any]] = {}
        hidden = np.zeros(window.shape, bool)
        for (path, is_image), layers in by_file.items():
            with kept(path) as file:
                alphas = [index for index in ownmask.alphas(file) if is_image and (path, index) not in taken]
                if not grids.same(self.grid, layers[0].grid):
                    found |= dict(zip(layers, self._placed(file, layers, window, alphas if is_image else None), strict=True))
                    continue
                found |= dict(zip(layers, intact.read(file, [layer.index for layer in layers], window), strict=True))
                if is_image:
                    hidden |= ownmask.hidden(file, layers[0].index, alphas, window)
        return found, hidden

    def _placed(self, file: rasterio.DatasetReader, layers: list[Layer], window: Window, alphas: list[int] | None) -> NDArray[Any]:
        """The numbers of a file on another grid, brought to this one: an image as floats, NaN where there is none; classes (alphas: None) as they are."""
        is_image = alphas is not None
        raster, ratio = sampling.no_finer(layers[0].grid, self.grid) if is_image else (layers[0].grid, 1)
        part = around(raster, self.grid, window)
        if part is None:
            return np.full((len(layers), *window.shape), np.nan if is_image else NO_CLASS, np.float32 if is_image else np.uint8)
        read = intact.read(file, [layer.index for layer in layers], part.zoomed(ratio))
        at = sampling.places(raster, self.grid, window)
        if alphas is None:
            return np.stack([sampling.nearest(classes, part, at, beyond=NO_CLASS) for classes in read])
        lost = decoding.missing(list(read), layers) | ownmask.hidden(file, layers[0].index, alphas, part.zoomed(ratio))
        seen = sampling.averaged(np.where(lost, np.float32(np.nan), read.astype(np.float32)), ratio)
        return np.stack([sampling.image(band, part, at, raster, self.grid) for band in seen])
