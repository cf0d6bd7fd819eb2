"""One resampling onto the grid of training, with the wrong orthorectification taken off."""

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadGrid, NotFound
from dione.prepare.reference.pansharpen import pansharpen
from dione.prepare.reference.resample import onto
from dione.sources import vhr
from dione.testing import grid_at
from dione.testing.delivery import Delivered


@pytest.fixture(scope="module")
def sharp(delivery: Delivered) -> xr.Dataset:
    return pansharpen(vhr.open(delivery.scenes[0].ms), vhr.open(delivery.scenes[0].pan))


def ground(delivery: Delivered) -> np.ndarray:
    """Mean reflectance at 2.5 m, by hand: each pixel is made of 2.5 × 2.5 of 1 m."""
    halves = delivery.ground.repeat(2, 1).repeat(2, 2)
    return halves.reshape(4, 96, 5, 120, 5).mean((2, 4))


def test_the_shift_is_taken_off_in_the_one_resampling(delivery: Delivered, sharp: xr.Dataset) -> None:
    planted, grid = delivery.scenes[0], grids.finer(stacks.grid_of(delivery.series.stack), 4)
    true = ground(delivery) + planted.haze[:, None, None]
    off = {}
    for shift in ((0.0, 0.0), planted.shift_m, (-planted.shift_m[0], -planted.shift_m[1])):
        made = onto(sharp, grid, shift_m=shift)
        valid = made["valid"].values[0]
        assert valid.mean() > 0.85
        off[shift] = float(np.sqrt(((made["reflectance"].values[0] - true)[:, valid] ** 2).mean()))
    assert off[planted.shift_m] < 0.75 * off[0.0, 0.0] < off[-planted.shift_m[0], -planted.shift_m[1]]


def pattern(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Ground that is known everywhere, (band, y, x), of metres of UTM."""
    return np.stack([0.2 + 0.1 * np.sin(east / 17 + band) * np.cos(north / 23 - band) + 0.05 * np.sin((east + north) / 9) for band in range(4)])


def middles(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    return grid.affine.a * columns + grid.affine.c, grid.affine.e * rows + grid.affine.f


@pytest.mark.parametrize(("crs", "across", "along"), [("EPSG:4326", 1.8e-5, 9e-6), ("EPSG:32632", 1, 1), ("EPSG:3035", 1, 1), ("EPSG:3857", 2, 2)])
def test_a_shift_is_of_the_grid_whatever_crs_the_scene_is_in(crs: str, across: float, along: float) -> None:
    grid = grid_at((160, 160), left=533_200, top=6_651_900, pixel=2.5)  # at 60° north, near a zone's edge for its neighbour
    turn = Transformer.from_crs("EPSG:32631", crs, always_xy=True)
    left, bottom, right, top = turn.transform_bounds(*grid.pad(40).boundingbox.bbox)
    source = GeoBox((int((top - bottom) / along), int((right - left) / across)), Affine(across, 0, left, 0, -along, top), crs)
    south, east = 20.0, -14.0
    x, y = turn.transform(*middles(source), direction="INVERSE")
    image = pattern(x + east, y - south).astype(np.float32)[None]
    made = onto(stacks.make(image, np.ones((1, *source.shape), bool), ["2024-05-01"], source), grid, shift_m=(south, east))
    assert made["valid"].values.all()
    np.testing.assert_allclose(made["reflectance"].values[0], pattern(*middles(grid)), atol=2e-3)  # of a metre aside: 7e-3


def test_larger_pixels_are_means_and_pixels_of_a_gap_are_not_valid(delivery: Delivered, sharp: xr.Dataset) -> None:
    grid = grids.finer(grid_at((24, 30)), 2)
    made = onto(sharp, grid)
    blocks = sharp["reflectance"].values[0].reshape(4, 48, 5, 60, 5)
    whole = sharp["valid"].values[0].reshape(48, 5, 60, 5).all((1, 3))
    np.testing.assert_array_equal(made["valid"].values[0], whole)
    np.testing.assert_allclose(made["reflectance"].values[0][:, whole], blocks.mean((2, 4))[:, whole], atol=1e-5)
    assert made.attrs["resampled"] == "average"


def test_the_same_grid_gives_the_same_pixels(delivery: Delivered) -> None:
    stack = vhr.open(delivery.scenes[3].ms)
    made = onto(stack, stacks.grid_of(stack))
    valid = made["valid"].values
    np.testing.assert_array_equal(valid, stack["valid"].values)
    np.testing.assert_allclose(made["reflectance"].values[0][:, valid[0]], stack["reflectance"].values[0][:, valid[0]], atol=1e-6)


def test_a_part_is_read_and_agrees_with_the_whole(sharp: xr.Dataset) -> None:
    grid = grids.finer(grid_at((24, 30)), 4)
    whole, part = onto(sharp, grid), onto(sharp, grid[10:40, 30:70])
    np.testing.assert_array_equal(part["valid"].values, whole["valid"].values[:, 10:40, 30:70])
    np.testing.assert_allclose(part["reflectance"].values, whole["reflectance"].values[:, :, 10:40, 30:70], atol=1e-5)


def test_beyond_the_scene_nothing_is_valid_and_another_crs_will_do(delivery: Delivered) -> None:
    stack = vhr.open(delivery.scenes[0].ms)
    wide = onto(stack, grid_at((40, 40), left=354_900, top=4_832_100))
    assert not wide["valid"].values[0, :10].any() and wide["valid"].values[0, 11:33, 12:39].all()
    degrees = grid_at((60, 75), crs="EPSG:4326", left=1.2027, top=43.62686, pixel=4e-5)
    assert 0.5 < onto(stack, degrees)["valid"].values.mean() < 1


def test_pan_can_be_resampled_too(delivery: Delivered) -> None:
    made = onto(vhr.open(delivery.scenes[0].pan), grid_at((24, 30), pixel=10), bands=("pan",))
    assert made["reflectance"].shape == (1, 1, 24, 30)


def test_other_ground_and_no_crs_are_refused(delivery: Delivered) -> None:
    stack = vhr.open(delivery.scenes[0].ms)
    with pytest.raises(NotFound, match="different ground"):
        onto(stack, grid_at((10, 10), left=500_000))
    with pytest.raises(BadGrid, match="without CRS"):
        onto(stack, grid_at((10, 10), crs=None))
