"""Input that is sharper than what the network was made for (pixels averaged from finer ones) or softer (resampled by interpolation)."""

import numpy as np
import pytest
import xarray as xr

import dione
from dione.base import optics, stack
from dione.base.errors import BadRecipe
from dione.nets.resolver import load
from dione.prediction import suits
from dione.prediction.config import PredictConfig
from dione.prediction.job import predict_to
from dione.prediction.memory import painted
from dione.prepare.select import choose
from dione.testing import grid_at, landscape

SHAPE = (64, 72)


@pytest.fixture(scope="module")
def truth():
    return landscape(SHAPE, seed=4)


@pytest.fixture(scope="module")
def averaged(truth):
    """One date, each pixel the plain mean of sixteen."""
    low = truth.reshape(4, SHAPE[0], 4, SHAPE[1], 4).mean((2, 4), dtype=np.float32)
    return stack.make(low[None], np.ones((1, *SHAPE), bool), [np.datetime64("2024-05-01", "ns")], grid_at(SHAPE))


@pytest.fixture(scope="module")
def soft(truth):
    """One date of a sensor that leaves half as much at Nyquist as Sentinel-2 does."""
    down, across = (optics.sampling(side, 4 * side, 4, modulation=0.12) for side in SHAPE)
    low = (down @ truth @ across.T).astype(np.float32)
    return stack.make(low[None], np.ones((1, *SHAPE), bool), [np.datetime64("2024-05-01", "ns")], grid_at(SHAPE))


@pytest.fixture(scope="module")
def choice(averaged):
    return choose(averaged)[0]


def error(made, truth):
    inner = (..., slice(32, -32), slice(32, -32))
    return float(np.sqrt(np.square(made - truth)[inner].mean()))


def test_it_is_noticed_and_softened_so_that_sharpening_gains(averaged, choice, truth):
    net = load("setsr-s")
    told = suits.seeing(net, averaged, choice.views)
    assert told.sees == pytest.approx(suits.BELIEVED[1] * 0.25)
    softened, as_it_is = (error(painted(averaged, each, choice)[0], truth) for each in (told, net))
    assert softened < 0.95 * as_it_is
    assert softened < error(painted(averaged, load("bicubic"), choice)[0], truth)


def test_of_what_is_known_to_be_sharper_more_is_taken_than_of_what_only_looks_so(averaged, choice, truth):
    measured, known = (error(painted(averaged, suits.seeing(load("setsr-s"), averaged, choice.views, told), choice)[0], truth) for told in (None, 0.63))
    assert known < measured


def test_bands_that_do_not_agree_leave_the_input_as_it_is(averaged, soft, choice):
    mixed = averaged.assign(reflectance=averaged["reflectance"].where(averaged["band"] != "nir", soft["reflectance"]))
    assert suits.seeing(load("setsr-s"), mixed, choice.views).sees is None


def test_softer_input_is_noticed_and_sharpened_so_that_more_is_gained(soft, choice, truth):
    net = load("setsr-s")
    told = suits.seeing(net, soft, choice.views)
    assert told.sees == pytest.approx(suits.BELIEVED[0] * 0.25)
    compensated, as_it_is = (error(painted(soft, each, choice)[0], truth) for each in (told, net))
    assert compensated < 0.97 * as_it_is


def test_the_result_does_not_depend_on_how_the_scene_is_cut(averaged, choice):
    told = suits.seeing(load("setsr-s"), averaged, choice.views)
    whole, parts = (painted(averaged, told, choice, block)[0] for block in (96, 24))
    assert np.abs(whole - parts).max() < 2e-5


def test_a_person_is_told_and_the_result_agrees_with_the_input(averaged, tmp_path):
    measured = predict_to(averaged, tmp_path / "measured", resolver=load("setsr-s"))
    known, as_it_is = (predict_to(averaged, tmp_path / str(each), resolver=load("setsr-s"), config=PredictConfig(modulation=each)) for each in (0.63, 0.25))
    assert "sharper than Sentinel-2's own pixels" in " ".join(measured.alarms)
    assert known.targets[0].consistency < 0.002
    assert known.targets[0].consistency < measured.targets[0].consistency < as_it_is.targets[0].consistency


def test_what_is_said_of_the_sensor_counts_more_than_what_is_measured(averaged):
    as_measured, as_said = (dione.predict(averaged, modulation=modulation)["reflectance"].values for modulation in (None, 0.25))
    assert not np.array_equal(as_measured, as_said)


def test_pixels_as_soft_as_sentinel_2s_stay_as_they_are_and_so_do_those_of_a_model_for_any(averaged, choice):
    assert suits.seeing(load("setsr-s"), averaged, choice.views, 0.3).sees is None
    assert suits.seeing(load("bicubic"), averaged, choice.views).sees is None


def test_a_date_is_the_same_whatever_else_is_sharpened(averaged, soft):
    kinds = [averaged] * 3 + [soft] * 3  # of each target other three would be looked at first
    dates = [one.assign_coords(time=one["time"] + np.timedelta64(5 * at, "D")) for at, one in enumerate(kinds)]
    series = xr.concat(dates, "time").assign_attrs(averaged.attrs)
    every, one = (dione.predict(series, target=target) for target in ("all", "2024-05-26"))
    np.testing.assert_array_equal(every["reflectance"].values[-1], one["reflectance"].values[0])
    assert every.attrs == one.attrs


@pytest.mark.parametrize("modulation", [5.0, 0.0, -1.0, 0.64, float("nan")])
@pytest.mark.parametrize("model", ["setsr-s", "bicubic"])
def test_a_modulation_that_no_sensor_has_is_refused(averaged, model, modulation):
    with pytest.raises(BadRecipe, match=r"modulation is .*, needs 0\.05 to 0\.63"):
        dione.predict(averaged, model=model, modulation=modulation)


@pytest.mark.parametrize("modulation", [0.05, 0.25, 0.63])
def test_a_modulation_is_refused_for_what_it_decides_nothing_of(averaged, modulation):
    with pytest.raises(BadRecipe, match="modulation decides nothing for bicubic"):
        dione.predict(averaged, model="bicubic", modulation=modulation)
