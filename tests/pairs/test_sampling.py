"""Where patches are cut."""

import numpy as np
import pytest
from pydantic import ValidationError

from dione.pairs.recipe import Sampling
from dione.pairs.sampling import Ground, allowed, places
from dione.prepare import cover

SHAPE = (60, 70)


@pytest.fixture
def ground() -> Ground:
    rng = np.random.default_rng(0)
    coarse = np.full((4, *SHAPE), 0.1) * (1 + 0.01 * rng.standard_normal(SHAPE))
    coarse[3] = 0.3
    coarse[:, 40:46, 50:56] = np.array([0.05, 0.05, 0.04, 0.02])[:, None, None]  # a pond
    valid = np.ones((4 * SHAPE[0], 4 * SHAPE[1]), bool)
    valid[4 * 20 : 4 * 25, 4 * 30 + 1] = False  # a crack of one sharp pixel
    return Ground(valid, coarse, cover.rarity(cover.counts(cover.classes(coarse), np.ones(SHAPE, bool))))


def test_patches_keep_out_of_the_rim_and_off_what_the_reference_does_not_see(ground):
    rule = Sampling(size_px=10, rim_px=5, patches=10_000)
    found = places(ground, rule, np.random.default_rng(1))
    assert found.min() == 5 and found[:, 0].max() == SHAPE[0] - 15 and found[:, 1].max() == SHAPE[1] - 15
    for top, left in found:
        assert ground.valid[4 * top : 4 * top + 40, 4 * left : 4 * left + 40].all()
    tried = [(top, left) for top in range(5, SHAPE[0] - 14) for left in range(5, SHAPE[1] - 14)]
    every = [(top, left) for top, left in tried if ground.valid[4 * top : 4 * top + 40, 4 * left : 4 * left + 40].all()]
    assert sorted(map(tuple, found)) == every


@pytest.mark.parametrize("how", ["random", "stratified"])
def test_the_same_seed_draws_the_same_places_none_twice(ground, how):
    rule = Sampling(how=how, size_px=8, rim_px=4, patches=50)
    one, again, other = (places(ground, rule, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert len({tuple(place) for place in one}) == 50
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_grid_covers_the_inside_once(ground):
    found = places(ground, Sampling(how="grid", size_px=10, rim_px=5), np.random.default_rng(0))
    assert {tuple(place) for place in found} == {(top, left) for top in range(5, 46, 10) for left in range(5, 56, 10)} - {(15, 25)}


def test_stratified_sampling_finds_what_is_rare_more_often(ground):
    def share(how):
        found = places(ground, Sampling(how=how, size_px=6, rim_px=2, patches=60), np.random.default_rng(3))
        return np.mean([(34 < top < 46) and (44 < left < 56) for top, left in found])

    assert share("stratified") > 2.5 * share("random")


def test_no_more_patches_are_drawn_than_were_asked_for_whatever_the_shares(ground):
    rule = Sampling(how="stratified", size_px=8, rim_px=4, patches=7, edges=0.5, rare=0.5)
    assert len(places(ground, rule, np.random.default_rng(1))) == 7


def test_shares_of_more_than_all_patches_are_refused():
    with pytest.raises(ValidationError, match=r"0\.8 and 0\.8 are more than all"):
        Sampling(edges=0.8, rare=0.8)


def test_an_area_too_small_for_a_patch_has_no_place():
    ground = Ground(np.ones((40, 40), bool), np.zeros((4, 10, 10)), np.ones(cover.CLASSES))
    assert len(allowed(ground.valid, (10, 10), Sampling(size_px=32))) == 0
    assert len(places(ground, Sampling(how="grid", size_px=32), np.random.default_rng(0))) == 0
