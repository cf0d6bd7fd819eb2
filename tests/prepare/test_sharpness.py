from functools import cache

import numpy as np
import pytest

from dione.base import optics, stack
from dione.prepare import sharpness
from dione.testing import grid_at

TIMES = [np.datetime64("2024-05-01", "ns"), np.datetime64("2024-06-01", "ns")]


@cache
def ground(side=512, seed=0):
    """Reflectance whose amplitude falls with frequency, as that of land."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    spectrum = np.fft.rfft2(rng.standard_normal((4, side, side))) / np.maximum(frequency, 1 / side) ** 1.3
    made = np.fft.irfft2(spectrum)
    return (0.2 + 0.04 * made / made.std()).astype(np.float32)


def seen_by(modulation, pixels=128, hidden=0, contrast=1.0):
    """By a sensor as noisy as Sentinel-2's; contrast: what is left of it, by band."""
    fine = ground()
    a = optics.sampling(pixels, 4 * pixels, 4, modulation=modulation)
    low = 0.2 + contrast * (a @ fine[:, : 4 * pixels, : 4 * pixels] @ a.T - 0.2)
    low = low + sharpness.NOISE * np.random.default_rng(1).standard_normal((2, *low.shape))
    valid = np.ones((2, pixels, pixels), bool)
    valid[:, :hidden] = False
    return stack.make(low.astype(np.float32), valid, TIMES, grid_at((pixels, pixels)))


@pytest.mark.parametrize("modulation", [0.15, 0.25, 0.4, 0.6])
def test_the_modulation_of_a_sensor_is_found_from_its_pictures_to_a_quarter(modulation):
    np.testing.assert_allclose(sharpness.modulation(seen_by(modulation), (0, 1)), modulation, rtol=0.25)


def test_a_quiet_scene_is_not_sharp_for_its_noise_and_a_band_of_noise_says_nothing():
    found = sharpness.modulation(seen_by(0.25, contrast=np.array([0.1, 0.6, 0.8, 1.0])[:, None, None]), (0, 1))
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], 0.25, rtol=0.3)


def test_hidden_pixels_say_nothing():
    made = seen_by(0.25, hidden=40)
    broken = made.assign(reflectance=made["reflectance"].where(made["valid"], np.random.default_rng(0).random(made["reflectance"].shape).astype("float32")))
    np.testing.assert_array_equal(sharpness.modulation(broken, (0, 1)), sharpness.modulation(made, (0, 1)))


def test_nothing_is_said_of_a_small_or_hidden_or_flat_scene():
    flat = seen_by(0.25)
    assert sharpness.modulation(seen_by(0.25, pixels=20), (0,)) is None
    assert sharpness.modulation(seen_by(0.25, hidden=127), (0, 1)) is None
    assert np.isnan(sharpness.modulation(flat.assign(reflectance=flat["reflectance"] * 0 + np.float32(0.2)), (0,))).all()


def test_an_archive_is_asked_for_no_pixel_more():
    lazy = seen_by(0.6).chunk({"y": 64})
    assert sharpness.modulation(lazy.assign_attrs(identity="an item, version 3"), (0, 1)) is None
    np.testing.assert_allclose(sharpness.modulation(lazy, (0, 1)), 0.6, rtol=0.25)
