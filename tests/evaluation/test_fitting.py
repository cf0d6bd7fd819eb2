"""Scores up to a shift and a bias."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import dione
from dione.base.errors import BadRecipe, NothingClear
from dione.evaluation.cases import scored
from dione.evaluation.shown import words
from dione.evaluation.statistics.fitting import fitted, inside
from dione.evaluation.statistics.measured import added, tallied
from dione.evaluation.statistics.scores import finished
from dione.evaluation.statistics.tally import tally
from dione.measure.coverage import multiples
from dione.measure.shift import shifted
from dione.nets.resolver import load
from dione.patches import store
from dione.testing import landscape, series, still

FACTORS = multiples({})
BY = (1.4, -0.8)


def cpsnr(cases, model):
    return finished(tally(cases, model, factors=FACTORS))["cpsnr"]


def test_a_reference_that_stands_off_scores_as_one_that_does_not(cases):
    moved = replace(cases, hr=shifted(cases.hr, torch.tensor([BY]).expand(4, 2)))
    fit, by = fitted(inside(moved, limit_px=3), "true", limit_px=3)
    unmoved = replace(cases, seen=fit.seen)
    assert np.abs(by.numpy() - np.hypot(*BY)).max() < 0.1
    # The reference was resampled twice, which costs a little above 40 dB.
    assert np.abs(cpsnr(fit, "true") - cpsnr(unmoved, "true")).max() < 3.5
    assert (cpsnr(replace(moved, seen=fit.seen), "true") < cpsnr(unmoved, "true") - 8).all()


def test_no_shift_is_found_where_there_is_none_and_the_rim_is_not_scored(cases):
    fit, by = fitted(inside(cases, limit_px=3), "perfect", limit_px=3)
    assert by.max() < 0.02 and not fit.seen[:, :5].any() and not fit.seen[:, :, -5:].any() and fit.seen[:, 6:-6, 6:-6].all()


def test_clouds_that_a_result_shows_where_it_is_not_scored_do_not_move_the_reference(cases):
    clear = torch.ones(4, 14, 14, dtype=torch.bool)
    clear[:, 3:8, 5:12] = False
    cloud = ~clear.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None]
    shown = replace(cases.made["true"], sr=torch.where(cloud, 0.7, cases.made["true"].sr))
    clouded = inside(replace(cases, seen=scored(clear, zoom=4, border=1), made={**cases.made, "true": shown}), limit_px=3)
    fit, by = fitted(clouded, "true", limit_px=3)
    assert by.max() < 0.02 and np.abs(cpsnr(fit, "true") - cpsnr(clouded, "true")).max() < 0.1


@pytest.mark.parametrize("px", [30, float("inf")])
def test_images_too_small_for_the_shift_are_told(cases, px):
    with pytest.raises(BadRecipe, match=r"images of 56 px leave nothing.*\n.*smaller --align"):
        inside(cases, limit_px=px)


def test_an_image_of_which_clouds_leave_nothing_within_the_shift_is_left_out_and_the_others_are_scored(cases):
    clear = torch.ones(4, 14, 14, dtype=torch.bool)
    clear[2, 3:11, 3:11] = False
    clouded = replace(cases, seen=scored(clear, zoom=4, border=1))
    models = {"bicubic": load("bicubic")}
    found = tallied(clouded, models, align_px=6)
    assert clouded.seen[2].any() and found.images == 3 and list(found.rows[0].keys["patch"]) == ["0", "1", "3"]
    none = tallied(replace(cases, seen=torch.zeros_like(cases.seen)), models, align_px=6)
    assert none.images == 0 and added({1: [none, found]}).rows.keys["patch"].size == 3
    with pytest.raises(NothingClear, match="--align-px"):
        added({1: [none]})


def patches(by):
    """Of four places, their references moved by so many sharp pixels."""
    for number in range(4):
        made = series(landscape((16, 16), seed=number), days=2, seed=number, sensor=still())
        reference = shifted(torch.from_numpy(made.truth[-1:]), torch.tensor([by]))[0].numpy()
        facts = {"site": "s", "place": f"p{number}", "sensor": "made up", "split": "test"}
        yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], reference, facts)


def test_what_a_moved_reference_costs_is_won_back_and_told(run, tmp_path):
    store.write(tmp_path / "store", patches(BY), {})
    store.write(tmp_path / "unmoved", patches((0.0, 0.0)), {})
    found = dione.evaluate("bicubic-median", tmp_path / "store", dates=(1,), align_px=3).summary
    moved, unmoved = (dione.evaluate("bicubic-median", tmp_path / name, dates=(1,)).summary for name in ("store", "unmoved"))
    assert found["aligned"]["limit_px"] == 3 and found["aligned"]["moved_px"]["bicubic"] == pytest.approx(np.hypot(*BY), abs=0.25)
    scored_so = [words.find(one["scores"], site="s", model="bicubic")["cpsnr"]["mean"] for one in (moved, unmoved, found)]
    assert scored_so[0] < scored_so[1] - 0.3 < scored_so[2] and "aligned" not in moved
    code, out, _ = run("evaluate", "bicubic", tmp_path / "store", "--dates", "1", "--align-px", "3", "-o", tmp_path / "scores")
    assert code == 0 and "up to a shift of 3 px along each axis and a bias" in out
    assert "up to a shift of 3.0 px along each axis and a bias" in (tmp_path / "scores" / "report.html").read_text()
