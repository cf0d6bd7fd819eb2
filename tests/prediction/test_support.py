"""Where detail comes from, on worlds whose answer is known: planted detail that the sensor passes, or not, that dates saw, or not."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from dione.base import stack as stacks
from dione.nets.parts.resampling import Enlarge
from dione.nets.resolver import load
from dione.prediction.memory import predict
from dione.prediction.windows import support
from dione.prediction.windows.support import CONFIRMED, LEARNED, MEASURED, NODATA
from dione.testing import Sensor, landscape, series

SIDE = 48
INNER = slice(12, -12)
"""Coarse pixels that no edge comes near to."""
QUIET = Sensor(noise=0.0005, gain=0.0, shift_px=0.5)


def wave(cycles: float, amplitude: float = 0.03) -> np.ndarray:
    """A grating of so many cycles a coarse pixel, across and down."""
    at = (np.arange(4 * SIDE) + 0.5) / 4
    return (amplitude * np.add.outer(np.sin(2 * np.pi * cycles * at), np.cos(2 * np.pi * cycles * at))).astype(np.float32)


def seen_of(truth: np.ndarray, days: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The dates, the target first, and where they were seen."""
    seen = series(truth, days=days, sensor=QUIET, seed=3).stack
    lr, valid = (torch.from_numpy(seen[name].values[::-1].copy()) for name in ("reflectance", "valid"))
    return lr, valid


def classes(truth: np.ndarray, result: np.ndarray, *, days: int = 8) -> np.ndarray:
    """What is said of `result` where the dates saw `truth`."""
    lr, valid = seen_of(truth, days)
    return support.judged(torch.from_numpy(result), lr, valid).numpy()[INNER, INNER]


def own_of_date(date: np.ndarray) -> np.ndarray:
    """A date's own picture, all four bands."""
    parts = [Enlarge(4)(support.own_picture(torch.from_numpy(band[None, None]), 4)) for band in date]
    return torch.stack([torch.nn.functional.pixel_shuffle(part, 4)[0, 0] for part in parts]).numpy()


@pytest.fixture(scope="module")
def flat():
    """Ground without detail: what varies, varies over several coarse pixels, so that the dates' shifts can be found."""
    rough = np.random.default_rng(0).standard_normal((4 * SIDE, 4 * SIDE))
    smooth = ndimage.gaussian_filter(rough, 8)
    return np.repeat((0.2 + 0.05 * smooth / smooth.std())[None], 4, 0).astype(np.float32)


def test_what_the_target_shows_by_itself_is_measured(flat):
    ground = flat + wave(0.2)
    assert (classes(ground, own_of_date(series(ground, days=1, sensor=QUIET, seed=3).stack["reflectance"].values[0])) == MEASURED).mean() > 0.95


def test_detail_that_the_sensor_passes_and_the_dates_saw_is_confirmed(flat):
    """0.7 cycles a pixel are beyond what one date can tell, not beyond what the sensor lets through."""
    assert (classes(flat + wave(0.7), flat + wave(0.7)) == CONFIRMED).mean() > 0.95


def test_the_same_detail_invented_is_learned(flat):
    assert (classes(flat, flat + wave(0.7)) == LEARNED).mean() > 0.95


def test_detail_in_the_wrong_place_is_learned(flat):
    shifted = np.roll(wave(0.7), 3, (0, 1))  # half a wave aside
    assert (classes(flat + wave(0.7), flat + shifted) == LEARNED).mean() > 0.95


def test_detail_too_fine_for_the_sensor_is_learned_even_if_it_is_there(flat):
    assert (classes(flat + wave(1.6), flat + wave(1.6)) == LEARNED).mean() > 0.95


def test_one_date_confirms_nothing(flat):
    assert (classes(flat + wave(0.7), flat + wave(0.7), days=1) == LEARNED).mean() > 0.95


def moved(dates):
    return np.roll(dates, (3, 3), (-2, -1))


def clouded(dates):
    return 0.3 * dates + 0.35 + 0.05 * np.random.default_rng(0).standard_normal(dates.shape, np.float32)


@pytest.mark.parametrize("spoiled", [moved, clouded])
@pytest.mark.parametrize(("invented", "class_", "least"), [(False, CONFIRMED, 0.8), (True, LEARNED, 0.95)])
def test_one_date_that_is_a_cloud_or_out_of_place_does_not_drown_the_others(flat, spoiled, invented, class_, least):
    truth, result = flat if invented else flat + wave(0.7), flat + wave(0.7)
    lr, valid = seen_of(truth, days=6)
    lr[2] = torch.from_numpy(spoiled(lr[2].numpy()))
    assert (support.judged(torch.from_numpy(result), lr, valid).numpy()[INNER, INNER] == class_).mean() > least


def test_faint_detail_is_not_spoken_of(flat):
    assert (classes(flat, flat + wave(0.7, 0.001)) == MEASURED).all()


@pytest.fixture(scope="module")
def made():
    return series(landscape((100, 90), seed=1), days=6, cloud=0.2, seed=3)


def test_confirmed_detail_of_the_shipped_weights_is_more_right_than_learned():
    """Of the added detail: its correlation with what is missing in the target's own picture."""
    clear = series(landscape((80, 80), seed=2), days=8, seed=5)
    sharp = predict(clear.stack, precision="float32")
    added, missing = (each[3] - own_of_date(clear.stack["reflectance"].values[-1])[3] for each in (sharp["reflectance"].values[0], clear.truth[-1]))
    found = sharp["support"].values[0]
    right = {kind: np.corrcoef(added[found == kind], missing[found == kind])[0, 1] for kind in (CONFIRMED, LEARNED)}
    assert right[CONFIRMED] > right[LEARNED] + 0.02 and (found == CONFIRMED).mean() > 0.3


@pytest.fixture(scope="module")
def sharp(made):
    return predict(made.stack, target="2024-05-26", precision="float32")


def test_clouds_of_the_target_are_never_measured_and_unseen_ground_is_nothing(made, sharp):
    found, own = sharp["support"].values[0], made.stack["valid"].values[-1].repeat(4, 0).repeat(4, 1)
    assert not (found[~own] == MEASURED).any() and (found[sharp["valid"].values[0]] != NODATA).all()
    hidden = made.stack.assign(valid=(stacks.DIMS["valid"], made.stack["valid"].values & (np.arange(90) > 20)))
    assert (predict(hidden, target="2024-05-26", model="bicubic-median")["support"].values[0][:, : 4 * 21] == NODATA).all()


def test_blocks_say_the_same_as_the_whole(made, sharp):
    cut = predict(made.stack, target="2024-05-26", precision="float32", block=32)
    assert (cut["support"].values != sharp["support"].values).mean() < 1e-3


def test_a_method_without_weights_learned_nothing(made):
    assert set(np.unique(predict(made.stack, target="2024-05-26", model="bicubic")["support"])) == {NODATA, MEASURED}
    assert not load("bicubic").has_weights
