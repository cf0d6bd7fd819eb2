"""A machine that has no more of something to give: what to do is told, and nothing that is whole is called damaged."""

import errno
import os
from pathlib import Path

import pytest
from rasterio._err import CPLE_AppDefinedError

from dione.base import errors
from dione.base.errors import BadSource
from dione.base.machine import shortage
from dione.base.storage import files


def caused(error: BaseException) -> BadSource:
    told = BadSource("it cannot be read")
    told.__cause__ = error
    return told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.tif"), "ulimit -n"),
        (OSError(f"/out/a.tif: {os.strerror(errno.EMFILE)}"), "ulimit -n"),  # GDAL
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "more memory"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "more threads"),
        (RuntimeError("can't start new thread"), "more threads"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "more memory"),
        (MemoryError(), "more memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "more memory"),
        (caused(MemoryError()), "more memory"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "make it again"),
        (ValueError("bad chunk"), "make it again"),
        (caused(ValueError("bad chunk")), "make it again"),
    ],
)
def test_what_to_do_depends_on_what_the_machine_has_no_more_of(error: BaseException, words: str) -> None:
    assert words in shortage.advice(error, "make it again")


def test_what_gdal_tells_in_words_alone_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    told = str(files.cannot_write(tmp_path / "a.tif", OSError(f"{tmp_path}/b.tif: Too many open files"), 1000))
    assert "ulimit -n" in told and "free" not in told


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("b.tif: Too many open files", errno.EMFILE), ("b.tif: No space left on device", errno.ENOSPC), ("TIFFAppendToStrip: write error", 0)],
)
def test_a_number_of_gdals_own_is_not_taken_for_the_systems(words: str, wanted: int) -> None:
    assert shortage.number(CPLE_AppDefinedError(3, errno.EPERM, words)) == wanted


def test_where_nobody_foresaw_it_memory_is_told_and_a_fault_of_ours_is_not_hidden() -> None:
    assert "it gives no more memory\nlet this process have more memory" in str(errors.of_the_system(MemoryError()))
    assert errors.of_the_system(RuntimeError("a fault of ours")) is None
