"""What the shipped weights promise on real places, where the imagery is at hand."""

import numpy as np
import pytest

import dione
from dione.evaluation.down import gains
from dione.measure.metrics import cpsnr
from dione.nets.resolver import load, shipped
from dione.testing import landscape, series


@pytest.mark.parametrize("name", sorted(shipped()))
def test_weights_are_small_and_have_a_card_that_says_what_made_them(name):
    path = shipped()[name]
    card = path.with_suffix(".md").read_text()
    assert path.stat().st_size <= 4 * 2**20
    assert all(f"## {part}" in card for part in ("Data", "Scores", "Limits", "Licence", "Made by"))
    assert load(name).about.provenance["data"]


@pytest.mark.slow
def test_a_real_series_never_seen_is_sharpened_better_than_bicubic(shared_data):
    found = gains(dione.open(shared_data / "s2-series" / "bouconne"), load("setsr-s"))
    assert len(found) == 7
    assert np.mean([date.gain_db for date in found]) > 1.7 and min(date.gain_db for date in found) > 1.4


def test_the_score_ignores_brightness():
    import torch

    image = torch.rand(1, 4, 20, 20)
    assert float(cpsnr(image + 0.1, image)[0]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped()))
def test_bfloat16_moves_a_result_by_far_less_than_its_sigma(name):
    stack = series(landscape((60, 80), seed=7), days=6, cloud=0.2, seed=7).stack
    exact, rough = (dione.predict(stack, model=name, precision=precision) for precision in ("float32", "bfloat16"))
    seen = exact["valid"].values[0]
    sr, sigma, sr_rough, sigma_rough = (made[variable].values[0][:, seen] for made in (exact, rough) for variable in ("reflectance", "sigma"))
    moved = np.abs(sr - sr_rough) / sigma
    assert np.percentile(moved, 99.9) < 0.15 and moved.max() < 0.5
    assert np.percentile(np.abs(np.log(sigma_rough / sigma)), 99.9) < 0.1
