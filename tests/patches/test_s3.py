"""A patch store in an object store, on a server of our own: made, divided, trained from and scored there."""

import json
from pathlib import Path

import numpy as np
import pytest

import dione
from dione import testing
from dione.base.errors import CannotWrite, NotFound
from dione.patches import shards, splitting, store
from dione.patches.older import scaling
from dione.testing import landscape, series

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def patches(count: int = 6, *, fail_at: int | None = None):
    """Patches of three places, a shard of four at a time."""
    for number in range(count):
        if number == fail_at:
            raise KeyboardInterrupt
        made = series(landscape((14, 14), seed=number), days=2, seed=number)
        facts = {"site": "s", "place": f"p{number % 3}", "sensor": "made up", "split": "none"}
        yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards, "CHUNK", 4)


@pytest.mark.slow
def test_a_store_in_a_bucket_is_the_one_on_disk_and_serves_every_step(bucket: str, tmp_path: Path, run, caplog: pytest.LogCaptureFixture):
    import s3fs

    here, there = tmp_path / "store", f"{bucket}/sets/store"
    for place in (here, there):
        assert store.write(place, patches(), {"made_by": "test"}) == 6
        splitting.split(store.read(place))
    local, remote = store.read(here), store.read(there)
    assert all(np.array_equal(getattr(local, name)[:], getattr(remote, name)[:]) for name in ("lr", "valid", "hr"))
    assert local.index.equals(remote.index) and local.about == remote.about and remote.about["split"]["seed"] == 0
    assert scaling.scaling(local, split=None) == scaling.scaling(remote, split=None)
    told = run("dataset", "show", there)
    assert told[0] == 0 and "6 patches" in told[1]

    net, steps = {"config": {"encoder_channels": 8, "channels": 8, "blocks": 1}}, {"steps": 1, "batch": 2, "dates": (1, 2), "warmup": 1}
    recipe = dione.TrainRecipe(name="mine", store=there, out=f"{bucket}/runs", net=net, train=steps)
    weights = dione.train(recipe)
    s3 = s3fs.S3FileSystem()
    assert weights == f"{bucket}/runs/mine/mine.safetensors" and s3.exists(f"{bucket}/runs/mine/last.ckpt") and not list(recipe.folder.glob("*.ckpt"))
    log = s3.cat_file(f"{bucket}/runs/mine/log.jsonl")
    assert dione.train(recipe) == weights and s3.cat_file(f"{bucket}/runs/mine/log.jsonl") == log  # went on from its checkpoint: nothing was left to do

    words = ["evaluate", weights, there, "--dates", 1, "--split", "validation", "-o", f"{bucket}/scores", "--json"]
    code, told, err = run(*words)
    assert code == 0 and json.loads(told)["patches"] == len(remote.rows(split="validation")), err
    assert {name.rsplit("/", 1)[1] for name in s3.find(f"{bucket}/scores")} >= {"scores.json", "report.html", "patches.parquet"}
    for words in (
        ["dataset", "curate", there, "--preset", "all", "--page", f"{bucket}/curation.html"],
        ["dataset", "scaling", there, "--split", "all", "-o", f"{bucket}/scaling.json"],
        ["dataset", "predict", there, "--split", "all", "--model", weights, "-o", f"{bucket}/looked-at"],
        ["dataset", "export", there, "-o", f"{bucket}/npz"],
    ):
        code, out, err = run(*words)
        assert code == 0 and "verysecret" not in out + err, err
    assert s3.exists(f"{bucket}/curation.html") and s3.exists(f"{bucket}/scaling.json") and s3.exists(f"{bucket}/npz/npz_info.pq")
    assert s3.exists(f"{bucket}/looked-at/patches.html") and s3.exists(f"{bucket}/looked-at/predictions.zarr/zarr.json")

    written = [s3.cat_file(name) for name in s3.find(bucket)]
    assert len(written) > 20 and not any(b"verysecret" in data for data in [*written, caplog.text.encode()])


def test_scenes_to_simulate_from_may_lie_in_a_bucket(bucket: str, tmp_path: Path, run):
    """Recipe, scenes and store: the same patches as from this disk."""
    import s3fs

    (tmp_path / "data" / "town").mkdir(parents=True)
    sharp = testing.landscape((32, 32), zoom=4)
    sensor = testing.series(sharp, days=1, zoom=1).stack
    testing.write_geotiffs(sensor, tmp_path / "data" / "town")
    recipe = tmp_path / "simulate.toml"
    recipe.write_text('[[scenes]]\npath = "town/*.tif"\nsensor = "made up"\ncoarse_m = 40\ndraws = 2\n[degradation]\ndates = 2\nsize_px = 8\n')
    s3fs.S3FileSystem().put(str(tmp_path / "data"), f"{bucket}/imagery", recursive=True)
    s3fs.S3FileSystem().put_file(str(recipe), f"{bucket}/simulate.toml")
    code, _, err = run("dataset", "simulate", recipe, "--data", tmp_path / "data", "-o", tmp_path / "here")
    assert code == 0, err
    code, _, err = run("dataset", "simulate", f"{bucket}/simulate.toml", "--data", f"{bucket}/imagery", "-o", f"{bucket}/simulated")
    assert code == 0, err
    local, remote = store.read(tmp_path / "here"), store.read(f"{bucket}/simulated")
    assert local.index.equals(remote.index) and all(np.array_equal(getattr(local, name)[:], getattr(remote, name)[:]) for name in ("lr", "valid", "hr"))


def test_half_a_store_is_none_and_is_made_again(bucket: str):
    place = f"{bucket}/half"
    store.write(place, patches(5), {"made_by": "first"})
    with pytest.raises(KeyboardInterrupt):
        store.write(place, patches(fail_at=5), {"made_by": "second"})
    assert not store.is_store(place)
    with pytest.raises(NotFound, match="only half written: make it again"):
        store.read(place)
    assert store.write(place, patches(6), {"made_by": "third"}) == 6
    assert store.read(place).about["made_by"] == "third" and store.read(place).lr.shape[0] == 6


def test_a_bucket_that_is_not_there_is_told(bucket: str):
    with pytest.raises(CannotWrite, match="cannot write s3://no-such-bucket/store"):
        store.write("s3://no-such-bucket/store", patches(), {})
