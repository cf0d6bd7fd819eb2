import pytest
import torch

from dione.measure.calibration import EDGES, Calibration, calibration, counts, shares

WORSE = torch.tensor([1.0, 2.0, 0.5, 3.0])[:, None, None]


def places(number, *, seed, pixels=40, spread=0.3):
    """Errors and sigmas of places that differ in how hard they are; sigma is too small by WORSE in each band."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(number):
        hard = torch.exp(spread * torch.randn((), generator=generator))
        sigma = 0.01 * torch.exp(0.5 * torch.randn(1, 4, pixels, pixels, generator=generator))
        error = sigma * WORSE * hard * torch.randn(sigma.shape, generator=generator)
        yield error, sigma


def total(found):
    every = torch.ones(1, 40, 40, dtype=torch.bool)
    return torch.stack([shares(counts(error, sigma, every)) for error, sigma in found]).sum(0)


def covered(error, sigma, made: Calibration, level):
    scale = torch.tensor(made.sigma_scale)[:, None, None]
    return float((error.abs() <= made.intervals[level] * scale * sigma).float().mean())


def test_intervals_hold_the_truth_as_often_as_they_say_on_new_places():
    made = calibration(total(places(100, seed=0)), 100)
    new = list(places(100, seed=1))
    for level in ("0.5", "0.8", "0.9"):
        found = sum(covered(error, sigma, made, level) for error, sigma in new) / len(new)
        assert float(level) - 0.02 < found < float(level) + 0.03


def test_each_band_has_the_factor_that_it_needs():
    made = calibration(total(places(200, seed=0, spread=0.0)), 200)
    assert torch.allclose(torch.tensor(made.sigma_scale), WORSE.ravel(), rtol=0.03)
    assert (
        made.intervals["0.9"] == 1.645 and made.intervals["0.5"] == pytest.approx(0.674, rel=0.03) and made.intervals["0.8"] == pytest.approx(1.282, rel=0.03)
    )


def test_few_places_are_given_more_room_and_too_few_are_told():
    few, many = (calibration(total(places(number, seed=0, spread=0.0)), number).sigma_scale[0] for number in (10, 300))
    assert few > 1.3 * many
    with pytest.raises(ValueError, match="8 places cannot promise 90%: needed at least 9"):
        calibration(total(places(8, seed=0)), 8)


def test_a_place_counts_once_however_many_pixels_it_has():
    easy, hard = (list(places(20, seed=seed, spread=0.0)) for seed in (0, 1))
    hard = [(3 * error, sigma) for error, sigma in hard]
    every = torch.ones(1, 40, 40, dtype=torch.bool)
    once = [shares(counts(error, sigma, every)) for error, sigma in easy + hard]
    often = [shares(10 * counts(error, sigma, every)) for error, sigma in easy] + once[20:]
    assert calibration(sum(once), 40) == calibration(sum(often), 40)


def test_counts_of_parts_add_up_and_leave_out_what_was_not_seen():
    error, sigma = next(iter(places(1, seed=0)))
    left = torch.zeros(1, 40, 40, dtype=torch.bool)
    left[..., :13] = True
    both = torch.ones_like(left)
    assert torch.equal(counts(error, sigma, left) + counts(error, sigma, ~left), counts(error, sigma, both))
    assert (counts(error, sigma, left).sum(1) == 40 * 13).all() and counts(error, sigma, left).shape == (4, len(EDGES) + 1)


def test_errors_of_nothing_and_beyond_every_step_are_counted():
    error, sigma = torch.tensor([0.0, 1e9]).reshape(1, 1, 1, 2), torch.ones(1, 1, 1, 2)
    found = counts(error, sigma, torch.ones(1, 1, 2, dtype=torch.bool))[0]
    assert found[0] == 1 and found[-1] == 1
