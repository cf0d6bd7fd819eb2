import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import dione
from dione import cli
from dione.base.errors import BadModel, BadRecipe, CannotWrite, NotFound
from dione.base.storage import files
from dione.evaluation import compare
from dione.evaluation.run import summary as summarise
from dione.evaluation.shown import charts, words
from dione.evaluation.statistics import rows
from dione.nets.baselines import Nearest
from dione.nets.resolver import load
from dione.testing import landscape, series, write_geotiffs

AGAINST = ("bicubic", "nearest")


@pytest.fixture(scope="module")
def made(opened, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores")
    return dione.evaluate("bicubic-median", str(opened.path), out=out, against=AGAINST, dates=(1, 2, 8)), out


@pytest.fixture(scope="module")
def brought_down(tmp_path_factory):
    folder = write_geotiffs(series(landscape((80, 144), seed=2), days=3, seed=2).stack, tmp_path_factory.mktemp("series") / "field")
    out = tmp_path_factory.mktemp("scores")
    return dione.evaluate("nearest", folder, out=out, dates=(1, 4)), out


def test_a_folder_that_another_run_writes_is_refused(opened, tmp_path):
    with files.alone(tmp_path), pytest.raises(CannotWrite, match="another run is writing"):
        dione.evaluate("nearest", str(opened.path), out=tmp_path, dates=(1,))
    assert not list(tmp_path.iterdir())


def test_scores_of_a_run_before_do_not_stand_beside_the_tables_of_one_that_was_cut_short(opened, tmp_path, monkeypatch):
    for name in ("scores.json", "report.html"):
        (tmp_path / name).write_text("of a run before")

    def full(*_):
        raise CannotWrite("No space left on device")

    monkeypatch.setattr("dione.evaluation.run.write_text", full)
    with pytest.raises(CannotWrite, match="No space"):
        dione.evaluate("nearest", str(opened.path), out=tmp_path, dates=(1,))
    assert {file.name for file in tmp_path.iterdir()} == {"patches.parquet", "histograms.parquet"}


def test_numbers_of_dates_that_are_not_there_count_as_all(made):
    assert made[0].summary["dates"] == [1, 2, 3]


def test_there_is_a_line_for_each_site_model_and_number_of_dates(made):
    found = made[0].summary
    assert len(found["scores"]) == 3 * 3 * 3 and len(found["differences"]) == 3 * 2 * 3
    assert {line["site"] for line in found["scores"]} == {"s0", "s1", "all"}


def test_a_model_whose_results_are_no_numbers_is_told_by_its_name(opened):
    broken = load("nearest")
    broken = replace(broken, name="broken", net=Overflown(broken.net))
    with pytest.raises(BadModel, match="broken gives values that are not finite"):
        dione.evaluate(broken, str(opened.path), dates=(1,))


class Overflown(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, *given):
        sr, log_sigma = self.net(*given)
        return sr / 0, log_sigma


def test_differences_are_those_of_the_scores(made):
    found = made[0].summary
    line = words.find(found["differences"], site="s0", against="nearest", dates=3)
    mine, theirs = (words.find(found["scores"], site="s0", model=name, dates=3)["cpsnr"]["mean"] for name in ("bicubic-median", "nearest"))
    assert line["cpsnr"]["mean"] == pytest.approx(mine - theirs, abs=2e-3) and line["cpsnr"]["low"] <= line["cpsnr"]["mean"] <= line["cpsnr"]["high"]


def test_all_sites_count_alike(made):
    found = made[0].summary["differences"]
    means = {site: words.find(found, site=site, against="nearest", dates=3)["cpsnr"]["mean"] for site in ("s0", "s1", "all")}
    assert means["all"] == pytest.approx((means["s0"] + means["s1"]) / 2, abs=2e-3)


def test_a_site_called_all_is_told_from_all_sites(made):
    evaluation = made[0]
    found = evaluation.found
    names = {"s0": "all", "s1": "s1"}
    renamed = rows.Rows({**found.rows.keys, "site": np.array([names[str(site)] for site in found.rows.keys["site"]])}, found.rows.sums)
    lines = compare.differences(renamed, "bicubic-median", ("nearest",))
    assert [line["site"] for line in lines][::3] == ["all", "s1", "all 2 sites"]
    before = words.find(evaluation.summary["differences"], site="all", against="nearest", dates=3)
    assert words.find(lines, site="all 2 sites", against="nearest", dates=3)["cpsnr"]["mean"] == before["cpsnr"]["mean"]


def test_the_files_hold_all_that_the_summary_was_made_from(made):
    evaluation, out = made
    assert json.loads((out / "scores.json").read_text()) == json.loads(json.dumps(evaluation.summary))
    kept = rows.read(out / "patches.parquet")
    assert compare.scores(kept) == evaluation.summary["scores"] and len(kept) == len(evaluation.found.rows)
    assert rows.read(out / "histograms.parquet").sums["sigma"].shape == evaluation.found.histograms.sums["sigma"].shape


def test_clouds_have_bins_of_their_own(made):
    lines = made[0].summary["clouds"]
    assert len({(line["from"], line["to"]) for line in lines}) > 1
    per_model = sum(line["patches"] for line in lines if line["against"] == "nearest")
    assert per_model == len(made[0].found.rows.where(model="nearest", dates=3))


def test_the_page_stands_alone_and_shows_pictures_and_curves(made):
    html = (made[1] / "report.html").read_text()
    assert not re.search(r"https?://|url\(|@import|fetch\(", html) and "prefers-color-scheme: dark" in html
    assert "nir: cPSNR, dB" in html and "cpsnr nir" not in html  # bands have a table of their own
    assert html.count('src="data:image/webp') == 3 * 5 and html.count("<svg") == 3 and 'role="img" aria-label="More dates' in html


def test_of_one_place_no_interval_is_told(tmp_path):
    folder = write_geotiffs(series(landscape((80, 80), seed=2), days=2, seed=2).stack, tmp_path / "field")
    found = dione.evaluate("nearest", folder, out=tmp_path / "out", dates=(1,)).summary
    assert {line["places"] for line in found["differences"]} == {1}
    html = (tmp_path / "out" / "report.html").read_text()
    assert "of one place, so without an interval" in html and "in 95 of 100 resamplings</small>" not in html and not re.search(r"<small>[+-][\d.]+ \[", html)
    assert all(line.split()[3] == "–" for line in words.lines(found) if line.split()[1:2] == ["1"])


def test_what_names_hold_is_escaped_in_the_page(made):
    from dione.evaluation.shown import report

    named = json.loads(json.dumps(made[0].summary).replace("bicubic-median", "<b>x</b>"))
    assert "<b>x" not in report.render(named, [])


def test_a_series_is_scored_by_date_and_tile(brought_down):
    evaluation, out = brought_down
    assert [line["day"] for line in evaluation.summary["targets"]] == ["2024-05-01", "2024-05-06", "2024-05-11"] * 2
    assert set(evaluation.found.rows.keys["place"].tolist()) == {"tile 0", "tile 1"} and evaluation.summary["scores"][0]["site"] == "field"
    assert (out / "report.html").exists()


def test_impossible_numbers_of_dates_are_told(opened):
    with pytest.raises(BadRecipe, match="1 or more"):
        dione.evaluate("bicubic", str(opened.path), dates=(0, 1))


def test_an_unknown_dataset_is_told(tmp_path):
    with pytest.raises(NotFound):
        dione.evaluate("bicubic", tmp_path / "nowhere")


def test_a_calibrated_model_is_judged_by_its_own_intervals_and_sigma(opened):
    plain = load("nearest")
    narrow = replace(plain, about=plain.about.model_copy(update={"intervals": {"0.9": 0.01}}), net=Nearest())
    loud = replace(plain, about=plain.about.model_copy(update={"sigma_scale": (2.0,) * 4}), net=Nearest(), name="loud")
    found = dione.evaluate(narrow, str(opened.path), against=(loud, "nearest"), dates=(1,)).summary
    own = {name: words.find(found["scores"], site="all", model=name) for name in found["models"]}
    mine, loud_, plain_ = (own[name] for name in (found["model"], *found["against"]))
    assert mine["coverage_90"]["mean"] < 0.1 < plain_["coverage_90"]["mean"] and mine["coverage_50"] == plain_["coverage_50"]
    assert loud_["sharpness"]["mean"] == pytest.approx(2 * plain_["sharpness"]["mean"], rel=1e-3)


def test_models_of_one_name_are_kept_apart(opened):
    one, other = (replace(load(name), name="mine") for name in ("nearest", "bicubic-median"))
    found = dione.evaluate(one, str(opened.path), against=(other, "bicubic", "bicubic"), dates=(2,)).summary
    assert found["model"] == "mine" and found["against"] == ["mine (2)", "bicubic"] and set(found["models"]) == {"bicubic", "mine", "mine (2)"}
    assert words.find(found["scores"], site="s0", model="mine")["cpsnr"] != words.find(found["scores"], site="s0", model="mine (2)")["cpsnr"]


def test_a_single_number_of_dates_draws_no_curve_over_dates(made):
    found = {**made[0].summary, "dates": [3]}
    assert charts.over_dates(found) is None and charts.calibration(found).straight


@pytest.mark.parametrize(("low", "high"), [(0, 2.3), (-0.4, 0.1), (0, 0), (0, 1e-3)])
def test_ticks_are_round_and_reach_both_ends(low, high):
    ticks = charts.round_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 9 and np.allclose(np.diff(ticks), ticks[1] - ticks[0])


@pytest.fixture
def command(capsys, monkeypatch):
    def run(*said):
        monkeypatch.setattr(sys, "argv", ["dione", "evaluate", *map(str, said)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr()

    return run


def test_the_command_prints_a_table_and_where_the_report_is(command, opened, tmp_path):
    code, said = command("nearest", opened.path, "-o", tmp_path / "out", "--dates", "1,3", "--against", "bicubic", "--against", "bicubic-median")
    assert code == 0 and "nearest against bicubic-median" in said.out and "report.html" in said.out and (tmp_path / "out" / "scores.json").exists()
    assert re.search(r"each band alone, all, 3 dates, over bicubic: blue [+-]\d+\.\d\d dB, [\d.]+ in 90%; green .*; nir ", said.out)


def test_the_command_speaks_json(command, opened):
    code, said = command("nearest", opened.path, "--dates", "1", "--json")
    assert code == 0 and json.loads(said.out)["scores"][0]["model"] == "bicubic"


def test_the_command_brings_a_series_down_with_shifted_supports(command, tmp_path):
    folder = write_geotiffs(series(landscape((80, 72), seed=2), days=2, seed=2).stack, tmp_path / "field")
    code, said = command("nearest", folder, "--dates", "2", "--shift", "0.2")
    assert code == 0 and "2024-05-06" in said.out


def test_the_command_refuses_what_is_no_list_of_numbers(command, opened):
    assert command("nearest", opened.path, "--dates", "1,two")[0] == 2


def test_what_would_change_no_score_of_a_patch_store_is_refused(command, opened):
    code, said = command("nearest", opened.path, "--dates", "1", "--area", "31TCJ", "--scale", "0.0001", "--align")
    assert code == 1 and "is a patch store, for which --area, --scale, --align mean nothing; leave them out" in said.err and not said.out
    code, said = command("nearest", opened.path, "--dates", "1", "--shift", "0.2")
    assert code == 1 and "to those of a series only" in said.err and not said.out


def test_a_split_of_a_series_is_refused(command, tmp_path):
    folder = write_geotiffs(series(landscape((80, 72), seed=2), days=2, seed=2).stack, tmp_path / "field")
    code, said = command("nearest", folder, "--dates", "2", "--split", "train")
    assert code == 1 and "a series has no splits" in said.err and not said.out


def test_a_summary_needs_no_second_pass(made, opened):
    from dione.evaluation import shelf

    models = {name: load(name) for name in ("bicubic-median", *AGAINST)}
    again = summarise(made[0].found, shelf.shelf(opened, models), models, "bicubic-median", AGAINST)
    assert again == made[0].summary


def test_one_file_asked_in_more_turns_is_another_model(opened):
    found = dione.evaluate("setsr-s@4", str(opened.path), against=("setsr-s",), dates=(2,)).summary
    assert found["model"] == "setsr-s@4" and found["against"] == ["setsr-s"]
