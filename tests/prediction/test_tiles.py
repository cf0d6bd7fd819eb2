"""A date as a grid of files: the same pixels as one file, found by the same readers, whole or not at all."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from pystac.validation import JsonSchemaSTACValidator
from rio_cogeo.cogeo import cog_validate

import dione
from dione.base import grid as grids
from dione.base.errors import BadSource, CannotWrite
from dione.base.windows import Window
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import SUPPORT, Form
from dione.prediction.files.tiles import Tiles, replaces, whole_blocks
from dione.prediction.job import predict_to
from dione.testing import grid_at, landscape, series

ONE_FILE = PredictConfig(target="all", block=64, precision="float32", device="cpu")
IN_TILES = ONE_FILE.model_copy(update={"tiles": 512})
FINE = grids.finer(grid_at((500, 360)), 4)
FILES = ("sr", "sigma", "support", "input")


def image(grid: GeoBox, form: Form = Form()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (len(form.bands), *grid.shape)
    values = rng.integers(1, 4, shape).astype(np.uint8) if form.classes else rng.uniform(0.01, 0.6, shape).astype(np.float32)
    return values, rng.random(grid.shape) > 0.1


def painted(made: Canvas | Tiles) -> Path:
    whole = made.whole if isinstance(made, Tiles) else made
    values, valid = image(whole.grid, whole.form)
    for window in made.missing():
        rows, columns = window.slices
        made.paint(window, values[:, rows, columns], valid=valid[rows, columns])
    return made.finish({"DIONE_MODEL": 'm <&>"', "TIFFTAG_SOFTWARE": "dione"})


@pytest.fixture(scope="module", params=["reflectance", "support"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One file, and tiles of 1024 pixels under a VRT."""
    out, form = tmp_path_factory.mktemp("both"), SUPPORT if request.param == "support" else Form()
    whole = Canvas(out, "2018-08-15_sr", grid=FINE, block=256, form=form)
    return painted(whole), painted(Tiles(whole, side=1024))


@pytest.fixture(scope="module")
def source():
    return series(landscape((140, 150), seed=1), days=2, cloud=0.1, seed=1).stack


@pytest.fixture(scope="module")
def runs(source, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of one prediction: one file a date, and tiles."""
    out = tmp_path_factory.mktemp("runs")
    for name, config in (("one", ONE_FILE), ("tiles", IN_TILES)):
        predict_to(source, out / name, resolver=load("bicubic"), config=config)
    return out / "one", out / "tiles"


def test_what_is_read_through_the_vrt_is_bit_for_bit_the_one_file(both: tuple[Path, Path]) -> None:
    with rasterio.open(both[0]) as whole, rasterio.open(both[1]) as tiled:
        assert len(tiled.files) == 5  # the VRT and four tiles
        np.testing.assert_array_equal(whole.read(), tiled.read())
        for fact in ("shape", "crs", "transform", "dtypes", "nodata", "descriptions", "scales", "offsets", "units", "colorinterp"):
            assert getattr(whole, fact) == getattr(tiled, fact), fact
        assert {key: value for key, value in whole.tags().items() if key.startswith("DIONE_M")} == {"DIONE_MODEL": 'm <&>"'}
        assert whole.tags()["DIONE_MODEL"] == tiled.tags()["DIONE_MODEL"] and whole.tags(1) == tiled.tags(1)
        if whole.colorinterp[0].name == "palette":
            assert {value: whole.colormap(1)[value] for value in range(4)} == {value: tiled.colormap(1)[value] for value in range(4)}


def test_its_overviews_are_those_of_the_one_file(both: tuple[Path, Path]) -> None:
    with rasterio.open(both[0]) as whole, rasterio.open(both[1]) as tiled:
        assert whole.overviews(1) == tiled.overviews(1) == [2, 4, 8]
    for level in range(3):
        with rasterio.open(both[0], overview_level=level) as whole, rasterio.open(both[1], overview_level=level) as tiled:
            np.testing.assert_array_equal(whole.read(), tiled.read())


@pytest.mark.parametrize(("shape", "side"), [((600, 548), 512), ((1032, 520), 512), ((640, 1300), 256)])
def test_a_small_tile_at_the_edge_has_every_overview_too(tmp_path: Path, shape: tuple[int, int], side: int) -> None:
    whole = Canvas(tmp_path, "2018-08-15_sr", grid=grid_at(shape, pixel=2.5), block=256)
    one, tiles = painted(whole), painted(Tiles(whole, side=side))
    with rasterio.open(one) as file, rasterio.open(tiles) as tiled:
        levels = file.overviews(1)
        assert tiled.overviews(1) == levels
    even = [level for level, factor in enumerate(levels) if not any(length % factor for length in shape)]  # others are made of pixels and a bit
    assert len(even) >= 2
    for level in even:
        with rasterio.open(one, overview_level=level) as file, rasterio.open(tiles, overview_level=level) as tiled:
            np.testing.assert_array_equal(file.read(), tiled.read())


def test_overviews_come_from_those_of_the_tiles(both: tuple[Path, Path], tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(both[1].parent, moved)
    for tile in (moved / "2018-08-15").glob("*.tif"):
        with rasterio.open(tile, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            file.write(np.full((1, *file.shape), 2, file.dtypes[0]), [1])  # the overviews stay as they were
    with rasterio.open(both[1], overview_level=0) as before, rasterio.open(moved / both[1].name, overview_level=0) as after:
        np.testing.assert_array_equal(before.read(1), after.read(1))


def test_the_folder_can_be_moved(both: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(both[1].parent, tmp_path / "elsewhere")
    with rasterio.open(both[1]) as here, rasterio.open(tmp_path / "elsewhere" / both[1].name) as there:
        assert all(str(file).startswith(str(tmp_path)) for file in there.files)
        np.testing.assert_array_equal(here.read(1), there.read(1))


def test_every_tile_is_a_cog_on_the_one_grid(both: tuple[Path, Path]) -> None:
    tiles = sorted((both[1].parent / "2018-08-15").glob("*.tif"))
    assert [tile.name for tile in tiles] == [f"2018-08-15_r{row:02}c{column:02}_sr.tif" for row in (0, 1) for column in (0, 1)]
    for tile in tiles:
        assert cog_validate(tile, strict=True) == (True, [], [])
        with rasterio.open(tile) as file:
            right, down = ~FINE.affine * (file.transform.c, file.transform.f)
            assert (right, down) == (round(right), round(down)) and max(file.shape) <= 1024


def test_tiles_are_whole_blocks_and_share_a_scene_out_evenly() -> None:
    assert whole_blocks((10980, 10980), 448, 4096) == 4032
    assert whole_blocks((10980, 10980), 448, 5000) == 3 * 448 * 3
    assert whole_blocks((100, 100), 448, 400) == 448


def test_a_killed_run_keeps_the_tiles_and_blocks_that_were_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_at((900, 900), pixel=2.5)
    made = Tiles(Canvas(tmp_path, "2018-08-15_sr", grid=grid, block=256), side=512)
    values, valid = image(grid)
    for window in made.windows():
        rows, columns = window.slices
        made.paint(window, values[:, rows, columns], valid=valid[rows, columns])
    ended: list[str] = []
    finish = Canvas.finish

    def failing(canvas: Canvas, *given: object, **named: object) -> Path:
        if len(ended) == 2:
            raise CannotWrite("the disk is full")
        ended.append(canvas.name)
        return finish(canvas, *given, **named)

    monkeypatch.setattr(Canvas, "finish", failing)
    with pytest.raises(CannotWrite):
        made.finish()
    monkeypatch.setattr(Canvas, "finish", finish)
    assert not made.path.exists() and not made.missing()
    assert [canvas.path.exists() for canvas in made.canvases.values()] == [True, True, False, False]
    whole = os.stat(made.home / f"{ended[0]}.tif").st_mtime_ns
    made.finish()
    assert os.stat(made.home / f"{ended[0]}.tif").st_mtime_ns == whole
    assert made.finished() and not (made.home / ".dione").exists()


def test_no_vrt_ever_stands_over_tiles_of_two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_at((600, 600), pixel=2.5)
    first, second = (Tiles(Canvas(tmp_path, "2018-08-15_sr", grid=grid, block=256, key=key), side=512) for key in ("first", "second"))
    painted(first)
    assert first.finished() and not second.finished() and len(second.missing()) == 9
    replaced: list[bool] = []
    finish = Canvas.finish

    def watching(canvas: Canvas, *given: object, **named: object) -> Path:
        replaced.append(first.path.exists())
        return finish(canvas, *given, **named)

    monkeypatch.setattr(Canvas, "finish", watching)
    painted(second)
    assert replaced == [False] * 4 and second.finished() and not first.finished()


def test_one_form_of_a_date_takes_the_place_of_the_other(tmp_path: Path) -> None:
    grid = grid_at((600, 600), pixel=2.5)
    whole = Canvas(tmp_path, "2018-08-15_sr", grid=grid, block=256)
    small, large = Tiles(whole, side=256), Tiles(whole, side=512)
    (tmp_path / "2018-08-15").mkdir()
    (tmp_path / "2018-08-15" / "mine.tif").touch()
    for made, left in ((whole, 0), (small, 9), (large, 4), (whole, 0)):
        painted(made)
        replaces(made)
        assert len(list((tmp_path / "2018-08-15").glob("2018-08-15_r*_sr.tif"))) == left
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [made.path.name]
    assert (tmp_path / "2018-08-15" / "mine.tif").exists()


def test_a_prediction_in_tiles_is_the_prediction_in_one_file(runs: tuple[Path, Path]) -> None:
    one, tiles = runs
    for path in sorted(one.glob("*.tif")):
        with rasterio.open(path) as whole, rasterio.open(tiles / f"{path.stem}.vrt") as tiled:
            np.testing.assert_array_equal(whole.read(), tiled.read())
        assert (one / f"{path.stem}.qml").read_text() == (tiles / f"{path.stem}.qml").read_text()
    assert len(list(one.glob("*.tif"))) == 8 and not list(tiles.glob("*.tif"))


def test_the_catalogue_has_every_tile_with_its_own_place_and_the_vrts(runs: tuple[Path, Path]) -> None:
    folder = runs[1]
    made = json.loads((folder / "collection.json").read_text())
    assert JsonSchemaSTACValidator().validate({**made, "stac_extensions": []}, pystac.STACObjectType.COLLECTION, made["stac_version"], []) is not None
    opened = pystac.Collection.from_file(str(folder / "collection.json"))
    assert set(opened.assets) == {f"{day}_{what}" for day in ("2024-05-01", "2024-05-06") for what in FILES}
    items = list(opened.get_items())
    assert len(items) == 8 and all(set(one.assets) == set(FILES) for one in items)
    for one in items:
        told = JsonSchemaSTACValidator().validate({**one.to_dict(), "stac_extensions": []}, pystac.STACObjectType.ITEM, "1.1.0", [])
        assert told is not None and one.get_collection().id == opened.id and "dione:clear_fraction" not in one.properties
        with rasterio.open(one.assets["sr"].get_absolute_href()) as file:
            assert list(file.transform)[:6] == one.properties["proj:transform"] and list(file.shape) == one.properties["proj:shape"]
        with rasterio.open(one.assets["input"].get_absolute_href()) as file:
            assert [4 * side for side in file.shape] == one.properties["proj:shape"]
    run = json.loads((folder / "run.json").read_text())
    assert all((folder / name).is_file() for target in run["targets"] for name in target["files"])
    assert not (folder / "2024-05-06.json").exists()


def test_the_report_leads_to_the_tiles(runs: tuple[Path, Path]) -> None:
    page = (runs[1] / "report.html").read_text()
    assert 'href="./2024-05-06_sr.vrt"' in page and 'href="./2024-05-06"' in page and "4 tiles" in page


def test_results_in_tiles_open_as_those_in_one_file_do(runs: tuple[Path, Path]) -> None:
    whole, tiled = (dione.open(str(folder)).load() for folder in runs)
    assert set(whole) == set(tiled) == {"reflectance", "seen", "sigma", "support", "valid"}
    for name in whole:
        np.testing.assert_array_equal(whole[name].values, tiled[name].values)


def test_a_result_of_which_a_tile_is_lost_or_damaged_is_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(runs[1], tmp_path / "out")
    tile = tmp_path / "out" / "2024-05-06" / "2024-05-06_r01c01_sr.tif"
    data = bytearray(tile.read_bytes())
    with rasterio.open(tile) as file:
        start, size = (int(file.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
    data[start + size - 1] ^= 255  # GDAL does not notice
    tile.write_bytes(data)
    with pytest.raises(BadSource, match=r"2024-05-06_r01c01_sr\.tif holds a block that is damaged"):
        dione.open(str(tmp_path / "out"))["reflectance"].load()
    tile.unlink()
    with pytest.raises(BadSource, match=r"2024-05-06_r01c01_sr\.tif, which is not there"):
        dione.open(str(tmp_path / "out"))


def test_the_same_run_again_paints_nothing(source, runs: tuple[Path, Path]) -> None:
    told: list[tuple[int, int]] = []
    before = {path: path.stat().st_mtime_ns for path in runs[1].rglob("*.tif")}
    predict_to(source, runs[1], resolver=load("bicubic"), config=IN_TILES, progress=lambda _, done, total: told.append((done, total)))
    assert all(done == total for done, total in told)
    assert {path: path.stat().st_mtime_ns for path in runs[1].rglob("*.tif")} == before


def test_a_block_knows_its_tile() -> None:
    made = Tiles(Canvas(Path("out"), "2018-08-15_sr", grid=grid_at((900, 700), pixel=2.5), block=256), side=512)
    windows = list(made.windows())
    assert len(set(windows)) == len(windows) == 12 and sum(w.shape[0] * w.shape[1] for w in windows) == 900 * 700
    assert windows[:4] == [Window(0, 0, 256, 256), Window(0, 256, 256, 512), Window(256, 0, 512, 256), Window(256, 256, 512, 512)]
