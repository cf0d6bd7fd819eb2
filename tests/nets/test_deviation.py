"""Behaviour of nets/deviation.py."""

import torch

from dione.measure.calibration import Calibration
from dione.nets.deviation import deviation, enlarged


def test_sigma_is_what_the_network_foresees_and_a_share_of_the_light_in_squares():
    sr = torch.tensor([0.1, 0.2, 0.05, 0.45]).reshape(1, 4, 1, 1)
    made = deviation(sr, torch.full((1, 4, 1, 1), 0.01).log(), Calibration((1.0, 2.0, 1.0, 3.0), (0.0, 0.1, 0.1, 0.1), 1.5, {})).ravel()
    assert torch.allclose(made, torch.tensor([0.01, (0.02**2 + 0.02**2) ** 0.5, (0.01**2 + 0.005**2) ** 0.5, (0.03**2 + 0.04**2) ** 0.5]))


def test_near_infrared_of_water_gets_none_of_the_light():
    sr = torch.tensor([0.1, 0.1, 0.1, 0.02]).reshape(1, 4, 1, 1)
    assert torch.allclose(deviation(sr, torch.zeros(1, 4, 1, 1), Calibration((1.0,) * 4, (0.0, 0.0, 0.0, 0.1), 1.0, {})), torch.ones(1, 4, 1, 1))


def test_what_other_dates_filled_has_a_factor_of_its_own():
    sr, seen = torch.zeros(1, 4, 4, 6), torch.tensor([[[True, False, True], [True, True, False]]])
    made = deviation(sr, torch.zeros(1, 4, 4, 6), Calibration((1.0,) * 4, (0.0,) * 4, 1.5, {}), enlarged(seen, 2))[0]
    assert (made[:, :2, 2:4] == 1.5).all() and (made[:, 2:, 4:] == 1.5).all() and made.sum() == 4 * (24 + 0.5 * 8)
