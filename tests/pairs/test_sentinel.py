"""Sentinel-2 over an area: cut from files as they are, or asked of an archive."""

from pathlib import Path

import numpy as np
import pytest

from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadGrid, BadValues, NotFound
from dione.pairs.areas import Area
from dione.pairs.recipe import Sentinel
from dione.pairs.sentinel import Source, cut
from dione.testing import archive
from dione.testing.loopback import Loopback

MAY = (np.datetime64("2024-05-01", "ns"), np.datetime64("2024-05-31", "ns"))


def area(column: int, row: int, size_m: int = 160, buffer_m: int = 40) -> Area:
    return Area(f"32631-{column}-{row}", "here", 32631, column, row, size_m, buffer_m, {})


@pytest.fixture(scope="module")
def made():
    """48 × 50 pixels; the corner lies at (355000, 4832000)."""
    return testing.series(testing.landscape((48, 50), seed=1), days=3).stack


def test_pixels_are_kept_as_they_are_and_lie_on_the_areas_grid(made):
    here = area(2220, 30_198)
    part = cut(made, here)
    assert grids.same(stacks.grid_of(part), here.grid)
    top, left = (round(at) for at in reversed(~stacks.grid_of(made).affine * (here.grid.affine.c, here.grid.affine.f)))
    assert np.array_equal(part["reflectance"].values, made["reflectance"].values[..., top : top + 24, left : left + 24])


def test_beyond_the_edge_nothing_is_valid(made):
    here = area(2218, 30_198)
    part = cut(made, here)
    inside = part["x"].values > 355_000
    assert grids.same(stacks.grid_of(part), here.grid) and 0 < inside.sum() < 24
    assert not part["valid"].values[..., ~inside].any() and part["valid"].values[..., inside].all()
    with pytest.raises(NotFound, match="different ground"):
        cut(made, area(3000, 30_198))


def test_a_series_whose_corner_is_odd_keeps_its_pixels_and_its_areas_still_nest(made):
    odd = testing.series(testing.landscape((48, 50), seed=1), days=1, grid=testing.grid_at((48, 50), left=355_003, top=4_832_004)).stack
    one, other = (stacks.grid_of(cut(odd, area(column, 30_198))).affine for column in (2220, 2221))
    assert (one.c - 355_003) % 10 == 0 and other.c - one.c == 160


def test_another_pixel_is_refused(made):
    coarse = testing.series(testing.landscape((24, 25), seed=1), days=1, grid=testing.grid_at((24, 25), pixel=20)).stack
    with pytest.raises(BadGrid, match="needs 10 m"):
        cut(coarse, area(2220, 30_198))


def test_only_dates_of_the_spans_are_read(made, tmp_path: Path):
    folder = testing.write_geotiffs(made, tmp_path / "here")
    source = Source(Sentinel(source=str(tmp_path / "{site}")))
    spans = [(np.datetime64("2024-05-05", "ns"), np.datetime64("2024-05-08", "ns"))]
    assert folder.name == "here" and when.days(source.over(area(2220, 30_198), spans)) == ["2024-05-06"]
    with pytest.raises(NotFound, match="no Sentinel-2 date in 2023-01-01"):
        source.over(area(2220, 30_198), [(np.datetime64("2023-01-01", "ns"), np.datetime64("2023-02-01", "ns"))])


def test_a_series_that_keeps_an_offset_is_refused_for_every_area(made, tmp_path: Path):
    lifted = made.assign(reflectance=made["reflectance"] + np.float32(0.1))
    source = Source(Sentinel(source=str(testing.write_geotiffs(lifted, tmp_path))))
    for column in (2220, 2221):
        with pytest.raises(BadValues, match="as if an offset was not applied"):
            source.over(area(column, 30_198), [MAY])


def test_an_archive_is_asked_for_each_area_and_its_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "cache"))
    grid = testing.grid_at((96, 96), left=355_000, top=4_832_000)
    rng = np.random.default_rng(0)
    numbers, scl = rng.integers(1100, 5000, (4, 96, 96)).astype(np.uint16), np.full((48, 48), 4, np.uint8)
    with Loopback(tmp_path) as server:
        for start in ("20240503T105031", "20240903T105031"):
            one = archive.MadeProduct(numbers, grid, scl, offset=-0.1, applied=False, start=start)
            server.items.append(archive.item(one, server.hrefs(archive.write(one, tmp_path)), "sentinel-2-l2a"))
        source = Source(Sentinel(source=f"stac:{server.url}#sentinel-2-l2a"))
        here = area(2220, 30_198)
        part = source.over(here, [MAY])
        assert when.days(part) == ["2024-05-03"] and grids.same(stacks.grid_of(part), here.grid)
        top, left = (round(at) for at in reversed(~grid.affine * (here.grid.affine.c, here.grid.affine.f)))
        wanted = numbers[:, top : top + 24, left : left + 24].astype(np.float32) * np.float32(1e-4) - np.float32(0.1)
        assert np.allclose(part["reflectance"].values[0], wanted, atol=1e-6) and part["valid"].values.all()
