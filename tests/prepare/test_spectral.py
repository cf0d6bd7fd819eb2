"""Sentinel-2B as Sentinel-2A."""

import numpy as np
import pytest
import xarray as xr

from dione import testing
from dione.base.bands import BANDS
from dione.base.errors import BadSource
from dione.prepare.spectral import as_sentinel2a


def of(*platforms: str) -> xr.Dataset:
    stack = testing.series(testing.landscape((6, 7)), days=len(platforms)).stack
    return stack.assign_coords(platform=("time", np.array(platforms)))


def test_both_satellites_then_give_the_same_landsat_reflectance() -> None:
    stack = of("sentinel-2a", "sentinel-2b")
    made = as_sentinel2a(stack)["reflectance"].values
    before = stack["reflectance"].values
    green, red = BANDS.index("green"), BANDS.index("red")
    np.testing.assert_array_equal(made[0], before[0])
    np.testing.assert_array_equal(made[1][[0, 3]], before[1][[0, 3]])
    np.testing.assert_allclose(1.0053 * made[1, green] - 0.0009, 1.0075 * before[1, green] - 0.0008, atol=1e-6)
    np.testing.assert_allclose(0.9765 * made[1, red] + 0.0009, 0.9761 * before[1, red] + 0.0010, atol=1e-6)
    assert 0 < np.abs(made - before).max() < 2e-3


def test_windows_bands_and_chunks_give_what_the_whole_gives() -> None:
    made = as_sentinel2a(of("sentinel-2b", "sentinel-2a", "sentinel-2b"))
    part = made.isel(time=[0, 2], y=slice(1, 4), x=slice(2, 3)).sel(band=["red", "green"])["reflectance"]
    np.testing.assert_array_equal(part.values, made["reflectance"].values[np.ix_([0, 2], [2, 1], [1, 2, 3], [2])])
    chunked = as_sentinel2a(of("sentinel-2b", "sentinel-2a", "sentinel-2b").chunk({"y": 2}))
    np.testing.assert_allclose(chunked["reflectance"].values, made["reflectance"].values, atol=1e-7)


def test_satellites_without_coefficients_are_named() -> None:
    with pytest.raises(BadSource, match=r"(?s)2024-05-06: sentinel-2c.*2024-05-11: no satellite told.*sentinel-2a and sentinel-2b"):
        as_sentinel2a(of("sentinel-2a", "sentinel-2c", ""))
