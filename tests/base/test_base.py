import errno
import os

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Geod
from rasterio.warp import transform

from dione.base import bands, grid, optics, stack, when, windows
from dione.base.errors import BadBands, BadGrid, CannotWrite, NotAStack, grouped
from dione.base.storage import files
from dione.testing import grid_at, landscape, series


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 100), st.integers(0, 40))
def test_the_lattice_covers_every_pixel_once_and_margins_stay_inside(height, width, block, margin):
    count = np.zeros((height, width), int)
    for window in windows.lattice((height, width), block):
        count[window.slices] += 1
        outer = window.grown(margin, (height, width))
        assert 0 <= outer.top <= window.top and window.right <= outer.right <= width
        inner = window.within(outer)
        assert inner.shape == window.shape and inner.top == window.top - outer.top
    assert (count == 1).all()


def test_a_finer_grid_nests_exactly():
    coarse = grid_at((7, 5))
    fine = grid.finer(coarse, 4)
    assert fine.shape == (28, 20) and fine.affine * (4, 4) == coarse.affine * (1, 1) and fine.crs == coarse.crs


def test_differences_of_grids_are_told_in_words():
    here = grid_at((7, 5))
    assert grid.same(here, GeoBox(here.shape, here.affine * Affine.translation(1e-5, 0), here.crs))
    told = " ".join(grid.differences(here, GeoBox((7, 6), here.affine * Affine.translation(0.3, 0), "EPSG:32632")))
    assert "EPSG:32632" in told and "7×6" in told and "0.3 px" in told


def test_rotated_and_flipped_grids_are_refused():
    for affine in (Affine.rotation(10) * Affine.scale(10, -10), Affine.scale(10, 10)):
        with pytest.raises(BadGrid, match="gdalwarp"):
            grid.north_up(GeoBox((4, 4), affine, "EPSG:32631"), "x.tif")


@pytest.mark.parametrize(
    ("crs", "pixel", "longitude", "latitude", "near"),
    [
        *(("EPSG:4326", 1e-4, 10, latitude, 1e-5) for latitude in (-75, -45, 0, 60)),
        *(("EPSG:3857", 10, 10, latitude, 0.008) for latitude in (-75, -45, 0, 60)),  # which takes the earth for a ball
        ("EPSG:3035", 10, 10, 60, 1e-5),
        ("EPSG:2263", 10, -74, 40.7, 1e-4),
    ],
)
def test_the_ground_of_a_pixel_is_that_of_the_ellipsoid(crs, pixel, longitude, latitude, near):
    (x,), (y,) = transform("EPSG:4326", crs, [longitude], [latitude])
    made = GeoBox((2, 2), Affine(pixel, 0, x - pixel, 0, -pixel, y + pixel), crs)
    corners = transform(crs, "EPSG:4326", *zip(*(made.affine * corner for corner in ((0, 0), (2, 0), (2, 2), (0, 2))), strict=True))
    ground = abs(Geod(ellps="WGS84").polygon_area_perimeter(*corners)[0])
    assert grid.size_m(made) ** 2 == pytest.approx(ground / 4, rel=near)


def test_a_pixel_is_measured_in_metres_in_any_crs():
    assert grid.size_m(grid_at((4, 4))) == 10 and grid.size_m(grid_at((4, 4), crs=None)) is None
    assert grid.size_m(grid_at((4, 4), crs="EPSG:4326", left=1, top=0, pixel=9e-5)) == pytest.approx(10, rel=0.01)
    oblong = GeoBox((4, 4), Affine(10, 0, 355_000, 0, -14.4, 4_832_000), "EPSG:32631")
    assert grid.size_m(oblong) == pytest.approx(12)  # squared it is the ground of a pixel, by which fields are measured
    assert grid.sides_m(grid_at((4, 4), crs="EPSG:4326", left=1, top=60, pixel=9e-5)) == pytest.approx((5, 10), rel=0.01)
    assert grid.size_m(grid_at((4, 4), crs="EPSG:3857", left=1e6, top=8.4e6)) == pytest.approx(5, rel=0.01)  # at 60° N
    assert grid.sides_m(grid_at((4, 4), crs="EPSG:2263", left=1e6, top=2e5, pixel=30)) == pytest.approx((9.144, 9.144), rel=1e-4)  # feet
    assert grid.size_m(grid_at((4, 4), left=1e9)) == 10  # nowhere on earth


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", None])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (13, 2)])
def test_the_grid_of_a_stack_and_of_any_part_is_exact(crs, shape):
    pixel = 9e-5 if crs == "EPSG:4326" else 10
    whole = grid_at(shape, crs=crs, left=1.1, top=43.3, pixel=pixel)
    made = series(landscape(shape), days=1, grid=whole).stack
    assert stack.grid_of(made) == whole
    part = made.isel(y=slice(shape[0] - 1, None), x=slice(shape[1] - 1, None))
    assert stack.grid_of(part).affine == whole.affine * Affine.translation(shape[1] - 1, shape[0] - 1)


def test_a_crs_that_cf_has_no_words_for_is_kept_whole_and_nobody_is_alarmed():
    place = grid_at((4, 6), crs="EPSG:2056", left=2_600_000.0, top=1_200_000.0)
    made = stack.make(np.zeros((1, 4, 4, 6), np.float32), np.ones((1, 4, 6), bool), ["2024-05-01"], place)  # a warning is an error here
    assert stack.grid_of(made).crs.to_epsg() == 2056


def test_every_fault_of_a_stack_is_told_at_once():
    made = series(landscape((4, 4)), days=2).stack
    broken = xr.Dataset({"reflectance": made["reflectance"].transpose("band", "time", "y", "x").astype("float64")}, made.coords).isel(time=[1, 0])
    with pytest.raises(NotAStack) as told:
        stack.check(broken, "mine.zarr")
    assert all(word in str(told.value) for word in ("mine.zarr", "dims", "float64", "no variable 'valid'", "ascending"))


def test_two_times_within_a_second_are_refused_for_their_files_would_be_called_alike():
    made = series(landscape((4, 4)), days=2).stack
    first = made["time"].values[0].astype("datetime64[s]").astype("datetime64[ns]")
    near, apart = ([first + np.timedelta64(200, "ms"), first + np.timedelta64(ms, "ms")] for ms in (900, 1000))
    with pytest.raises(NotAStack, match="within a second"):
        stack.check(made.assign_coords(time=near))
    assert len({when.label(stack.check(made.assign_coords(time=apart)), date) for date in (0, 1)}) == 2


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        (lambda made: made.sortby("y"), "'y' goes on by -1 px"),
        (lambda made: made.isel(x=slice(None, None, -1)), "'x' goes on by -1 px"),
        (lambda made: made.isel(y=slice(None, None, 2)), "'y' goes on by 2 px"),
        (lambda made: made.isel(x=[0, 1, 4]), "'x' goes on by 3 px"),
        (lambda made: made.isel(x=[2, 2]), "'x' goes on by 0 px"),
        (lambda made: made.assign_coords(x=made["x"] + 4), "'x' stands 0.4 px beside"),
        (lambda made: made.assign_coords(y=list("abcdef")), "'y' is <U1, needs numbers"),
        (lambda made: made.assign_coords(x=made["x"] * np.nan), "'x' goes on by nan px"),
    ],
)
def test_a_stack_whose_pixels_are_not_those_of_its_grid_one_after_the_other_is_refused(moved, told):
    made = series(landscape((6, 6)), days=1).stack
    with pytest.raises(NotAStack, match=told):
        stack.check(moved(made))
    stack.check(made.isel(x=slice(2, 5), y=[3]).assign_coords(x=made["x"].values[2:5] + 30))  # moved by whole pixels it is a part of a larger scene


def test_a_stack_without_items_or_of_one_date_taken_out_is_told_what_it_lacks():
    made = series(landscape((4, 4)), days=2).stack
    with pytest.raises(NotAStack, match="no coordinate 'item'"):
        stack.check(made.drop_vars("item"))
    with pytest.raises(NotAStack, match="'valid' has dims"):
        stack.check(made.isel(time=0))


@pytest.mark.parametrize(
    "crs", ['LOCAL_CS["mine",UNIT["metre",1]]', 'ENGCRS["mine",EDATUM["x"],CS[Cartesian,2],AXIS["e",east],AXIS["n",north],LENGTHUNIT["metre",1]]']
)
def test_a_crs_that_is_of_no_map_is_refused_with_what_to_do(crs):
    made = series(landscape((4, 4)), days=1).stack
    with pytest.raises(BadGrid, match=r"(?s)Engineering CRS 'mine'.*gdal_edit"):
        stack.make(made["reflectance"].values, made["valid"].values, ["2024-05-01"], GeoBox((4, 4), Affine(10, 0, 0, 0, -10, 0), crs))


def test_bands_are_found_by_any_of_their_names_and_never_guessed():
    assert bands.order_of(["B08", "red", None, "B02", "Green", "SCL"], "x") == {"nir": 0, "red": 1, "blue": 3, "green": 4, "scl": 5}
    with pytest.raises(BadBands) as told:
        bands.order_of(["B02", "B02", "B04", None], "x.tif")
    assert "no green" in str(told.value) and "blue stands 2 times" in str(told.value) and "--bands" in str(told.value)


def test_blurring_keeps_brightness_and_undoes_nothing_else():
    matrix = optics.sampling(11, 44, 4, shift_px=[0.0, 0.4])
    assert matrix.shape == (2, 11, 44) and np.allclose(matrix.sum(-1), 1, atol=1e-6)
    assert np.allclose(optics.kernel(4).sum(), 1, atol=1e-6)


def test_what_failed_for_one_reason_is_told_once_with_how_many_there_are():
    failed = [(f"area {number}", "no date\ntake more" if number % 2 else "torn") for number in range(1, 11)]
    assert grouped(failed) == ["area 1, area 3, area 5 and 2 more\n    no date\n    take more", "area 2, area 4, area 6 and 2 more\n    torn"]


def test_the_taps_are_the_matrix():
    taps = optics.kernel(4)
    radius = len(taps) // 2
    row = optics.sampling(21, 84, 4)[10]
    assert np.allclose(row[(10 - radius) * 4 : (11 + radius) * 4], taps.ravel(), atol=2e-5)


def test_a_modulation_beyond_that_of_the_box_is_refused():
    with pytest.raises(ValueError, match="between 0"):
        optics.sigma_px(0.7)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "first")
    with pytest.raises(RuntimeError):  # noqa: PT012 - what fails is the block
        with files.whole(path) as partial:
            partial.write_text("half")
            raise RuntimeError
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_with_the_room_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CannotWrite, match=r"No space left.*\n.*are free on the disk of .*, and about 0\.0 kB are needed"):
        files.write_text(tmp_path / "a.txt", "x")
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 9))
def test_windows_read_around_blocks_are_of_one_shape_and_hold_their_margin(height, width, block, margin):
    shape = (height, width)
    blocks = list(windows.lattice(shape, block))
    least = windows.widest(blocks, margin, shape)
    for window in blocks:
        outer, needed = window.grown(margin, shape, least), window.grown(margin, shape)
        assert outer.shape == least
        assert outer.top <= needed.top and outer.left <= needed.left and outer.bottom >= needed.bottom and outer.right >= needed.right
        assert outer.top >= 0 and outer.left >= 0 and outer.bottom <= height and outer.right <= width


@pytest.mark.parametrize("told", [9223372036854775808, "1 2 3", "a b c d e f", "nan 10 0 0 0 -10", None])
def test_a_stack_that_does_not_say_where_it_lies_is_refused(told):
    made = series(landscape((8, 8))).stack.copy()
    made["spatial_ref"].attrs["GeoTransform"] = told
    with pytest.raises(NotAStack, match="no GeoTransform of six numbers"):
        stack.check(made)


@pytest.mark.parametrize("moment", ["1600-01-01", "9999-12-31T23:59:59"])
def test_a_date_of_which_numpy_would_make_another_one_is_refused(moment):
    with pytest.raises(NotAStack, match=f"a date of {moment}.* cannot be: needs one from 1678 to 2261"):
        stack.make(np.zeros((1, 4, 2, 2), np.float32), np.ones((1, 2, 2), bool), [np.datetime64(moment)], grid_at((2, 2)))


def test_a_scene_larger_than_the_earth_is_refused_before_its_coordinates_take_memory():
    lazy = np.broadcast_to(np.float32(0), (1, 4, 10**9, 2)), np.broadcast_to(True, (1, 10**9, 2))
    with pytest.raises(BadGrid, match="1000000000×2 px goes more than once round the earth"):
        stack.make(*lazy, [np.datetime64("2024-05-01")], grid_at((10**9, 2)))


@pytest.mark.parametrize(
    ("why", "words"),
    [
        *[(why, "or have this one, and what is in it, made yours") for why in (errno.EACCES, errno.EPERM, errno.EROFS)],
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOENT, "was removed meanwhile; make it and run the same command again"),
        (errno.ENOTDIR, "name another folder"),
        (errno.EIO, "the disk fails"),
    ],
)
def test_who_cannot_write_for_another_reason_is_not_told_to_make_room(tmp_path, why, words):
    told = str(files.cannot_write(tmp_path / "a.tif", OSError(why, os.strerror(why)), 1000))
    assert os.strerror(why) in told and words in told and "free" not in told


def test_what_is_no_stack_is_told_with_words_that_python_takes():
    with pytest.raises(NotAStack, match=r"`from dione\.base import stack; stack\.make\("):
        stack.check(np.zeros(3))
