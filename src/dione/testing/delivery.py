"""A made-up delivery of a VHR sensor over the made-up world, with everything that was planted in it.

made = deliver(folder, shape=(24, 30))      # 24 × 30 pixels of 10 m
made.series                                 # what Sentinel-2 saw of the same ground
made.scenes[0].gain, .shift_m, .cloud       # what a reader has to find again

folder/DE2_PM4_L1C_20240512T105000/DE2_MS4_….dim + .tif     nir, red, green, blue at 4 m
                                   DE2_PAN_….dim + .tif     0.56–0.9 µm at 1 m
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import optics, radiance
from dione.testing import Array, Series, clouds, grid_at, landscape, rasters, series
from dione.testing.dimap import Raster, write_dim

PAN_M, MS_M, S2_M = 1, 4, 10
ESUN = (1960.0, 1853.0, 1535.0, 1060.0)
"""Irradiance of the sun in blue, green, red, nir, W m⁻² µm⁻¹."""
PAN_ESUN = 1380.0
PAN_WEIGHTS = np.array([0.02, 0.23, 0.35, 0.40], np.float32)
"""What each band lends to the panchromatic one."""
GAINS, PAN_GAIN = np.array([0.16, 0.15, 0.12, 0.14]), 0.13
BIASES, PAN_BIAS = np.array([1.2, 0.8, 0.5, 0.3]), 0.4
HAZE = np.array([0.020, 0.012, 0.006, 0.002])
"""Reflectance that the air adds, in the clearest scene."""
CLOUDS = (0.0, 0.05, 0.3, 0.5)
STARTS = (datetime(2024, 5, 12, 10, 50, 1), datetime(2024, 5, 23, 10, 48, 12), datetime(2024, 6, 2, 10, 52, 40), datetime(2024, 6, 9, 10, 51, 7))


@dataclass(frozen=True)
class Planted:
    """One scene and what was put into it. Bands: blue, green, red, nir."""

    folder: Path
    ms: Path
    """The `.dim` of the multispectral raster."""
    pan: Path
    time: datetime
    gain: NDArray[np.float64]
    bias: NDArray[np.float64]
    pan_gain: float
    pan_bias: float
    sun_elevation: float
    shift_m: tuple[float, float]
    """How far the orthorectification is off: the image shows the ground this much further south and east."""
    haze: NDArray[np.float64]
    """(band,) added to the reflectance of the ground."""
    sharp: Array
    """(band, y, x) at 1 m: reflectance as the perfect sensor would deliver it, clouds, haze and shift included."""
    cloud: NDArray[np.bool_]
    """(y, x) at 4 m."""
    seen: NDArray[np.bool_]
    """(y, x) at 4 m: where the raster holds data."""
    other: NDArray[np.bool_]
    """(y, x) at 1 m: where it shows ground that Sentinel-2 never saw; a reference there is wrong."""

    @property
    def reflectance(self) -> Array:
        """(band, y, x) at 4 m, blurred as the sensor blurs."""
        return _blurred(self.sharp, MS_M)


@dataclass(frozen=True)
class Delivered:
    """A folder of scenes, Sentinel-2's series over the same ground, and the ground itself."""

    folder: Path
    series: Series
    scenes: tuple[Planted, ...]
    ground: Array
    """(band, y, x) reflectance at 1 m, at the time of the last dates."""


def deliver(folder: Path, *, shape: tuple[int, int] = (24, 30), scenes: int = 4, days: int = 8, seed: int = 0, other: float = 0.0) -> Delivered:
    """Write `scenes` made-up scenes of `shape` pixels of 10 m; both sides have to be even, so that 4 m fit.

    The clouds of each scene cover the fractions CLOUDS; orthorectification is up to 6 m off; one edge holds no data.
    other: the share of the last of the clear scenes, from its right, that shows other ground.
    """
    rng = np.random.default_rng(seed)
    ground = np.minimum(landscape(shape, zoom=S2_M, seed=seed), 0.24 + 0.3 * (np.arange(4) == 3)[:, None, None]).astype(np.float32)
    seen = series(ground, days=days, cloud=0.1, zoom=S2_M, seed=seed + 1)
    strange = landscape(shape, zoom=S2_M, seed=seed + 1000)
    wrong = np.broadcast_to(np.arange(ground.shape[2]) >= ground.shape[2] * (1 - other), ground.shape[1:])
    spoiled = np.where(wrong, np.minimum(strange, ground.max((1, 2), keepdims=True)), ground)
    grounds = [(spoiled, wrong) if other and at == 1 else (ground, np.zeros_like(wrong)) for at in range(scenes)]
    made = tuple(_scene(folder, *grounds[at], at, rng=rng) for at in range(scenes))
    return Delivered(folder, seen, made, ground)


def _scene(folder: Path, ground: Array, other: NDArray[np.bool_], at: int, *, rng: np.random.Generator) -> Planted:
    start = STARTS[at % len(STARTS)] + timedelta(days=40 * (at // len(STARTS)))
    shift = (float(rng.uniform(-6, 6)), float(rng.uniform(-6, 6)))
    haze = HAZE * (1 + 0.2 * at)
    height, width = ground.shape[1:]
    coarse = clouds((height // MS_M, width // MS_M), CLOUDS[at % len(CLOUDS)], rng=rng)
    cloud = coarse.repeat(MS_M, 0).repeat(MS_M, 1)
    moved = _moved(ground, shift) + haze[:, None, None].astype(np.float32)
    sharp = np.where(cloud, np.float32(0.65) + np.float32(0.02) * rng.standard_normal(cloud.shape).astype(np.float32), moved)
    gain, bias = GAINS * rng.uniform(0.9, 1.1, 4), BIASES * rng.uniform(0.8, 1.2, 4)
    pan_gain, pan_bias = float(PAN_GAIN * rng.uniform(0.9, 1.1)), PAN_BIAS
    sun = 34.0 + 2 * at
    present = np.ones(coarse.shape, bool)
    present[:, : 1 + at] = False
    place = folder / f"DE2_PM4_L1C_{start:%Y%m%dT%H%M%S}"
    code = f"L1C_000000_{start:%Y%m%dT%H%M%S}_{start + timedelta(seconds=3):%Y%m%dT%H%M%S}_DE2_{20000 + at}"
    ms = _write(place / f"DE2_MS4_{code}_M{at:03d}.dim", _blurred(sharp, MS_M), present, Shot(start, sun, MS_M, ESUN, gain, bias))
    pan = np.tensordot(PAN_WEIGHTS, sharp, 1)[None]
    shot = Shot(start, sun, PAN_M, (PAN_ESUN,), np.array([pan_gain]), np.array([pan_bias]))
    pan_dim = _write(place / f"DE2_PAN_{code}_P{at:03d}.dim", pan, present.repeat(MS_M, 0).repeat(MS_M, 1), shot)
    return Planted(place, ms, pan_dim, start, gain, bias, pan_gain, pan_bias, sun, shift, haze, sharp, coarse, present, other)


@dataclass(frozen=True)
class Shot:
    """When a raster was taken and how numbers stand for radiance; one value a band."""

    start: datetime
    sun_elevation: float
    pixel_m: int
    esun: tuple[float, ...]
    gain: NDArray[np.float64]
    bias: NDArray[np.float64]

    def numbers(self, reflectance: Array) -> NDArray[np.float64]:
        """Digital numbers (band, y, x), 12 bits, 1 for the darkest."""
        white = radiance.white(self.esun, self.sun_elevation, radiance.earth_sun_distance_au(self.start))
        return np.clip(np.round((reflectance * white[:, None, None] - self.bias[:, None, None]) / self.gain[:, None, None]), 1, 4095)


def _write(path: Path, image: Array, there: NDArray[np.bool_], shot: Shot) -> Path:
    """One raster and its `.dim`; bands are written in the order of deliveries: nir first, blue last."""
    numbers = (shot.numbers(image) * there)[::-1]
    grid = _grid(image.shape[1:], shot.pixel_m)
    tiled: dict[str, Any] = dict(compress="deflate", tiled=True, blockxsize=256, blockysize=256)
    rasters.write(path.with_suffix(".tif"), numbers.astype(np.uint16), grid, nodata=0, **tiled)
    kept = [band[there] for band in numbers]
    seen = tuple((float(band.min()), float(band.max()), float(band.mean()), float(band.std())) for band in kept)
    told = Raster(path.with_suffix(".tif").name, grid, tuple(shot.gain[::-1]), tuple(shot.bias[::-1]), shot.esun[::-1], seen)
    return write_dim(path, told, start=shot.start, sun_elevation=shot.sun_elevation)


def _grid(shape: tuple[int, ...], pixel: int) -> GeoBox:
    """The grid with the corner of `grid_at`, in pixels of `pixel` metres."""
    world = grid_at((1, 1))
    return GeoBox((shape[0], shape[1]), Affine(pixel, 0, world.affine.c, 0, -pixel, world.affine.f), world.crs)


def _blurred(image: Array, pixels: int) -> Array:
    """Fewer, larger pixels, as an instrument sees them."""
    rows, columns = (optics.sampling(side // pixels, side, pixels) for side in image.shape[1:])
    return np.asarray(rows @ image @ columns.T, np.float32)


def _moved(image: Array, shift_m: tuple[float, float]) -> Array:
    """The image of ground that lies `shift_m` further south and east, at 1 m."""
    rows, columns = (optics.sampling(side, side, 1, shift_px=by / PAN_M, modulation=0.6) for side, by in zip(image.shape[1:], shift_m, strict=True))
    return np.asarray(rows @ image @ columns.T, np.float32)
