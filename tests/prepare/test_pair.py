"""Which dates go with a reference, and how the two are brought together."""

import numpy as np
import pytest
import xarray as xr

from dione import testing
from dione.base import grid as grids
from dione.base import optics, when
from dione.base import stack as stacks
from dione.base.errors import NotFound, NothingClear
from dione.prepare.reference.pair import PairRule, dates_for, pair

SHAPE = (40, 44)
TIME = np.datetime64("2024-05-17T10:50", "ns")


@pytest.fixture(scope="module")
def ground() -> testing.Array:
    return testing.landscape(SHAPE, seed=3)


@pytest.fixture(scope="module")
def coarse(ground: testing.Array) -> xr.Dataset:
    """Eight dates, 1 May to 5 June 2024, five days apart."""
    return testing.series(ground, days=8, seed=1).stack


@pytest.fixture(scope="module")
def reference(ground: testing.Array) -> xr.Dataset:
    """2.5 m, of another tint, that shows ground 3 m further south and 4 m further west; a little larger than Sentinel-2's."""
    rows, columns = (optics.sampling(side, side, 1, shift_px=by / 2.5, modulation=0.6) for side, by in zip(ground.shape[1:], (3, -4), strict=True))
    image = (0.8 * (rows @ ground @ columns.T) + 0.03)[None].astype(np.float32)
    return stacks.make(image, np.ones((1, *ground.shape[1:]), bool), [TIME], grids.finer(testing.grid_at(SHAPE), 4))


def days(coarse: xr.Dataset, positions: tuple[int, ...]) -> list[str]:
    return [when.days(coarse)[at][5:] for at in positions]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (dict(), ["05-16", "05-11", "05-06", "05-01"]),
        (dict(dates=2), ["05-16", "05-11"]),
        (dict(window_days=8), ["05-16", "05-11"]),
        (dict(side="after", dates=2), ["05-21", "05-26"]),
        (dict(side="both", dates=3), ["05-16", "05-21", "05-11"]),
    ],
)
def test_the_nearest_dates_of_a_window_are_taken_the_nearest_first(coarse, rule, wanted):
    assert days(coarse, dates_for(TIME, coarse, [1.0] * 8, PairRule(**rule))) == wanted


def test_a_date_is_left_out_for_its_own_clouds_and_no_others(coarse):
    clear = [1, 0.96, 1, 0.94, 1, 1, 1, 1]
    assert days(coarse, dates_for(TIME, coarse, clear, PairRule())) == ["05-11", "05-06", "05-01"]


def test_an_image_of_the_same_day_counts_as_before_and_as_after(coarse):
    time = np.datetime64("2024-05-16T09:00", "ns")
    assert days(coarse, dates_for(time, coarse, [1.0] * 8, PairRule(dates=1))) == ["05-16"]
    assert days(coarse, dates_for(time, coarse, [1.0] * 8, PairRule(dates=1, side="after"))) == ["05-16"]


def test_no_date_and_only_cloudy_dates_are_told_apart(coarse):
    with pytest.raises(NotFound, match="within 3 days before 2024-04-01"):
        dates_for(np.datetime64("2024-04-01", "ns"), coarse, [1.0] * 8, PairRule(window_days=3))
    with pytest.raises(NothingClear, match="05-16 50%"):
        dates_for(TIME, coarse, [0.5] * 8, PairRule())


def test_the_reference_comes_onto_nested_pixels_and_its_shift_and_tint_are_taken_off(coarse, reference, ground):
    made = pair(coarse, (3, 2), reference, PairRule())
    grid = stacks.grid_of(made.reference)
    assert grids.same(grid, grids.finer(stacks.grid_of(coarse), 4))
    assert made.shift is not None and abs(made.shift.south_m - 3) < 4 and made.left is not None and made.left.length_m < 0.3
    inside = (slice(None), slice(8, -8), slice(8, -8))
    wrong = {name: np.abs(stack["reflectance"].values[0] - ground)[inside].mean() for name, stack in (("before", reference), ("after", made.reference))}
    assert wrong["after"] < 0.5 * wrong["before"]
    assert made.local and max(abs(one.south_m) for one in made.local) < 1


def test_a_shift_between_images_that_have_nothing_in_common_is_not_taken_off(coarse, reference):
    strange = reference.assign(reflectance=(stacks.DIMS["reflectance"], testing.landscape(SHAPE, seed=77)[None]))
    made = pair(coarse, (3, 2), strange, PairRule(harmonise="no", limit_m=100))
    assert made.shift is not None and made.shift == made.left and made.shift.correlation < 0.3
    seen = made.reference["valid"].values[0]
    assert np.allclose(made.reference["reflectance"].values[0][:, seen], strange["reflectance"].values[0][:, seen], atol=1e-5)


def test_a_shift_is_taken_off_where_a_season_turned_the_contrast_round(coarse, reference, ground):
    turned = reference.copy(deep=True)
    turned["reflectance"][:, 2:] = 0.5 - turned["reflectance"][:, 2:]
    made = pair(coarse, (3, 2), turned, PairRule(harmonise="no"))
    assert made.shift is not None and made.shift.length_m > 3 and made.left is not None and made.left.length_m < 0.3


@pytest.mark.parametrize("rule", [dict(least_correlation=0.999), dict(most_error_m=0.001)])
def test_a_shift_that_is_told_less_surely_than_wanted_stays_in_the_pixels(coarse, reference, rule):
    made = pair(coarse, (3, 2), reference, PairRule(**rule, harmonise="no"))
    assert made.shift is not None and made.shift == made.left and made.shift.length_m > 3


def test_a_shift_that_is_only_recorded_stays_in_the_pixels(coarse, reference):
    made = pair(coarse, (3, 2), reference, PairRule(registration="record", harmonise="no"))
    assert made.shift == made.left and made.shift is not None and made.shift.length_m > 2
    seen = made.reference["valid"].values[0]
    assert np.allclose(made.reference["reflectance"].values[0][:, seen], reference["reflectance"].values[0][:, seen], atol=1e-5)
    assert pair(coarse, (3, 2), reference, PairRule(registration="no", harmonise="no")).shift is None
