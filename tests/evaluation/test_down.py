import numpy as np
import pytest

from dione.base import when
from dione.base.errors import BadGrid, BadValues, NothingClear
from dione.evaluation import down, lower
from dione.nets.resolver import load
from dione.testing import landscape, observe, series, still


def test_brought_down_is_what_a_coarser_sensor_sees():
    made = series(landscape((80, 72), seed=1), days=2, sensor=still(), seed=1)
    low = lower.coarser(made.stack)
    assert low.sizes["y"] == 20 and low.sizes["x"] == 18
    assert abs(float(low["reflectance"].mean()) - float(made.stack["reflectance"].mean())) < 2e-3


def test_a_shifted_date_is_what_a_shifted_sensor_sees():
    made = series(landscape((80, 72), seed=1), days=1, sensor=still(), seed=1)
    low = lower.coarser(made.stack, shifts=np.array([[0.3, -0.2]]))
    wanted = observe(made.stack["reflectance"].values[0], still(), shift=(0.3, -0.2), rng=np.random.default_rng(0))
    assert np.allclose(low["reflectance"].values[0], wanted, atol=1e-5)


def test_shifts_are_bounded_and_follow_their_seed():
    drawn = lower.drawn_shifts(1000, shift_px=0.2, seed=3)
    assert np.abs(drawn).max() == pytest.approx(0.6) and drawn.std() == pytest.approx(0.2, abs=0.01)
    assert (drawn == lower.drawn_shifts(1000, shift_px=0.2, seed=3)).all() and (drawn != lower.drawn_shifts(1000, shift_px=0.2, seed=4)).all()


def test_what_is_hidden_darkens_no_neighbour():
    made = series(landscape((80, 72), seed=1), days=1, sensor=still(), seed=1)
    bright = made.stack.assign(reflectance=made.stack["reflectance"] * 0 + np.float32(0.5))
    bright["valid"][0, 30:40, 30:40] = False
    low = lower.coarser(bright)
    valid = low["valid"].values[0]
    assert not valid[7:10, 7:10].any() and valid.sum() == 20 * 18 - 9
    assert np.allclose(low["reflectance"].values[0][:, valid], 0.5, atol=1e-5)


def test_a_shifted_pixel_is_hidden_if_any_of_its_ground_is():
    made = series(landscape((80, 72), seed=1), days=1, seed=1)
    made.stack["valid"][0, 39] = False
    hidden = [~lower.coarser(made.stack, shifts=np.array([[shift, 0.0]]))["valid"].values[0].any(1) for shift in (0.0, 0.3, 0.76, -0.2, -0.3)]
    assert [np.flatnonzero(rows).tolist() for rows in hidden] == [[9], [9], [8, 9], [9, 10], [10]]


def test_a_scene_too_small_to_bring_down_is_told():
    with pytest.raises(BadGrid, match="needs 16"):
        lower.coarser(series(landscape((40, 80), seed=1), days=1).stack)


@pytest.mark.parametrize(("slope", "lift", "said"), [(1, 0.1, "as if an offset was not applied"), (10_000, 0, "unscaled")])
def test_a_series_that_a_prediction_refuses_is_not_scored_either(slope, lift, said):
    stack = series(landscape((96, 96), seed=1), days=2).stack
    with pytest.raises(BadValues, match=said):
        down.series(stack.assign(reflectance=stack["reflectance"] * np.float32(slope) + np.float32(lift)), {"bicubic": load("bicubic")})


def test_nearest_gains_less_than_nothing_on_a_series():
    made = series(landscape((80, 72), seed=1), days=2, seed=1)
    found = down.gains(made.stack, load("nearest"))
    assert [date.day for date in found] == ["2024-05-01", "2024-05-06"] and all(date.gain_db < 0 for date in found)


def test_bicubic_gains_nothing_over_itself_with_shifted_supports_too():
    made = series(landscape((80, 72), seed=1), days=2, seed=1)
    assert [date.gain_db for date in down.gains(made.stack, load("bicubic"), shift_px=0.2)] == [0, 0]


def test_the_target_stays_where_it_is_when_supports_shift():
    made = series(landscape((80, 72), seed=1), days=2, seed=1)
    models = {"bicubic": load("bicubic")}
    lr = [[cases.lr for cases in down.series(made.stack, models, shift_px=shift).cases(models, 2)] for shift in (0.0, 0.2)]
    assert all(np.array_equal(one, other) for one, other in zip(*lr, strict=True))


def test_clouded_dates_are_targets_where_they_saw_half():
    made = series(landscape((96, 96), seed=1), days=3, seed=1)
    stack = made.stack.copy(deep=True)
    stack["valid"][0, :32] = False
    stack["valid"][1, :64] = False
    assert [date.day for date in down.gains(stack, load("nearest"))] == ["2024-05-01", "2024-05-11"]


def test_two_passes_of_one_day_are_two_images():
    stack = series(landscape((64, 64), seed=1), days=3, seed=1).stack
    times = stack["time"].values.copy()
    times[1] = times[0] + np.timedelta64(30, "m")
    stack = stack.assign_coords(time=times)
    named = [when.label(stack, date) for date in range(3)]
    assert [date.day for date in down.gains(stack, load("nearest"))] == named and named[0] != named[1]


def test_a_series_of_clouds_is_told():
    made = series(landscape((80, 72), seed=1), days=2, seed=1)
    stack = made.stack.copy(deep=True)
    stack["valid"][:, :60] = False
    with pytest.raises(NothingClear):
        down.gains(stack, load("nearest"))
