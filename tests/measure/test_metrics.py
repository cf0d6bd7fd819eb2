import numpy as np
import pytest
import torch
from torchmetrics.functional.image import error_relative_global_dimensionless_synthesis

from dione.measure import metrics
from dione.nets.resolver import load
from dione.testing import Sensor, landscape, observe, still


@pytest.fixture(scope="module")
def truth() -> torch.Tensor:
    return torch.from_numpy(landscape((16, 16), seed=3))[None]


def test_brightness_is_not_scored_by_cpsnr(truth):
    assert float(metrics.cpsnr(truth + 0.1, truth)) > 100


def test_noise_of_a_known_size_gives_its_cpsnr(truth):
    noisy = truth + 0.01 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    assert float(metrics.cpsnr(noisy, truth)) == pytest.approx(40, abs=0.2)


def test_spectra_of_one_colour_have_no_angle_however_bright(truth):
    assert float(metrics.angle(1.7 * truth, truth).max()) < 1e-4


def test_spectra_at_right_angles_are_ninety_degrees_apart():
    one, other = torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    one[:, 0], other[:, 3] = 0.2, 0.7
    assert torch.allclose(metrics.angle(one, other), torch.tensor(90.0))


def test_an_image_is_similar_to_itself_and_less_to_a_blurred_one(truth):
    blurred = torch.nn.functional.avg_pool2d(truth, 3, 1, 1, count_include_pad=False)
    assert torch.allclose(metrics.similarity(truth, truth), torch.ones(())) and float(metrics.similarity(blurred, truth).mean()) < 0.99


def test_ergas_is_that_of_torchmetrics(truth):
    sr = truth + 0.01 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    ours = metrics.ergas((sr - truth).square().mean((2, 3)), truth.mean((2, 3)), zoom=4)
    assert float(ours) == pytest.approx(float(error_relative_global_dimensionless_synthesis(sr, truth, ratio=4)), rel=1e-5)


def test_what_is_averaged_is_what_the_sensor_sees(truth):
    seen = observe(truth[0].numpy(), still(Sensor()), rng=np.random.default_rng(0))
    assert np.allclose(metrics.averaged(truth, 4)[0].numpy(), seen, atol=1e-6)


def test_back_projection_makes_bicubic_consistent_with_its_input(truth):
    lr = metrics.averaged(truth, 4)
    net = load("bicubic").net
    valid = torch.ones(1, 1, 16, 16, dtype=torch.bool)
    sr = net(lr[:, None], valid)[0]
    before = (metrics.averaged(sr, 4) - lr).abs().mean()
    for _ in range(20):
        sr = sr + net((lr - metrics.averaged(sr, 4))[:, None], valid)[0]
    assert float((metrics.averaged(sr, 4) - lr).abs().mean()) < 0.05 * float(before)
