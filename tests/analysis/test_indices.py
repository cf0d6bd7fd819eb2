"""Indices: the formulas' values, the uncertainty that draws give too, and what is left out."""

import numpy as np
import pytest

from dione.analysis.change import change
from dione.analysis.indices import indices
from dione.analysis.trust import Trust
from dione.base import when
from dione.base.errors import BadBands, BadRecipe, NotFound


def test_ndvi_is_its_formula_and_nothing_untrusted_has_one(sharp):
    made = indices(sharp, "NDVI", "NDWI")
    nir, red = (sharp["reflectance"].sel(band=band).values for band in ("nir", "red"))
    expected = (nir - red) / (nir + red)
    np.testing.assert_allclose(made["NDVI"].values[:, 10:60, 10:60], expected[:, 10:60, 10:60], rtol=1e-5)
    assert made["NDVI"].dims == ("time", "y", "x") and made["NDVI"].dtype == np.float32
    for name in ("NDVI", "NDVI_sigma"):
        assert np.isnan(made[name].values[0, :5, 75:]).all() and np.isnan(made[name].values[:, 70:, 70:]).all()
    assert np.isfinite(made["NDVI"].values[:, 75:, :5]).all()
    assert np.isnan(indices(sharp, "NDVI", trust=Trust(confirmed=True))["NDVI"].values[:, 75:, :5]).all()


@pytest.mark.parametrize("name", ["NDVI", "NDWI", "EVI", "SAVI", "BAI"])
@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_sigma_by_the_delta_method_is_that_of_many_draws(sharp, name, correlation):
    one = sharp.isel(time=[0], y=[20], x=[20])
    told = float(indices(one, name, band_correlation=correlation)[f"{name}_sigma"].values[0, 0, 0])
    rng = np.random.default_rng(1)
    draws = 20_000
    errors = np.sqrt(1 - correlation) * rng.standard_normal((4, draws)) + np.sqrt(correlation) * rng.standard_normal(draws)
    shape = {"time": [0] * 1, "y": [0] * 1, "x": [0] * draws}
    drawn = one.isel(shape).assign_coords(x=float(one["x"][0]) + 2.5 * np.arange(draws))
    drawn = drawn.assign(reflectance=drawn["reflectance"] + (0.01 * errors[None, :, None, :]).astype(np.float32))
    spread = float(indices(drawn, name)[name].std())
    assert told == pytest.approx(spread, rel=0.12 if name in ("EVI", "BAI") else 0.04)


@pytest.mark.parametrize(("red", "nir"), [(0.0004, 0.0006), (0.0001, 0.0009), (0.0001, 0.0001), (0.002, 0.003), (0.03, 0.4)])
@pytest.mark.parametrize("chunks", [None, {"y": 1}])
def test_sigma_of_dark_water_is_that_of_the_formula_however_near_zero_its_bands_are(sharp, red, nir, chunks):
    one = sharp.isel(time=[0], y=[20], x=[20]).copy(deep=True)
    one["reflectance"].values[0, 2:, 0, 0] = red, nir
    of_red, of_nir = one["sigma"].values[0, 2:, 0, 0].astype(float)
    made = indices(one if chunks is None else one.chunk(chunks), "NDVI")["NDVI_sigma"]
    assert made.dtype == made.values.dtype == np.float32
    assert float(made.values.item()) == pytest.approx(2 * np.hypot(nir * of_red, red * of_nir) / (red + nir) ** 2, rel=1e-3)


def test_plots_and_netcdf_are_told_what_the_numbers_are(sharp):
    made = indices(sharp, "NDVI")
    assert made["NDVI"].attrs == {"long_name": "Normalized Difference Vegetation Index", "units": "1"} and made["NDVI_sigma"].attrs["long_name"] == "1σ of NDVI"
    changed = change(sharp, *(when.label(sharp, at) for at in (0, 1)))
    assert changed["difference"].attrs == {"long_name": "change of NDVI", "units": "1"}
    told = dict(zip(changed["flag"].attrs["flag_values"].tolist(), changed["flag"].attrs["flag_meanings"].split(), strict=True))
    assert told == {0: "not_trusted", 1: "no_change_told", 2: "more", 3: "less"}


def test_constants_can_be_given(sharp):
    one = sharp.isel(time=[0], y=[20], x=[20])
    assert float(indices(one, "SAVI", L=0.5)["SAVI"].values.item()) != float(indices(one, "SAVI")["SAVI"].values.item())


def test_dask_arrays_stay_lazy_and_give_the_same(sharp):
    lazy = indices(sharp.chunk({"y": 40}), "NDVI")
    assert lazy["NDVI_sigma"].chunks is not None
    np.testing.assert_array_equal(lazy["NDVI_sigma"].values, indices(sharp, "NDVI")["NDVI_sigma"].values)


@pytest.mark.parametrize("chunks", [None, {"y": 40}])
def test_a_denominator_of_zero_is_nan_without_a_warning(sharp, chunks):
    empty = sharp.assign(reflectance=sharp["reflectance"].where(sharp["y"] > sharp["y"][20], 0).astype(np.float32))
    made = indices(empty if chunks is None else empty.chunk(chunks), "NDVI").compute()
    assert np.isnan(made["NDVI"].values[:, 25:]).all() and np.isfinite(made["NDVI"].values[:, 10:20, 20:60]).all()


def test_what_cannot_be_is_told(sharp):
    with pytest.raises(BadRecipe, match=r"(?s)max_sigma is no constant.*Trust\(max_sigma="):
        indices(sharp, "NDVI", max_sigma=0.1)
    with pytest.raises(NotFound, match="near are"):
        indices(sharp, "NVDI")
    with pytest.raises(BadBands, match="S1"):
        indices(sharp, "NDMI")
    with pytest.raises(BadRecipe, match="K"):
        indices(sharp, "NDVI", K=1)
    with pytest.raises(BadRecipe):
        indices(sharp)
    with pytest.raises(BadRecipe, match="support map"):
        indices(sharp.drop_vars("support"), "NDVI", trust=Trust(confirmed=True))
