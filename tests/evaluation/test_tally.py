from dataclasses import replace

import numpy as np
import pytest
import torch

from dione.base.bands import BANDS
from dione.evaluation.cases import scored
from dione.evaluation.statistics import rows, scores
from dione.evaluation.statistics.tally import histograms, tally
from dione.measure.coverage import STEPS, auroc, multiples
from dione.measure.metrics import averaged, cpsnr

FACTORS = multiples({})


def finished(cases, model):
    """Scores of all images together."""
    found = tally(cases, model, factors=FACTORS)
    return {name: float(value[0]) for name, value in scores.finished(found.pooled("model")).items()}


def test_a_perfect_result_is_believable_right_and_complete(cases):
    found = finished(cases, "perfect")
    assert found["detail_gain"] == pytest.approx(1) and found["cssim"] == pytest.approx(1) and found["edge_f1"] == 1
    assert found["cpsnr"] > 100 and found["ergas"] == 0 and found["sam"] == pytest.approx(0, abs=1e-3) and found["improvement"] > 0.9


def test_intervals_of_noise_of_a_known_size_hold_what_they_say(cases):
    found = finished(cases, "true")
    assert [found[f"coverage_{level}"] for level in (50, 80, 90)] == pytest.approx([0.5, 0.8, 0.9], abs=0.01)
    sigma = cases.made["true"].sigma.movedim(1, -1)[cases.seen]
    assert found["sharpness"] == pytest.approx(2 * 1.645 * float(sigma.mean()), rel=1e-3)


def test_timid_detail_has_to_grow_and_loud_detail_to_shrink(cases):
    assert finished(cases, "half")["detail_gain"] == pytest.approx(2, rel=0.01)
    assert finished(cases, "loud")["detail_gain"] == pytest.approx(0.5, rel=0.01)


def test_brightness_costs_no_sharpness_but_consistency(cases):
    bright, perfect = finished(cases, "bright"), finished(cases, "perfect")
    assert bright["cpsnr"] > 80 and bright["detail_gain"] == pytest.approx(1, abs=1e-3)
    assert bright["consistency"] == pytest.approx(0.05, abs=0.01) and perfect["consistency"] < 0.01


def test_an_image_scores_as_measured_alone(cases):
    found = tally(cases, "half", factors=FACTORS)
    assert np.allclose(found.sums["cpsnr"], cpsnr(cases.made["half"].sr, cases.hr, border=4).numpy(), atol=1e-2)
    inner = (averaged(cases.made["half"].sr, 4) - cases.lr).abs()[:, :, 2:-2, 2:-2].mean((1, 2, 3))
    assert np.allclose(found.sums["apart"] / found.sums["coarse_values"], inner.numpy(), rtol=1e-5)


def test_each_band_is_scored_by_itself_too(cases):
    made = replace(cases.made["true"], sr=cases.made["true"].sr.clone())
    made.sr[:, 3] = cases.hr[:, 3] + 10 * (made.sr[:, 3] - cases.hr[:, 3])
    found = finished(replace(cases, made={**cases.made, "odd": made}), "odd")
    alone = cpsnr(made.sr[:, 3:], cases.hr[:, 3:], border=4).mean()
    assert found["cpsnr_nir"] == pytest.approx(float(alone), abs=1e-2) and found["cpsnr_nir"] < found["cpsnr_red"] - 15
    assert found["coverage_90_red"] == pytest.approx(0.9, abs=0.02) and found["coverage_90_nir"] < 0.2
    assert np.mean([found[f"coverage_90_{band}"] for band in BANDS]) == pytest.approx(found["coverage_90"])


def test_bicubic_adds_nothing_to_itself(cases):
    found = finished(cases, "bicubic")
    assert np.isnan(found["detail_gain"]) and found["omission"] > found["hallucination"]


def test_rows_of_halves_add_up_to_those_of_the_whole(cases):
    whole = tally(cases, "true", factors=FACTORS)
    halves = rows.joined([whole.take(np.array([0, 2])), whole.take(np.array([3, 1]))])
    for by in (("site",), ("site", "place")):
        one, other = scores.finished(whole.pooled(*by)), scores.finished(halves.pooled(*by))
        assert all(np.allclose(one[name], other[name], rtol=1e-12, equal_nan=True) for name in one)


def test_sigma_that_was_drawn_from_finds_errors_and_a_flat_one_does_not(cases):
    def area(model):
        return auroc(histograms(cases, model).pooled("model").sums["sigma"][0].reshape(STEPS, STEPS))

    assert area("true") > 0.7 and area("bicubic") == pytest.approx(0.5)


def test_a_scene_in_tiles_scores_as_one_image(cases):
    tiles = tally(cases, "half", factors=FACTORS).pooled("model")
    side_by_side = [torch.cat(list(image), -1)[None] for image in (cases.made["half"].sr[:, :, 4:-4, 4:-4], cases.hr[:, :, 4:-4, 4:-4])]
    assert scores.whole_cpsnr(tiles)[0] == pytest.approx(float(cpsnr(*side_by_side, border=0)[0]), abs=1e-3)


def test_hidden_pixels_and_those_beside_them_are_not_scored():
    valid = torch.ones(1, 8, 8, dtype=torch.bool)
    valid[0, 4, 4] = False
    seen = scored(valid, zoom=2, border=1)
    assert int(seen.sum()) == (36 - 9) * 4 and not seen[0, 6:12, 6:12].any() and not seen[0, :2].any()


def test_turned_down_to_equal_improvement_a_model_invents_as_much_as_itself(cases):
    one, other = (tally(cases, name, factors=FACTORS) for name in ("loud", "true"))
    _, mine, same = scores.equally_improved(one, one)
    assert mine == same
    level, mine, theirs = scores.equally_improved(one, other)
    assert scores.equally_improved(other, one) == (level, theirs, mine)
    assert 0.5 < level <= finished(cases, "perfect")["improvement"] and mine < finished(cases, "loud")["hallucination"]
