import json

import numpy as np
import pytest

from dione.base.errors import BadGrid, NotFound
from dione.evaluation import down, score
from dione.nets.resolver import load
from dione.patches import store
from dione.testing import landscape, series, still


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store"

    def patches():
        for number in range(12):
            made = series(landscape((14, 14), seed=number), days=3, seed=number)
            facts = {"site": "there", "place": f"p{number // 2}", "sensor": "made up", "split": "test" if number < 8 else "train"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(path, patches(), {"made_by": "test"})
    return store.read(path)


def test_bicubic_gains_nothing_over_itself(opened):
    rows = score.summary(score.score(load("bicubic"), opened, dates=(1, 3)))
    assert [row["gain_db"] for row in rows] == [0, 0] and rows[0]["places"] == 4


def test_nearest_loses_to_bicubic(opened):
    assert score.gain(score.score(load("nearest"), opened, dates=(1,))).high < 0


def test_an_empty_split_is_told(opened):
    with pytest.raises(NotFound, match="it has \\['test', 'train'\\]"):
        score.score(load("bicubic"), opened, split="validation")


def test_places_count_alike_however_many_patches_they_have():
    found = score.interval(np.array([1.0, 1.0, 1.0, 3.0]), np.array(["a", "a", "a", "b"]))
    assert found.mean == 2 and found.low >= 1 and found.high <= 3 and found.places == 2


def test_the_summary_and_its_patches_are_written(opened, tmp_path):
    table = score.score(load("bicubic"), opened, dates=(1,))
    score.write(tmp_path, table, score.summary(table))
    assert json.loads((tmp_path / "scores.json").read_text())[0]["site"] == "there" and (tmp_path / "patches.parquet").exists()


def test_brought_down_is_what_a_coarser_sensor_sees():
    made = series(landscape((80, 72), seed=1), days=2, sensor=still(), seed=1)
    low = down.coarser(made.stack)
    assert low.sizes["y"] == 20 and low.sizes["x"] == 18
    assert abs(float(low["reflectance"].mean()) - float(made.stack["reflectance"].mean())) < 2e-3


def test_a_scene_too_small_to_bring_down_is_told():
    with pytest.raises(BadGrid, match="needs 16"):
        down.coarser(series(landscape((40, 80), seed=1), days=1).stack)


def test_nearest_gains_less_than_nothing_on_a_series():
    made = series(landscape((80, 72), seed=1), days=2, seed=1)
    found = down.gains(made.stack, load("nearest"))
    assert [date.day for date in found] == ["2024-05-01", "2024-05-06"] and all(date.gain_db < 0 for date in found)
