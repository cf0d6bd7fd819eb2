"""Arrays that read what is asked of them: exactly that window, once."""

import pickle
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dione.base.windows import Window
from dione.sources import geotiff
from dione.sources.stacks import lazy
from tests.sources.series import BANDS, numbers, write


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Window]]:
    """Every window that is decoded from files."""
    seen: list[tuple[int, Window]] = []
    decode = geotiff.Files.read

    def spy(self: geotiff.Files, date: int, window: Window) -> lazy.Pixels:
        seen.append((date, window))
        return decode(self, date, window)

    monkeypatch.setattr(geotiff.Files, "read", spy)
    return seen


def test_opening_reads_no_pixel(folder: Path, reads: list[tuple[int, Window]]) -> None:
    geotiff.open(folder)
    assert reads == []


def test_a_part_reads_its_window_only_and_both_variables_decode_it_once(folder: Path, reads: list[tuple[int, Window]]) -> None:
    stack = geotiff.open(folder)
    stack.isel(time=[2, 0], y=slice(3, 9), x=slice(10, 31)).compute()
    assert sorted(reads, key=str) == [(0, Window(3, 10, 9, 31)), (2, Window(3, 10, 9, 31))]


def test_a_part_of_a_part_of_a_large_scene_reads_no_more_than_itself(tmp_path: Path, reads: list[tuple[int, Window]]) -> None:
    write(tmp_path / "2020-01-01.tif", numbers((1100, 600)), names=BANDS, tiled=True, compress="deflate")
    stack = geotiff.open(tmp_path)
    part = stack.isel(time=[0]).isel(y=slice(500, 530)).isel(x=slice(495, 600)).isel(y=slice(5, 20), x=slice(5, 35))["reflectance"].compute()
    assert reads == [(0, Window(505, 500, 520, 530))]
    np.testing.assert_array_equal(part, stack["reflectance"].compute()[..., 505:520, 500:530])
    chunked = stack.chunk({"y": 512, "x": 512})
    np.testing.assert_array_equal(chunked["reflectance"].max(("y", "x")).values, stack["reflectance"].max(("y", "x")).values)


@pytest.mark.parametrize("key", [{"y": 3}, {"x": [4, 1, 9]}, {"band": 2, "y": slice(None, None, 5)}, {"time": -1, "x": slice(40, 10, -3)}, {"y": slice(4, 4)}])
def test_any_indexing_gives_what_numpy_gives(folder: Path, key: dict[str, object]) -> None:
    stack = geotiff.open(folder)
    np.testing.assert_array_equal(
        stack["reflectance"].isel(key).values, stack["reflectance"].values[tuple(key.get(d, slice(None)) for d in stack["reflectance"].dims)]
    )


def test_threads_that_want_one_window_decode_it_once() -> None:
    class Slow:
        shape, count = (1, 8, 8), 0

        def read(self, date: int, window: Window) -> lazy.Pixels:
            self.count += 1
            barrier.wait(5)
            return np.zeros((4, *window.shape), np.float32), np.ones(window.shape, bool)

    barrier, decoder = threading.Barrier(2), Slow()
    reflectance, valid = lazy.arrays(decoder)
    threads = [
        threading.Thread(target=lambda data=array, dims=dims: xr.Variable(dims, data).load())
        for array, dims in ((reflectance, tuple("tbyx")), (valid, tuple("tyx")))
    ]
    for thread in threads:
        thread.start()
    barrier.wait(5)
    for thread in threads:
        thread.join(5)
    assert decoder.count == 1


def test_windows_that_are_kept_stay_within_their_limit_however_many_series_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flat:
        shape = (1, 8, 8)

        def read(self, date: int, window: Window) -> lazy.Pixels:
            return np.zeros((4, *window.shape), np.float32), np.ones(window.shape, bool)

    one = 8 * 8 * (4 * 4 + 1)
    monkeypatch.setattr(lazy, "KEPT_BYTES", 3 * one)
    monkeypatch.setattr(lazy, "_kept", OrderedDict())
    for _ in range(20):
        xr.Variable(tuple("tbyx"), lazy.arrays(Flat())[0]).load()
    assert len(lazy._kept) == 3


def test_a_stack_survives_pickling(folder: Path) -> None:
    stack = geotiff.open(folder)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(stack)).compute(), stack.compute())
