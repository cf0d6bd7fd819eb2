"""Files that stay open between windows."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dione.base.errors import BadSource
from dione.base.windows import Window
from dione.sources import geotiff
from dione.sources.rasters import gdal, openfiles
from dione.testing import grid_at, rasters


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    openfiles.close_all()
    yield
    openfiles.close_all()


def written(path: Path, value: int = 7) -> str:
    rasters.write(path, np.full((4, 40, 50), value, np.uint16), grid_at((40, 50)))
    return str(path)


def test_a_file_is_opened_once_for_many_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, times = written(tmp_path / "a.tif"), []
    monkeypatch.setattr(openfiles, "opened", lambda path: times.append(path) or gdal.opened(path))
    for _ in range(5):
        with openfiles.kept(path) as file:
            assert (file.read() == 7).all()
    assert times == [path]


def test_two_at_a_time_have_a_file_each(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    with openfiles.kept(path) as one, openfiles.kept(path) as other:
        assert one is not other
    with openfiles.kept(path) as again:
        assert again in (one, other)


def test_a_file_that_was_written_anew_is_opened_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", 7)
    with openfiles.kept(path) as file:
        assert (file.read() == 7).all()
    os.replace(written(tmp_path / "b.tif", 9), path)
    with openfiles.kept(path) as file:
        assert (file.read() == 9).all()


def test_a_process_that_was_forked_opens_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.tif")
    with openfiles.kept(path) as one:
        pass
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with openfiles.kept(path) as other:
        assert other is not one


def test_a_fault_closes_the_file_and_names_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif")
    with pytest.raises(BadSource, match=r"a\.tif cannot be read"), openfiles.kept(path) as file:
        raise rasterio.errors.RasterioIOError("broken")
    assert file.closed
    with pytest.raises(BadSource, match="neither GeoTIFF"), openfiles.kept(str(Path(__file__))):
        pass


def test_no_more_stay_open_than_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfiles, "MOST", 3)
    used = []
    for number in range(6):
        with openfiles.kept(written(tmp_path / f"{number}.tif")) as file:
            used.append(file)
    assert [file.closed for file in used] == [True] * 3 + [False] * 3
    openfiles.close_all()
    assert all(file.closed for file in used)


def test_a_series_read_by_many_threads_is_what_its_files_hold(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(1, 5000, (3, 4, 90, 110)).astype(np.uint16)
    for day, one in enumerate(numbers, 1):
        rasters.write(tmp_path / f"2024-06-0{day}.tif", one, grid_at((90, 110)), bands=("B02", "B03", "B04", "B08"), tiled=True, blockxsize=32, blockysize=32)
    stack = geotiff.open(tmp_path)
    windows = [Window(top, left, top + 40, left + 40) for top in range(0, 50, 7) for left in range(0, 70, 7)]

    def look(window: Window) -> bool:
        rows, columns = window.slices
        got = stack["reflectance"].isel(y=rows, x=columns).values
        return bool(np.allclose(got, numbers[..., rows, columns] * np.float32(1e-4), atol=1e-7))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, windows))
