"""GeoTIFF series as users have them, and every way in which they come damaged."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from rasterio.enums import ColorInterp

from dione import testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadGrid, BadSource, BadValues
from dione.sources import geotiff, places
from tests.sources.series import BANDS, numbers, write


def same(stack: xr.Dataset, made: xr.Dataset) -> None:
    np.testing.assert_array_equal(stack["valid"].values, made["valid"].values)
    seen = made["valid"].values[:, None] & np.ones_like(made["reflectance"].values, bool)
    np.testing.assert_allclose(stack["reflectance"].values[seen], made["reflectance"].values[seen], atol=5.1e-5)


def test_a_folder_of_multiband_files_is_the_stack_it_was_written_from(made: xr.Dataset, folder: Path) -> None:
    stack = geotiff.open(folder)
    same(stack, made)
    assert when.days(stack) == when.days(made)
    assert stacks.grid_of(stack) == stacks.grid_of(made)
    assert list(stack["item"].values) == [f"{day}.tif" for day in when.days(made)]
    assert stack.attrs["source"] == str(folder)
    assert "0.0001" in stack.attrs["radiometry"] and "tags" in stack.attrs["radiometry"]


def test_bands_in_any_order_come_out_in_ours(tmp_path: Path) -> None:
    each = numbers(bands=13)
    names = ("B01", "B08", "B03", "B05", "B06", "B07", "B02", "B8A", "B09", "B10", "B11", "B04", "B12")
    write(tmp_path / "2020-01-01.tif", each, names=names)
    np.testing.assert_allclose(geotiff.open(tmp_path)["reflectance"].values[0], each[[6, 2, 11, 1]] * 1e-4, rtol=1e-6)


@pytest.mark.parametrize("kind", [tuple, list])
def test_bands_are_given_where_files_do_not_tell(tmp_path: Path, kind: type[Sequence[str]]) -> None:
    each = numbers(bands=5)
    write(tmp_path / "2020-01-01.tif", each)
    stack = geotiff.open(tmp_path, bands=kind(("nir", "-", "red", "green", "blue")))
    np.testing.assert_allclose(stack["reflectance"].values[0], each[[4, 3, 2, 0]] * 1e-4, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "bands", "says"),
    [
        ((), None, "no blue band"),
        (("B02", "B03", "B04", "B05"), None, "no nir band"),
        (("B02", "B03", "B04", "B04"), None, "red stands 2 times"),
        ((), ("blue", "green", "red"), "has 4 bands, --bands names 3"),
    ],
)
def test_bands_missing_doubled_or_unnamed_are_never_guessed(tmp_path: Path, names: tuple[str, ...], bands: tuple[str, ...] | None, says: str) -> None:
    for day in (1, 2, 3):
        write(tmp_path / f"2020-01-0{day}.tif", numbers(), names=names)
    with pytest.raises(BadBands, match=says) as error:
        geotiff.open(tmp_path, bands=bands)
    assert "2020-01-01.tif" in str(error.value) and "--bands" in str(error.value)


def test_a_date_that_lacks_a_band_file_is_named(tmp_path: Path) -> None:
    for day, bands in ((1, BANDS), (2, BANDS[:3])):
        for band in bands:
            write(tmp_path / f"2020-01-0{day}_{band}.tif", numbers(bands=1))
    with pytest.raises(BadBands, match="2020-01-02 has no nir"):
        geotiff.open(tmp_path)


def test_scale_and_offset_come_from_tags_band_by_band_or_are_given(tmp_path: Path) -> None:
    each = numbers()
    write(tmp_path / "2020-01-01.tif", each, names=BANDS, scales=(1e-4, 1e-4, 1e-4, 2e-4), offsets=(-0.1, -0.1, -0.1, 0))
    tagged = geotiff.open(tmp_path)
    np.testing.assert_allclose(tagged["reflectance"].values[0, [0, 3]], [each[0] * 1e-4 - 0.1, each[3] * 2e-4], atol=1e-6)
    assert tagged.attrs["radiometry"].count("tags") == 2 and tagged.attrs["offset_told_by"] == "the file's tags"
    given = geotiff.open(tmp_path, scale=1e-3, offset=0.0)
    np.testing.assert_allclose(given["reflectance"].values[0, 0], each[0] * 1e-3, rtol=1e-5)
    assert "given" in given.attrs["radiometry"] and given.attrs["offset_told_by"] == "given"


def test_integers_without_tags_are_taken_as_reflectance_times_10000_and_that_is_noted(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS)
    stack = geotiff.open(tmp_path)
    assert float(stack["reflectance"].max()) < 0.4
    assert "assumed" in stack.attrs["radiometry"] and stack.attrs["offset_told_by"] == "assumed"


def test_8_bit_pictures_are_refused_all_at_once(tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"2020-01-0{day}.tif", numbers().astype(np.uint8), names=BANDS)
    with pytest.raises(BadValues, match=r"(?s)01\.tif is uint8.*02\.tif is uint8.*16-bit"):
        geotiff.open(tmp_path)


def test_nodata_nan_inf_zeros_and_impossible_values_are_invalid_and_finite(tmp_path: Path) -> None:
    each = (numbers() * 1e-4).astype(np.float32)
    each[1, 0, 0], each[2, 0, 1], each[0, 0, 2], each[3, 0, 3], each[1, 0, 4] = -9999, np.nan, np.inf, 3.0, -0.5
    write(tmp_path / "2020-01-01.tif", each, names=BANDS, nodata=-9999)
    stack = geotiff.open(tmp_path).compute()
    assert not stack["valid"][0, 0, :5].any() and stack["valid"][0, 1:].all() and stack["valid"][0, 0, 5:].all()
    assert np.isfinite(stack["reflectance"]).all()
    whole = numbers()
    whole[:, 2, 2], whole[1, 3, 3] = 0, 0
    write(tmp_path / "2020-01-01.tif", whole, names=BANDS)
    valid = geotiff.open(tmp_path)["valid"].values[0]
    assert not valid[2, 2] and valid[3, 3] and valid.sum() == valid.size - 1
    write(tmp_path / "2020-01-01.tif", (whole * 1e-4).astype(np.float32), names=BANDS)  # as browsers and services fill what they do not have
    np.testing.assert_array_equal(geotiff.open(tmp_path)["valid"].values[0], valid)


def test_16_bit_downloads_of_the_copernicus_browser_are_not_taken_as_reflectance_times_10000(tmp_path: Path) -> None:
    each = numbers()
    for band, values in zip(BANDS, each, strict=True):
        write(tmp_path / f"2020-01-01-00:00_2020-01-01-23:59_Sentinel-2_L2A_{band}_(Raw).tiff", values[None])
    with pytest.raises(BadValues, match=r"(?s)65535.*B02_\(Raw\)\.tiff.*--scale 1\.52590e-05.*32-bit"):
        geotiff.open(tmp_path)
    np.testing.assert_allclose(geotiff.open(tmp_path, scale=1 / 65535)["reflectance"].values[0], each / 65535, rtol=1e-5)
    for file in tmp_path.iterdir():
        with rasterio.open(file) as opened:
            values = opened.read()
        write(file, (values * 1e-4).astype(np.float32))
    np.testing.assert_allclose(geotiff.open(tmp_path)["reflectance"].values[0], each * 1e-4, rtol=1e-5)


def test_pictures_that_lie_beside_the_bands_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01_L2A.tif", numbers(), names=BANDS)
    write(tmp_path / "2020-01-01_True_color.tif", numbers(bands=3))
    with pytest.raises(BadBands, match=r"(?s)True_color.*no nir.*pattern.*'folder/"):
        geotiff.open(tmp_path)


def test_scl_and_clm_are_masks_in_the_file_or_beside_it_also_at_20_m(tmp_path: Path) -> None:
    scl = np.full((1, 12, 16), 4, np.uint16)
    scl[0, :, :8] = 9
    write(tmp_path / "a" / "2020-01-01.tif", np.concatenate([numbers((12, 16)), scl]), names=(*BANDS, "SCL"))
    write(tmp_path / "b" / "2020-01-01.tif", numbers((12, 16)), names=BANDS)
    write(tmp_path / "b" / "2020-01-01_SCL_20m.tif", scl[:, ::2, ::2].astype(np.uint8), transform=Affine(20, 0, 355_000, 0, -20, 4_832_000))
    write(tmp_path / "c" / "2020-01-01.tif", numbers((12, 16)), names=BANDS)
    write(tmp_path / "c" / "2020-01-01_CLM.tif", (scl == 9).astype(np.uint8))
    for name in "abc":
        valid = geotiff.open(tmp_path / name)["valid"].values[0]
        assert not valid[:, :8].any() and valid[:, 8:].all(), name


def test_dates_on_other_grids_are_named_with_how_they_differ(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS)
    write(tmp_path / "2020-01-02.tif", numbers(), names=BANDS, transform=Affine(10, 0, 355_003, 0, -10, 4_832_000))
    write(tmp_path / "2020-01-03.tif", numbers((12, 16)), names=BANDS, crs="EPSG:32632")
    with pytest.raises(BadGrid) as error:
        geotiff.open(tmp_path)
    message = str(error.value)
    assert "2020-01-02.tif: corners 0.3 px apart" in message and "CRS EPSG:32632" in message and "12×16 px" in message and "--align" in message
    assert "2020-01-01.tif:" not in message.split("\n", 1)[1]


def test_align_resamples_other_grids_onto_the_first(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(40) * 20, np.arange(40) * 40) + 1000
    write(tmp_path / "2020-01-01.tif", np.stack([ramp] * 4).astype(np.uint16), names=BANDS)
    write(tmp_path / "2020-01-02.tif", np.stack([ramp] * 4).astype(np.uint16), names=BANDS, transform=Affine(10, 0, 355_005, 0, -10, 4_832_000))
    stack = geotiff.open(tmp_path, align=True).compute()
    first, second = stack["reflectance"].values[:, 0]
    np.testing.assert_allclose(second[5:-5, 5:-5], first[5:-5, 5:-5] - 0.002, atol=1e-4)
    parts = [geotiff.open(tmp_path, align=True)["reflectance"].isel(y=slice(a, a + 8)).values for a in range(0, 40, 8)]
    np.testing.assert_allclose(np.concatenate(parts, axis=2)[:, :, :, 5:-5], stack["reflectance"].values[:, :, :, 5:-5], atol=1e-4)
    write(tmp_path / "2020-01-03.tif", np.stack([ramp] * 4).astype(np.uint16), names=BANDS, transform=Affine(10, 0, 355_200, 0, -10, 4_832_000))
    assert not geotiff.open(tmp_path, align=True)["valid"].values[2, :, :18].any()


def test_two_files_of_one_date_are_both_named(tmp_path: Path) -> None:
    write(tmp_path / "a_2020-01-01.tif", numbers(), names=BANDS)
    write(tmp_path / "b_20200101.tif", numbers(), names=BANDS)
    with pytest.raises(BadSource, match=r"2020-01-01.*a_2020-01-01\.tif.*b_20200101\.tif") as refused:
        geotiff.open(tmp_path)
    assert "put" not in str(refused.value)


def test_parts_of_one_image_are_to_be_put_together_first(tmp_path: Path) -> None:
    write(tmp_path / "field_20200101-0000000000-0000000000.tif", numbers(), names=BANDS)
    write(tmp_path / "field_20200101-0000000000-0000000015.tif", numbers(), names=BANDS, transform=Affine(10, 0, 355_150, 0, -10, 4_832_000))
    with pytest.raises(BadSource, match=r"(?s)other ground.*put them together.*rio merge"):
        geotiff.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "begin", "says"), [("bands.zip", b"PK\3\4", "unpack it"), ("openEO.nc", b"\x89HDF", "GeoTIFF"), ("openEO.nc", b"CDF\1", "GeoTIFF")]
)
def test_what_other_downloads_are_is_told(tmp_path: Path, name: str, begin: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(begin + bytes(100))
    with pytest.raises(BadSource, match=rf"{name} is (a zip|NetCDF)(?s:.*){says}"):
        geotiff.open(tmp_path / name)


def test_a_rotated_or_flipped_grid_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS, transform=Affine(10, 0, 355_000, 0, 10, 4_832_000))
    with pytest.raises(BadGrid, match="flipped"):
        geotiff.open(tmp_path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("transform", [Affine.identity(), Affine(10, 0, 500, 0, -10, 900)])
def test_files_without_a_crs_work_with_a_warning(tmp_path: Path, transform: Affine, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS, crs=None, transform=transform)
    with caplog.at_level(logging.WARNING):
        stack = geotiff.open(tmp_path).compute()
    assert "no CRS" in caplog.text and stacks.grid_of(stack).crs is None
    assert stack["valid"].all()


def test_degrees_work(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers(), names=BANDS, crs="EPSG:4326", transform=Affine(1e-4, 0, 1.2, 0, -1e-4, 43.6))
    grid = stacks.grid_of(geotiff.open(tmp_path))
    assert grid.crs == "EPSG:4326" and grid.affine.a == pytest.approx(1e-4)


def test_every_faulty_file_is_named_in_one_message(tmp_path: Path) -> None:
    good = write(tmp_path / "2020-01-01.tif", numbers((200, 200)), names=BANDS, compress="deflate").read_bytes()
    (tmp_path / "2020-01-02.tif").write_bytes(b"")
    (tmp_path / "2020-01-03.tif").write_bytes(good[: len(good) // 2])
    (tmp_path / "2020-01-04.tif").write_text("not a raster")
    (tmp_path / "2020-01-05.tif").write_bytes(good[:200])
    with pytest.raises(BadSource, match="4 of 5 files") as error:
        geotiff.open(tmp_path)
    message = str(error.value)
    assert "02.tif is empty (0 bytes)" in message and "03.tif is cut off" in message
    assert "04.tif" in message and "05.tif" in message and "01.tif" not in message


def test_damage_met_while_reading_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "2020-01-01.tif", numbers((200, 200)), names=BANDS, compress="deflate")
    stack = geotiff.open(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : -len(data) // 3] = bytes(len(data[len(data) // 3 : -len(data) // 3]))
    path.write_bytes(data)
    with pytest.raises(BadSource, match=r"2020-01-01\.tif cannot be read"):
        stack.compute()
    path.unlink()
    with pytest.raises(BadSource, match=r"2020-01-01\.tif"):
        stack["valid"].compute()


def test_one_file_and_a_glob_are_sources_too(folder: Path, made: xr.Dataset) -> None:
    last = when.days(made)[-1]
    same(geotiff.open(folder / f"{last}.tif"), made.isel(time=[2]))
    same(geotiff.open(folder / f"*{last[-2:]}.tif"), made.isel(time=[2]))


def test_a_single_pixel_works(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers((1, 1)), names=BANDS)
    assert geotiff.open(tmp_path)["reflectance"].values.shape == (1, 4, 1, 1)


@pytest.mark.parametrize(
    ("series", "dates", "shape"), [("bouconne", 7, (246, 227)), ("jaca", 4, (72, 75)), ("cloudy-33TWL", 5, (512, 512)), ("rufiji-20m", 21, (140, 169))]
)
def test_real_series_open(shared_data: Path, series: str, dates: int, shape: tuple[int, int]) -> None:
    stack = geotiff.open(shared_data / "s2-series" / series).compute()
    assert (stack.sizes["time"], stack.sizes["y"], stack.sizes["x"]) == (dates, *shape)
    seen = stack["reflectance"].values[np.broadcast_to(stack["valid"].values[:, None], stack["reflectance"].shape)]
    assert 0.01 < np.median(seen) < 0.4


def test_real_clouds_are_taken_from_scl(shared_data: Path) -> None:
    stack = geotiff.open(shared_data / "s2-series" / "cloudy-33TWL")
    clear = stack["valid"].mean(("y", "x")).values
    assert clear[0] < 0.3 and clear[2] > 0.9
    assert float(stack["reflectance"].where(stack["valid"]).mean()) < float(stack["reflectance"].where(~stack["valid"]).mean()) / 2


def test_real_single_dates_open(shared_data: Path) -> None:
    for name in ("wales-2021-05-27.tif", "S2A_MSIL1C_20170527_T33UUB.tif", "virginia-2016-01-12.tif"):
        assert geotiff.open(shared_data / "s2-single" / name)["valid"].values.mean() > 0.99


def test_a_jpeg_2000_file_that_is_cut_off_is_found_at_the_door(tmp_path: Path) -> None:
    path = write(tmp_path / "2020-01-01.jp2", numbers((300, 300)), driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")
    data = path.read_bytes()
    assert geotiff.open(path, bands=("blue", "green", "red", "nir"))["valid"].values.all()
    path.write_bytes(data[: len(data) - 100])
    with pytest.raises(BadSource, match=r"2020-01-01\.jp2 is cut off"):
        geotiff.open(tmp_path, bands=("blue", "green", "red", "nir"))


def test_products_of_theia_are_read_by_a_pattern(tmp_path: Path) -> None:
    """MAJA's flat reflectance: int16 × 10000, -10000 where there is none, beside slope-uncorrected bands and masks."""
    numbers = np.random.default_rng(1).integers(100, 4000, (4, 20, 24)).astype(np.int16)
    numbers[:, :3] = -10_000
    for day in ("20180815", "20180820"):
        name = f"SENTINEL2A_{day}-105024-460_L2A_T31TCJ_C_V2-2"
        for kind in ("FRE", "SRE"):
            for band, values in zip(("B2", "B3", "B4", "B8"), numbers, strict=True):
                write(tmp_path / name / f"{name}_{kind}_{band}.tif", values[None] + (kind == "SRE"))
        write(tmp_path / name / f"{name}_FRE_B8A.tif", numbers[:1, ::2, ::2])
        write(tmp_path / name / "MASKS" / f"{name}_CLM_R1.tif", np.zeros((1, 20, 24), np.uint8))
    stack = geotiff.open(tmp_path / "*" / "*_FRE_B[2348].tif")
    assert when.days(stack) == ["2018-08-15", "2018-08-20"]
    np.testing.assert_allclose(stack["reflectance"][0, :, 3:], numbers[:, 3:] / 10_000, atol=1e-6)
    assert not stack["valid"][:, :3].any() and stack["valid"][:, 3:].all()


def test_files_that_are_links_to_files_are_found_and_dead_ones_told(tmp_path, caplog):
    there = testing.write_geotiffs(testing.series(testing.landscape((24, 24), seed=1), days=2, seed=1).stack, tmp_path / "there")
    here = tmp_path / "here"
    here.mkdir()
    for file in there.iterdir():
        (here / file.name).symlink_to(file)
    (here / "2001-01-01.tif").symlink_to(tmp_path / "gone.tif")
    for source in (here, here / "*.tif"):
        caplog.clear()
        assert geotiff.open(str(source)).sizes["time"] == 2
        assert "2001-01-01.tif is a link that leads nowhere" in caplog.text


def test_links_to_folders_are_followed_and_loops_are_not(tmp_path):
    there = testing.write_geotiffs(testing.series(testing.landscape((24, 24), seed=1), days=2, seed=1).stack, tmp_path / "there")
    here = tmp_path / "here"
    here.mkdir()
    (here / "dates").symlink_to(there)
    (here / "again").symlink_to(here)
    (there / "up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(there)
    for source in (here, tmp_path / "link"):
        assert geotiff.open(source).sizes["time"] == 2
    assert [file.name for file in places.listing(here, depth=9)] == ["dates/2024-05-01.tif", "dates/2024-05-06.tif"]


@pytest.mark.parametrize(
    ("scale", "offset", "says"), [(0, 0, "scale is 0"), (-1e-4, 0, "scale is -0.0001"), (np.inf, 0, "scale is inf"), (1e-4, np.nan, "offset is nan")]
)
def test_a_scale_or_offset_that_cannot_be_is_refused_by_file(scale: float, offset: float, says: str, tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"2020-01-0{day}.tif", numbers(), names=BANDS, scales=(scale,) * 4, offsets=(offset,) * 4)
    with pytest.raises(BadValues, match=rf"(?s)01\.tif: {says}.*02\.tif: {says}.*the file's tags.*--scale"):
        geotiff.open(tmp_path)
    assert geotiff.open(tmp_path, scale=1e-4, offset=0.0).sizes["time"] == 2


def test_bands_that_contradict_the_descriptions_are_refused_with_both(tmp_path: Path) -> None:
    for day in (1, 2):
        write(tmp_path / f"2020-01-0{day}.tif", numbers(bands=5), names=(*BANDS, "B8A"))
    with pytest.raises(BadBands, match=r"(?s)01\.tif describes B02 where --bands says nir, B08 where --bands says blue.*02\.tif.*leave --bands out"):
        geotiff.open(tmp_path, bands=("nir", "green", "red", "blue", "-"))
    assert geotiff.open(tmp_path, bands=("blue", "green", "red", "-", "nir")).sizes["time"] == 2


def test_a_file_that_lies_nowhere_is_refused(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "2024-05-01.tif", "w", driver="GTiff", width=8, height=8, count=4, dtype="uint16", transform=Affine(10, 0, float("nan"), 0, -10, 0)
    ) as file:
        file.write(np.ones((4, 8, 8), np.uint16))
        file.descriptions = ("B02", "B03", "B04", "B08")
    with pytest.raises(BadSource, match="lies nowhere"):
        geotiff.open(tmp_path)


def collared(folder: Path, how: str) -> Path:
    """A float date whose first three columns nothing but its mask tells apart, and one band more where that is a band."""
    each = (numbers(bands=5) * 1e-4).astype(np.float32)
    seen = np.ones(each.shape[1:], np.uint8) * 255
    seen[:, :3] = 0
    path = folder / "2020-01-01.tif"
    if how == "alpha":
        each[4] = seen
        write(path, each, names=(*BANDS, "alpha"))
        with rasterio.open(path, "r+") as file:
            file.colorinterp = [*file.colorinterp[:4], ColorInterp.alpha]
        return path
    write(path, each[:4], names=BANDS)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=how == "inside"), rasterio.open(path, "r+") as file:
        file.write_mask(seen)
    return path


@pytest.mark.parametrize("how", ["inside", "beside", "alpha"])
def test_where_the_mask_of_a_file_says_nothing_is_not_valid(how: str, tmp_path: Path) -> None:
    collared(tmp_path / "a", how)
    valid = geotiff.open(tmp_path / "a")["valid"]
    assert not valid.values[0, :, :3].any() and valid.values[0, :, 3:].all()
    assert not valid[0, 4:6, 2:3].values.any() and valid[0, 4:6, 3:5].values.all()


@pytest.mark.parametrize("how", ["inside", "beside", "alpha"])
def test_a_mask_of_a_file_is_moved_with_its_image(how: str, tmp_path: Path) -> None:
    collared(tmp_path / "a", how)
    write(tmp_path / "a" / "2019-01-01.tif", numbers((12, 10)), names=BANDS, transform=Affine(10, 0, 355_020, 0, -10, 4_832_000))
    valid = geotiff.open(tmp_path / "a", align=True)["valid"].values[1]
    assert not valid[:, 0].any() and valid[:, 1:].all()


def test_an_alpha_band_that_is_named_as_near_infrared_is_no_mask(tmp_path: Path) -> None:
    each = numbers()
    each[3, :, :3] = 0
    path = write(tmp_path / "2020-01-01.tif", each, names=BANDS)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [*file.colorinterp[:3], ColorInterp.alpha]
    assert geotiff.open(tmp_path)["valid"].values.all()


def test_a_date_of_another_crs_is_the_same_window_by_window(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers((60, 70)), names=BANDS)
    there = Affine(10, 0, 838_000, 0, -10, 4_840_500)  # around it, in the zone next door
    write(tmp_path / "2020-01-02.tif", numbers((400, 400), seed=1), names=BANDS, crs="EPSG:32630", transform=there)
    stack = geotiff.open(tmp_path, align=True)
    whole = stack.compute()
    assert whole["valid"].values[1].any()
    for top, left in ((0, 0), (17, 23), (40, 50)):
        part = {"time": 1, "y": slice(top, top + 20), "x": slice(left, left + 20)}
        for variable in ("reflectance", "valid"):
            np.testing.assert_array_equal(stack[variable].isel(part).values, whole[variable].isel(part).values)


def test_a_date_of_finer_pixels_is_averaged_and_not_thinned_out(tmp_path: Path) -> None:
    write(tmp_path / "2020-01-01.tif", numbers((20, 20)), names=BANDS)
    stripes = np.broadcast_to(np.where(np.arange(80) % 2, 1000, 3000), (4, 80, 80)).astype(np.uint16)
    write(tmp_path / "2020-01-02.tif", stripes, names=BANDS, transform=Affine(2.5, 0, 355_000, 0, -2.5, 4_832_000))
    np.testing.assert_allclose(geotiff.open(tmp_path, align=True)["reflectance"].values[1], 0.2, atol=1e-6)


def test_a_folder_with_brackets_in_its_name_is_a_folder(tmp_path: Path) -> None:
    for name in ("2020-01-01.tif", "old/2019-01-01.tif"):
        write(tmp_path / "series [10 m]" / name, numbers(), names=BANDS)
    assert when.days(geotiff.open(tmp_path / "series [10 m]")) == ["2020-01-01"]
