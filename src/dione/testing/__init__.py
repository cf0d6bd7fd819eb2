"""A made-up world whose answer is known: sharp truth → shifted, blurred, noisy, clouded dates.

truth = landscape((48, 60), seed=1)                  # 2.5 m, parcels, roads, houses
made = series(truth, days=5, cloud=0.2, seed=2)      # made.stack: what Sentinel-2 would have seen
write_geotiffs(made.stack, folder)                   # the same as files a user would have
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from dione.base import optics, stack, when
from dione.testing import rasters

Array = NDArray[np.float32]

SPECTRA = np.array(
    [  # blue, green, red, nir: typical surface reflectances of the land covers below
        [0.03, 0.06, 0.03, 0.42],  # meadow
        [0.03, 0.05, 0.04, 0.30],  # forest
        [0.09, 0.12, 0.16, 0.26],  # bare soil
        [0.05, 0.09, 0.08, 0.34],  # crop
        [0.04, 0.04, 0.03, 0.02],  # water
        [0.14, 0.15, 0.17, 0.21],  # settled ground
    ],
    dtype=np.float32,
)
ROAD, ROOF = np.array([0.11, 0.12, 0.13, 0.16], np.float32), np.array([0.20, 0.19, 0.22, 0.27], np.float32)


@dataclass(frozen=True)
class Sensor:
    """What stands between the ground and a 10 m pixel."""

    modulation: float = optics.NYQUIST_MODULATION
    """Left at the Nyquist frequency."""
    noise: float = 0.001
    """Deviation of each pixel, reflectance."""
    shift_px: float = 0.3
    """Largest error of registration of a date, in 10 m pixels, each axis."""
    gain: float = 0.03
    """Deviation of the gain of a date and band."""


@dataclass(frozen=True)
class Series:
    """A Stack and the truth behind it."""

    stack: xr.Dataset
    truth: Array
    """(time, band, zoom·y, zoom·x) sharp reflectance, without cloud, noise, gain or shift."""
    shifts: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    """(time, 2) where each date's grid really stood, rows and columns in 10 m pixels."""


def landscape(shape: tuple[int, int], *, zoom: int = 4, seed: int = 0) -> Array:
    """Sharp reflectance (band, zoom·height, zoom·width): parcels of land cover, rows of houses, roads, texture."""
    rng = np.random.default_rng(seed)
    height, width = (side * zoom for side in shape)
    parcels = max(4, height * width // 1500)
    centres = rng.uniform((0, 0), (height, width), (parcels, 2))
    rows, columns = np.mgrid[:height, :width]
    from scipy.spatial import cKDTree

    nearest = cKDTree(centres).query(np.stack([rows, columns], -1).reshape(-1, 2))[1].reshape(height, width)
    cover = rng.choice(len(SPECTRA), parcels, p=[0.25, 0.2, 0.15, 0.2, 0.05, 0.15])
    tint = rng.uniform(0.75, 1.25, (parcels, 1)).astype(np.float32)
    image = np.moveaxis((SPECTRA[cover] * tint)[nearest], -1, 0).copy()
    image *= 1 + 0.12 * _texture((height, width), rng)
    for _ in range(max(1, parcels // 20)):
        angle, through = rng.uniform(0, np.pi), rng.uniform((0, 0), (height, width))
        distance = (rows - through[0]) * np.cos(angle) + (columns - through[1]) * np.sin(angle)
        image[:, np.abs(distance) < rng.uniform(1, 3)] = ROAD[:, None]
    for place in np.flatnonzero(cover == len(SPECTRA) - 1):
        for y, x in centres[place] + rng.normal(0, 12, (6, 2)):
            top, left, side = int(y), int(x), int(rng.integers(3, 8))
            image[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = ROOF[:, None, None]
    return np.clip(image, 0.005, 0.9).astype(np.float32)


def changed(truth: Array, *, fraction: float = 0.1, seed: int = 0) -> Array:
    """The same landscape another year: blobs that cover about `fraction` of it took another land cover."""
    rng = np.random.default_rng(seed)
    field_ = ndimage.gaussian_filter(rng.standard_normal(truth.shape[1:]), 12)
    mask = field_ > np.quantile(field_, 1 - fraction)
    out = truth.copy()
    out[:, mask] = SPECTRA[rng.integers(len(SPECTRA))][:, None] * (1 + 0.1 * _texture(truth.shape[1:], rng)[mask])
    return np.clip(out, 0.005, 0.9)


def observe(truth: Array, sensor: Sensor = Sensor(), *, zoom: int = 4, shift: tuple[float, float] = (0, 0), rng: np.random.Generator) -> Array:
    """One date (band, y, x) of `truth` as the sensor sees it: blurred, sampled, gained, noisy; shift in 10 m pixels."""
    height, width = (side // zoom for side in truth.shape[1:])
    rows = optics.sampling(height, truth.shape[1], zoom, shift_px=shift[0], modulation=sensor.modulation)
    columns = optics.sampling(width, truth.shape[2], zoom, shift_px=shift[1], modulation=sensor.modulation)
    seen = rows @ truth @ columns.T
    seen = seen * (1 + sensor.gain * rng.standard_normal((len(truth), 1, 1))) + sensor.noise * rng.standard_normal(seen.shape)
    return np.clip(seen, 0.0001, 1.5).astype(np.float32)


def clouds(shape: tuple[int, int], fraction: float, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask (y, x), True where a cloud stands, covering about `fraction`."""
    if fraction <= 0:
        return np.zeros(shape, bool)
    height_field = ndimage.gaussian_filter(rng.standard_normal(shape), min(shape) / 8 + 1, mode="wrap")
    return height_field >= np.quantile(height_field, 1 - fraction)


def series(
    truth: Array, *, days: int = 5, cloud: float = 0.0, change: float = 0.0, sensor: Sensor = Sensor(), zoom: int = 4, seed: int = 0, grid: GeoBox | None = None
) -> Series:
    """What the sensor sees of `truth` on `days` dates: a Stack with its truth.

    cloud: fraction of each date under cloud (bright, and marked invalid); the last date, usually the target, has them too.
    change: fraction of the landscape that is another land cover on the first half of the dates.
    The last date stands exactly on the grid; the others are shifted by up to `sensor.shift_px`.
    """
    rng = np.random.default_rng(seed)
    shape = (truth.shape[1] // zoom, truth.shape[2] // zoom)
    before = changed(truth, fraction=change, seed=seed) if change else truth
    truths = [before if change and day < days // 2 else truth for day in range(days)]
    shifts = rng.uniform(-1, 1, (days, 2)) * sensor.shift_px
    shifts[-1] = 0
    seen = np.stack([observe(t, sensor, zoom=zoom, shift=tuple(s), rng=rng) for t, s in zip(truths, shifts, strict=True)])
    cloudy = np.stack([clouds(shape, cloud, rng=rng) for _ in range(days)])
    seen = np.where(cloudy[:, None], np.float32(0.6) + 0.1 * rng.random(seen.shape, np.float32), seen)
    times = np.datetime64("2024-05-01T10:30", "ns") + np.arange(days) * np.timedelta64(5, "D")
    made = stack.make(seen, ~cloudy, list(times), grid or grid_at(shape), items=[f"made-up {day}" for day in range(days)], source="made up")
    return Series(made, np.stack(truths), shifts)


def grid_at(shape: tuple[int, int], *, crs: str | None = "EPSG:32631", left: float = 355_000, top: float = 4_832_000, pixel: float = 10) -> GeoBox:
    """A coarse grid of `shape` with its corner at (left, top)."""
    return GeoBox(shape, Affine(pixel, 0, left, 0, -pixel, top), crs)


def write_geotiffs(made: xr.Dataset, folder: Path, *, names: tuple[str, ...] | None = ("B02", "B03", "B04", "B08"), tags: bool = True) -> Path:
    """A Stack as a folder of GeoTIFFs a user would have: uint16 × 10000, one file a date, nodata 0 where invalid."""
    grid = stack.grid_of(made)
    for day, (_, date) in zip(when.days(made), made.groupby("time", squeeze=False), strict=True):
        numbers = np.clip(np.round(date["reflectance"].values[0] * 1e4), 1, 65535)
        numbers = np.where(date["valid"].values, numbers, 0).astype(np.uint16)
        rasters.write(folder / f"{day}.tif", numbers, grid, bands=names or (), scale=1e-4 if tags else None, nodata=0, compress="deflate")
    return folder


def still(sensor: Sensor = Sensor()) -> Sensor:
    """The same sensor without noise, gain or shift: what is left is blur alone."""
    return replace(sensor, noise=0, gain=0, shift_px=0)


def _texture(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Fractal noise of unit deviation."""
    scales = (0.7, 2, 6)
    layers = [ndimage.gaussian_filter(rng.standard_normal(shape), s) * s for s in scales]
    total = np.sum(layers, axis=0)
    return total / total.std()
