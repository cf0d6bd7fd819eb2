"""A patch store in an object store, on a server of our own: made, divided, trained from and scored there."""

from pathlib import Path

import numpy as np
import pytest

import dione
from dione.base.errors import CannotWrite, NotFound
from dione.patches import scaling, splitting, store
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
def small_shards(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    monkeypatch.setattr(store, "CHUNK", 4)


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
    weights = dione.train(dione.TrainRecipe(name="mine", store=there, out=tmp_path / "runs", net=net, train=steps))
    assert dione.evaluate(weights, there, dates=(1,), split="validation").summary["patches"] == len(remote.rows(split="validation"))

    written = [s3fs.S3FileSystem().cat_file(name) for name in s3fs.S3FileSystem().find(there)]
    written += [path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not any(b"verysecret" in data for data in [*written, caplog.text.encode()])


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
