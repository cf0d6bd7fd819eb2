import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dione.patches import store
from dione.testing import landscape, series, write_geotiffs

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_the_prediction_benchmark_tells_speed_memory_and_a_ratio():
    ask = [sys.executable, BENCHMARKS / "prediction.py", "--sides", "32", "--dates", "--against", "32"]
    told = json.loads(subprocess.run(ask, capture_output=True, text=True, timeout=600, check=True).stdout)
    theirs, ours = told["runs"]
    assert (theirs["model"], ours["model"]) == ("highresnet", "setsr-s") and theirs["engine"] == "cpu, float32"
    assert ours["peak_gb"] > 0 and told["ratio_same_pixels"] > 0 and 0 < told["arithmetic"]["share_of_peak"] < 1
    assert told["first_prediction_s"] == ours["seconds"] > told["help_s"] > 0 and ours["joined_km2_per_s"] > ours["km2_per_s"]


@pytest.fixture(scope="module")
def cost():
    spec = importlib.util.spec_from_file_location("cost_benchmark", BENCHMARKS / "cost.py")
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_page_on_scale_says_what_follows_from_what_the_page_on_performance_measured(cost):
    page = (BENCHMARKS.parent / "docs" / "scale.md").read_text()
    wanted = cost.table(cost.of_page(cost.PERFORMANCE.read_text()))
    assert f"{cost.BEGIN}\n\n{wanted}\n\n{cost.END}" in page, "run: python benchmarks/cost.py --page docs/scale.md"


def test_hours_and_money_follow_from_speed_machines_and_price(cost):
    alone = cost.Means("alone", machines=1, speed=2.5, price=0.05)
    many = cost.Means("many", machines=10, speed=2.5, price=0.05, joins=25)
    assert alone.hours(9_000) == pytest.approx(1) and alone.money(9_000) == pytest.approx(0.05)
    assert many.hours(9_000) == pytest.approx(0.1 + 0.1) and many.money(9_000) == pytest.approx(10 * 0.1 * 0.05 + 0.1 * 0.05)


def test_cost_is_drawn_against_size(cost):
    runs = [{"model": "setsr-s", "dates": 8, "km2": km2, "seconds": seconds, "peak_gb": 1.0} for km2, seconds in ((100, 40), (6.6, 7))]
    found = cost.of_json({"runs": [*runs, {"model": "highresnet", "dates": 8}, {"model": "setsr-s", "dates": 4}]})
    assert [one.km2 for one in found] == [6.6, 100] and found[-1].speed == 2.5
    drawn = cost.plot(found)
    assert drawn.count("<circle") == 2 and "100 km²: 0.4 s/km²" in drawn


def test_the_training_benchmark_tells_a_ratio():
    run = subprocess.run([sys.executable, BENCHMARKS / "training.py", "1", "1"], capture_output=True, text=True, timeout=600, check=True)
    told = json.loads(run.stdout)
    assert told["ratio"] > 1 and told["flops_ratio"] > 6 and 0 < told["busy"] <= 1


@pytest.fixture
def simulated(tmp_path):
    """A store of eight patches to learn from and four to score, as `dione dataset simulate` names them."""

    def each():
        for number in range(12):
            made = series(landscape((14, 14), seed=number), days=8, seed=number)
            facts = {"site": "here" if number < 8 else "wales", "place": str(number), "sensor": "naip", "split": "train" if number < 8 else "test"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(tmp_path / "store", each(), {})
    return tmp_path / "store"


def test_an_ablation_is_trained_scored_and_told(tmp_path, monkeypatch, simulated):
    monkeypatch.chdir(tmp_path)
    ask = [sys.executable, BENCHMARKS / "ablations.py", str(simulated), "--only", "mean", "--minutes", "0.001"]
    subprocess.run(ask, capture_output=True, text=True, timeout=600, check=True)
    found = json.loads(Path("runs/ablations/mean.json").read_text())
    assert set(found["gain_db"]["Wales"]) == {"1", "4", "8"} and found["samples"] > 0
    told = subprocess.run([*ask[:3], "--table"], capture_output=True, text=True, timeout=600, check=True).stdout
    assert "mean of the dates instead of attention" in told and "Wales" in told


def test_the_building_benchmark_tells_a_ratio_and_memory():
    run = subprocess.run([sys.executable, BENCHMARKS / "building.py", "60", "8"], capture_output=True, text=True, timeout=300, check=True)
    told = json.loads(run.stdout)
    assert told["ratio"] > 0 and set(told["peak_gb"]) == {"60"} and told["mb_per_s"] > 0


def test_the_blur_benchmark_scores_a_series_at_each_blur(tmp_path):
    write_geotiffs(series(landscape((96, 96), seed=1), days=2, seed=1).stack, tmp_path)
    ask = [sys.executable, BENCHMARKS / "blur.py", str(tmp_path), "--models", "bicubic", "nearest", "--modulation", "0.25", "0.6"]
    told = subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()
    assert "0.25 | 0.6" in told[0]
    assert told[2].endswith("| +0.00 | +0.00 |")
    assert all(float(gain) < 0 for gain in told[3].split("|")[3:5])


def test_the_support_benchmark_tells_shares_and_cost(monkeypatch):
    spec = importlib.util.spec_from_file_location("support_benchmark", BENCHMARKS / "support.py")
    told = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(told)
    monkeypatch.setattr(told, "SEEDS", (1,))
    shares = told.row(4)
    assert sum(each["share"] for each in shares.values() if isinstance(each, dict)) == pytest.approx(1, abs=0.01)
    assert 0 < told.cost(side=48, rounds=1)["share"] < 1


def test_the_downstream_benchmark_compares_edges_pixels_parcels_and_change(tmp_path):
    write_geotiffs(series(landscape((96, 96), seed=1), days=2, seed=1).stack, tmp_path)
    ask = [sys.executable, BENCHMARKS / "downstream.py", "--made-up", "1", "--series", tmp_path, "--json"]
    told = json.loads(subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout)
    assert set(told["made up"]) == {"edges F1", "NDVI", "small parcels", "large parcels"} and "change" in told[tmp_path.name]
    row = told["made up"]["NDVI"]
    assert row["sharpened"] < row["bicubic"] and row["nearer"] == 1 and row["n"] == 1


def test_the_parcels_benchmark_tells_how_often_means_of_seen_and_of_filled_ground_hold(tmp_path):
    write_geotiffs(series(landscape((112, 112), seed=1), days=3, seed=1).stack, tmp_path)
    ask = [sys.executable, BENCHMARKS / "parcels.py", str(tmp_path), "--clouds", "0.4"]
    told = json.loads(subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout)
    assert told["series"] == tmp_path.name and 0 <= told["change"]["held"] <= 1
    for kind in ("seen", "filled"):
        row = told[f"{kind}, 4 × 4 px"]
        assert row["n"] > 0 and row["held"] > 0.7 and row["wider"] > 0


def test_the_registration_benchmark_finds_planted_shifts_and_refuses_other_ground(tmp_path):
    write_geotiffs(series(landscape((170, 170), seed=1), days=2, seed=1).stack, tmp_path)
    ask = [sys.executable, BENCHMARKS / "registration.py", str(tmp_path), "--sides", "18", "--count", "6"]
    told = json.loads(subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout)
    assert told["pairs"] == told["of other ground"] == 6 and told["right"] == 1 and told["left"] < 2 < told["planted"]
    assert told["refused"] < 0.5 and told["other"] < 0.5


def test_the_sharpness_benchmark_finds_a_scene_blurred_more_to_be_so(tmp_path):
    made = series(landscape((160, 160), seed=1), days=1)
    file = next(write_geotiffs(made.stack, tmp_path).glob("*.tif"))
    ask = [sys.executable, BENCHMARKS / "sharpness.py", str(file)]
    told = subprocess.run(ask, capture_output=True, text=True, timeout=600, check=True).stdout
    found = [float(cell) for cell in told.splitlines()[-1].split("|")[2:-3]]
    assert told.startswith("ln modulation = ") and found == sorted(found)


def test_the_curation_benchmark_keeps_right_references_and_tells_the_presets_apart(tmp_path):
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        write_geotiffs(series(landscape((128, 128), seed=seed), days=2, seed=seed).stack, tmp_path / str(seed))
    ask = [sys.executable, BENCHMARKS / "curation.py", str(tmp_path / "1"), str(tmp_path / "2"), "--count", "2"]
    told = subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()
    rows = {cells[1]: cells[2:-1] for cells in ([cell.strip() for cell in line.split("|")] for line in told[2:])}
    assert rows["right"] == ["4", "100%", "100%"] and rows["of other land"] == ["4", "0%", "0%"]
    assert rows["blurred by a Gaussian of 20 m"] == ["4", "100%", "0%"] and rows["cloud over three tenths"][2] == "0%"
    assert int(rows["of the same place 0 to 100 days away"][0]) == 4


def test_the_harmonising_benchmark_tells_how_much_contrast_is_kept_under_clouds(tmp_path):
    write_geotiffs(series(landscape((192, 192), seed=1), days=3, seed=1).stack, tmp_path)
    ask = [sys.executable, BENCHMARKS / "harmonising.py", str(tmp_path), "--count", "4"]
    told = json.loads(subprocess.run(ask, capture_output=True, text=True, timeout=300, check=True).stdout)
    assert told["pairs"] == 4 and told["alike"] > 0.7 and 0.7 < told["kept"] < 1.1
    assert told["clouds over 0"] == {"dates": 3, "kept": pytest.approx(1, abs=0.03), "fewest": pytest.approx(1, abs=0.03)}
    assert told["clouds over 0.05"]["kept"] > 0.95 and told["clouds over 0.3"]["fewest"] > 0.5
