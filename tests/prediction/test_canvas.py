"""Canvases: encoding, cloud-optimised files, resuming, same bytes whatever the order, full disks."""

import errno
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import rioxarray
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

from dione.base import grid as grids
from dione.base.errors import CannotWrite
from dione.prediction.files import form, loops, packing, splice
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import REFLECTANCE, SUPPORT, encode
from dione.sources.rasters import intact
from dione.testing import grid_at


def image(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.01, 0.6, (4, *shape)).astype(np.float32), rng.random(shape) > 0.1


def painted(canvas, values, valid, windows=None):
    for window in canvas.windows() if windows is None else windows:
        rows, columns = window.slices
        canvas.paint(window, values[:, rows, columns], valid=valid[rows, columns])
    return canvas


def files(folder: Path):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_a_valid_pixel_is_never_nodata_and_an_invalid_one_always_is():
    values = np.array([[[0.0, 0.12344, 9.0, np.nan, 0.5, -0.2, np.inf]]] * 4, np.float32)
    values[0, 0, 4] = np.nan
    valid = np.array([[True, True, True, True, True, True, True]])
    assert encode(values, valid)[1].tolist() == [[1, 1234, 65535, 0, 0, 1, 0]]
    assert not encode(values, ~valid).any()


def test_a_large_block_becomes_the_same_numbers_and_tiles_as_a_small_one(monkeypatch):
    random = np.random.default_rng(0)
    values, valid = random.uniform(-0.1, 7, (4, 70, 90)).astype(np.float32)[:, 3:, 5:], random.random((67, 85)) > 0.1
    values[random.random(values.shape) > 0.99], values[random.random(values.shape) > 0.99] = np.nan, -np.inf
    numbers = encode(values, valid)
    tiles = list(packing.tiles(numbers, 32))
    monkeypatch.setattr(form, "LOOPS_FROM_PX", 0)
    monkeypatch.setattr(packing, "LOOPS_FROM_PX", 0)
    asked = []
    for name in ("encoded", "differences"):
        made = getattr(loops, name)
        monkeypatch.setattr(loops, name, lambda *given, name=name, made=made: (asked.append(name), made(*given)))
    assert np.array_equal(encode(values, valid), numbers) and list(packing.tiles(numbers, 32)) == tiles and not numbers.all()
    assert {*asked} == {"encoded", "differences"}


def test_every_digital_number_survives_the_way_to_reflectance_and_back():
    numbers = np.arange(1, 65536, dtype=np.uint16).reshape(1, -1)
    reflectance = np.repeat((numbers * np.float32(1e-4))[None], 4, 0)
    np.testing.assert_array_equal(encode(reflectance, np.ones(numbers.shape, bool))[2], numbers)


def test_the_file_is_a_cog_that_readers_understand(tmp_path):
    fine = grids.finer(grid_at((301, 227)), 4)
    values, valid = image(fine.shape)
    canvas = painted(Canvas(tmp_path, "2018-08-15_sr", grid=fine, block=512), values, valid)
    path = canvas.finish({"DIONE_MODEL": "m <&> \x00\"'", "TIFFTAG_SOFTWARE": "dione"})
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as file:
        assert file.transform == grid_at((301, 227)).affine * Affine.scale(0.25)
        assert file.crs == "EPSG:32631" and file.shape == (1204, 908)
        assert file.descriptions == ("blue", "green", "red", "nir")
        assert file.scales == (1e-4,) * 4 and file.offsets == (0,) * 4 and file.nodata == 0
        assert file.colorinterp == (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
        assert file.tags()["DIONE_MODEL"] == "m <&> \"'" and file.tags()["TIFFTAG_SOFTWARE"] == "dione"
        assert file.overviews(1)
        assert file.block_shapes[0] == (256, 256)
    read = rioxarray.open_rasterio(path, mask_and_scale=True).values
    np.testing.assert_array_equal(np.isnan(read), np.broadcast_to(~valid, read.shape))
    assert np.nanmax(np.abs(read - values)) < 0.51e-4


def test_overviews_average_the_valid_pixels_alone(tmp_path):
    fine = grid_at((600, 600), pixel=2.5)
    values, valid = np.full((4, 600, 600), 0.25, np.float32), np.ones((600, 600), bool)
    valid[::2] = False
    path = painted(Canvas(tmp_path, "a", grid=fine, block=600), values, valid).finish()
    with rasterio.open(path, overview_level=0) as file:
        assert (file.read() == 2500).all()


@pytest.mark.parametrize("crs", [None, "EPSG:4326", "EPSG:32760"])
@settings(max_examples=6, deadline=None)
@given(shape=st.tuples(st.integers(1, 99), st.integers(1, 99)), tiles=st.integers(1, 4))
def test_any_size_and_any_block_gives_the_pixels_back(tmp_path_factory, crs, shape, tiles):
    out = tmp_path_factory.mktemp("out")
    fine = grids.finer(grid_at(shape, crs=crs, left=1.5, top=43.5, pixel=1e-4), 4)
    values, valid = image(fine.shape)
    path = painted(Canvas(out, "x", grid=fine, block=128 * tiles), values, valid).finish()
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), encode(values, valid))
        assert file.transform.almost_equals(fine.affine, 1e-15) and (file.crs is None) == (crs is None)
    assert files(out) == ["x.tif"]


def test_the_bytes_do_not_depend_on_order_folder_or_interruptions(tmp_path):
    fine = grid_at((700, 1100), pixel=2.5)
    values, valid = image(fine.shape)
    first = painted(Canvas(tmp_path / "a", "d", grid=fine, block=256, key="k"), values, valid).finish({"b": "1", "a": "2"})
    started = Canvas(tmp_path / "b", "d", grid=fine, block=256, key="k")
    painted(started, values, valid, list(started.windows())[3::2])
    again = Canvas(tmp_path / "b", "d", grid=fine, block=256, key="k")
    painted(again, values, valid, again.missing()[::-1])
    assert again.finish({"a": "2", "b": "1"}).read_bytes() == first.read_bytes()
    assert files(tmp_path / "b") == ["d.tif"]


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    fine = grid_at((500, 500), pixel=2.5)
    values, valid = image(fine.shape)
    canvas = Canvas(tmp_path, "d", grid=fine, block=256)
    painted(canvas, values, valid, canvas.missing()[:2])
    (canvas.work / ".256-0-500-256.tif.partial").write_bytes(b"half a block")
    again = Canvas(tmp_path, "d", grid=fine, block=256)
    assert len(again.missing()) == 2 and again.has(canvas.missing()[0]) is False
    with pytest.raises(CannotWrite, match="rows 256–500, columns 0–256"):
        again.finish()
    painted(again, values, valid, again.missing()).finish()
    assert again.finished() and again.missing() == [] and files(tmp_path) == ["d.tif"]


def test_blocks_of_another_recipe_or_grid_are_not_taken_up(tmp_path):
    fine = grid_at((300, 300), pixel=2.5)
    values, valid = image(fine.shape)
    painted(Canvas(tmp_path, "d", grid=fine, block=256, key="one"), values, valid)
    assert len(Canvas(tmp_path, "d", grid=fine, block=256, key="two").missing()) == 4
    assert len(Canvas(tmp_path, "d", grid=grid_at((300, 300), pixel=5), block=256, key="one").missing()) == 4
    done = Canvas(tmp_path, "d", grid=fine, block=256, key="one")
    done.finish()
    assert done.finished() and not Canvas(tmp_path, "d", grid=fine, block=256, key="two").finished()


def test_a_block_of_the_wrong_shape_is_refused(tmp_path):
    canvas = Canvas(tmp_path, "d", grid=grid_at((30, 30)), block=64)
    with pytest.raises(ValueError, match="takes values"):
        canvas.paint(next(canvas.windows()), np.zeros((4, 15, 16), np.float32), valid=np.ones((15, 16), bool))


def test_a_full_disk_while_painting_is_said_and_leaves_no_half_block(tmp_path, monkeypatch):
    canvas = Canvas(tmp_path, "d", grid=grid_at((30, 30)), block=64)
    values, valid = image((30, 30))

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        painted(canvas, values, valid)
    assert not [name for name in files(tmp_path) if name.endswith(("tif", "partial"))]


@pytest.mark.parametrize("level", [None, 0, "last"])
def test_a_file_with_a_hole_in_any_tile_or_overview_gets_no_final_name(tmp_path, monkeypatch, level):
    fine = grid_at((3000, 400), pixel=2.5)
    values, valid = image(fine.shape)
    canvas = painted(Canvas(tmp_path, "d", grid=fine, block=512), values, valid)
    copy = rasterio.shutil.copy

    def holed(source, target, **options):  # a write found the disk full, the next one room again: the length is right
        copy(source, target, **options)
        with rasterio.open(target) as file:
            coarser = {None: {}, 0: {"overview_level": 0}, "last": {"overview_level": len(file.overviews(1)) - 1}}[level]
        with rasterio.open(target, **coarser) as file:
            start, length = intact.place(file, 1, (0, 0))
        with open(target, "r+b") as file:
            file.seek(start + length // 2)
            file.write(bytes(length // 4))

    monkeypatch.setattr(rasterio.shutil, "copy", holed)
    with pytest.raises(CannotWrite, match="damaged"):
        canvas.finish()
    assert not canvas.path.exists()
    monkeypatch.undo()
    assert canvas.finish().exists()


def test_a_disk_that_fills_up_while_assembling_keeps_the_blocks(tmp_path, monkeypatch):
    fine = grid_at((700, 700), pixel=2.5)
    values, valid = image(fine.shape)
    canvas = painted(Canvas(tmp_path, "d", grid=fine, block=512), values, valid)
    copy = rasterio.shutil.copy

    def cut(source, target, **options):  # what GDAL leaves behind when it closes a file on a full disk without a word
        copy(source, target, **options)
        with open(target, "r+b") as file:
            file.truncate(target.stat().st_size // 2)

    monkeypatch.setattr(rasterio.shutil, "copy", cut)
    with pytest.raises(CannotWrite, match="free"):
        canvas.finish()
    assert len([name for name in files(tmp_path) if name.endswith(".tif")]) == 4 and not canvas.path.exists()
    monkeypatch.undo()
    assert canvas.finish().exists()


def test_a_damaged_block_is_said(tmp_path):
    canvas = painted(Canvas(tmp_path, "d", grid=grid_at((40, 40)), block=40), *image((40, 40)))
    next(canvas.work.glob("*.tif")).write_bytes(b"not a raster")
    with pytest.raises(CannotWrite, match=r"d\.tif"):
        canvas.finish()
    assert not canvas.path.exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scene(tmp_path):
    def peak(side):
        return int(subprocess.run([sys.executable, "-c", PAINT, str(tmp_path / str(side)), str(side)], check=True, capture_output=True, text=True).stdout)

    scene = 4 * 2 * (6144**2 - 3072**2)
    assert peak(6144) - peak(3072) < 0.7 * scene  # what grows is bounded caches


PAINT = """
import resource, sys
from pathlib import Path
import numpy as np
from dione.prediction.files.canvas import Canvas
from dione.testing import grid_at
side = int(sys.argv[2])
canvas = Canvas(Path(sys.argv[1]), "d", grid=grid_at((side, side), pixel=2.5), block=512)
rng = np.random.default_rng(0)
for window in canvas.windows():
    canvas.paint(window, rng.random((4, *window.shape), np.float32), valid=np.ones(window.shape, bool))
canvas.finish()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def test_the_grid_of_the_file_nests_in_the_input(tmp_path):
    coarse = GeoBox((7, 5), Affine(10, 0, 355_000.123456789, 0, -10, 4_832_000.7), "EPSG:32631")
    fine = grids.finer(coarse, 4)
    path = painted(Canvas(tmp_path, "d", grid=fine, block=64), *image(fine.shape)).finish()
    with rasterio.open(path) as file:
        assert file.transform * Affine.scale(4) == coarse.affine
        assert tuple(file.bounds) == pytest.approx(tuple(coarse.boundingbox)[:4], abs=0)


@pytest.mark.parametrize(
    ("shape", "block", "classes", "copies"),
    [
        ((1800, 1100), 512, False, 1),
        ((1100, 700), 384, True, 0),
        ((700, 300), 1024, False, 1),
        ((2400, 1608), 1024, False, 2),
        ((1600, 1204), 512, True, 1),
    ],
)
def test_the_file_is_the_one_that_gdal_makes_of_the_same_pixels(tmp_path, shape, block, classes, copies):
    values, valid = image(shape)
    form, values = (SUPPORT, np.ceil(values[:1] * 5).astype(np.uint8)) if classes else (REFLECTANCE, values)
    canvas = painted(Canvas(tmp_path, "d", grid=grid_at(shape, pixel=2.5), block=block, form=form), values, valid)
    assert canvas.copies == copies
    made = canvas.finish()
    plain, theirs = tmp_path / "plain.tif", tmp_path / "theirs.tif"
    with rasterio.open(made) as ours, rasterio.open(plain, "w", **{**ours.profile, "tiled": False, "blockysize": 1}) as file:
        file.write(ours.read())
    average = "MODE" if classes else "AVERAGE"
    rasterio.shutil.copy(plain, theirs, driver="COG", compress="DEFLATE", level=1, predictor="STANDARD", blocksize=canvas.tile, resampling=average)
    with rasterio.open(made) as ours, rasterio.open(theirs) as gdals:
        levels = ours.overviews(1)
        assert levels == gdals.overviews(1) and ours.block_shapes == gdals.block_shapes
    for level in ({}, *({"overview_level": level} for level in range(len(levels)))):
        with rasterio.open(made, **level) as ours, rasterio.open(theirs, **level) as gdals:
            np.testing.assert_array_equal(ours.read(), gdals.read())
    apart = abs(made.stat().st_size - theirs.stat().st_size)
    assert apart < 20_000 + 0.02 * theirs.stat().st_size  # tags, tables of colours, and copies that ISA-L packs a little less


def test_a_block_whose_bytes_changed_on_the_disk_is_found(tmp_path):
    canvas = painted(Canvas(tmp_path, "d", grid=grid_at((300, 700)), block=256, compress="ZSTD"), *image((300, 700)))
    block = sorted(canvas.work.glob("*.tif"))[1]
    held = bytearray(block.read_bytes())
    held[len(held) // 2] ^= 1
    block.write_bytes(held)
    with pytest.raises(CannotWrite, match=f"the block {block.name} is damaged\nremove"):
        canvas.finish()
    assert not canvas.path.exists()


def test_a_file_that_does_not_hold_what_was_written_gets_no_final_name(tmp_path, monkeypatch):
    canvas = painted(Canvas(tmp_path, "d", grid=grid_at((700, 700)), block=512), *image((700, 700)))
    looked_at = splice._crc

    def holed(file, start):  # a write that found the disk full, unnoticed, in the middle of what was written
        file.seek(start + 1000)
        file.write(bytes(100))
        return looked_at(file, start)

    monkeypatch.setattr(splice, "_crc", holed)
    with pytest.raises(CannotWrite, match="does not hold what was written"):
        canvas.finish()
    assert not canvas.path.exists()


def test_a_block_that_is_no_number_of_tiles_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no whole number of tiles of 128"):
        painted(Canvas(tmp_path, "d", grid=grid_at((200, 200)), block=100), *image((200, 200)))


def test_zstd_is_a_choice(tmp_path):
    values, valid = image((1200, 700))
    path = painted(Canvas(tmp_path, "d", grid=grid_at((1200, 700)), block=512, compress="ZSTD"), values, valid).finish()
    with rasterio.open(path) as file:
        assert file.compression.name == "zstd" and np.array_equal(file.read(), encode(values, valid))


def test_a_finished_file_that_was_cut_off_is_made_again(tmp_path):
    values, valid = image((300, 300))
    canvas = painted(Canvas(tmp_path, "d", grid=grid_at((300, 300), pixel=2.5), block=256), values, valid)
    made = canvas.finish()
    whole = made.read_bytes()
    made.write_bytes(whole[: 2 * len(whole) // 3])
    assert not canvas.finished() and len(canvas.missing()) == 4
    assert painted(canvas, values, valid).finish().read_bytes() == whole


def test_a_file_that_two_workers_join_at_a_time_is_that_of_one(tmp_path, monkeypatch):
    """One that is taken for lost, or whose client is, may be half way when another has joined all."""
    values, valid = image((300, 300))
    wanted = painted(Canvas(tmp_path / "alone", "d", grid=grid_at((300, 300), pixel=2.5), block=256), values, valid).finish().read_bytes()
    canvas = painted(Canvas(tmp_path / "shared", "d", grid=grid_at((300, 300), pixel=2.5), block=256), values, valid)
    half_way, go_on, fill = threading.Event(), threading.Event(), splice.fill
    late = threading.Thread(target=lambda: canvas.finish(shared=True))

    def in_turns(*given, **named):
        if threading.current_thread() is late:
            half_way.set()
            go_on.wait(20)
        fill(*given, **named)
        if threading.current_thread() is not late:
            late.start()
            half_way.wait(20)

    monkeypatch.setattr(splice, "fill", in_turns)
    canvas.finish(shared=True)
    assert canvas.path.read_bytes() == wanted
    go_on.set()
    late.join()
    assert canvas.path.read_bytes() == wanted and files(tmp_path / "shared") == ["d.tif"]
