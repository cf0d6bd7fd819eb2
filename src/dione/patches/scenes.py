"""Sharp scenes on disk → places: the same ground in one or more years, as reflectance."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dione.base.bands import BANDS, order_of
from dione.base.errors import BadSource, NotFound, faults

DATE = re.compile(r"(?<!\d)(20\d\d)(?:-?(\d\d)-?(\d\d))?(?:T\d{6})?(?!\d)")


class SceneSet(BaseModel):
    """One kind of sharp imagery, and how its numbers become reflectance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Glob below the data folder: 'vhr-naip/*/*.tif'."""
    sensor: str
    coarse_m: float
    """Ground sampling distance of the simulated input: 10 for VHR, 40 for Sentinel-2's own bands."""
    pixel_m: float | None = None
    """Of the sharp scenes, where their grid does not say it in metres."""
    reflectance: tuple[float, float, float, float] = (1e-4, 1e-4, 1e-4, 1e-4)
    """Of one digital number, blue green red nir."""
    white: float | None = None
    """The largest digital number of display imagery (255): tone is then drawn too, as its curve is unknown."""
    site: Literal["folder", "place"] = "folder"
    """What is split as one: all places of a folder, or each place."""
    draws: int = 8
    """Patches simulated from each patch's worth of ground."""


@dataclass(frozen=True)
class Place:
    """One footprint, and the files that show it in different years."""

    name: str
    site: str
    files: tuple[Path, ...]
    kind: SceneSet


def places(kind: SceneSet, root: Path) -> list[Place]:
    """Files that differ in nothing but their date, grouped; raises NotFound."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for file in sorted(root.glob(kind.path)):
        name = re.sub(r"[_-]{2,}", "_", DATE.sub("", file.stem)).strip("_-") or file.parent.name
        found[file.parent.name, name].append(file)
    if not found:
        raise NotFound(f"no scenes: found nothing at {root / kind.path}\nneeded sharp GeoTIFFs; name their folder with --data")
    return [Place(name, folder if kind.site == "folder" else name, tuple(files), kind) for (folder, name), files in found.items()]


def ground(place: Place) -> tuple[NDArray[np.float32], float]:
    """(years, band, y, x) reflectance, NaN where there is no data; and fine pixels per coarse pixel.

    Years that differ in shape from the first by a pixel's rounding are cut to the smallest. Raises BadSource.
    """
    read = [_scene(file, place.kind) for file in place.files]
    height, width = (min(image.shape[axis] for image, _ in read) for axis in (1, 2))
    pixels = {round(pixel, 3) for _, pixel in read}
    if len(pixels) > 1:
        raise BadSource(
            faults(f"{place.name}: scenes of one place with different pixels", [f"{f.name}: {p:g} m" for f, (_, p) in zip(place.files, read, strict=True)])
        )
    fine = place.kind.coarse_m / read[0][1]
    if fine < 2:
        raise BadSource(
            f"{place.files[0]}: pixel of {read[0][1]:g} m\nneeds at most half of the input's {place.kind.coarse_m:g} m; use sharper imagery or a larger coarse_m"
        )
    return np.stack([image[:, :height, :width] for image, _ in read]), fine


def _scene(file: Path, kind: SceneSet) -> tuple[NDArray[np.float32], float]:
    try:
        with rasterio.open(file) as scene:
            order = order_of(list(scene.descriptions), file.name)
            numbers = scene.read([order[band] + 1 for band in BANDS]).astype(np.float32)
            pixel = kind.pixel_m or abs(scene.transform.a)
    except rasterio.RasterioIOError as error:
        raise BadSource(f"{file} cannot be read: {error}") from error
    numbers[:, (numbers <= 0).all(0)] = np.nan
    return numbers * np.array(kind.reflectance, np.float32)[:, None, None], float(pixel)


def windows(image: NDArray[np.float32], side: int, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """Random windows (years, band, ≤ side, ≤ side) without missing pixels: `draws` for each side² of ground."""
    height, width = image.shape[-2:]
    tall, wide = min(side, height), min(side, width)
    count = max(1, round(height * width / side**2)) * draws
    for _ in range(count):
        top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
        cut = image[..., top : top + tall, left : left + wide]
        if np.isfinite(cut).all():
            yield cut
