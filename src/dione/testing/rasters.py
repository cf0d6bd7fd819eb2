"""Rasters of the made-up world, as other programs write them."""

from pathlib import Path
from typing import Any

import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox


def write(path: Path, numbers: NDArray[Any], grid: GeoBox, *, bands: tuple[str, ...] = (), scale: float | None = None, **options: Any) -> Path:
    """Numbers (y, x) or (band, y, x) on their grid, in a folder that is made.

    bands: their names. scale: to reflectance, with an offset of 0. options: of rasterio's, by default those of a plain GeoTIFF.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = numbers.reshape(-1, *grid.shape)
    form = dict(driver="GTiff", count=len(layers), height=grid.shape[0], width=grid.shape[1], dtype=numbers.dtype)
    place = dict(transform=grid.affine, crs=None if grid.crs is None else str(grid.crs))
    with rasterio.open(path, "w", **form | place | options) as file:
        file.write(layers)
        if bands:
            file.descriptions = bands
        if scale is not None:
            file.scales, file.offsets = (scale,) * len(layers), (0.0,) * len(layers)
    return path
