"""VHR scenes as Stacks: reflectance as planted, pan beside multispectral, plain GeoTIFFs by the table of sensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

import dione
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadRecipe, BadSource, BadValues, NotAStack, NotFound
from dione.sources import geotiff, vhr, zarrstack
from dione.sources.delivered import sensors
from dione.testing import grid_at, rasters
from dione.testing.delivery import Delivered


def test_reflectance_and_data_are_as_planted(delivery: Delivered) -> None:
    for planted in delivery.scenes:
        stack = vhr.open(planted.ms)
        np.testing.assert_array_equal(stack["valid"].values[0], planted.seen)
        # Half a digital number is 0.0004 of reflectance.
        np.testing.assert_allclose(stack["reflectance"].values[0][:, planted.seen], planted.reflectance[:, planted.seen], atol=5e-4)
        assert when.days(stack) == [f"{planted.time:%Y-%m-%d}"]
        assert stacks.grid_of(stack).affine.a == 4


def test_a_window_reads_as_the_whole(delivery: Delivered) -> None:
    stack = vhr.open(delivery.scenes[1].ms)
    part = vhr.open(delivery.scenes[1].ms).isel(y=slice(7, 31), x=slice(2, 44), band=[0, 2])
    np.testing.assert_array_equal(part["reflectance"].values, stack["reflectance"].values[:, [0, 2], 7:31, 2:44])


def test_pan_is_a_stack_of_its_own_that_nobody_takes_for_another(delivery: Delivered) -> None:
    pan = vhr.open(delivery.scenes[0].pan)
    assert pan["reflectance"].shape == (1, 1, 240, 300)
    assert stacks.check(pan, bands=("pan",)) is pan
    with pytest.raises(NotAStack, match=r"bands are \['pan'\], need \['blue'"):
        stacks.check(pan)


def write(path: Path, values: np.ndarray, **tags: Any) -> Path:
    grid = grid_at(values.shape[1:], pixel=3)
    with rasterio.open(rasters.write(path, values, grid), "r+") as file:
        for key, value in tags.items():
            setattr(file, key, value)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    values = np.arange(1, 4 * 6 * 5 + 1, dtype=np.uint16).reshape(4, 6, 5) * 40
    return write(tmp_path / "20240601_093000_scene.tif", values)


def test_a_plain_geotiff_is_read_by_the_table_of_sensors(plain: Path) -> None:
    stack = vhr.open(plain, sensor="pleiades")
    with rasterio.open(plain) as file:
        numbers = file.read([3, 2, 1, 4])  # delivered red, green, blue, nir
    np.testing.assert_allclose(stack["reflectance"].values[0], numbers * 1e-4, rtol=1e-6)
    assert str(stack["time"].values[0]).startswith("2024-06-01T09:30:00")
    assert np.isnan(stack["white"].values).all()


def test_radiance_becomes_reflectance_with_sun_and_esun(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValues, match=r"(?s)no ESUN.*no sun elevation"):
        vhr.open(plain, sensor="planetscope")
    table = tmp_path / "sensors.toml"
    table.write_text('[sensors.ours]\nbands = ["blue", "green", "red", "nir"]\npixel_m = 3\nunit = "radiance"\ngain = 0.01\nesun = [2000, 1800, 1500, 1000]\n')
    stack = vhr.open(plain, sensor="ours", sun_elevation=30.0, sensors=sensors.table(table))
    with rasterio.open(plain) as file:
        radiance = file.read().astype(float) * 0.01
    # Early in June the earth is 1.014 AU from the sun.
    expected = np.pi * radiance * 1.014**2 / (np.array([2000, 1800, 1500, 1000])[:, None, None] * 0.5)
    np.testing.assert_allclose(stack["reflectance"].values[0], expected, rtol=1e-3)


def test_the_tags_of_a_file_give_a_gain_that_the_sensor_leaves_open(tmp_path: Path) -> None:
    values = np.full((4, 3, 3), 500, np.uint16)
    sensor = {"ours": sensors.Sensor(bands=("red", "green", "blue", "nir"), pixel_m=1, unit="reflectance")}
    tagged = write(tmp_path / "2024-06-01.tif", values, scales=(0.001,) * 4, offsets=(-0.1,) * 4)
    assert vhr.open(tagged, sensor="ours", sensors=sensor)["reflectance"].values == pytest.approx(0.4)
    with pytest.raises(BadValues, match="no gain"):
        vhr.open(write(tmp_path / "2024-06-02.tif", values), sensor="ours", sensors=sensor)


def test_a_sensor_whose_bands_stand_in_another_order_than_the_file_describes_is_refused(plain: Path) -> None:
    for names, good in ((("red", "green", "blue", "nir"), True), (("nir", "red", "green", "blue"), False), (("1", "red", "green", "blue"), True)):
        with rasterio.open(plain, "r+") as file:
            file.descriptions = names
        if good:
            assert vhr.open(plain, sensor="pleiades").sizes["band"] == 4
        else:
            with pytest.raises(BadBands, match=r"describes its bands as nir, red, green, blue; those of pleiades are red, green, blue, nir"):
                vhr.open(plain, sensor="pleiades")


def test_the_nodata_value_in_any_band_is_no_data(tmp_path: Path) -> None:
    values = np.full((4, 2, 3), 500, np.uint16)
    values[2, 1, 1] = values[:, 0, 0] = 7
    stack = vhr.open(write(tmp_path / "2024-06-01.tif", values, nodata=7), sensor="pleiades")
    assert stack["valid"].values[0].tolist() == [[False, True, True], [True, False, True]]


@pytest.mark.parametrize("how", ["inside", "beside", "alpha"])
def test_where_the_mask_of_a_geotiff_says_nothing_is_no_data(how: str, tmp_path: Path) -> None:
    """A white collar, which nothing but its mask tells from ground."""
    values, seen = np.full((5, 4, 6), 500, np.uint16), np.full((4, 6), 255, np.uint8)
    seen[:, :2] = 0
    values[4] = seen
    path = write(tmp_path / "2024-06-01.tif", values if how == "alpha" else values[:4])
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=how == "inside"), rasterio.open(path, "r+") as file:
        if how == "alpha":
            file.colorinterp = [*file.colorinterp[:4], ColorInterp.alpha]
        else:
            file.write_mask(seen)
    bands = ("red", "green", "blue", "nir", "-")[: 5 if how == "alpha" else 4]
    ours = {"ours": sensors.Sensor(bands=bands, pixel_m=1, unit="reflectance", gain=1e-4)}
    stack = vhr.open(path, sensor="ours", sensors=ours)
    assert (stack["valid"].values[0] == (seen > 0)).all() and not stack["reflectance"].values[0, :, :, :2].any()


def test_a_nodata_value_that_only_the_metadata_tell_is_kept_to(copied: Path) -> None:
    dim = next(copied.rglob("DE2_MS4*M000.dim"))
    with rasterio.open(dim.with_suffix(".tif"), "r+") as file:
        numbers = file.read()
        file.nodata = None
        file.write(np.where(numbers == 0, np.uint16(3), numbers))
    dim.write_text(dim.read_text().replace("<SPECIAL_VALUE_INDEX>0<", "<SPECIAL_VALUE_INDEX>3<"))
    assert not vhr.open(dim)["valid"].values[0, :, 0].any()


def test_a_scene_kept_as_zarr_still_tells_its_radiance(delivery: Delivered, tmp_path: Path) -> None:
    stack = vhr.open(delivery.scenes[0].ms)
    again = zarrstack.open(zarrstack.save(stack, str(tmp_path / "scene.zarr")))
    np.testing.assert_array_equal(again["white"].values, stack["white"].values)
    np.testing.assert_array_equal(again["reflectance"].values, stack["reflectance"].values)


def test_dione_open_opens_a_scene(delivery: Delivered) -> None:
    stack = dione.open(delivery.scenes[0].ms)
    assert stack.attrs["sensor"] == "deimos-2"
    with pytest.raises(BadSource, match="is a VHR scene, for which align means nothing"):
        dione.open(delivery.scenes[0].ms, align=True)


def test_what_a_geotiff_does_not_tell_has_to_be_given(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(BadBands, match="name the sensor"):
        vhr.open(plain)
    with pytest.raises(NotFound, match="no sensor 'x'; there are deimos-2"):
        vhr.open(plain, sensor="x")
    with pytest.raises(BadBands, match="has 3 bands, pleiades has 4"):
        vhr.open(write(tmp_path / "2024-06-01.tif", np.ones((3, 2, 2), np.uint16)), sensor="pleiades")
    undated = write(tmp_path / "scene.tif", np.ones((4, 2, 2), np.uint16))
    with pytest.raises(BadSource, match="no date in the name"):
        vhr.open(undated, sensor="pleiades")
    assert when.days(vhr.open(undated, sensor="pleiades", date="2020-02-03")) == ["2020-02-03"]


def test_a_date_that_is_given_in_a_zone_is_utc(tmp_path: Path) -> None:
    undated = write(tmp_path / "scene.tif", np.ones((4, 2, 2), np.uint16))
    told: dict[str, Any] = {"date": "2020-02-03T09:30+11:00"}
    for opened in (vhr.open(undated, sensor="pleiades", **told), geotiff.open(undated, bands=("blue", "green", "red", "nir"), **told)):
        assert str(opened["time"].values[0])[:16] == "2020-02-02T22:30"


def test_a_table_of_sensors_tells_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "sensors.toml"
    path.write_text('[sensors.a]\nbands = ["red", "green"]\npixel_m = 1\n[sensors.b]\nbands = ["pan"]\npixel_m = 1\ngain = 2\nwhat = 3\n')
    with pytest.raises(BadRecipe, match=r"(?s)sensors\.a.*need blue, green, red and nir.*sensors\.b\.what"):
        sensors.table(path)
    path.write_text('[sensors.a]\nbands = ["red", "green"]\npixel_m = 1\nesun = [1]\ngain = 2\n')
    with pytest.raises(BadRecipe, match=r"need blue, green, red and nir.*esun has 1 values for 2 bands.*a gain needs a unit"):
        sensors.table(path)
    path.write_text('[sensors.a]\nbands = ["red", "green", "blue", "nir"]\npixel_m = -1\ngain = 0.0\nunit = "radiance"\nesun = [0, 1, 1, 1]\n')
    with pytest.raises(BadRecipe, match=r"(?s)sensors\.a\.pixel_m.*sensors\.a\.gain.*sensors\.a\.esun\.0"):
        sensors.table(path)
    path.write_text("nothing = 1")
    with pytest.raises(BadRecipe, match="no \\[sensors"):
        sensors.table(path)
    with pytest.raises(NotFound):
        sensors.table(tmp_path / "absent.toml")
