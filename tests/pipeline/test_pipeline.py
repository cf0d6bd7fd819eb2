"""A made-up delivery, in one command, to a trained HighRes-Net and its predictions; and what was planted is found again."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio

import dione
from dione.pairs import areas
from dione.patches import divide, store
from dione.prepare.reference import brightness
from dione.sources import vhr
from dione.sources.delivered import scenetable
from dione.testing.world import World, world

pytestmark = pytest.mark.slow
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "made-up.toml"
OTHER = 0.35
"""Share of the second scene that shows other ground."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("pipeline"), shape=(80, 96), scenes=3, other=OTHER)


def test_the_tutorial_does_the_same():
    page = (RECIPE.parents[1] / "docs" / "vhr.md").read_text()
    assert f"world(Path('.'), shape=(80, 96), scenes=3, other={OTHER})" in page and "dione run ../recipes/made-up.toml" in page


@pytest.fixture(scope="module")
def ended(made: World) -> list[dict]:
    """How every stage of `dione run` ended."""
    return run_all(made)


def run_all(made: World, *changes: str) -> list[dict]:
    import os

    from dione.pipeline.recipe import PipelineRecipe
    from dione.pipeline.run import run
    from dione.recipe import read

    before = Path.cwd()
    os.chdir(made.folder)
    try:
        return [one.__dict__ for one in run(read(RECIPE, PipelineRecipe, changes), workers=1).ended]
    finally:
        os.chdir(before)


def out(made: World) -> Path:
    return made.folder / "run"


def test_every_stage_ends_and_nothing_failed(ended: list[dict]):
    assert [(one["name"], one["how"]) for one in ended] == [
        (name, "made") for name in ("scan", "statistics", "build", "curate", "split", "scaling", "train", "predict", "evaluate")
    ]
    assert not [one["failed"] for one in ended if one["failed"]]


def test_the_weights_are_a_model_and_the_predictions_are_geotiffs_of_2_5_m_and_an_eopatch(made: World, ended: list[dict]):
    weights = out(made) / "training" / "made-up" / "made-up.safetensors"
    assert dione.load(str(weights)).about.net == "highresnet"
    results = out(made) / "predictions" / "ground"
    with rasterio.open(next(results.glob("*_sr.tif"))) as file:
        assert file.res == (2.5, 2.5) and file.shape == (4 * 80, 4 * 96) and file.crs == "EPSG:32631"
    sharp = dione.open(results / "eopatch", feature="SR-HRN", bands=("blue", "green", "red", "nir"))
    coarse = dione.open(results / "eopatch", feature="S2", bands=("blue", "green", "red", "nir"))
    assert sharp.sizes["y"] == 4 * coarse.sizes["y"] and sharp.sizes["time"] == coarse.sizes["time"] > 4
    views = np.load(results / "eopatch" / "scalar" / "N_VIEWS.npy")
    assert views.shape == (sharp.sizes["time"], 1) and views[0] == 1 and views.max() > 2
    assert (out(made) / "curation.html").stat().st_size > 10_000 and (out(made) / "scores" / "report.html").exists()


def test_gains_are_found_to_one_percent(made: World, ended: list[dict]):
    rows = {row["metadata"]: row for row in scenetable.read(out(made) / "scenes.parquet")}
    for scene in made.delivered.scenes:
        row = next(row for path, row in rows.items() if Path(path).name == scene.ms.name)
        found = [row[f"{band}_gain"] for band in ("blue", "green", "red", "nir")]
        assert np.allclose(found, scene.gain, rtol=0.01)


def test_clouds_are_found(made: World, ended: list[dict]):
    for scene in made.delivered.scenes:
        found, planted = brightness.cloudy(vhr.open(scene.ms)).values[0], scene.cloud & scene.seen
        if planted.any():
            assert (found & planted).sum() / (found | planted).sum() > 0.9


def test_shifts_are_found_to_a_tenth_of_a_pixel_of_10_m(made: World, ended: list[dict]):
    series = made.delivered.series
    days = [str(time)[:10] for time in series.stack["time"].values]
    planted = {f"{scene.time:%Y-%m-%dT%H:%M:%S}": np.array(scene.shift_m) for scene in made.delivered.scenes}
    rows = [row for row in store.read(out(made) / "patches").index.to_pylist() if row["shift_correlation"] > 0.6]
    off = [
        np.array([row["shift_south_m"], row["shift_east_m"]]) - planted[row["reference_date"]] + 10 * series.shifts[days.index(row["dates"][0][:10])]
        for row in rows
    ]
    assert len(rows) > 100 and np.abs(off).max() < 1


def test_patches_whose_reference_shows_other_ground_are_caught_and_few_others(made: World, ended: list[dict]):
    edge = made.delivered.ground.shape[2] * (1 - OTHER)
    bad, good = [], []
    for row in store.read(out(made) / "patches").index.to_pylist():
        left = row["x"] - 40 - made.delivered.series.stack["x"].values[0] + 5
        share = np.clip((left + 80 - edge) / 80, 0, 1) if row["scene"].endswith("M001") else 0.0
        judged = row["target_clear"] == 1 and row["views"] >= 2 and not row["shadow"]
        if judged and share > 0.9:
            bad.append(row["kept"])
        elif judged and share < 0.1:
            good.append(row["kept"])
    assert len(bad) >= 10 and np.mean(bad) <= 0.05
    assert len(good) >= 50 and np.mean(good) >= 0.95


def test_no_area_touches_one_of_another_side(made: World, ended: list[dict]):
    opened = store.read(out(made) / "patches")
    _, beside = areas.read(Path(opened.path.address) / areas.FILE)
    sides = {row["place"]: row["split"] for row in opened.index.to_pylist()}
    places = {name: divide.Place(1.0, touches=beside[name]) for name in sides}
    assert divide.leaks(places, sides) == [] and {"train", "validation", "test"} <= set(sides.values())


def test_started_again_nothing_is_done_and_a_changed_setting_does_only_what_follows_from_it(made: World, ended: list[dict]):
    assert {one["how"] for one in run_all(made)} == {"up to date"}
    weights = out(made) / "training" / "made-up" / "made-up.safetensors"
    before = weights.read_bytes()
    again = {one["name"]: one["how"] for one in run_all(made, "evaluate.dates=[1]")}
    assert again.pop("evaluate") == "made" and set(again.values()) == {"up to date"} and weights.read_bytes() == before


def test_the_state_and_the_tables_hold_no_faults_and_can_be_read(made: World, ended: list[dict]):
    state = json.loads((out(made) / "pipeline.json").read_text())
    assert all(stage["ended"] == stage["begun"] for stage in state.values())
    outcomes = {visit["outcome"] for visit in pq.read_table(out(made) / "areas" / "visits.parquet").to_pylist()}
    assert outcomes == {"paired", "left out"}
