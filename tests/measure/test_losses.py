import math

import numpy as np
import pytest
import torch

from dione.measure.losses import CONTRAST_FLOOR, LossConfig, loss
from dione.measure.shift import shifted
from dione.testing import landscape

NONE = dict(charbonnier=0, gradient=0, likelihood=0, spectral_angle=0)


@pytest.fixture(scope="module")
def sharp():
    return torch.from_numpy(np.stack([landscape((14, 14), seed=seed) for seed in range(4)]))


def only(sr, hr, log_sigma=None, **config):
    sigma = torch.zeros_like(sr) if log_sigma is None else log_sigma
    return float(loss(sr, sigma, hr, LossConfig(**{**NONE, **config})).total)


def test_a_shifted_reference_costs_almost_nothing_when_shifts_are_forgiven(sharp):
    moved = shifted(sharp, torch.tensor([[1.5, -0.6]]).expand(4, 2))
    strict, forgiving = (only(moved, sharp, charbonnier=1, gradient=1, shift_px=limit) for limit in (0, 2))
    assert forgiving < 0.02 * strict


def test_a_shift_beyond_what_is_forgiven_costs(sharp):
    moved = shifted(sharp, torch.tensor([[4.0, 0.0]]).expand(4, 2))
    assert only(moved, sharp, charbonnier=1, shift_px=1) > 10 * only(moved, sharp, charbonnier=1, shift_px=4)


def test_an_offset_of_a_band_costs_nothing_when_bias_is_forgiven(sharp):
    offset = torch.tensor([0.02, -0.01, 0.03, 0.05])[:, None, None]
    log_sigma = torch.full_like(sharp, -4)
    config = dict(charbonnier=1, spectral_angle=1)
    assert only(sharp + offset, sharp, **config, bias=True) < 1e-5 < 0.05 < only(sharp + offset, sharp, **config)
    assert only(sharp + offset, sharp, log_sigma, likelihood=1, bias=True) == pytest.approx(-4, abs=1e-4)


@pytest.mark.parametrize("tolerance", [{}, {"bias": True}, {"shift_px": 1.5}, {"bias": True, "shift_px": 2.0}])
@pytest.mark.parametrize("error", [0.0, 0.05])
def test_gradients_are_finite_everywhere(sharp, tolerance, error):
    hr = sharp.clone()
    hr[0] = 0  # black, and without contrast
    sr = (hr + error * torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    log_sigma = torch.zeros_like(hr).requires_grad_()
    terms = loss(sr, log_sigma, hr, LossConfig(spectral_angle=1, **tolerance))
    terms.total.backward()
    assert torch.isfinite(terms.total) and torch.isfinite(sr.grad).all() and torch.isfinite(log_sigma.grad).all()
    assert log_sigma.grad.abs().sum() > 0 and (error == 0 or sr.grad.abs().sum() > 0)


def test_terms_match_a_calculation_by_hand():
    hr = torch.zeros(1, 1, 2, 2)
    hr[0, 0] = torch.tensor([[0.1, 0.3], [0.1, 0.3]])
    sr = hr + torch.tensor([[0.02, 0.0], [0.0, 0.0]])
    unit = math.sqrt(0.04 / 3) + CONTRAST_FLOOR  # four values, 0.1 from their mean
    one = math.sqrt((0.02 / unit) ** 2 + 0.04) - 0.2
    assert only(sr, hr, charbonnier=1) == pytest.approx(one / 4, rel=1e-5)
    assert only(sr, hr, gradient=1) == pytest.approx(one / 2 + one / 2, rel=1e-5)  # one of two steps each way
    log_sigma = torch.full_like(hr, math.log(0.05))
    assert only(sr, hr, log_sigma, likelihood=1) == pytest.approx(math.log(0.05) + math.sqrt(2) * 0.02 / 0.05 / 4, rel=1e-5)


def test_the_spectral_angle_is_that_between_the_spectra():
    hr = torch.zeros(1, 4, 3, 3)
    hr[:, 0] = 1
    for degrees in (5, 20):
        sr = torch.zeros_like(hr)
        sr[:, 0], sr[:, 1] = 0.6 * math.cos(math.radians(degrees)), 0.6 * math.sin(math.radians(degrees))
        assert only(sr, hr, spectral_angle=1) == pytest.approx(math.radians(degrees), abs=0.012)
    assert only(0.5 * hr, hr, spectral_angle=1) < 1e-4


def test_the_total_is_the_weighted_sum_and_a_term_of_no_weight_is_left_out(sharp):
    terms = loss(sharp + 0.01, torch.zeros_like(sharp), sharp, LossConfig(charbonnier=2, gradient=0, likelihood=0.5))
    assert set(terms.parts) == {"charbonnier", "likelihood"}
    assert float(terms.total) == pytest.approx(2 * float(terms.parts["charbonnier"]) + 0.5 * float(terms.parts["likelihood"]), rel=1e-6)


def test_the_likelihood_does_not_shape_the_picture(sharp):
    sr = (sharp + 0.01).requires_grad_()
    log_sigma = torch.zeros_like(sharp).requires_grad_()
    loss(sr, log_sigma, sharp, LossConfig(**{**NONE, "likelihood": 1})).total.backward()
    assert sr.grad is None or not sr.grad.any()


def test_terms_of_the_older_pipeline_match_a_calculation_by_hand(sharp):
    error = 0.05 * torch.rand(sharp.shape, generator=torch.Generator().manual_seed(1))
    sr = sharp + error
    assert only(sr, sharp, mse=1, unit="reflectance") == pytest.approx(float(error.square().mean()), rel=1e-4)
    assert only(sr, sharp, mae=1, unit="network") == pytest.approx(float(error.mean()), rel=1e-4)
    centred = error - error.mean((-2, -1), keepdim=True)
    assert only(sr, sharp, mse=1, unit="reflectance", bias=True) == pytest.approx(float(centred.square().mean()), rel=1e-4)
    similar = 1 - only(sr, sharp, dissimilarity=1, unit="network")
    assert 0 < similar < 1 and only(sharp, sharp, dissimilarity=1, unit="network") < 1e-5
    mixed = only(sr, sharp, mse=1, dissimilarity=0.1, unit="network")
    assert mixed == pytest.approx(float(error.square().mean()) + 0.1 * (1 - similar), rel=1e-4)


def test_similarity_drops_with_blur():
    image = torch.from_numpy(landscape((14, 14), seed=1))[None] * 3
    blurred = torch.nn.functional.avg_pool2d(image, 5, stride=1, padding=2)
    assert only(blurred, image, dissimilarity=1, unit="network") > 0.05
