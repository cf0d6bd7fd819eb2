import pytest
import torch

from dione.measure.edges import edges
from dione.testing import landscape


def counts(sr, hr):
    found = edges(sr, hr, torch.ones(hr.shape[0], *hr.shape[2:], dtype=torch.bool))
    return [float(part.sum()) for part in (found.made, found.true, found.wanted, found.met)]


def step(at):
    image = torch.full((1, 4, 20, 20), 0.1)
    image[..., at:] = 0.3
    return image


def test_the_truth_finds_all_of_its_own_edges():
    truth = torch.from_numpy(landscape((16, 16), seed=1))[None]
    made, true, wanted, met = counts(truth, truth)
    assert made == true == wanted == met > 50


def test_an_edge_one_pixel_off_is_found_and_one_four_pixels_off_is_not():
    made, true, wanted, met = counts(step(11), step(10))
    assert true == made == met == wanted > 0
    assert counts(step(14), step(10))[1] == 0


def test_blur_loses_edges_and_noise_makes_false_ones():
    truth = step(10)
    blurred = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(truth, (8, 8, 8, 8), mode="replicate"), 17, 1)
    assert counts(blurred, truth)[3] == 0
    noisy = truth + 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    made, true, wanted, met = counts(noisy, truth)
    assert true < 0.7 * made and met == pytest.approx(wanted, rel=0.1)


def test_calm_water_has_no_edges():
    water = 0.02 + 0.001 * torch.randn(1, 4, 20, 20, generator=torch.Generator().manual_seed(0))
    assert counts(water, water)[2] == 0


def test_what_is_not_seen_is_not_counted():
    found = edges(step(10), step(10), torch.zeros(1, 20, 20, dtype=torch.bool))
    assert float(found.wanted) == float(found.made) == 0
