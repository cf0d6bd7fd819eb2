"""What a folder of results has to show on a map: its dates, each with its files, and how they are painted."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio import DatasetReader
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from dione.base.errors import BadGrid, BadSource, NotFound, faults
from dione.prediction.looks import picture
from dione.prediction.looks.picture import FALSE_COLOUR, TRUE_COLOUR, Tone
from dione.sources.rasters.gdal import raster

Bounds = tuple[float, float, float, float]
"""West, south, east, north; degrees, the east beyond 180 where results lie across the antimeridian."""
NAMED = re.compile(r"(\d{4}-\d{2}-\d{2}(?:T\d{6})?)_sr\.(?:tif|vrt)")


@dataclass(frozen=True)
class Shown:
    """One sharpened date."""

    name: str
    """2018-08-15, or with its time of day."""
    sr: Path
    sigma: Path | None
    input: Path | None
    """The same date at 10 m."""
    support: Path | None
    """Where its detail comes from, a map of classes."""
    tones: dict[str, Tone]
    """By colours: true, false, ndvi."""


@dataclass(frozen=True)
class Gallery:
    """A folder of results."""

    folder: Path
    dates: dict[str, Shown]
    """By name, in time."""
    bounds: Bounds
    worst: float
    """1σ drawn strongest."""


def gallery(folder: Path) -> Gallery:
    """What `folder` has to show; links that lead out of it are left out.

    Raises NotFound (no results there), BadSource (a file that cannot be read), BadGrid (no place on earth).
    """
    home = folder.resolve()
    found = sorted((match[1], path) for path in home.glob("*_sr.*") if (match := NAMED.fullmatch(path.name)) and _inside(path, home))
    if not found:
        raise NotFound(f"{folder} has no results: no file such as 2024-05-21_sr.tif\nmake some first: dione predict SOURCE -o {folder}")
    bounds = _bounds([path for _, path in found])
    try:
        dates = {name: _shown(name, path, home) for name, path in found}
        sigmas = [picture.read(date.sigma, about=picture.LOOK_PX) for date in dates.values() if date.sigma]
    except RasterioError as error:
        raise BadSource(f"{folder} has a file that cannot be read: {error}\nremove it, or predict again with --fresh") from error
    return Gallery(home, dates, bounds, _worst(sigmas))


def _shown(name: str, path: Path, home: Path) -> Shown:
    sigma, source, support = (_beside(path.with_name(f"{name}_{what}{path.suffix}"), home) for what in ("sigma", "input", "support"))
    values = picture.read(path, about=picture.LOOK_PX)
    tones: dict[str, Tone] = {"true": picture.stretch(values, TRUE_COLOUR), "false": picture.stretch(values, FALSE_COLOUR), "ndvi": picture.Greenness()}
    return Shown(name, path, sigma, source, support, tones)


def _beside(path: Path, home: Path) -> Path | None:
    """The file, known to be a GeoTIFF or tiles of ours; None if there is none."""
    if not path.is_file() or not _inside(path, home):
        return None
    with raster(str(path)) as file:
        _check_form(path, file)
    return path


def _check_form(path: Path, file: DatasetReader) -> None:
    """Raise BadSource for a raster that cannot be painted as one of ours."""
    support = path.stem.endswith("_support")
    bands, kinds, needed = (1, "ui", "a band of whole numbers") if support else (4, "uif", "4 bands of real numbers")
    found = ""
    if file.count < bands or any(np.dtype(dtype).kind not in kinds for dtype in file.dtypes):
        found = f"its numbers are {file.count} × {file.dtypes[0]}, needs {needed}"
    elif file.transform.is_degenerate:
        found = "its pixels have no size"
    if found:
        raise BadSource(f"{path} is no file of `dione predict`: {found}\nremove it, or predict again with --fresh")


def _inside(path: Path, home: Path) -> bool:
    """Whether a file lies in the folder, whatever links lead there."""
    return path.resolve().is_relative_to(home)


def _bounds(paths: list[Path]) -> Bounds:
    boxes, wrong = [], []
    for path in paths:
        with raster(str(path)) as file:
            _check_form(path, file)
            if file.crs is None:
                wrong.append(f"{path.name} has no CRS")
            else:
                west, south, east, north = transform_bounds(file.crs, "EPSG:4326", *file.bounds)
                boxes.append((west, south, east + 360 * (east < west), north))
    if wrong:
        raise BadGrid(faults("there is no map without a place on earth", wrong, "look at report.html instead, which needs none"))
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _worst(sigmas: list[picture.Array]) -> float:
    seen = np.concatenate([np.zeros(0), *(values.mean(0)[np.isfinite(values).all(0)] for values in sigmas)])
    return float(f"{np.percentile(seen, 99):.2g}") if seen.size else 0.0
