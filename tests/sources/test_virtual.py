"""Virtual rasters: those that `dione predict --tiles` writes are opened, all others are refused."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from dione.base.errors import BadSource
from dione.base.windows import Window
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.tiles import Tiles
from dione.sources.rasters import virtual
from dione.sources.rasters.gdal import raster
from dione.testing import grid_at


@pytest.fixture
def vrt(tmp_path: Path) -> Path:
    """Two tiles side by side."""
    made = Tiles(Canvas(tmp_path / "out", "2018-08-15_sr", grid=grid_at((256, 500), pixel=2.5), block=256), side=256)
    made.whole.out.mkdir()
    for window in made.windows():
        made.paint(window, np.full((4, *window.shape), 0.1, np.float32), valid=np.ones(window.shape, bool))
    return made.finish()


def test_ours_is_opened_and_tells_its_files(vrt: Path) -> None:
    with raster(str(vrt)) as file:
        assert file.driver == "VRT" and (file.read() == 1000).all()
    assert {(one.path.name, one.window) for one in virtual.laid(vrt)} == {
        ("2018-08-15_r00c00_sr.tif", Window(0, 0, 256, 256)),
        ("2018-08-15_r00c01_sr.tif", Window(0, 256, 256, 500)),
    }


TILE = "2018-08-15/2018-08-15_r00c01_sr.tif"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (TILE, "/etc/hostname", "it names '/etc/hostname'"),
        (TILE, "../secret.tif", "it names '../secret.tif'"),
        (TILE, "2018-08-15/../../secret.tif", "it names"),
        (TILE, "/vsicurl/http://127.0.0.1/x.tif", "it names"),
        (TILE, "http://127.0.0.1/x.tif", "it names"),
        (TILE, "GTIFF_DIR:1:2018-08-15/x.tif", "it names"),
        ('relativeToVRT="1"', 'relativeToVRT="0"', "it names"),
        ('relativeToVRT="1"', 'relativeToVRT="1" shared="0"', "it holds SourceFilename"),
        ("SimpleSource", "ComplexSource", "it holds ComplexSource"),
        ("<SourceBand>", "<OpenOptions><OOI>x</OOI></OpenOptions><SourceBand>", "it holds OOI, OpenOptions"),
        ('VRTRasterBand dataType="UInt16"', 'VRTRasterBand subClass="VRTDerivedRasterBand" dataType="UInt16"', "it holds VRTRasterBand"),
        ("<UnitType>", "<PixelFunctionCode>import os</PixelFunctionCode><UnitType>", "it holds PixelFunctionCode"),
        ("<SRS>EPSG:32631", "<SRS>http://127.0.0.1/crs", "its CRS is neither"),
        ('xOff="256"', 'xOff="nan"', "no whole number of pixels"),
        ("<VRTDataset", "<VRTDataset><!DOCTYPE a>", "is no XML|refused"),
        ("</VRTDataset>", "", "is no XML"),
    ],
)
def test_what_could_do_harm_is_refused_before_gdal_sees_it(vrt: Path, old: str, new: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasterio, "open", lambda *_, **__: pytest.fail("GDAL opened it"))
    text = vrt.read_text()
    assert old in text
    vrt.write_text(text.replace(old, new))
    with pytest.raises(BadSource, match=why), raster(str(vrt)):
        pass


def test_a_tile_that_is_no_geotiff_or_lies_elsewhere_is_refused(vrt: Path, tmp_path: Path) -> None:
    tile = vrt.parent / TILE
    elsewhere = tile.rename(tmp_path / "elsewhere.tif")
    tile.symlink_to(elsewhere)
    with pytest.raises(BadSource, match="leads out of its folder"), raster(str(vrt)):
        pass
    tile.unlink()
    tile.write_text("<VRTDataset/>")
    with pytest.raises(BadSource, match="is no GeoTIFF"), raster(str(vrt)):
        pass
    tile.unlink()
    with pytest.raises(BadSource, match="which is not there\ncopy the whole folder"), raster(str(vrt)):
        pass


def test_a_virtual_raster_that_is_called_otherwise_is_refused(vrt: Path) -> None:
    with pytest.raises(BadSource, match="neither GeoTIFF nor JPEG 2000"), raster(str(vrt.rename(vrt.with_suffix(".tif")))):
        pass
