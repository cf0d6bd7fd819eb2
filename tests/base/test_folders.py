"""Folders that appear whole or not at all."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from dione.base.errors import CannotWrite
from dione.base.storage.folders import whole_folder


def filled(path: Path, text: str) -> None:
    with whole_folder(path) as partial:
        (partial / "a").write_text(text)


def test_a_folder_takes_the_place_of_the_one_before_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    filled(tmp_path / "store", "old")
    filled(tmp_path / "store", "new")
    assert (tmp_path / "store" / "a").read_text() == "new" and [one.name for one in tmp_path.iterdir()] == ["store"]


def test_what_fails_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    filled(tmp_path / "store", "old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "store") as partial:  # noqa: PT012 - what fails is the block
        (partial / "a").write_text("half")
        raise RuntimeError
    assert (tmp_path / "store" / "a").read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["store"]


def test_what_a_kill_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".store.partial" / "b").mkdir(parents=True)
    filled(tmp_path / "store", "new")
    assert [one.name for one in tmp_path.rglob("*")] == ["store", "a"]


def test_a_link_is_followed_to_the_disk_that_it_leads_to_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    filled(tmp_path / "large" / "store", "old")
    (tmp_path / "store").symlink_to(tmp_path / "large" / "store")
    for text in ("new", "newer"):
        filled(tmp_path / "store", text)
        assert (tmp_path / "store").is_symlink() and (tmp_path / "large" / "store" / "a").read_text() == text
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["a", "large", "store", "store"]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "store", "old")
    (tmp_path / "store").rename(tmp_path / ".store.old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "store"):
        raise RuntimeError
    assert (tmp_path / "store" / "a").read_text() == "old"


def test_two_that_make_the_same_do_not_mix(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "store") as partial:
        (partial / "a").write_text("mine")
        with pytest.raises(CannotWrite, match=r"another run is writing .*store"):
            filled(tmp_path / "store", "theirs")
        filled(tmp_path / "other", "another name is free")
    assert (tmp_path / "store" / "a").read_text() == "mine"


def test_a_full_disk_is_told_with_what_is_needed(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotWrite, match=r"No space left.*\n.* are free on the disk of .*about 2\.0 GB are needed"),
        whole_folder(tmp_path / "s", needs_bytes=2 * 10**9),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_was_removed_while_it_was_written_is_not_taken_for_whole(tmp_path: Path) -> None:
    """A writer of chunks makes the folder again, as zarr does, and knows nothing of those that are gone."""
    with pytest.raises(CannotWrite, match="was removed while it was written"), whole_folder(tmp_path / "store") as partial:  # noqa: PT012 - it is the end that fails
        (partial / "a").write_text("first")
        shutil.rmtree(partial)
        partial.mkdir()
        (partial / "b").write_text("second")
    assert not list(tmp_path.iterdir())
