"""A reference takes Sentinel-2's colours and keeps its detail."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadRecipe, NothingClear
from dione.prepare.reference.harmonise import brought_down, fit, harmonise

TINT = np.array([1.3, 0.8, 1.1, 0.7], np.float32)[:, None, None]
HAZE = np.array([0.05, 0.03, -0.01, 0.02], np.float32)[:, None, None]


@pytest.fixture(scope="module")
def ground() -> testing.Array:
    return testing.landscape((60, 64), seed=5)


@pytest.fixture(scope="module")
def coarse(ground: testing.Array) -> xr.Dataset:
    """Sentinel-2's view of it."""
    return testing.series(ground, days=1, sensor=testing.still(), seed=1).stack


def sharp(values: np.ndarray, valid: np.ndarray | None = None) -> xr.Dataset:
    grid = grids.finer(testing.grid_at((60, 64)), 4)
    seen = np.ones(values.shape[1:], bool) if valid is None else valid
    return stacks.make(values[None].astype(np.float32), seen[None], ["2024-05-02"], grid)


def off(stack: xr.Dataset, ground: np.ndarray) -> float:
    return float(np.sqrt(((stack["reflectance"].values[0] - ground) ** 2).mean()))


@pytest.mark.parametrize("method", ["moments", "histogram", "linear"])
def test_a_tint_and_haze_are_taken_off(ground: testing.Array, coarse: xr.Dataset, method: str) -> None:
    made = harmonise(sharp(ground * TINT + HAZE), coarse, method=method)
    assert off(made, ground) < 0.006
    assert made.attrs["harmonised"] == method


def test_a_curve_is_taken_off_by_the_histogram_and_by_no_line(ground: testing.Array, coarse: xr.Dataset) -> None:
    bent = sharp(np.sqrt(ground))
    assert off(harmonise(bent, coarse, method="histogram"), ground) < 0.7 * off(harmonise(bent, coarse, method="moments"), ground)


def test_what_varies_slowly_is_taken_off_by_the_residual(ground: testing.Array, coarse: xr.Dataset) -> None:
    # The area is 640 m wide: a haze that grows from west to east, and a smoothing to fit.
    slope = np.linspace(0, 0.08, ground.shape[2], dtype=np.float32)
    made = {method: off(harmonise(sharp(ground + slope), coarse, method=method, smooth_m=100), ground) for method in ("moments", "linear")}
    assert made["linear"] < 0.3 * made["moments"]


def test_detail_stays(ground: testing.Array, coarse: xr.Dataset) -> None:
    made = harmonise(sharp(ground * TINT + HAZE), coarse)["reflectance"].values[0]
    fine = made - ndimage.uniform_filter(made, (0, 5, 5))
    true = ground - ndimage.uniform_filter(ground, (0, 5, 5))
    assert np.corrcoef(fine.ravel(), true.ravel())[0, 1] > 0.999
    assert (fine * true).sum() / (true**2).sum() == pytest.approx(1, abs=0.03)


def test_a_haze_that_grows_across_the_area_is_taken_off_and_contrast_stays(ground: testing.Array, coarse: xr.Dataset) -> None:
    haze = np.linspace(0, 0.08, ground.shape[2], dtype=np.float32)
    assert off(harmonise(sharp(ground + haze), coarse, smooth_m=100), ground) < 0.001


@pytest.mark.parametrize("method", ["moments", "histogram"])
def test_a_band_of_one_value_gets_the_mean_of_what_it_was(ground: testing.Array, coarse: xr.Dataset, method: str) -> None:
    flat = ground.copy()
    flat[0] = 0.123
    made = harmonise(sharp(flat), coarse, method=method)["reflectance"].values[0]
    assert made[0].mean() == pytest.approx(coarse["reflectance"].values[0, 0].mean(), abs=0.005)


def test_fields_of_another_season_do_not_flatten_what_is_in_them(ground: testing.Array, coarse: xr.Dataset) -> None:
    # Fields of 150 m, half of which are brighter or darker as a whole in the reference.
    rng = np.random.default_rng(3)
    fields = rng.normal(0, 0.05, (4, 4, 5)) * (rng.random((4, 5)) < 0.5)
    other = ground + fields.repeat(60, 1).repeat(60, 2)[..., : ground.shape[2]]
    made = harmonise(sharp(other.astype(np.float32)), coarse)["reflectance"].values[0]
    for band, true in zip(made, ground, strict=True):
        fine, wanted = (image - ndimage.uniform_filter(image, 5) for image in (band, true))
        inside = np.zeros(true.shape, bool)
        for top in range(0, 240, 60):
            for left in range(0, 240, 60):
                inside[top + 6 : top + 54, left + 6 : left + 54] = True
        assert (fine * wanted)[inside].sum() / (wanted[inside] ** 2).sum() == pytest.approx(1, abs=0.1)


def test_what_each_sees_alone_does_not_take_contrast_from_the_reference(ground: testing.Array, coarse: xr.Dataset) -> None:
    """Hedges that were cut, crops in flower: details of either date that the other has not, nearly half as strong as those of both."""
    alone, other = (testing.landscape((60, 64), seed=seed) for seed in (21, 22))
    target = testing.series(ground + 0.4 * (alone - alone.mean()), days=1, sensor=testing.still(), seed=1).stack
    made = harmonise(sharp(TINT * (ground + 0.4 * (other - other.mean())) + HAZE), target)
    down = brought_down(made["reflectance"].values[0], made["valid"].values[0], stacks.grid_of(made), stacks.grid_of(target))[0]
    for band, wanted in zip(down, target["reflectance"].values[0], strict=True):
        fine, true = (image - ndimage.uniform_filter(image, 5) for image in (band, wanted))
        assert np.corrcoef(fine.ravel(), true.ravel())[0, 1] < 0.92
        assert fine.std() / true.std() == pytest.approx(1, abs=0.05)


def fine_contrast(reference: xr.Dataset, ground: np.ndarray) -> np.ndarray:
    """Of each band, over that of the ground."""
    made, true = (image - ndimage.uniform_filter(image, (0, 5, 5)) for image in (reference["reflectance"].values[0], ground))
    return np.asarray(made.std((1, 2)) / true.std((1, 2)))


def test_noise_of_sentinel_2_gives_quiet_ground_no_contrast() -> None:
    quiet = 0.1 + 0.03 * testing.landscape((60, 64), seed=5)
    still = testing.series(quiet, days=1, sensor=testing.still(), seed=1).stack
    noisy = still["reflectance"].values + 0.001 * np.random.default_rng(0).standard_normal(still["reflectance"].shape)
    made = harmonise(sharp(quiet * TINT + HAZE), still.assign(reflectance=(stacks.DIMS["reflectance"], noisy.astype(np.float32))))
    np.testing.assert_allclose(fine_contrast(made, quiet), 1, atol=0.1)


@pytest.mark.parametrize("seed", range(71, 76))
def test_a_reference_of_other_ground_is_not_given_the_contrast_of_this(ground: testing.Array, coarse: xr.Dataset, seed: int) -> None:
    assert (fine_contrast(harmonise(sharp(testing.landscape((60, 64), seed=seed)), coarse), ground) < 0.6).all()


def test_contrast_that_a_season_turned_round_is_not_turned_back(ground: testing.Array, coarse: xr.Dataset) -> None:
    turned = ground.copy()
    turned[3] = 0.5 - turned[3]
    made = harmonise(sharp(turned), coarse, smooth_m=100)["reflectance"].values[0]
    fine, true = (image - ndimage.uniform_filter(image, 5) for image in (made[3], ground[3]))
    assert fine.std() < 0.1 * true.std() and np.corrcoef(made[2].ravel(), ground[2].ravel())[0, 1] > 0.99


def test_pixels_that_lie_apart_tell_no_contrast(ground: testing.Array, coarse: xr.Dataset) -> None:
    rows, columns = np.indices(coarse["valid"].shape[1:])
    apart = (rows % 3 == 0) & (columns % 3 == 0)
    with pytest.raises(NothingClear, match="lie apart"):
        harmonise(sharp(ground), coarse.assign(valid=(stacks.DIMS["valid"], apart[None])))


def test_change_and_clouds_do_not_bend_the_line(ground: testing.Array, coarse: xr.Dataset) -> None:
    other = ground * TINT + HAZE
    other[:, :60, :70] = 0.7
    cloudy = np.ones(ground.shape[1:], bool)
    cloudy[100:140, 100:200] = False
    other[:, ~cloudy] = 5
    made = harmonise(sharp(other, cloudy), coarse)
    same = cloudy.copy()
    same[:64, :74] = False
    assert np.abs(made["reflectance"].values[0] - ground)[:, same].mean() < 0.005
    np.testing.assert_array_equal(made["valid"].values[0], cloudy)


def test_values_that_are_not_valid_change_nothing(ground: testing.Array, coarse: xr.Dataset) -> None:
    valid = np.ones(ground.shape[1:], bool)
    valid[40:80, 60:90] = False
    one, other = (np.where(valid, ground * TINT, np.float32(value)) for value in (0, 9))
    made, again = (harmonise(sharp(values, valid), coarse)["reflectance"].values[0][:, valid] for values in (one, other))
    np.testing.assert_array_equal(made, again)


def test_brought_down_is_what_the_sensor_sees(ground: testing.Array, coarse: xr.Dataset) -> None:
    down, seen = brought_down(ground, np.ones(ground.shape[1:], bool), grids.finer(testing.grid_at((60, 64)), 4), testing.grid_at((60, 64)))
    assert seen.all()
    np.testing.assert_allclose(down, coarse["reflectance"].values[0], atol=1e-5)


def test_the_reference_may_cover_a_part_and_stand_off_the_grid(ground: testing.Array, coarse: xr.Dataset) -> None:
    part = sharp(ground * TINT + HAZE).isel(y=slice(21, 190), x=slice(10, 215))
    made = harmonise(part, coarse, method="moments")
    np.testing.assert_allclose(made["reflectance"].values[0], ground[:, 21:190, 10:215], atol=0.03)


def test_a_line_is_found_whatever_a_tenth_of_the_pixels_say() -> None:
    rng = np.random.default_rng(0)
    source = rng.uniform(0, 0.5, (1, 2000))
    target = 0.8 * source + 0.02
    target[:, ::10] = 0.9
    np.testing.assert_allclose(fit(source, target, "linear").targets[0], [0.02, 0.82], atol=0.01)


def test_what_cannot_be_harmonised_is_told(ground: testing.Array, coarse: xr.Dataset) -> None:
    reference = sharp(ground)
    with pytest.raises(BadRecipe, match="there are moments, histogram, linear"):
        harmonise(reference, coarse, method="magic")
    with pytest.raises(NothingClear, match="0 pixels of 10 m"):
        harmonise(sharp(ground, np.zeros(ground.shape[1:], bool)), coarse)
    with pytest.raises(BadGrid, match="needs smaller ones"):
        harmonise(coarse, coarse)
    with pytest.raises(BadGrid, match="has 2 dates, needs 1"):
        harmonise(reference, testing.series(ground, days=2).stack)
