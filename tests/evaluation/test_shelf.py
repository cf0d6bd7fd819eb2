import numpy as np
import pytest
import zarr

from dione.base.errors import BadModel, BadSource, NotFound
from dione.evaluation import shelf
from dione.evaluation.shelf import Shelf
from dione.evaluation.statistics import scores
from dione.evaluation.statistics.measured import measured
from dione.nets.resolver import load
from dione.patches import store

MODELS = {name: load(name) for name in ("nearest", "bicubic-median", "bicubic")}


@pytest.fixture(scope="module")
def found(opened):
    return measured(shelf.shelf(opened, MODELS), MODELS, (1, 3))


def test_there_is_a_row_for_each_patch_model_and_number_of_dates(found, opened):
    keys = set(zip(*(found.rows.keys[name].tolist() for name in ("patch", "model", "dates")), strict=True))
    assert len(keys) == len(found.rows) and set(found.rows.keys["dates"].tolist()) == {1, 3}
    assert len(found.rows.where(model="bicubic", dates=1)) == len(found.rows.where(model="nearest", dates=3)) <= 16


def test_targets_under_cloud_are_scored_where_they_saw(found):
    rows = found.rows.where(model="bicubic", dates=1)
    cloudy = rows.keys["hidden"] > 0
    assert cloudy.any() and (rows.sums["pixels"][cloudy] < 48 * 48).all() and (rows.sums["pixels"][~cloudy] == 48 * 48).all()


def test_two_halves_of_a_store_add_up_to_the_whole(found, opened):
    halves = [measured(Shelf(opened, part, "test"), MODELS, (1, 3)) for part in (np.arange(16)[::2], np.arange(16)[1::2])]
    for one, name in ((found.rows, "rows"), (found.histograms, "histograms")):
        from dione.evaluation.statistics.rows import joined

        added, whole = joined([getattr(half, name) for half in halves]).pooled("model", "dates"), one.pooled("model", "dates")
        assert all(np.allclose(added.sums[key], whole.sums[key], rtol=1e-5, atol=1e-6) for key in whole.sums)


def test_order_of_patches_changes_no_score(found, opened):
    order = np.random.default_rng(0).permutation(len(found.rows))
    one, other = (scores.finished(rows.pooled("site", "place", "model", "dates")) for rows in (found.rows, found.rows.take(order)))
    assert all(np.allclose(one[name], other[name], equal_nan=True) for name in one)


def test_patches_can_be_asked_for_by_name(found, opened):
    cases = list(shelf.shelf(opened, MODELS).cases(MODELS, 1, only={"3", "5"}))
    assert [str(patch) for batch in cases for patch in batch.keys["patch"]] == [p for p in ("3", "5") if p in found.rows.keys["patch"]]


def test_all_splits_can_be_scored_together(opened):
    assert shelf.shelf(opened, MODELS, split="all").rows.tolist() == opened.rows().tolist()


def test_an_empty_split_is_told(opened):
    with pytest.raises(NotFound, match="it has \\['test', 'train'\\]"):
        shelf.shelf(opened, MODELS, split="validation")


def test_a_model_of_another_zoom_is_told(opened):
    from dataclasses import replace

    three = load("bicubic")
    wrong = replace(three, about=three.about.model_copy(update={"zoom": 3}))
    with pytest.raises(BadModel, match="3 times"):
        shelf.shelf(opened, {"three": wrong})


def test_a_truth_that_is_not_known_everywhere_is_told_with_its_patches(opened, tmp_path):
    store.write(tmp_path / "store", _patches(opened), {}, exact=True)
    zarr.open_group(tmp_path / "store" / "pixels.zarr")["hr"][2, 0, 0, 0] = np.nan  # as another program may write it
    with pytest.raises(BadSource, match=r"truth of patch 2 .*not finite"):
        measured(shelf.shelf(store.read(tmp_path / "store"), MODELS), MODELS, (1,))


def _patches(opened):
    for at in range(4):
        facts = {"site": "s", "place": f"p{at}", "sensor": "x", "split": "test"}
        yield store.Patch(opened.lr[at] / np.float32(1e4), opened.valid[at], opened.hr[at] / np.float32(1e4), facts)
