import math
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from dione.base import optics
from dione.patches.simulated.build import SimulateConfig
from dione.patches.simulated.simulate import Degradation, _compress, simulate, truth
from dione.testing import landscape

KIND = {"path": "*.tif", "sensor": "made up", "coarse_m": 10}
STILL = Degradation(
    shift_px=(0, 0),
    band_shift_px=0,
    other_year=(0, 0),
    mixing=(0, 0),
    bending=(0, 0),
    parcels=0,
    gain=0,
    haze=0,
    noise=(0, 0),
    noise_slope=(0, 0),
    compression=(0, 0),
    cloud=0,
    target_cloud=0,
    dropped=0,
    modulation=(0.25, 0.25),
    modulation_spread=0,
)


@pytest.fixture(scope="module")
def ground():
    return np.stack([landscape((32, 32), seed=seed) for seed in (1, 2)])  # 128 × 128 px, two years


def test_shapes_and_ranges(ground):
    sample = simulate(ground, 8.0, Degradation(), np.random.default_rng(0))
    assert sample.lr.shape == (8, 4, 14, 14) and sample.valid.shape == (8, 14, 14) and sample.hr.shape == (4, 56, 56)
    assert sample.lr.dtype == sample.hr.dtype == np.float32
    assert (sample.lr > 0).all() and (sample.lr < 2).all()
    assert np.array_equal(sample.shifts[0], [0, 0])


def test_the_same_seed_gives_the_same_patch(ground):
    one, two = (simulate(ground, 8.0, Degradation(), np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.lr, two.lr) and np.array_equal(one.valid, two.valid)


def test_without_disturbance_every_date_is_the_blurred_ground(ground):
    sample = simulate(ground[:1], 8.0, STILL, np.random.default_rng(0))
    matrix = optics.sampling(14, 128, 8.0)
    assert np.abs(sample.lr[0] - matrix @ ground[0] @ matrix.T).max() < 1e-4  # digital numbers
    assert np.abs(sample.lr - sample.lr[0]).max() < 2e-4


def test_pixels_of_another_sensor_are_brought_to_nominal_as_a_prediction_does(ground):
    blind = replace(STILL, modulation=(0.6, 0.6))
    told = replace(STILL, other=1, other_modulation=(0.6, 0.6), other_known=0)
    nominal, sharp, brought = (simulate(ground[:1], 8.0, model, np.random.default_rng(0)).lr for model in (STILL, blind, told))
    inner = (..., slice(2, -2), slice(2, -2))
    assert np.abs(brought - nominal)[inner].mean() < 0.5 * np.abs(sharp - nominal)[inner].mean()
    unsure = simulate(ground[:1], 8.0, replace(told, other_known=0.3), np.random.default_rng(0)).lr
    assert not np.array_equal(unsure, brought)


def test_truth_of_imagery_at_the_wanted_pixel_is_the_imagery_itself(ground):
    assert np.array_equal(truth(ground[0], 4.0, Degradation()), ground[0][:, 36:92, 36:92])


def test_modulation_at_nyquist_is_what_was_asked_for():
    for wanted in (0.15, 0.25, 0.4):
        wave = np.cos(np.pi * (np.arange(1600) + 0.5 - 8) / 16)
        assert np.abs((optics.sampling(100, 1600, 16, modulation=wanted) @ wave)[10:-10]).max() == pytest.approx(wanted, rel=0.02)


def test_a_shift_moves_what_is_seen_by_that_much():
    ramp = np.tile(np.arange(160, dtype=np.float32), (160, 1))
    moved = optics.sampling(20, 160, 8, shift_px=0.3) @ ramp.T
    still = optics.sampling(20, 160, 8) @ ramp.T
    assert np.allclose((moved - still)[4:-4], 0.3 * 8, atol=1e-3)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.4, 6, 18), (1.0, 30, 30)])
def test_so_many_patches_have_dates_that_all_stand_alike(ground, share, low, high):
    model = replace(Degradation(), alike=share, size_px=8)
    still = sum(not simulate(ground, 8.0, model, np.random.default_rng(seed)).shifts.any() for seed in range(30))
    assert low <= still <= high


def test_dates_and_bands_that_stand_alike_see_the_same(ground):
    sample = simulate(ground[:1], 8.0, replace(STILL, shift_px=(0.3, 0.3), band_shift_px=0.1, alike=1), np.random.default_rng(0))
    assert np.abs(sample.lr - sample.lr[0]).max() < 2e-4


def test_clouds_are_flagged_on_the_target_and_mostly_on_supports(ground):
    model = Degradation(cloud=1, target_cloud=1, missed=0.5)
    samples = [simulate(ground, 8.0, model, np.random.default_rng(seed)) for seed in range(30)]
    assert all((~sample.valid[0]).any() for sample in samples)
    assert 0.3 < np.mean([(~sample.valid[1:]).any((1, 2)).mean() for sample in samples]) < 0.7


def test_the_target_keeps_its_colours(ground):
    sample = simulate(ground[:1], 8.0, Degradation(target_cloud=0), np.random.default_rng(1))
    assert np.abs(sample.lr[0].mean((1, 2)) / sample.hr.mean((1, 2)) - 1).max() < 0.02


def test_another_season_changes_colours_and_moves_no_edge(ground):
    seasons = replace(STILL, mixing=(0.25, 0.25), bending=(0.5, 0.5))
    changed, unmoved = [], []
    for seed in range(10):
        lr = simulate(ground[:1], 8.0, seasons, np.random.default_rng(seed)).lr
        still = simulate(ground[:1], 8.0, STILL, np.random.default_rng(seed)).lr
        assert np.allclose(lr[0], still[0])  # the target keeps its own
        changed.append(np.abs(lr[1:] - still[1:]).mean())
        steps = [np.abs(np.diff(np.log(x[1:]), axis=-1)).sum(1) for x in (lr, still)]
        unmoved.append(np.corrcoef(steps[0].ravel(), steps[1].ravel())[0, 1])
    assert np.mean(changed) > 0.003 and np.mean(unmoved) > 0.6


def test_parcels_change_as_a_whole(ground):
    flat = np.full_like(ground[:1], 0.2)
    lr = simulate(flat, 8.0, replace(STILL, parcels=1), np.random.default_rng(2)).lr
    assert all(2 <= len(np.unique(date[0].round(3))) <= 4 for date in lr[1:]) and np.ptp(lr[0]) < 1e-3


def test_compression_keeps_means_and_forgets_small_differences():
    noisy = (0.1 + 0.0001 * np.random.default_rng(0).standard_normal((1, 4, 14, 14))).astype(np.float32)
    lossy = _compress(noisy, 0.002)
    means = [x.reshape(1, 4, 7, 2, 7, 2).mean((3, 5)) for x in (noisy, lossy)]
    assert np.allclose(*means, atol=1e-6)
    assert np.ptp(lossy.reshape(1, 4, 7, 2, 7, 2), axis=(3, 5)).max() < 1e-6


def test_some_supports_show_nothing(ground):
    samples = [simulate(ground, 8.0, replace(STILL, dropped=0.5), np.random.default_rng(seed)) for seed in range(20)]
    empty = np.array([~sample.valid.any((1, 2)) for sample in samples])
    assert not empty[:, 0].any() and 0.35 < empty[:, 1:].mean() < 0.65


@pytest.mark.parametrize("side", [57, 60, 61, 63])
def test_truth_lies_in_the_middle_of_its_input_whatever_the_ground(side):
    across = ((np.arange(side) - (side - 1) / 2) / 100).astype(np.float32)
    ground = np.broadcast_to(0.5 + across[:, None] / 4 + across / 2, (1, 4, side, side))
    sample = simulate(ground, 4.0, STILL, np.random.default_rng(0))
    coarse = sample.hr.reshape(4, 14, 4, 14, 4).mean((2, 4))
    inner = (..., slice(3, -3), slice(3, -3))
    assert np.abs(coarse - sample.lr[0])[inner].max() < 5e-4  # half a sharp pixel would be 0.003 and more


@pytest.mark.parametrize(
    "wrong",
    [
        {"dates": 0},
        {"zoom": 0},
        {"size_px": 0},
        {"truth_modulation": 0.7},
        {"modulation": (0.6, 0.7)},
        {"noise": (0.002, 0.001)},
        {"cloud": 2},
        {"gain": -1},
        {"gain": math.inf},
        {"noise": (1e308, 1e308)},
        {"dates": 10**7},
    ],
)
def test_a_recipe_that_cannot_be_drawn_from_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TypeAdapter(Degradation).validate_python(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"scenes": [KIND | {"coarse_m": math.inf}]},
        {"scenes": [KIND | {"noise": 1e308}]},
        {"scenes": [KIND | {"reflectance": [0.1, 0.1, 0.1, 0]}]},
    ],
)
def test_a_recipe_of_scenes_that_cannot_be_made_is_refused(wrong):
    assert SimulateConfig.model_validate({"scenes": [KIND]})
    with pytest.raises(ValidationError):
        SimulateConfig.model_validate({"scenes": [KIND]} | wrong)
