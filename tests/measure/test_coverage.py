import numpy as np
import pytest
import torch

from dione.measure import coverage

SEEN = torch.ones(4, 50, 50, dtype=torch.bool)


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Errors, and the sigma that each was drawn with."""
    random = torch.Generator().manual_seed(seed)
    sigma = 0.01 * torch.exp(0.8 * torch.randn(4, 4, 50, 50, generator=random))
    return sigma * torch.randn(4, 4, 50, 50, generator=random), sigma


def by_rank(predictor: np.ndarray, error: np.ndarray, worst: float = 0.1) -> float:
    """The same from all values: the mean rank of the worst."""
    bad = error >= np.quantile(error, 1 - worst)
    ranks = np.empty(len(error))
    ranks[np.argsort(predictor)] = np.arange(1, len(error) + 1)
    return float((ranks[bad].mean() - (bad.sum() + 1) / 2) / (~bad).sum())


def test_a_sigma_that_is_known_covers_what_its_intervals_say():
    error, sigma = drawn()
    found = coverage.covered(error, sigma, SEEN, coverage.multiples({})).sum((0, 2)) / error.numel()
    assert found.tolist() == pytest.approx([0.5, 0.8, 0.9], abs=0.01)


def test_a_model_brings_its_own_multiples():
    assert coverage.multiples({"0.9": 2.5}) == pytest.approx((0.6745, 1.2816, 2.5), abs=1e-4)


def test_what_is_not_seen_is_not_covered():
    error, sigma = drawn()
    assert coverage.covered(error, sigma, ~SEEN, (100.0,)).sum() == 0


def test_the_area_is_that_of_all_ranks():
    error, sigma = drawn()
    found = coverage.auroc(coverage.joint(sigma, error, SEEN).sum(0).double().numpy())
    assert found == pytest.approx(by_rank(sigma.numpy().ravel(), error.abs().numpy().ravel()), abs=0.005)


def test_a_perfect_predictor_has_one_and_one_that_knows_nothing_a_half():
    error, _ = drawn()
    shuffled = error.flatten()[torch.randperm(error.numel(), generator=torch.Generator().manual_seed(1))].reshape(error.shape).abs()
    areas = [coverage.auroc(coverage.joint(one, error, SEEN).sum(0).double().numpy()) for one in (error.abs(), shuffled, torch.full_like(error, 0.02))]
    assert areas[0] > 0.995 and areas[1] == pytest.approx(0.5, abs=0.01) and areas[2] == pytest.approx(0.5)


def test_images_add_up_to_all_of_them():
    error, sigma = drawn()
    parts = [coverage.joint(sigma[at], error[at], SEEN[at]).sum(0) for at in (slice(0, 1), slice(1, 4))]
    assert torch.equal(parts[0] + parts[1], coverage.joint(sigma, error, SEEN).sum(0))


def test_nothing_seen_has_no_area():
    assert np.isnan(coverage.auroc(np.zeros((coverage.STEPS, coverage.STEPS))))
