"""Deimos-2 deliveries: what was planted is found, and every way in which they come damaged is told."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dione.base.errors import BadBands, BadSource, NotFound
from dione.sources import vhr
from dione.sources.delivered import dimap
from dione.sources.delivered.sensors import SENSORS
from dione.testing.delivery import ESUN, Delivered


@pytest.fixture
def dim(copied: Path) -> Path:
    """One multispectral scene, to spoil."""
    return next(copied.rglob("DE2_MS4*M000.dim"))


def spoil(dim: Path, pattern: str, by: str, count: int = 1) -> Path:
    text, found = re.subn(pattern, by, dim.read_text(), count=count, flags=re.DOTALL)
    assert found
    dim.write_text(text)
    return dim


def test_gain_bias_and_every_other_planted_fact_are_found(delivery: Delivered) -> None:
    for planted in delivery.scenes:
        product = dimap.read(planted.ms)
        assert product.names == ("blue", "green", "red", "nir")
        assert [band.index for band in product.bands] == [4, 3, 2, 1]
        np.testing.assert_allclose(product.gain, planted.gain, rtol=1e-12)
        np.testing.assert_allclose(product.bias, planted.bias, rtol=1e-12)
        assert tuple(band.esun for band in product.bands) == ESUN
        assert (product.kind, product.sensor, product.level, product.nodata) == ("ms", "deimos-2", "L1C", 0)
        assert (product.time, product.sun_elevation, product.sun_azimuth) == (planted.time, planted.sun_elevation, 145.2)
        assert (product.view_angle, product.view_azimuth) == (7.9, 101.25)
        assert len(product.footprint) == 4


def test_the_gain_that_is_read_is_the_gain_of_the_pixels(delivery: Delivered) -> None:
    """Regression of true radiance on digital numbers, to 1 %."""
    for planted in delivery.scenes:
        product = dimap.read(planted.ms)
        with rasterio.open(planted.ms.with_suffix(".tif")) as file:
            numbers = file.read([band.index for band in product.bands])
        assert product.white is not None
        for band, white, seen, true in zip(product.bands, product.white, numbers, planted.reflectance, strict=True):
            gain, bias = np.polyfit(seen[planted.seen].astype(float), true[planted.seen] * white, 1)
            assert band.gain == pytest.approx(gain, rel=0.01)
            assert band.bias == pytest.approx(bias, abs=0.1)


def test_delivered_statistics_belong_to_their_band(delivery: Delivered) -> None:
    planted = delivery.scenes[0]
    with rasterio.open(planted.ms.with_suffix(".tif")) as file:
        for band in dimap.read(planted.ms).bands:
            numbers = file.read(band.index)[planted.seen]
            assert (band.lowest, band.highest) == (numbers.min(), numbers.max())
            assert (band.mean, band.deviation) == pytest.approx((numbers.mean(), numbers.std()))


def test_pan_is_kept_apart(delivery: Delivered) -> None:
    product = dimap.read(delivery.scenes[0].pan)
    assert (product.kind, product.names) == ("pan", ("pan",))
    assert product.gain[0] == delivery.scenes[0].pan_gain


def test_bands_without_names_stand_in_the_order_of_the_sensor(dim: Path) -> None:
    spoil(dim, "<BAND_DESCRIPTION>.*?</BAND_DESCRIPTION>", "<BAND_DESCRIPTION>Band</BAND_DESCRIPTION>", count=4)
    assert [band.index for band in dimap.read(dim).bands] == [4, 3, 2, 1]


def test_a_named_band_is_believed_over_the_order_of_the_sensor(dim: Path) -> None:
    text = dim.read_text().replace(">NIR<", ">X<").replace(">Blue<", ">NIR<").replace(">X<", ">Blue<")
    dim.write_text(text)
    assert [band.index for band in dimap.read(dim).bands] == [1, 3, 2, 4]


def test_an_unknown_order_of_bands_is_refused_not_guessed(dim: Path) -> None:
    spoil(dim, "<BAND_DESCRIPTION>.*?</BAND_DESCRIPTION>", "<BAND_DESCRIPTION>Band</BAND_DESCRIPTION>", count=4)
    spoil(dim, "Deimos-2", "Nobody-1")
    with pytest.raises(BadBands, match=r"4 bands in an unknown order.*'Band'.*mission 'Nobody-1'"):
        dimap.read(dim)
    with pytest.raises(BadBands, match=r"missions = \['NOBODY-1'\].*--sensors"):
        dimap.read(dim)
    ours = {**SENSORS, "nobody": SENSORS["deimos-2"].model_copy(update={"missions": ("NOBODY-1",)})}
    assert [band.index for band in dimap.read(dim, sensors=ours).bands] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("pattern", "by", "says"),
    [
        ("<PHYSICAL_GAIN>.*?</PHYSICAL_GAIN>", "", "no PHYSICAL_GAIN in Spectral_Band_Info of band 1"),
        ("<PHYSICAL_GAIN>.*?</PHYSICAL_GAIN>", "<PHYSICAL_GAIN>N/A</PHYSICAL_GAIN>", "no PHYSICAL_GAIN"),
        ("<PHYSICAL_GAIN>.*?</PHYSICAL_GAIN>", "<PHYSICAL_GAIN>0</PHYSICAL_GAIN>", "needs to be above 0"),
        ("<PHYSICAL_BIAS>.*?</PHYSICAL_BIAS>", "<PHYSICAL_BIAS>nan</PHYSICAL_BIAS>", "PHYSICAL_BIAS.* is 'nan', needs a number"),
        ("W/m.2/sr/um", "mW/cm^2/sr/um", "is 'mW/cm"),
        ("<NROWS>60<", "<NROWS>61<", "NROWS is 61, the raster has 60"),
        ("<NCOLS>75<", "<NCOLS>7<", "NCOLS is 7, the raster has 75"),
        ("<NBANDS>4<", "<NBANDS>3<", "NBANDS is 3, the raster has 4"),
        ("EPSG:32631", "EPSG:32632", "the CRS is 32632, the raster's 32631"),
        ("EPSG:32631", "EPSG:1", "CRS 'EPSG:1' is not known"),
        ("<XDIM>4.0<", "<XDIM>2.0<", "XDIM is 2, the raster's pixels are 4 wide"),
        ("<FRAME_LON>1.2", "<FRAME_LON>7.2", "outside of the raster"),
        ("<START_TIME>.*?</START_TIME>", "<START_TIME>yesterday</START_TIME>", "START_TIME is 'yesterday'"),
        ("<SUN_ELEVATION>.*?<", "<SUN_ELEVATION>-3<", "SUN_ELEVATION is -3"),
        ("<ESUN>.*?<", "<ESUN>0<", "ESUN of band 1 is 0"),
        (r"<BAND_INDEX>2</BAND_INDEX>", "<BAND_INDEX>1</BAND_INDEX>", r"BAND_INDEX are \[1, 1, 3, 4\]"),
        ("href=", "name=", "no Data_File with an href"),
    ],
)
def test_what_is_missing_or_disagrees_with_the_raster_is_told(dim: Path, pattern: str, by: str, says: str) -> None:
    with pytest.raises(BadSource, match=says):
        dimap.read(spoil(dim, pattern, by))


def test_every_fault_is_told_at_once(dim: Path) -> None:
    spoil(dim, "<PHYSICAL_GAIN>.*?</PHYSICAL_GAIN>", "")
    spoil(dim, "<NROWS>60<", "<NROWS>61<")
    with pytest.raises(BadSource, match=r"(?s)no PHYSICAL_GAIN.*NROWS is 61"):
        dimap.read(dim)


@pytest.mark.parametrize("href", ["../outside.tif", "/etc/passwd", "a/../../outside.tif", "file:///etc/passwd", r"..\outside.tif", "link.tif"])
def test_a_raster_outside_of_the_folder_is_refused(dim: Path, href: str) -> None:
    outside = dim.parent.parent / "outside.tif"
    dim.with_suffix(".tif").rename(outside)
    (dim.parent / "link.tif").symlink_to(outside)
    spoil(dim, 'href=".*?"', f'href="{href}"'.replace("\\", r"\\"))
    with pytest.raises(BadSource, match="leaves the scene's folder"):
        dimap.read(dim)


def test_a_raster_that_would_read_other_files_is_refused(dim: Path) -> None:
    dim.with_suffix(".tif").write_text('<VRTDataset rasterXSize="75" rasterYSize="60"><VRTRasterBand dataType="UInt16" band="1"/></VRTDataset>')
    with pytest.raises(BadSource, match="which is no TIFF"):
        dimap.read(dim)


def test_a_raster_that_is_not_there_or_damaged_is_named(dim: Path) -> None:
    raster = dim.with_suffix(".tif")
    raster.write_bytes(raster.read_bytes()[:2000])
    with pytest.raises(BadSource, match=raster.name):
        dimap.read(dim)
    raster.unlink()
    with pytest.raises(BadSource, match="which is not there"):
        dimap.read(dim)


def test_the_raster_may_be_named_on_data_file_itself(dim: Path) -> None:
    spoil(dim, r'<Data_File>\s*<DATA_FILE_PATH href="(.*?)" />\s*</Data_File>', r'<Data_File href="\1" />')
    assert dimap.read(dim).raster == str(dim.with_suffix(".tif"))


def test_gdal_opens_the_made_up_delivery_as_dimap(delivery: Delivered) -> None:
    with rasterio.open(delivery.scenes[0].ms) as file:
        assert (file.driver, file.count) == ("DIMAP", 4)
        np.testing.assert_array_equal(file.read(1), rasterio.open(delivery.scenes[0].ms.with_suffix(".tif")).read(1))


def test_the_sun_s_distance_follows_from_the_time_where_it_is_not_told(dim: Path) -> None:
    told = dimap.read(dim)
    spoil(dim, "<EARTH_SUN_DISTANCE>.*?</EARTH_SUN_DISTANCE>", "")
    untold = dimap.read(dim)
    assert untold.earth_sun_distance_au is None and told.earth_sun_distance_au
    np.testing.assert_allclose(untold.white, told.white)


def test_other_xml_and_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dim").write_text("<Other/>")
    with pytest.raises(BadSource, match="root is 'Other'"):
        dimap.read(tmp_path / "a.dim")
    with pytest.raises(NotFound):
        dimap.read(tmp_path / "b.dim")


def test_a_scene_without_esun_cannot_become_reflectance(delivery: Delivered) -> None:
    product = dimap.read(delivery.scenes[0].ms)
    blind = replace(product, bands=tuple(replace(band, esun=None) for band in product.bands), sun_elevation=None)
    with pytest.raises(BadSource, match=r"(?s)band blue has no ESUN.*no sun elevation"):
        vhr.open(blind)


def test_a_gain_or_bias_that_no_radiance_has_is_refused(dim: Path) -> None:
    with pytest.raises(BadSource, match=r"PHYSICAL_BIAS of band \d is 1e\+308: no radiance is as large"):
        dimap.read(spoil(dim, r"(<PHYSICAL_BIAS>)[^<]*", r"\g<1>1e+308"))
