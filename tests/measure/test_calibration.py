from functools import reduce
from operator import add

import pytest
import torch

from dione.measure.calibration import EDGES, FLOORS, NIR, RED, Calibration, calibration, counts, filled, lit, tally

WORSE = torch.tensor([1.0, 2.0, 0.5, 3.0])[:, None, None]


def places(number, *, seed, pixels=40, spread=0.3):
    """Errors and sigmas of places that differ in how hard they are; sigma is too small by WORSE in each band."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(number):
        hard = torch.exp(spread * torch.randn((), generator=generator))
        sigma = 0.01 * torch.exp(0.5 * torch.randn(1, 4, pixels, pixels, generator=generator))
        error = sigma * WORSE * hard * torch.randn(sigma.shape, generator=generator)
        yield error, sigma


def tallied(found):
    every = torch.ones(1, 40, 40, dtype=torch.bool)
    return [tally(error, sigma, torch.zeros_like(error), every) for error, sigma in found]


def covered(error, sigma, made: Calibration, level):
    scale = torch.tensor(made.sigma_scale)[:, None, None]
    return float((error.abs() <= made.intervals[level] * scale * sigma).float().mean())


def test_intervals_hold_the_truth_as_often_as_they_say_on_new_places():
    made = calibration(tallied(places(100, seed=0)))
    new = list(places(100, seed=1))
    for level in ("0.5", "0.8", "0.9"):
        found = sum(covered(error, sigma, made, level) for error, sigma in new) / len(new)
        assert float(level) - 0.02 < found < float(level) + 0.03


def test_each_band_has_the_factor_that_it_needs():
    made = calibration(tallied(places(200, seed=0, spread=0.0)))
    assert torch.allclose(torch.tensor(made.sigma_scale), WORSE.ravel(), rtol=0.03)
    assert (
        made.intervals["0.9"] == 1.645 and made.intervals["0.5"] == pytest.approx(0.674, rel=0.03) and made.intervals["0.8"] == pytest.approx(1.282, rel=0.03)
    )


def test_few_places_are_given_more_room_and_too_few_are_told():
    few, many = (calibration(tallied(places(number, seed=0, spread=0.0))).sigma_scale[0] for number in (10, 100))
    assert few > 1.3 * many
    with pytest.raises(ValueError, match="8 places cannot promise 90%: needed at least 9"):
        calibration(tallied(places(8, seed=0)))


def test_a_place_counts_once_however_many_pixels_it_has():
    easy, hard = (list(places(20, seed=seed, spread=0.0)) for seed in (0, 1))
    hard = [(3 * error, sigma) for error, sigma in hard]
    once = tallied(easy + hard)
    often = [reduce(add, [place] * 10) for place in once[:20]] + once[20:]
    assert calibration(once) == calibration(often)


def test_errors_that_grow_with_the_light_are_told_and_none_is_where_they_do_not():
    random = torch.Generator().manual_seed(0)
    every, uneven, plain = torch.ones(1, 40, 40, dtype=torch.bool), [], []
    for _ in range(40):
        sigma, sr = torch.full((1, 4, 40, 40), 0.004), torch.rand(1, 4, 40, 40, generator=random) * torch.tensor([0.1, 0.1, 0.1, 0.6])[:, None, None]
        noise = torch.randn(sigma.shape, generator=random)
        light = torch.stack([lit(sr, band) for band in range(4)], 1)
        uneven.append(tally(torch.hypot(sigma, 0.05 * light) * noise, sigma, sr, every))
        plain.append(tally(sigma * noise, sigma, sr, every))
    made = calibration(uneven)
    assert made.sigma_floor == pytest.approx((0.05,) * 4, rel=0.25) and made.sigma_scale == pytest.approx((1,) * 4, rel=0.1)
    assert max(calibration(plain).sigma_floor) < 0.01
    assert (lit(sr, NIR) == (sr[:, NIR] - sr[:, RED]).clamp_min(0)).all() and torch.equal(lit(sr, RED), sr[:, RED]) and 0.05 in FLOORS


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


def test_what_clouds_hid_gets_the_factor_that_it_lacks_and_none_where_places_are_too_few():
    every = torch.ones(1, 40, 40, dtype=torch.bool)
    twice = [counts(2 * error / WORSE, sigma, every).cumsum(-1)[:, :-1].double() for error, sigma in places(60, seed=0, spread=0.0)]
    assert filled(twice) == pytest.approx(2, rel=0.05)
    assert filled([counts(error / WORSE / 3, sigma, every).cumsum(-1)[:, :-1].double() for error, sigma in places(60, seed=0)]) == 1
    assert filled(twice[:5]) == filled([]) == 1
