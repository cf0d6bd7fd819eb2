"""A deflated GeoTIFF of which a byte is another: GDAL gives wrong numbers without a word, dione does not."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dione import sources, testing
from dione.base.errors import BadSource
from dione.base.windows import Window
from dione.sources.rasters import intact


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return testing.write_geotiffs(testing.series(testing.landscape((24, 30), seed=1), days=2, seed=2).stack, tmp_path / "series")


def spoil(file: Path) -> None:
    """Flip a bit in the first block, one that GDAL takes for another number."""
    whole = file.read_bytes()
    with rasterio.open(file) as opened:
        start, size = intact.place(opened, 1, (0, 0)) or (0, 0)
        right = opened.read()
    for at in range(start + size - 10, start, -1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with suppress(rasterio.RasterioIOError), rasterio.open(file) as opened:
            if not np.array_equal(opened.read(), right):
                return
    raise AssertionError("GDAL notices each of them: this test has lost its cause")


def test_a_block_that_is_damaged_is_named_when_it_is_read(series: Path) -> None:
    file = sorted(series.iterdir())[0]
    spoil(file)
    stack = sources.open(series)
    assert stack.isel(time=1)["reflectance"].values.any()
    with pytest.raises(BadSource, match=rf"{file.name} holds a block that is damaged"):
        stack.isel(time=0)["reflectance"].load()


def test_a_date_that_is_resampled_is_looked_at_too(series: Path) -> None:
    first, second = sorted(series.iterdir())
    with rasterio.open(second, "r+") as opened:
        opened.transform = opened.transform * opened.transform.translation(0.5, 0.5)
    spoil(second)
    with pytest.raises(BadSource, match=rf"{second.name} holds a block that is damaged"):
        sources.open(series, align=True).load()
    assert first.exists()


def test_each_block_is_looked_at_once(series: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(intact, "inflate", lambda packed, name: looked.append(name))
    file = sorted(series.iterdir())[0]
    with rasterio.open(file) as opened:
        for _ in range(3):
            intact.read(opened, [1, 2, 3, 4], Window(0, 0, 24, 30))
    with rasterio.open(file) as opened:
        blocks = {intact.place(opened, band, (row, 0)) for band in (1, 2, 3, 4) for row in range(-(-24 // opened.block_shapes[0][0]))}
    assert len(looked) == len(blocks)
