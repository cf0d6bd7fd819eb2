"""Scores up to a shift and a bias."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import dione
from dione.base.errors import BadRecipe
from dione.evaluation import words
from dione.evaluation.cases import scored
from dione.evaluation.fitting import fitted
from dione.evaluation.scores import finished
from dione.evaluation.tally import tally
from dione.measure.coverage import multiples
from dione.measure.shift import shifted
from dione.patches import store
from dione.testing import landscape, series, still

FACTORS = multiples({})
BY = (1.4, -0.8)


def cpsnr(cases, model):
    return finished(tally(cases, model, factors=FACTORS))["cpsnr"]


def test_a_reference_that_stands_off_scores_as_one_that_does_not(cases):
    moved = replace(cases, hr=shifted(cases.hr, torch.tensor([BY]).expand(4, 2)))
    fit, by = fitted(moved, "true", limit_px=3)
    unmoved = replace(cases, seen=fit.seen)
    assert np.abs(by.numpy() - np.hypot(*BY)).max() < 0.1
    # The reference was resampled twice, which costs a little above 40 dB.
    assert np.abs(cpsnr(fit, "true") - cpsnr(unmoved, "true")).max() < 3.5
    assert (cpsnr(replace(moved, seen=fit.seen), "true") < cpsnr(unmoved, "true") - 8).all()


def test_no_shift_is_found_where_there_is_none_and_the_rim_is_not_scored(cases):
    fit, by = fitted(cases, "perfect", limit_px=3)
    assert by.max() < 0.02 and not fit.seen[:, :5].any() and not fit.seen[:, :, -5:].any() and fit.seen[:, 6:-6, 6:-6].all()


def test_images_too_small_for_the_shift_are_told(cases):
    with pytest.raises(BadRecipe, match=r"images of 56 px leave nothing.*\n.*smaller --align"):
        fitted(cases, "true", limit_px=30)
    few = replace(cases, seen=scored(torch.zeros(4, 14, 14, dtype=torch.bool), zoom=4, border=1))
    with pytest.raises(BadRecipe, match="leave nothing"):
        fitted(few, "true", limit_px=3)


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
    assert code == 0 and "up to a shift of 3 px and a bias" in out
    assert "up to a shift of 3.0 px and a bias" in (tmp_path / "scores" / "report.html").read_text()
