"""Sharp scenes on disk → places: the same ground in one or more years, as reflectance."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from dione.base.bands import BANDS, order_of
from dione.base.errors import BadSource, NotFound, faults
from dione.base.grid import metres, north_up, size_m
from dione.sources.places import listing, shown
from dione.sources.rasters import intact, ownmask
from dione.sources.rasters.gdal import raster

DATE = re.compile(r"(?<!\d)(20\d\d)(?:-?(\d\d)-?(\d\d))?(?:T\d{6})?(?!\d)")


class SceneSet(BaseModel):
    """One kind of sharp imagery, and how its numbers become reflectance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Glob below the data folder: 'vhr-naip/*/*.tif'."""
    sensor: str
    coarse_m: Annotated[float, Field(gt=0, le=1e5)]
    """Ground sampling distance of the simulated input: 10 for VHR, 40 for Sentinel-2's own bands."""
    pixel_m: PositiveFloat | None = None
    """Of the sharp scenes, where their grid does not say it in metres."""
    reflectance: tuple[PositiveFloat, PositiveFloat, PositiveFloat, PositiveFloat] = (1e-4, 1e-4, 1e-4, 1e-4)
    """Of one digital number, blue green red nir."""
    white: PositiveFloat | None = None
    """The largest digital number of display imagery (255): tone is then drawn too, as its curve is unknown."""
    site: Literal["folder", "place"] = "folder"
    """What is split as one: all places of a folder, or each place."""
    draws: PositiveInt = 8
    """Patches simulated from each patch's worth of ground."""
    noise: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Factor on the noise: a pixel of 40 m averages sixteen of 10 m, and has a quarter of their noise."""


NEARLY_SQUARE = 0.3
"""What the sides of a pixel may differ by, as a fraction: pixels of degrees are a fifth narrower than high at 38°, and ground squeezed that much still has its texture."""
ROUNDING_PX = 1.5
"""What scenes of one place may differ by in corner and size."""
FINE_ENOUGH = 0.02
"""How much coarser than wanted the truth's pixel may be, as a fraction."""


@dataclass(frozen=True)
class Place:
    """One footprint, and the files that show it in different years."""

    name: str
    site: str
    files: tuple[str, ...]
    """As rasters open them, here or at s3://."""
    kind: SceneSet


def places(kind: SceneSet, root: str | Path) -> list[Place]:
    """Files that differ in nothing but the dates in their names and folders, grouped; raises NotFound."""
    found: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for file in matching(root, kind.path):
        path = PurePosixPath(file)
        folders = tuple(name for part in path.parent.parts if (name := _undated(part)))
        found[folders, _undated(path.stem) or folders[-1]].append(file)
    if not found:
        raise NotFound(f"no scenes: found nothing at {shown(f'{root}/{kind.path}')}\nneeded sharp GeoTIFFs; name their folder with --data")
    return [Place(name, folders[-1] if kind.site == "folder" else name, tuple(files), kind) for (folders, name), files in found.items()]


def _undated(name: str) -> str:
    return re.sub(r"[_-]{2,}", "_", DATE.sub("", name)).strip("_-")


def matching(root: str | Path, pattern: str) -> list[str]:
    """The files below a folder, here or at s3://, that a pattern finds, in order; none where there is none."""
    try:
        found = listing(f"{str(root).rstrip('/')}/{pattern}")
    except NotFound:
        return []
    return sorted((file.path for file in found), key=lambda path: PurePosixPath(path).parts)


def name_of(file: str) -> str:
    """Its last part."""
    return PurePosixPath(file).name


def ground(place: Place, zoom: int = 4) -> tuple[NDArray[np.float32], float]:
    """(years, band, y, x) reflectance, NaN where there is no data; and fine pixels per coarse pixel.

    Years that differ in shape from the first by a pixel's rounding are cut to the smallest. Raises BadSource with what
    does not fit: no pixel in metres, scenes of one place that differ in pixel, type or place, a pixel too coarse for the zoom.
    """
    read = [image(file, place.kind) for file in place.files]
    wrong = [f"{name_of(f)}: {s.pixel_m:g} m, {s.type}" for f, s in zip(place.files, read, strict=True)]
    if len({(round(scene.pixel_m, 3), scene.type) for scene in read}) > 1:
        raise BadSource(faults(f"{place.name}: scenes of one place need the same pixel and type", wrong, "bring them to one, or give them a [[scenes]] each"))
    if aside := [name_of(f) for f, s in zip(place.files, read, strict=True) if not _same_place(read[0], s)]:
        advice = "scenes whose names differ in their date only are taken for years of one place: give these other names"
        raise BadSource(faults(f"{place.name}: these scenes do not show the ground of {name_of(place.files[0])}", aside, advice))
    fine = place.kind.coarse_m / read[0].pixel_m
    if fine < zoom * (1 - FINE_ENOUGH):
        raise BadSource(
            f"{place.files[0]}: pixel of {read[0].pixel_m:g} m\n"
            f"needs at most {place.kind.coarse_m / zoom:g} m to be truth for {place.kind.coarse_m:g} m made {zoom} times finer; use sharper imagery or a larger coarse_m"
        )
    height, width = (min(scene.pixels.shape[axis] for scene in read) for axis in (1, 2))
    return np.stack([scene.pixels[:, :height, :width] for scene in read]), fine


@dataclass(frozen=True)
class Image:
    """One scene as read."""

    pixels: NDArray[np.float32]
    """(band, y, x) reflectance, blue green red nir; NaN where there is no data."""
    pixel_m: float
    type: str
    """Of its numbers: uint8."""
    crs: str = ""
    corner: tuple[float, float] = (0.0, 0.0)
    """Left and top, pixels."""


def image(file: str, kind: SceneSet) -> Image:
    """Read a scene. No data is what the file says it is, by a number, its mask or its alpha band, and zero in every band. Raises BadSource, or BadBands."""
    with raster(file) as scene:
        order = order_of(list(scene.descriptions), name_of(file))
        picked = [order[band] + 1 for band in BANDS]
        numbers = intact.read(scene, picked, intact.everything(scene)).astype(np.float32)
        alphas = [index for index in ownmask.alphas(scene) if index not in picked]  # a fourth band may be called so, and is near infrared here
        hidden = ownmask.hidden(scene, picked[0], alphas, intact.everything(scene))
        missing = np.array([np.nan if scene.nodatavals[band - 1] is None else scene.nodatavals[band - 1] for band in picked])
        seen = np.isfinite(numbers).all(0) & (numbers != missing[:, None, None]).all(0) & (numbers > 0).any(0) & ~hidden
        crs, a = str(scene.crs or ""), scene.transform
        grid = GeoBox(scene.shape, a, crs or None)
        if crs:
            _square(north_up(grid, shown(file)), file)
        pixel, dtype = kind.pixel_m or _metres(grid, file), scene.dtypes[0]
    reflectance = numbers * np.array(kind.reflectance, np.float32)[:, None, None]
    return Image(np.where(seen, reflectance, np.float32(np.nan)), float(pixel), dtype, crs, (a.c / a.a, a.f / a.e) if crs else (0.0, 0.0))


def _same_place(one: Image, other: Image) -> bool:
    """Whether two scenes begin at the same pixel, give or take one, and are as large but for their last."""
    apart = max(abs(a - b) for a, b in zip(one.corner, other.corner, strict=True))
    larger = max(abs(a - b) for a, b in zip(one.pixels.shape[1:], other.pixels.shape[1:], strict=True))
    return one.crs == other.crs and apart <= ROUNDING_PX and larger <= ROUNDING_PX


def _metres(grid: GeoBox, file: str) -> float:
    """Pixel of a scene whose grid is in metres."""
    if grid.crs is None or not grid.crs.projected:
        found = "no CRS" if grid.crs is None else f"{grid.crs}, which is in degrees"
        raise BadSource(f"{file} has {found}: the size of its pixel is not known\nreproject it to metres (gdalwarp -t_srs), or give pixel_m in the recipe")
    return size_m(grid) or 0.0


def _square(grid: GeoBox, file: str) -> None:
    """Raise BadSource for pixels that are no squares of ground: those of degrees are, where they are wider than high."""
    across, along = metres(grid) or (1.0, 1.0)
    wide, high = grid.affine.a * across, -grid.affine.e * along
    if abs(wide / high - 1) > NEARLY_SQUARE:
        raise BadSource(
            f"{file} has pixels of {wide:.4g} × {high:.4g} m, needs square ones\nwarp it first, e.g. gdalwarp -t_srs EPSG:32631 -tr {wide:.4g} {wide:.4g}"
        )


def windows(image: NDArray[np.float32], side: int, draws: int, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Random windows (years, band, ≤ side, ≤ side), `draws` for each side² of ground, and which years they show.

    Years with a missing pixel in a window are left out of it.
    """
    height, width = image.shape[-2:]
    tall, wide = min(side, height), min(side, width)
    count = max(1, round(height * width / side**2)) * draws
    for _ in range(count):
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        cut = image[..., top : top + tall, left : left + wide]
        years = np.flatnonzero(np.isfinite(cut).all((1, 2, 3)))
        if len(years):
            yield cut[years], years


def blocks(image: NDArray[np.float32], side: int, gap: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """(years, band, y, x) in squares of about `side` pixels and their names, `gap` pixels apart; one square if it is no larger."""
    height, width = image.shape[-2:]
    down, across = max(1, round(height / side)), max(1, round(width / side))
    if down * across == 1:
        yield "", image
        return
    rows, columns = (np.linspace(0, size, parts + 1).round().astype(int) for size, parts in ((height, down), (width, across)))
    half = (gap + 1) // 2
    for row in range(down):
        for column in range(across):
            top, left = rows[row] + half * (row > 0), columns[column] + half * (column > 0)
            bottom, right = rows[row + 1] - half * (row < down - 1), columns[column + 1] - half * (column < across - 1)
            yield f"#{row}-{column}", image[..., top:bottom, left:right]
