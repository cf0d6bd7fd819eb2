"""One run at a folder at a time."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dione.base.errors import CannotWrite
from dione.base.storage import files
from dione.base.storage.files import LOCK, alone, emptied, whole, write_bytes

HOLD = "import sys, time\nfrom pathlib import Path\nfrom dione.base.storage.files import alone\nwith alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds `path`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_run_into_one_folder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(CannotWrite, match="another run is writing"), alone(tmp_path):
        pass


def test_a_run_of_another_process_is_noticed_and_one_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(CannotWrite, match="another run"), alone(tmp_path):
            pass
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    with alone(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_run_of_another_user_holds_or_held_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "open", refused, raising=False)
    (tmp_path / LOCK).touch()
    with pytest.raises(CannotWrite, match=rf"{LOCK} there is another user's.*\n.*if no run of theirs is at work, remove .*{LOCK}"), alone(tmp_path):
        pass
    (tmp_path / LOCK).unlink()
    with pytest.raises(PermissionError), alone(tmp_path):
        pass


def test_a_folder_is_free_again_after_a_run_that_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), alone(tmp_path):
        raise RuntimeError("in the middle")
    with alone(tmp_path):
        pass


def test_emptying_a_folder_leaves_who_holds_it(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").touch()
    (tmp_path / "last.ckpt").touch()
    with alone(tmp_path):
        emptied(tmp_path)
        assert [entry.name for entry in tmp_path.iterdir()] == [LOCK]


def test_a_lock_file_that_its_holder_takes_along_does_not_let_two_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our opening of the file and our locking it, who held it removes it."""
    plain, went = files._hold, []

    def late(file: int) -> None:
        if not went:
            went.append((tmp_path / LOCK).unlink())
        plain(file)

    monkeypatch.setattr(files, "_hold", late)
    with alone(tmp_path), pytest.raises(CannotWrite, match="another run"), alone(tmp_path):
        pass


def test_writers_of_the_same_file_do_not_spoil_it_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "block.tif"
    with files.whole(path, shared=True) as one, files.whole(path, shared=True) as other:
        one.write_text("the same")
        other.write_text("the same")
    assert path.read_text() == "the same" and list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_though_the_empty_one_above_it_is_tidied_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, tidied = os.mkdir, []

    def mkdir(path: Path, mode: int = 0o777) -> None:
        make(path, mode)
        if Path(path).name == "hidden" and not tidied:
            tidied.append(path)
            Path(path).rmdir()  # as whoever finishes beside it does

    monkeypatch.setattr(os, "mkdir", mkdir)
    assert files.folder(tmp_path / "hidden" / "canvas" / "run").is_dir()
    assert tidied


@pytest.mark.parametrize(("count", "words"), [(0, "0.0 kB"), (12_300, "12.3 kB"), (340_000, "0.3 MB"), (5 * 10**9, "5.0 GB")])
def test_sizes_are_told_in_units_that_fit(count: int, words: str) -> None:
    assert files.size(count) == words


@pytest.mark.parametrize("name", ["file/below", "x" * 300])
def test_a_place_where_no_file_can_be_is_told_as_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot write"):
        files.write_text(tmp_path / name, "")


def test_a_file_that_another_run_is_writing_is_not_written_too(tmp_path: Path) -> None:
    to = tmp_path / "model.safetensors"
    with whole(to) as partial:
        partial.write_bytes(b"half")
        with pytest.raises(CannotWrite, match=r"another run is writing .*model\.safetensors\nwait for it to end, or name another file"):
            write_bytes(to, b"the other's")
        assert not to.exists() and partial.read_bytes() == b"half"
        partial.write_bytes(b"half and half")
    assert to.read_bytes() == b"half and half" and list(tmp_path.iterdir()) == [to]


def test_of_many_that_write_a_file_at_a_time_each_writes_it_whole_or_is_told_of_another(tmp_path: Path) -> None:
    """Not that a folder is missing, because another renamed or removed what was being written."""
    to, told = tmp_path / "model.safetensors", []
    write_bytes(to, b"0")

    def write(mark: bytes) -> None:
        for _ in range(40):
            try:
                write_bytes(to, mark * 300_000)
            except CannotWrite as error:
                told.append(str(error).partition(" /")[0])
            seen = to.read_bytes()
            if seen != b"0" and seen != seen[:1] * 300_000:
                told.append("a half file")

    writers = [threading.Thread(target=write, args=(mark,)) for mark in (b"a", b"b", b"c", b"d")]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert set(told) <= {"another run is writing"}
    assert list(tmp_path.iterdir()) == [to]


def test_what_a_run_that_was_killed_left_half_is_no_hindrance_to_the_next(tmp_path: Path) -> None:
    (tmp_path / ".model.safetensors.partial").write_bytes(b"half, and longer than what comes")
    write_bytes(tmp_path / "model.safetensors", b"whole")
    assert (tmp_path / "model.safetensors").read_bytes() == b"whole" and len(list(tmp_path.iterdir())) == 1
