import numpy as np
import pytest
import torch

from dione.measure.lanczos import lanczos, taps
from dione.measure.shift import shifted
from dione.testing import landscape


def wave(by=(0.0, 0.0)):
    """A smooth image, exactly, at any place."""
    y, x = torch.meshgrid(torch.arange(40.0) + by[0], torch.arange(36.0) + by[1], indexing="ij")
    return (torch.sin(0.5 * y) * torch.cos(0.4 * x) + 0.3 * torch.sin(0.7 * x))[None, None]


@pytest.mark.parametrize("by", [(0.5, -0.25), (1.3, 2.6), (-3.8, 0.1), (4.9, -4.9)])
def test_a_smooth_image_is_read_at_the_place_asked_for(by):
    inner = (..., slice(9, -9), slice(9, -9))
    moved = lanczos(wave(), torch.tensor([by]))
    assert (moved - wave(by))[inner].abs().max() < 0.01
    assert (moved - shifted(wave(), torch.tensor([by])))[inner].abs().max() < 0.05


def test_whole_pixels_are_exact_and_none_moves_nothing():
    image = torch.rand(2, 4, 12, 14)
    assert torch.allclose(lanczos(image, torch.zeros(2, 2)), image, atol=1e-6)
    assert torch.allclose(lanczos(image, torch.tensor([[2.0, -1.0]] * 2))[..., :-2, 1:], image[..., 2:, :-1], atol=1e-6)


def test_each_image_moves_its_own_way_and_a_flat_one_stays():
    image = torch.rand(3, 2, 12, 12)
    by = torch.tensor([[0.3, 0.2], [-1.4, 0.0], [2.2, 3.1]])
    together = lanczos(image, by)
    assert all(torch.allclose(together[n : n + 1], lanczos(image[n : n + 1], by[n : n + 1]), atol=1e-6) for n in range(3))
    assert torch.allclose(lanczos(torch.full((1, 1, 9, 9), 0.4), torch.tensor([[0.37, -2.2]])), torch.tensor(0.4), atol=1e-6)


def test_weights_sum_to_one_wherever():
    assert torch.allclose(taps(torch.linspace(-5, 5, 42).reshape(-1, 2)).sum(-1), torch.tensor(1.0), atol=1e-5)


def test_a_shift_is_found_down_its_gradient():
    sharp = torch.from_numpy(landscape((12, 12), seed=3))[None]
    smooth = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    wanted = torch.tensor([[0.6, -0.45]])
    fixed, by = lanczos(smooth, wanted), torch.zeros(1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([by], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        (lanczos(smooth, by) - fixed)[..., 8:-8, 8:-8].square().mean().backward()
        optimizer.step()
    assert np.allclose(by.detach(), wanted, atol=0.02)


def test_the_gradient_in_the_shift_is_that_of_small_steps():
    image, by = torch.rand(1, 1, 10, 10, dtype=torch.float64), torch.tensor([[0.0, 1.25]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda shift: lanczos(image, shift).square().sum(), (by,), atol=1e-4)
