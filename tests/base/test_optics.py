import numpy as np
import pytest

from dione.base import optics


def responses(weights, frequency):
    return weights @ np.cos(2 * np.pi * np.arange(-2, 3)[:, None] * frequency)


@pytest.mark.parametrize("found", [0.12, 0.2, 0.35, 0.45, 0.6, 0.9])
def test_compensation_leaves_at_every_frequency_what_the_wanted_sensor_would(found):
    frequency = np.linspace(0, 0.5, 50)
    between = optics.sigma_px(0.25) ** 2 - optics.sigma_px(min(found, optics.SHARPEST)) ** 2
    wanted = np.exp(-2 * np.pi**2 * between * frequency**2)
    assert np.abs(responses(optics.compensation(found), frequency) / wanted - 1).max() < 0.2
    assert optics.compensation(found).sum() == pytest.approx(1, abs=1e-6)


def test_what_is_as_wanted_stays_as_it_is():
    x, seen = np.random.default_rng(0).random((2, 4, 9, 11), np.float32), np.ones((2, 9, 11), bool)
    assert np.allclose(optics.compensated(x, seen, 0.25), x, atol=1e-6)


@pytest.mark.parametrize("found", [0.15, 0.6])
def test_compensated_pixels_are_those_of_the_wanted_sensor(found):
    fine = np.cumsum(np.random.default_rng(0).standard_normal((1, 1, 128, 128)), -1).astype(np.float32) / 100
    sharp, soft = (a @ fine @ a.T for a in (optics.sampling(32, 128, 4, modulation=m) for m in (found, 0.25)))
    made = optics.compensated(sharp, np.ones((1, 32, 32), bool), found)
    inner = (..., slice(3, -3), slice(3, -3))
    assert np.abs(made - soft)[inner].mean() < 0.5 * np.abs(sharp - soft)[inner].mean()


def test_what_is_hidden_lends_its_neighbours_nothing():
    seen = np.ones((1, 12, 12), bool)
    seen[0, 5:8, 6] = False
    x = np.full((1, 4, 12, 12), 0.2, np.float32)
    x[:, :, ~seen[0]] = np.nan
    made = optics.compensated(x, seen, 0.6)
    assert np.allclose(made[:, :, seen[0]], 0.2) and np.isfinite(made).all()
