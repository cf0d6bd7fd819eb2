"""Patches sharpened and drawn."""

import numpy as np
import pytest
import torch
import zarr

from dione.base.errors import BadModel, CannotWrite, NotFound
from dione.evaluation.shown import patches
from dione.nets.resolver import load
from dione.patches import shards, store
from dione.testing import landscape, series, still


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Nine patches in three shards; the even ones are for test."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards, "CHUNK", 4)

    def each():
        for seed in range(9):
            made = series(landscape((10, 10), seed=seed), days=3, seed=seed, sensor=still())
            facts = {"site": "<i>s</i>", "place": f"p{seed}", "sensor": "x", "split": "test" if seed % 2 == 0 else "train"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(tmp_path / "store", each(), {})
    return store.read(tmp_path / "store")


def test_every_patch_of_the_split_is_sharpened_and_kept_with_its_row(opened, tmp_path):
    assert patches.predict(opened, load("nearest"), tmp_path / "out", show=2) == 5
    made = zarr.open_group(tmp_path / "out" / "predictions.zarr", mode="r")
    assert made["row"][:].tolist() == [0, 2, 4, 6, 8]
    assert np.array_equal(made["sr"][:], opened.lr[:][::2, 0].repeat(4, -2).repeat(4, -1))


def test_the_page_shows_five_pictures_of_each_that_is_asked_for(opened, tmp_path):
    patches.predict(opened, load("nearest"), tmp_path / "out", split=None, show=3)
    text = (tmp_path / "out" / "patches.html").read_text()
    assert text.count("<img") == 15 and "3 of 9 patches" in text and "<i>s</i>" not in text and "bicubic of the reference brought down" in text


def test_the_reference_brought_down_is_what_sentinel2_saw(opened):
    down = patches.brought_down(torch.from_numpy(opened.hr[:].astype(np.float32) / 1e4), 4)
    assert np.abs(down.numpy() - opened.lr[:][:, 0] / 1e4).max() < 2e-3


def test_an_empty_split_and_another_zoom_are_told(opened, tmp_path):
    with pytest.raises(NotFound, match="validation"):
        patches.predict(opened, load("bicubic"), tmp_path / "out", split="validation")
    opened.about["zoom"] = 2
    with pytest.raises(BadModel, match="need 2"):
        patches.predict(opened, load("setsr-s"), tmp_path / "out")


def test_a_method_without_weights_takes_the_zoom_of_the_patches(tmp_path):
    facts = {"site": "s", "place": "p", "sensor": "x", "split": "test"}
    lr = np.full((2, 4, 9, 9), 0.1, np.float32)
    store.write(tmp_path / "store", iter([store.Patch(lr, np.ones((2, 9, 9), bool), lr[0].repeat(3, -2).repeat(3, -1), facts)]), {})
    assert patches.predict(store.read(tmp_path / "store"), load("nearest"), tmp_path / "out") == 1
    assert zarr.open_group(tmp_path / "out" / "predictions.zarr", mode="r")["sr"].shape == (1, 4, 27, 27)


def test_a_store_of_values_below_zero_has_predictions_below_zero(tmp_path):
    facts = {"site": "s", "place": "p", "sensor": "x", "split": "test"}
    lr = np.full((2, 4, 9, 9), -0.0123456, np.float32)
    store.write(tmp_path / "store", iter([store.Patch(lr, np.ones((2, 9, 9), bool), lr[0].repeat(4, -2).repeat(4, -1), facts)]), {}, exact=True)
    patches.predict(store.read(tmp_path / "store"), load("nearest"), tmp_path / "out")
    made = zarr.open_group(tmp_path / "out" / "predictions.zarr", mode="r")["sr"]
    assert made.dtype == np.float32 and np.allclose(made[:], -123.456)


def test_what_was_stopped_or_found_no_room_leaves_what_was_there_before(opened, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    for before in ([], [0, 2, 4, 6, 8]):
        with pytest.raises(KeyboardInterrupt):
            patches.predict(opened, load("bicubic"), tmp_path / "out", split="train", progress=stopped)
        there = tmp_path / "out" / "predictions.zarr"
        assert (zarr.open_group(there, mode="r")["row"][:].tolist() if there.exists() else []) == before
        patches.predict(opened, load("nearest"), tmp_path / "out")
    monkeypatch.setattr(patches, "draw", lambda *_: (tmp_path / "none" / "there").touch())  # an error of the system while it is written
    with pytest.raises(CannotWrite, match=r"cannot write .*predictions\.zarr"):
        patches.predict(opened, load("nearest"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["patches.html", "predictions.zarr"]


def test_the_verb_says_where_things_are(run, opened, tmp_path):
    code, out, _ = run("dataset", "predict", opened.path, "--model", "bicubic", "-o", tmp_path / "out", "--split", "all", "--dates", 1)
    assert code == 0 and "9 patches" in out and (tmp_path / "out" / "patches.html").exists()


def test_the_real_sample_of_the_older_pipeline_is_predicted(shared_data, tmp_path):
    from dione.patches.older.interchange import import_folder

    folder = shared_data / "seed-format"
    if not folder.is_dir():
        pytest.skip("no seed-format there")
    import_folder(folder, tmp_path / "store", allow_absent=True)
    assert patches.predict(store.read(tmp_path / "store"), load("setsr-s"), tmp_path / "out", split=None) == 1
    made = zarr.open_group(tmp_path / "out" / "predictions.zarr", mode="r")["sr"][:] / 1e4
    reference = store.read(tmp_path / "store").hr[:] / 1e4
    assert made.shape == reference.shape and np.corrcoef(made[0, 3].ravel(), reference[0, 3].ravel())[0, 1] > 0.5
