"""Pansharpening: nearer to the truth than enlarging, the same in any window, and honest about what does not fit."""

import numpy as np
import pytest
import xarray as xr

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadRecipe, NotAStack, NothingClear
from dione.prepare.reference import interpolate
from dione.prepare.reference.pansharpen import fit, pansharpen
from dione.sources import vhr
from dione.testing import Array
from dione.testing.delivery import PAN_WEIGHTS, Delivered


def pair(delivery: Delivered, at: int = 0) -> tuple[xr.Dataset, xr.Dataset]:
    return vhr.open(delivery.scenes[at].ms), vhr.open(delivery.scenes[at].pan)


def enlarged(ms: xr.Dataset, pan: xr.Dataset) -> Array:
    return interpolate.cubic(ms["reflectance"].values[0], stacks.grid_of(ms), stacks.grid_of(pan))


def error(image: Array, true: Array, where: np.ndarray) -> np.ndarray:
    return np.sqrt(((image - true)[:, where] ** 2).mean(1))


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_gsa_is_nearer_to_the_truth_than_enlarging_in_every_band(delivery: Delivered, at: int) -> None:
    ms, pan = pair(delivery, at)
    sharp = pansharpen(ms, pan)
    where = sharp["valid"].values[0]
    assert where.mean() > 0.9
    before = error(enlarged(ms, pan), delivery.scenes[at].sharp, where)
    after = error(sharp["reflectance"].values[0], delivery.scenes[at].sharp, where)
    assert (after < 0.95 * before).all()
    assert after.mean() < 0.8 * before.mean()


def test_gsa_finds_what_each_band_lends_to_pan(delivery: Delivered) -> None:
    np.testing.assert_allclose(fit(*pair(delivery)).weights, PAN_WEIGHTS, atol=0.05)


def under_cloud(delivery: Delivered) -> tuple[xr.Dataset, xr.Dataset]:
    """A scene of which the north is cloud, whose pan is saturated there."""
    ms, pan = (one.load() for one in pair(delivery))
    for one, bright in ((ms, 0.7), (pan, 0.4)):
        one["reflectance"][..., : one.sizes["y"] // 3, :] = bright
    return ms, pan


def test_clouds_are_left_out_of_the_fit(delivery: Delivered) -> None:
    fitted = fit(*under_cloud(delivery), clouds=lambda part: part["reflectance"].values[:, 0] > 0.4)
    np.testing.assert_allclose(fitted.weights, PAN_WEIGHTS, atol=0.05)


def test_where_all_is_cloud_the_fit_is_made_to_it(delivery: Delivered) -> None:
    ms, pan = pair(delivery)
    np.testing.assert_array_equal(fit(ms, pan, clouds=lambda part: np.ones(part["valid"].shape, bool)).weights, fit(ms, pan).weights)


def test_the_ratio_with_pan_s_weights_is_nearer_to_pan_than_enlarging(delivery: Delivered) -> None:
    ms, pan = pair(delivery)
    weights = tuple(float(weight) for weight in PAN_WEIGHTS)
    sharp = pansharpen(ms, pan, method="ratio", weights=weights)
    where = sharp["valid"].values[0]
    intensity = np.tensordot(PAN_WEIGHTS, sharp["reflectance"].values[0], 1)
    np.testing.assert_allclose(intensity[where], pan["reflectance"].values[0, 0][where], atol=1e-3)


@pytest.mark.parametrize("method", ["gsa", "ratio"])
def test_a_window_is_the_same_as_in_the_whole(delivery: Delivered, method: str) -> None:
    ms, pan = pair(delivery, 3)
    sharp = pansharpen(ms, pan, method=method)
    for rows, columns in ((slice(0, 240), slice(0, 300)), (slice(13, 114), slice(3, 77)), (slice(239, 240), slice(299, 300))):
        part = sharp.isel(y=rows, x=columns)
        np.testing.assert_array_equal(part["valid"].values, sharp["valid"].values[:, rows, columns])
        np.testing.assert_allclose(part["reflectance"].values, sharp["reflectance"].values[:, :, rows, columns], atol=2e-6)
    np.testing.assert_allclose(sharp["reflectance"][0, 2, 50].values, sharp["reflectance"].values[0, 2, 50], atol=2e-6)


def test_what_stands_in_a_gap_changes_nothing_beside_it(delivery: Delivered) -> None:
    ms, pan = pair(delivery, 3)
    spoiled = ms.assign(reflectance=xr.where(ms["valid"], ms["reflectance"], np.float32(9)).transpose(*ms["reflectance"].dims))
    one, other = pansharpen(ms, pan), pansharpen(spoiled, pan)
    np.testing.assert_array_equal(one["reflectance"].values, other["reflectance"].values)


def test_the_result_is_a_stack_on_pan_s_grid(delivery: Delivered) -> None:
    ms, pan = pair(delivery)
    sharp = stacks.check(pansharpen(ms, pan))
    assert grids.same(stacks.grid_of(sharp), stacks.grid_of(pan))
    assert sharp.attrs["pansharpened"] == "gsa"


def test_a_pan_that_stands_off_the_bands_grid_is_joined_where_they_overlap(delivery: Delivered) -> None:
    ms, pan = pair(delivery)
    sharp, part = pansharpen(ms, pan), pansharpen(ms.isel(y=slice(5, 50), x=slice(4, 60)), pan.isel(y=slice(7, None), x=slice(3, None)))
    inside = (slice(20, 180), slice(20, 210))
    assert part["valid"].values[0, 0:10].sum() == 0
    np.testing.assert_allclose(part["reflectance"].values[0][:, *inside], sharp["reflectance"].values[0][:, 27:187, 23:213], atol=5e-3)


def test_rasters_that_do_not_belong_together_are_refused(delivery: Delivered) -> None:
    ms, pan = pair(delivery)
    with pytest.raises(NotAStack, match="the panchromatic raster"):
        pansharpen(ms, ms)
    moved = pan.assign_coords(x=pan["x"] + 10_000)
    moved["spatial_ref"].attrs["GeoTransform"] = moved["spatial_ref"].attrs["GeoTransform"].replace("355000.0", "365000.0")
    with pytest.raises(BadGrid, match="different ground"):
        pansharpen(ms, moved)
    with pytest.raises(BadRecipe, match="there are ratio, gsa"):
        pansharpen(ms, pan, method="magic")
    with pytest.raises(BadRecipe, match="2 weights for 4 bands"):
        pansharpen(ms, pan, method="ratio", weights=(0.5, 0.5))
    with pytest.raises(NothingClear, match="use the ratio"):
        pansharpen(ms.assign(valid=ms["valid"] & False), pan)
