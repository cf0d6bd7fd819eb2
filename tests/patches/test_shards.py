"""A shard is written while the next is filled: nothing of that shows in what is stored."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from dione.base.errors import BadSource, CannotWrite
from dione.patches import shards, store

ROWS = 4


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four patches, of two chunks."""
    monkeypatch.setattr(shards, "CHUNK", 2)
    monkeypatch.setattr(shards, "SHARD", ROWS)


def patches(count: int, *, empty: frozenset[int] = frozenset()) -> Iterator[shards.Patch]:
    """So many, each like no other; of those in `empty` nothing was seen."""
    rng = np.random.default_rng(0)
    for at in range(count):
        seen = at not in empty
        lr, hr = (rng.uniform(-0.05, 7, shape).astype(np.float32) * seen for shape in ((2, 4, 3, 3), (4, 6, 6)))
        yield shards.Patch(lr, np.full((2, 3, 3), seen), hr, {"place": "p", "sensor": "s", "split": "none", "site": f"site{at}", "number": at})


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("count", [1, ROWS, ROWS + 1, 3 * ROWS, 5 * ROWS + 3])
def test_every_patch_stands_where_its_row_of_the_index_is(tmp_path: Path, count: int, exact: bool) -> None:
    assert store.write(tmp_path / "store", patches(count), {}, exact=exact) == count
    made = store.read(tmp_path / "store")
    assert made.index["number"].to_pylist() == list(range(count))
    for at, patch in enumerate(patches(count)):
        for name in ("lr", "hr"):
            wanted = getattr(patch, name) * np.float32(10_000)
            found = getattr(made, name)[at]
            if exact:
                np.testing.assert_allclose(found, wanted, rtol=1e-6)
            else:
                np.testing.assert_array_equal(found, np.clip(np.round(wanted), 0, 65535))
        np.testing.assert_array_equal(made.valid[at], patch.valid)


def test_patches_that_saw_nothing_are_written_too(tmp_path: Path) -> None:
    """Every chunk is there, so that one that is lost is missed."""
    store.write(tmp_path / "store", patches(8, empty=frozenset(range(4))), {})
    array = zarr.open_group(tmp_path / "store" / "pixels.zarr", mode="r")["lr"]
    assert isinstance(array, zarr.Array) and array.nchunks_initialized == array.nchunks
    assert not store.read(tmp_path / "store").lr[:4].any()


def test_a_shard_is_filled_while_the_one_before_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, flush = threading.Event(), shards.Shard.flush

    def slow(self, arrays):
        assert filled.wait(20), "the next patch was not asked for until the shard was written"
        return flush(self, arrays)

    def told() -> Iterator[shards.Patch]:
        for at, patch in enumerate(patches(2 * ROWS)):
            if at == ROWS + 1:
                filled.set()
            yield patch

    monkeypatch.setattr(shards.Shard, "flush", slow)
    assert store.write(tmp_path / "store", told(), {}) == 2 * ROWS


def test_a_shard_that_cannot_be_written_ends_it_and_leaves_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self, arrays):
        raise CannotWrite("the disk is full")

    monkeypatch.setattr(shards.Shard, "flush", full)
    asked = 0

    def counted() -> Iterator[shards.Patch]:
        nonlocal asked
        for patch in patches(100 * ROWS):
            asked += 1
            yield patch

    with pytest.raises(CannotWrite, match="the disk is full"):
        store.write(tmp_path / "store", counted(), {})
    assert asked <= 2 * ROWS and not store.is_store(tmp_path / "store")


@pytest.mark.parametrize("exact", [False, True])
def test_a_truth_that_is_not_known_everywhere_is_refused_and_leaves_no_store(tmp_path: Path, exact: bool) -> None:
    whole, holed = patches(2)
    holed.hr[:, 2, 3] = np.nan
    with pytest.raises(BadSource, match=r"the truth of a patch of site1 p has 4 values that are not finite\ncut patches where"):
        store.write(tmp_path / "store", iter([whole, holed]), {}, exact=exact)
    assert not store.is_store(tmp_path / "store")


@pytest.mark.parametrize("exact", [False, True])
def test_an_input_without_a_number_where_it_says_that_it_was_seen_is_refused(tmp_path: Path, exact: bool) -> None:
    """It would be stored as zero, and called clear."""
    hidden, holed = patches(2)
    hidden.lr[1, 0, 1, 1], hidden.valid[1, 1, 1] = np.nan if exact else 0, False
    assert store.write(tmp_path / "store", iter([hidden]), {}, exact=exact) == 1
    holed.lr[1, 0, 1, 1], holed.valid[1, 1, 1] = np.nan, True
    with pytest.raises(BadSource, match=r"the input, where it was seen clear, of a patch of site1 p has 1 values that are not finite"):
        store.write(tmp_path / "store", iter([holed]), {}, exact=exact)
