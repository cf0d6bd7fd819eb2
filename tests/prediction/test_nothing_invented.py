"""Nothing invented: place, values, holes and uncertainty of a whole run, from files to files; and what a model refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

import dione
from dione import testing
from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadModel, BadValues
from dione.nets import resolver as resolvers
from dione.nets.resolver import Resolver
from dione.prediction.config import PredictConfig
from dione.prediction.job import predict_to
from dione.testing import rasters

SHAPE = (44, 52)
LANDMARKS = ((12.3, 14.8), (12.0, 37.5), (30.7, 13.1), (31.4, 38.9))
"""Rows and columns of their middles, coarse pixels from the grid's corner."""
WIDTH_PX = 2.2
GRIDS = {
    "odd origin": testing.grid_at(SHAPE, left=355_003.7, top=4_832_008.1),
    "southern zone": testing.grid_at(SHAPE, crs="EPSG:32733", left=499_990, top=9_000_010),
    "zone 1": testing.grid_at(SHAPE, crs="EPSG:32601", left=300_000, top=7_400_040),
    "other projection": testing.grid_at(SHAPE, crs="EPSG:3035", left=3_800_005, top=2_900_025),
    "degrees": GeoBox(SHAPE, Affine(9e-5, 0, 1.2345, 0, -9e-5, 43.6), "EPSG:4326"),
}


@pytest.fixture(scope="module", params=["bicubic", "setsr-s"])
def model(request: pytest.FixtureRequest) -> Resolver:
    return resolvers.load(request.param)


def series(numbers: np.ndarray, grid: GeoBox, folder: Path, *, offset: float = 0.0, dates: int = 2) -> Path:
    """GeoTIFFs of these numbers (band, y, x), the same on each date."""
    for date in range(dates):
        path = rasters.write(folder / f"2024-05-0{date + 1}.tif", numbers.astype(np.uint16), grid, bands=("B02", "B03", "B04", "B08"), scale=1e-4, nodata=0)
        with rasterio.open(path, "r+") as file:
            file.offsets = (offset,) * 4
    return folder


def sharpened(folder: Path, out: Path, model: Resolver, *, block: int | None = None, window: tuple[slice, slice] | None = None) -> tuple[np.ndarray, ...]:
    """Numbers of the result and of sigma (band, y, x), and the result's transform."""
    stack = dione.open(folder)
    stack = stack if window is None else stack.isel(y=window[0], x=window[1])
    predict_to(stack, out, resolver=model, config=PredictConfig(block=block, precision="float32"))
    with rasterio.open(next(out.glob("*_sr.tif"))) as sr, rasterio.open(next(out.glob("*_sigma.tif"))) as sigma:
        return sr.read(), sigma.read(), sr.transform


def planted() -> np.ndarray:
    """Round bright places on even ground, integrated over each pixel."""
    from scipy.special import erf

    def profile(middle: float, side: int) -> np.ndarray:
        edges = (np.arange(side + 1) - middle) / (WIDTH_PX * np.sqrt(2))
        return np.diff(erf(edges))

    bumps = sum(profile(row, SHAPE[0])[:, None] * profile(column, SHAPE[1]) for row, column in LANDMARKS)
    return np.stack([800 + gain * bumps for gain in (9000, 10000, 11000, 14000)])


@pytest.mark.parametrize(
    ("place", "block", "top", "left"),
    [("odd origin", 16, 0, 0), ("southern zone", None, 3, 5), ("zone 1", 24, 1, 0), ("other projection", None, 0, 2), ("degrees", 16, 2, 3)],
)
def test_landmarks_are_where_they_were_planted_to_a_twentieth_of_a_pixel(
    tmp_path: Path, model: Resolver, place: str, block: int | None, top: int, left: int
) -> None:
    grid = GRIDS[place]
    window = (slice(top, None), slice(left, None))
    sr, _, transform = sharpened(series(planted(), grid, tmp_path / "series"), tmp_path / "out", model, block=block, window=window)
    assert transform.almost_equals(grid.affine * Affine.translation(left, top) * Affine.scale(1 / 4), precision=1e-9)
    seen = np.maximum(sr.astype(float) - 810, 0).mean(0)
    rows, columns = np.mgrid[: sr.shape[1], : sr.shape[2]] + 0.5
    for row, column in LANDMARKS:
        x, y = grid.affine * (column, row)
        at = ~transform * (x, y)
        near = (np.abs(columns - at[0]) < 4 * 4 * WIDTH_PX * 0.8) & (np.abs(rows - at[1]) < 4 * 4 * WIDTH_PX * 0.8)
        weight = seen * near
        found = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
        assert np.hypot(found[0] - at[0], found[1] - at[1]) < 0.05


def test_a_grid_that_goes_north_is_refused_and_not_read_upside_down(tmp_path: Path) -> None:
    grid = GeoBox(SHAPE, Affine(10, 0, 355_000, 0, 10, 4_832_000), "EPSG:32631")
    with pytest.raises(BadGrid, match="rotated or flipped"):
        dione.open(series(planted(), grid, tmp_path / "series"))


@pytest.mark.parametrize(("offset", "levels"), [(0, (1, 15, 300, 3000, 15_900)), (-1000, (1, 300, 10_000))])
def test_a_constant_scene_keeps_its_value_to_one_digital_number(tmp_path: Path, model: Resolver, offset: int, levels: tuple[int, ...]) -> None:
    grid = testing.grid_at((16, 20))
    for level in levels:
        numbers = np.full((4, *grid.shape), level - offset)
        sr, sigma, _ = sharpened(series(numbers, grid, tmp_path / f"{level}", offset=offset / 10_000), tmp_path / f"out{level}", model)
        assert np.abs(sr.astype(int) - level).max() <= 1, level
        assert sigma.min() >= 1


def test_below_zero_is_the_least_valid_number_and_beyond_what_ground_reflects_is_nothing(tmp_path: Path, model: Resolver) -> None:
    grid = testing.grid_at((16, 20))
    for number, wanted in ((900, 1), (17_500, 0), (25, 1)):  # -0.01, 1.65 and -0.0975
        numbers = np.full((4, *grid.shape), number)
        numbers[:, :8] = 3000
        sr, _, _ = sharpened(series(numbers, grid, tmp_path / f"{number}", offset=-0.1), tmp_path / f"out{number}", model)
        assert set(np.unique(sr[:, 48:])) == {wanted} and sr[:, :24].min() > 1


def test_what_no_date_saw_is_nothing_to_the_pixel_and_all_else_is_something(tmp_path: Path, model: Resolver) -> None:
    grid, rng = testing.grid_at((40, 48)), np.random.default_rng(5)
    numbers = testing.series(testing.landscape(tuple(grid.shape), seed=3), days=1, seed=1).stack["reflectance"].values[0] * 1e4
    holes = np.zeros(grid.shape, bool)
    holes[5:9, 7:20], holes[20, 20], holes[-3:, -6:], holes[:, 40] = True, True, True, True
    holes |= rng.random(grid.shape) < 0.02
    sr, sigma, _ = sharpened(series(np.where(holes, 0, np.maximum(numbers, 1)), grid, tmp_path / "series"), tmp_path / "out", model, block=16)
    wanted = holes.repeat(4, 0).repeat(4, 1)
    for made in (sr, sigma):
        assert all(np.array_equal(band == 0, wanted) for band in made)


@pytest.mark.parametrize("kind", ["even", "noise", "dark", "bright", "hard edges"])
def test_sigma_is_never_zero_negative_or_no_number(model: Resolver, kind: str) -> None:
    rng, shape = np.random.default_rng(2), (2, 4, 20, 24)
    values = {"even": np.full(shape, 0.2), "noise": rng.uniform(-0.1, 1.6, shape), "dark": np.full(shape, 0.002), "bright": np.full(shape, 1.6)}
    values["hard edges"] = np.where((np.indices(shape).sum(0) // 3) % 2, 1.5, 0.001)
    valid = np.ones((2, 20, 24), bool)
    valid[:, 3:6, 4:9], valid[1, 10:] = False, False
    reflectance = np.where(valid[:, None], values[kind], np.nan).astype(np.float32)
    lr = np.nan_to_num(reflectance, nan=0)
    made = stacks.make(lr, valid, [np.datetime64("2024-05-01", "ns"), np.datetime64("2024-05-06", "ns")], testing.grid_at((20, 24)), offset_told_by="given")
    sharp = dione.predict(made, model=model, max_cloud=1.0, precision="float32")
    seen = sharp["valid"].values[0]
    sigma, sr = sharp["sigma"].values[0][:, seen], sharp["reflectance"].values[0][:, seen]
    assert seen.any() and np.isfinite(sr).all() and np.isfinite(sigma).all() and sigma.min() > 0
    assert np.isnan(sharp["sigma"].values[0][:, ~seen]).all()


def other(made: xr.Dataset, **attrs: object) -> xr.Dataset:
    return made.assign_attrs(attrs)


@pytest.mark.parametrize(
    ("gain", "words"), [(10_000, r"unscaled.*\n.*--scale 0\.0001"), (255, "8-bit|unscaled"), (100, "unscaled|8-bit"), (1e-4, "scaled twice")]
)
def test_values_that_are_no_reflectance_are_refused(gain: float, words: str) -> None:
    made = testing.series(testing.landscape((24, 28), seed=1), days=2, seed=2).stack
    values = made["reflectance"].values * np.float32(gain)
    with pytest.raises(BadValues, match=words):
        dione.predict(made.assign(reflectance=(stacks.DIMS["reflectance"], np.round(values) if gain > 1 else values)), model="bicubic")


@pytest.mark.parametrize("pixel", [1.2, 60, 300])
def test_weights_refuse_pixels_of_a_size_that_they_were_not_made_for(pixel: float) -> None:
    made = testing.series(testing.landscape((16, 20), seed=1), days=1, seed=2, grid=testing.grid_at((16, 20), pixel=pixel)).stack
    with pytest.raises(BadModel, match=rf"pixels are {pixel:g} m, the model was made for 10 m"):
        dione.predict(made, model="setsr-s")
    assert dione.predict(made, model="bicubic").sizes["y"] == 64


def test_weights_refuse_bands_that_they_were_not_made_for() -> None:
    made = testing.series(testing.landscape((16, 20), seed=1), days=1, seed=2).stack
    model = resolvers.load("bicubic")
    with pytest.raises(BadModel, match=r"bands blue, green, red, nir, the model was made for nir, red, green, blue"):
        dione.predict(made, model=replace(model, about=model.about.model_copy(update={"bands": ("nir", "red", "green", "blue")})))


@pytest.mark.parametrize(
    "change",
    [
        {"zoom": 2},
        {"zoom": 0},
        {"margin": 0},
        {"sigma_scale": (1, 1, 1, 0)},
        {"sigma_scale": (1, 1, 1, float("nan"))},
        {"gsd_m": -10},
        {"intervals": {"0.9": -1}},
    ],
)
def test_a_file_that_says_another_zoom_or_a_sigma_of_nothing_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    model = resolvers.load("setsr-s")
    about = model.about.model_copy(update=change)
    path = resolvers.store(tmp_path / "edited.safetensors", model.net, about)
    with pytest.raises(BadModel, match=r"says zoom|header that cannot be read"):
        resolvers.load(path)
