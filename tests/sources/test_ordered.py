"""Products of EOReader reach the commands: made-up ones of SPOT 7 and PlanetScope, opened by the real EOReader where it is installed."""

import gc
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from dione.base import stack as stacks
from dione.base.errors import BadSource, NotFound
from dione.sources import vhr
from dione.sources.contents import digest
from dione.sources.delivered import deliveries, eopixels, scenetable
from dione.sources.delivered.plainvhr import Told
from dione.testing import Array, grid_at, landscape, planetscope
from dione.testing.spot import INCIDENCE_ANGLE, SUN_ELEVATION, write_spot

TIME = datetime(2024, 5, 12, 10, 50, 1)


def eoreader() -> None:
    pytest.importorskip("eoreader.reader", reason="needs EOReader: pip install 'dione[vhr]'")


def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eoreader", "eoreader.reader", "eoreader.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """EOReader's temporary folders go with its products, and warn that they do."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eopixels.forget()
        gc.collect()


@pytest.fixture(scope="module")
def truth() -> tuple[Array, GeoBox]:
    return landscape((10, 12), zoom=4, seed=1), grid_at((40, 48), pixel=4)


@pytest.fixture(scope="module")
def ordered(truth: tuple[Array, GeoBox], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two orders: the four bands of one scene, and pan and bands of another."""
    folder, (bands, grid) = tmp_path_factory.mktemp("ordered"), truth
    write_spot(folder / "first", bands, grid, TIME)
    write_spot(folder / "second", bands, grid, TIME + timedelta(days=9))
    fine = GeoBox((160, 192), grid.affine * grid.affine.scale(0.25), grid.crs)
    write_spot(folder / "second", bands.mean(0)[None].repeat(4, 1).repeat(4, 2), fine, TIME + timedelta(days=9, seconds=1))
    return folder


@pytest.mark.filterwarnings("ignore")  # EOReader's own libraries warn
def test_a_folder_of_products_is_a_table_and_the_table_gives_the_pixels(
    ordered: Path, truth: tuple[Array, GeoBox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eoreader()
    monkeypatch.setattr(eopixels, "SIDE_PX", 40)
    scan = deliveries.scan(ordered)
    assert [(product.kind, product.sensor, product.level) for product in scan.products] == [
        ("ms", "Spot-7", "ORT"),
        ("ms", "Spot-7", "ORT"),
        ("pan", "Spot-7", "ORT"),
    ]
    assert not scan.failed and scan.products[1].scene == scan.products[2].scene
    first, _, pan = rows = scenetable.read(scenetable.write(tmp_path / "scenes.parquet", map(scenetable.row, scan.products)))
    assert tuple(replace(scenetable.product_of(row), footprint=()) for row in rows) == scan.products
    assert (first["time"], first["sun_elevation"], first["incidence_angle"]) == (TIME, SUN_ELEVATION, INCIDENCE_ANGLE)
    assert first["blue_unit"] == "reflectance"
    stack = stacks.check(scenetable.stack(first))
    np.testing.assert_allclose(stack["reflectance"].values[0], truth[0], atol=6e-5)
    assert stack["valid"].all() and stacks.grid_of(stack) == truth[1]
    assert list(scenetable.stack(pan)["band"].values) == ["pan"] and scenetable.stack(pan).sizes["y"] == 160


@pytest.mark.filterwarnings("ignore")
def test_a_scene_of_planetscope_comes_in_by_the_coefficients_of_its_metadata(truth: tuple[Array, GeoBox], tmp_path: Path) -> None:
    eoreader()
    grid = GeoBox(truth[1].shape, truth[1].affine * truth[1].affine.scale(0.75), truth[1].crs)
    planetscope.write_planetscope(tmp_path / "order", truth[0], grid, TIME)
    scan = deliveries.scan(tmp_path / "order")
    (product,) = scan.products
    assert (product.sensor, product.level, product.time, product.sun_elevation) == ("PlanetScope", "L3B", TIME, planetscope.SUN_ELEVATION)
    assert product.incidence_angle == planetscope.INCIDENCE_ANGLE and not scan.failed
    stack = stacks.check(scenetable.stack(scenetable.row(product)))
    np.testing.assert_allclose(stack["reflectance"].values[0], truth[0], atol=3e-5)
    assert stack["valid"].all() and stacks.grid_of(stack) == grid


@pytest.mark.filterwarnings("ignore")
def test_a_product_that_eoreader_does_not_know_or_cannot_read_is_told_and_the_others_are_kept(ordered: Path, tmp_path: Path) -> None:
    eoreader()
    copied = Path(shutil.copytree(ordered, tmp_path / "copied"))
    spoiled = next((copied / "first").rglob("DIM_*.XML"))
    spoiled.write_text(spoiled.read_text().replace("IMAGING_DATE", "IMAGING_DAY"))
    (copied / "third").mkdir()
    (copied / "third" / "DIM_OTHER.XML").write_text("<Dimap_Document/>")
    scan = deliveries.scan(copied)
    assert [product.kind for product in scan.products] == ["ms", "pan"]
    why = {Path(failed.path).relative_to(copied).parts[0]: failed.why for failed in scan.failed}
    assert "imaging date" in why["first"] and "no product that EOReader knows" in why["third"]


def test_without_eoreader_the_scan_names_each_product_and_what_to_install(ordered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent(monkeypatch)
    scan = deliveries.scan(ordered)
    assert not scan.products and len(scan.failed) == 3
    assert all("pip install 'dione[vhr]'" in failed.why for failed in scan.failed)
    with pytest.raises(BadSource, match="3 of 3 rasters failed; there is no other, so no table was written"):
        scan.complain()


def test_with_a_sensor_told_their_rasters_are_read_without_eoreader(
    ordered: Path, truth: tuple[Array, GeoBox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent(monkeypatch)
    copied = Path(shutil.copytree(ordered / "first", tmp_path / "copied"))
    next(copied.rglob("*.TIF")).rename(copied / "IMG_SPOT7_MS_001_A" / "2024-05-12.tif")
    (product,) = deliveries.scan(copied, told=Told("spot-6-7")).products
    np.testing.assert_allclose(vhr.open(product)["reflectance"].values[0], truth[0], atol=6e-5)


def test_a_folder_without_any_scene_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NotFound, match=r"holds 1 files(?s:.*)SPOT 6/7, Pléiades"):
        deliveries.scan(tmp_path)


def test_what_gdal_notes_beside_a_mask_does_not_make_a_product_another_one(ordered: Path) -> None:
    before = digest(ordered / "first")
    mask = next((ordered / "first").rglob("ROI_*.GML"))
    mask.with_suffix(".gfs").write_text("<GMLFeatureClassList/>")
    assert digest(ordered / "first") == before
    mask.with_suffix(".gfs").unlink()
