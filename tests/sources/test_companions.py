"""What GDAL would read in a raster's stead: a GeoTIFF of the same folder, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from dione.base.errors import BadSource
from dione.sources.places import system
from dione.sources.rasters.gdal import Store, raster
from dione.testing import grid_at
from dione.testing.rasters import write

VRT = """<VRTDataset rasterXSize="32" rasterYSize="32"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename>{}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
PAM = """<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{}</MDI></Metadata></PAMDataset>"""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return write(tmp_path / "elsewhere" / "secret.tif", np.full((1, 32, 32), 7777, np.uint16), grid_at((32, 32)))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write(tmp_path / "scene.tif", np.full((1, 64, 64), 1000, np.uint16), grid_at((64, 64)))


@pytest.mark.parametrize(("name", "text"), [("scene.tif.ovr", VRT), ("scene.tif.OVR", VRT), ("scene.tif.msk", VRT), ("scene.tif.aux.xml", PAM)])
def test_a_companion_that_leads_elsewhere_is_refused(scene: Path, secret: Path, name: str, text: str) -> None:
    scene.with_name(name).write_text(text.format(secret))
    with pytest.raises(BadSource, match=r"scene\.tif (has|names)"), raster(str(scene)) as file:
        file.read(1, out_shape=(16, 16))


def test_a_companion_that_is_a_link_to_elsewhere_is_refused(scene: Path, secret: Path) -> None:
    scene.with_name("scene.tif.ovr").symlink_to(secret)
    with pytest.raises(BadSource, match=r"scene\.tif\.ovr beside it"), raster(str(scene)):
        pass


def test_a_raster_that_names_another_as_its_coarser_levels_is_refused(scene: Path, secret: Path) -> None:
    with rasterio.open(scene, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    assert not scene.with_name("scene.tif.aux.xml").exists()
    with pytest.raises(BadSource, match=r"names another file as its coarser levels: .*secret\.tif"), raster(str(scene)) as file:
        file.read(1, out_shape=(16, 16))


def test_levels_of_its_own_beside_a_raster_are_read_also_where_it_is_a_link(scene: Path, tmp_path: Path) -> None:
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(scene, "r+") as file:
        file.build_overviews([2])
    (tmp_path / "links").mkdir()
    links = [tmp_path / "links" / name for name in ("scene.tif", "scene.tif.ovr")]
    for link in links:
        link.symlink_to(tmp_path / link.name)
    for path in (scene, links[0]):
        with raster(str(path)) as file:
            assert file.overviews(1) == [2] and (file.read(1, out_shape=(32, 32)) == 1000).all()


def test_levels_that_were_made_beside_a_link_to_a_raster_are_its_own(scene: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "scene.tif"
    link.symlink_to(scene)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(link, "r+") as file:
        file.build_overviews([2])
    assert not scene.with_name("scene.tif.ovr").exists()
    with raster(str(link)) as file:
        assert file.overviews(1) == [2]


def test_a_store_has_no_companion_that_is_no_geotiff(scene: Path, secret: Path) -> None:
    scene.with_name("scene.tif.ovr").write_text(VRT.format(secret))
    store = Store(system("memory://")[0])
    with store._fs.open("/scene.tif.msk", "wb") as file:
        file.write(scene.read_bytes())
    with store._fs.open("/scene.tif.ovr", "wb") as file:
        file.write(scene.with_name("scene.tif.ovr").read_bytes())
    with store.open("/scene.tif.msk", "rb") as file:
        assert file.read() == scene.read_bytes()
    with pytest.raises(FileNotFoundError):
        store.open("/scene.tif.ovr", "rb")
