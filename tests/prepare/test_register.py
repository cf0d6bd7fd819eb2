"""A planted shift is found again, over the whole area and in its parts."""

import re

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from dione import testing
from dione.base import grid as grids
from dione.base import optics
from dione.base import stack as stacks
from dione.base.errors import BadValues, NothingClear
from dione.prepare.reference import register

SHAPE = (48, 52)
FIELDS = ((31, 22, 40, 17, 28, 35, 60), (43, 25, 33, 19, 50, 38))
"""Their lengths and widths, pixels of 2.5 m."""


@pytest.fixture(scope="module")
def ground() -> testing.Array:
    return testing.landscape(SHAPE, seed=3)


@pytest.fixture(scope="module")
def coarse(ground: testing.Array) -> xr.Dataset:
    return testing.series(ground, days=1, seed=1).stack


def reference(ground: np.ndarray, south_m: float, east_m: float, valid: np.ndarray | None = None) -> xr.Dataset:
    """Sharp imagery, 2.5 m, another sensor's gain and haze, that shows ground further south and east than its grid says."""
    rows, columns = (optics.sampling(side, side, 1, shift_px=by / 2.5, modulation=0.6) for side, by in zip(ground.shape[1:], (south_m, east_m), strict=True))
    image = 0.8 * (rows @ ground @ columns.T) + 0.03
    seen = np.ones(image.shape[1:], bool) if valid is None else valid
    return stacks.make(image[None].astype(np.float32), seen[None], ["2024-05-02"], grids.finer(testing.grid_at(SHAPE), 4))


@pytest.mark.parametrize(("south", "east"), [(0.0, 0.0), (3.2, -4.1), (-17.0, 12.5)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(ground, coarse, south, east):
    found = register.measure(reference(ground, south, east), coarse)
    assert abs(found.south_m - south) < 1 and abs(found.east_m - east) < 1
    assert found.correlation > 0.95 and found.error_m < 0.3


def test_clouds_and_changed_ground_do_not_mislead_it(ground, coarse):
    valid = np.ones(ground.shape[1:], bool)
    valid[:60, :90] = False
    other = testing.changed(ground, fraction=0.15, seed=9)
    clouded = np.where(valid, other, 0.7)
    found = register.measure(reference(clouded, 2.0, -5.0, valid), coarse)
    assert abs(found.south_m - 2) < 1 and abs(found.east_m + 5) < 1


def test_fields_of_another_year_do_not_draw_the_shift_to_one_side():
    """Each field has a colour of its own in either year, its hedges stay."""
    rows, columns = (np.repeat(np.arange(len(widths)), widths)[: 4 * side] for widths, side in zip(FIELDS, SHAPE, strict=True))
    field = rows[:, None] * len(FIELDS[1]) + columns
    hedge = (np.diff(rows, prepend=-1) > 0)[:, None] | (np.diff(columns, prepend=-1) > 0)
    hedge = ndimage.maximum_filter(hedge, 4)
    off = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        here, then = (np.where(hedge, 0.05, rng.uniform(0.1, 0.4, (4, field.max() + 1))[:, field]).astype(np.float32) for _ in range(2))
        found = register.measure(reference(then, 7.5, -5.0), testing.series(here, days=1, seed=1).stack)
        off.append(np.hypot(found.south_m - 7.5, found.east_m + 5))
    assert max(off) < 1


def test_contrast_that_a_season_turned_round_tells_the_shift_as_well(ground, coarse):
    """Bare soil is bright in red and dark in near infrared, the crop on it the reverse: the bands together say nothing, each one does."""
    other = ground.copy()
    other[2:] = 0.5 - other[2:]
    found = register.measure(reference(other, -22.0, 17.0), coarse)
    assert abs(found.south_m + 22) < 1 and abs(found.east_m - 17) < 1 and found.correlation > 0.9


def test_how_sure_a_shift_is_counts_what_changed_in_pieces_larger_than_a_pixel():
    """What does not fit has spots of some pixels, in all bands alike; no shift explains any of it."""
    off, told = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        misfit, south, east = (np.repeat(ndimage.gaussian_filter(rng.normal(size=(1, 64, 64)), (0, 2, 2)), 4, 0) for _ in range(3))
        *shift, error = register.Linear(misfit, south, east, 0.5).solve()
        off += shift
        told.append(error)
    assert 0.7 < np.sqrt(np.mean(np.square(off)) / np.mean(np.square(told))) < 1.5


def test_a_shift_that_differs_between_parts_is_told_by_parts(ground, coarse):
    both = reference(ground, 0.0, 2.0)
    half = reference(ground, 0.0, -2.0)
    mixed = both.assign(
        reflectance=xr.where(both["x"] < float(both["x"].mean()), both["reflectance"], half["reflectance"]).transpose(*stacks.DIMS["reflectance"])
    )
    told = register.local(mixed, coarse, side_px=24)
    west = [one.east_m for one in told if one.window.right <= SHAPE[1] // 2]
    east = [one.east_m for one in told if one.window.left >= SHAPE[1] // 2]
    assert west and east and abs(np.median(west) - 2) < 0.5 and abs(np.median(east) + 2) < 0.5


def test_a_shift_beyond_the_limit_is_not_believed(ground, coarse):
    with pytest.raises(BadValues, match="at most 4 m"):
        register.measure(reference(ground, 9.0, 0.0), coarse, limit_m=4)


@pytest.mark.parametrize(("south", "east"), [(45.0, 0.0), (0.0, -52.0), (38.0, 31.0), (-60.0, 20.0)])
def test_a_shift_far_beyond_the_limit_is_told_and_no_other_is_found_in_its_place(ground, coarse, south, east):
    """Land and water correlate at any shift, details at the right one only."""
    rows, columns = np.mgrid[-1 : 1 : ground.shape[1] * 1j, -1 : 1 : ground.shape[2] * 1j]
    shore = (0.3 / (1 + np.exp(-6 * (rows + columns)))).astype(np.float32)
    seen = testing.series(ground * 0.5 + shore, days=1, seed=1).stack
    with pytest.raises(BadValues, match="at most 30 m") as told:
        register.measure(reference(ground * 0.5 + shore, south, east), seen)
    found = [float(number) for number in re.findall(r"(-?[\d.]+) m further", str(told.value))]
    assert np.allclose(found, (south, east), atol=10)


def test_too_little_to_see_is_told(ground, coarse):
    with pytest.raises(NothingClear, match="needs 60"):
        register.measure(reference(ground, 0, 0, np.zeros(ground.shape[1:], bool)), coarse)
    plain = coarse.assign(reflectance=coarse["reflectance"] * 0 + np.float32(0.2))
    with pytest.raises(NothingClear, match="too plain"):
        register.measure(reference(np.full_like(ground, 0.2), 0, 0), plain)
