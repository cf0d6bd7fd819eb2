"""A folder of deliveries is one table; one bad scene stops no other."""

import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from dione.base.errors import BadSource, NotFound
from dione.pairs.recipe import Sharp
from dione.pairs.scenes import scenes
from dione.sources.delivered import deliveries, scenetable
from dione.sources.delivered.plainvhr import Told
from dione.testing import grid_at, rasters
from dione.testing.delivery import Delivered


def spoil(folder: Path, name: str, pattern: str, by: str) -> Path:
    path = next(folder.rglob(name))
    path.write_text(re.sub(pattern, by, path.read_text(), count=1))
    return path


def test_every_scene_is_found_with_its_two_rasters(delivery: Delivered) -> None:
    scan = deliveries.scan(delivery.folder)
    assert not scan.failed
    assert [product.kind for product in scan.products] == ["ms", "pan"] * 4
    for planted, ms, pan in zip(delivery.scenes, scan.products[::2], scan.products[1::2], strict=True):
        assert (ms.metadata, pan.metadata) == (str(planted.ms), str(planted.pan))
        assert ms.scene == pan.scene
    assert len({product.scene for product in scan.products}) == 4


def test_the_table_gives_back_every_product(delivery: Delivered, tmp_path: Path) -> None:
    products = deliveries.scan(delivery.folder).products
    path = scenetable.write(tmp_path / "out" / "scenes.parquet", map(scenetable.row, products))
    rows = scenetable.read(path)
    assert tuple(map(scenetable.product_of, rows)) == products
    table = pq.read_table(path)
    gains = np.array([table[f"{band}_gain"].to_numpy()[::2] for band in ("blue", "green", "red", "nir")]).T
    np.testing.assert_allclose(gains, [planted.gain for planted in delivery.scenes], rtol=0.01)
    assert table["pan_gain"].to_pylist()[:2] == [None, delivery.scenes[0].pan_gain]


def test_columns_that_others_added_stay(delivery: Delivered, tmp_path: Path) -> None:
    rows = [scenetable.row(product) | {"note": "mine"} for product in deliveries.scan(delivery.folder).products]
    assert scenetable.read(scenetable.write(tmp_path / "a.parquet", rows))[3]["note"] == "mine"


def test_a_bad_scene_is_told_and_the_others_are_kept(copied: Path) -> None:
    spoil(copied, "DE2_MS4*M001.dim", "<PHYSICAL_GAIN>.*?</PHYSICAL_GAIN>", "")
    scan = deliveries.scan(copied)
    assert len(scan.products) == 6
    assert ["no PHYSICAL_GAIN" in scan.failed[0].why, "without a multispectral" in scan.failed[1].why] == [True, True]
    with pytest.raises(BadSource, match=r"(?s)2 of 8 rasters failed.*M001\.dim.*no PHYSICAL_GAIN.*P001\.dim"):
        scan.complain()


def test_pan_without_multispectral_fails(copied: Path) -> None:
    for file in copied.rglob("DE2_MS4*M002.*"):
        file.unlink()
    (failed,) = deliveries.scan(copied).failed
    assert "P002.dim" in failed.path and "panchromatic without a multispectral raster" in failed.why


def test_two_scenes_of_one_time_and_ground_are_told_and_one_is_kept(copied: Path) -> None:
    shutil.copytree(next(copied.glob("DE2_PM4*")), copied / "again")
    scan = deliveries.scan(copied)
    assert len(scan.products) == 8
    assert len(scan.failed) == 2
    assert all("delivered twice" in failed.why for failed in scan.failed)


def test_a_second_pan_of_one_scene_is_told_and_the_first_is_kept(copied: Path) -> None:
    (first,) = copied.rglob("DE2_PAN*P002.dim")
    for file in first.parent.glob(f"{first.stem}.*"):
        shutil.copy(file, file.with_name(f"{first.stem}b{file.suffix}"))
    again = first.with_name(f"{first.stem}b.dim")
    moved = re.sub(r"\d\d(\.\d+)?</START_TIME>", "45</START_TIME>", again.read_text())
    again.write_text(moved.replace(f"{first.stem}.tif", f"{again.stem}.tif"))
    scan = deliveries.scan(copied)
    (failed,) = scan.failed
    assert failed.path == str(again) and "one scene has one panchromatic raster" in failed.why and len(scan.products) == 8


def test_rasters_of_one_name_in_a_table_are_told(delivery: Delivered, tmp_path: Path) -> None:
    rows = [scenetable.row(product) for product in deliveries.scan(delivery.folder).products]
    joined = [*rows, {**rows[0], "raster": "elsewhere/other.tif"}]
    with pytest.raises(BadSource, match=rf"(?s)several rasters of one kind.*{rows[0]['scene']}: .*other\.tif.*scan the folder"):
        scenetable.read(scenetable.write(tmp_path / "joined.parquet", joined))


def test_two_scenes_of_one_time_side_by_side_are_two(copied: Path) -> None:
    shutil.copytree(next(copied.glob("DE2_PM4*")), copied / "beside")
    for path in (copied / "beside").glob("*.dim"):
        path.write_text(re.sub(r"<FRAME_L(ON|AT)>.*?</FRAME_L(ON|AT)>", "", path.read_text()))
        with rasterio.open(path.with_suffix(".tif"), "r+") as file:
            file.transform = rasterio.Affine.translation(300, 0) * file.transform
    scan = deliveries.scan(copied)
    assert not scan.failed
    assert len(scan.products) == 10
    assert [product.kind for product in scan.products] == ["ms", "pan"] * 5
    assert len({product.scene for product in scan.products}) == 5


def test_scenes_whose_files_have_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for place, left in (("east", 420_000), ("west", 400_000)):
        (tmp_path / place).mkdir()
        rasters.write(tmp_path / place / "2024-06-01.tif", np.full((4, 6, 5), 900, np.uint16), grid_at((6, 5), pixel=3, left=left))
    rasters.write(tmp_path / "2024-06-02.tif", np.full((4, 6, 5), 900, np.uint16), grid_at((6, 5), pixel=3))
    scan = deliveries.scan(tmp_path, told=Told("pleiades"))
    assert [product.scene for product in scan.products] == ["east_2024-06-01", "west_2024-06-01", "2024-06-02"]
    assert [scene.name for scene in scenes(map(scenetable.row, scan.products), Sharp(scenes=""))] == [product.scene for product in scan.products]


def test_geotiffs_without_metadata_are_found_if_their_sensor_is_named(delivery: Delivered, tmp_path: Path) -> None:
    for planted in delivery.scenes[:2]:
        shutil.copy(planted.ms.with_suffix(".tif"), tmp_path / f"{planted.time:%Y%m%d_%H%M%S}.tif")
    with pytest.raises(NotFound, match=r"needs \.dim files"):
        deliveries.scan(tmp_path)
    scan = deliveries.scan(tmp_path, told=Told("pleiades"))
    assert [product.time for product in scan.products] == [planted.time for planted in delivery.scenes[:2]]


def test_geotiffs_without_a_crs_or_with_a_flipped_grid_fail_at_the_scan_and_stop_no_others(tmp_path: Path) -> None:
    numbers, grid = np.full((4, 6, 5), 900, np.uint16), grid_at((6, 5), pixel=3)
    flipped = grid.affine * rasterio.Affine.translation(0, 6) * rasterio.Affine.scale(1, -1)
    for name, one in (("01", grid), ("02", GeoBox(grid.shape, grid.affine, None)), ("03", GeoBox(grid.shape, flipped, grid.crs))):
        rasters.write(tmp_path / f"2024-06-{name}.tif", numbers, one)
    scan = deliveries.scan(tmp_path, told=Told("pleiades"))
    assert [product.scene for product in scan.products] == ["2024-06-01"]
    assert [(Path(one.path).stem[-2:], words in one.why) for one, words in zip(scan.failed, ("no CRS", "flipped grid"), strict=True)] == [
        ("02", True),
        ("03", True),
    ]


def test_a_table_that_is_none_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="dione vhr scan"):
        scenetable.read(tmp_path / "no.parquet")
    (tmp_path / "a.parquet").write_text("hello")
    with pytest.raises(BadSource, match="is no table of scenes"):
        scenetable.read(tmp_path / "a.parquet")
