"""Rasters of a series, as files."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

BANDS = ("B02", "B03", "B04", "B08")


def write(
    path: Path, numbers: np.ndarray, *, names: tuple[str | None, ...] = (), transform: Affine = Affine(10, 0, 355_000, 0, -10, 4_832_000), **options: object
) -> Path:
    """A raster (band, y, x) as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = numbers.shape
    profile = {"driver": "GTiff", "crs": "EPSG:32631", **options}
    scales, offsets = profile.pop("scales", None), profile.pop("offsets", None)
    with rasterio.open(path, "w", count=count, height=height, width=width, dtype=numbers.dtype, transform=transform, **profile) as file:
        if names:
            file.descriptions = names
        if scales is not None:
            file.scales, file.offsets = scales, offsets
        file.write(numbers)
    return path


def numbers(shape: tuple[int, int] = (12, 15), *, bands: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(200, 4000, (bands, *shape)).astype(np.uint16)
