"""Reflectance as if seen from straight above."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from dione import sources, testing
from dione.base.errors import BadSource, DioneError
from dione.base.windows import Window
from dione.sources.sentinel import nbar
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

TILE = testing.grid_at((256, 256), left=300_000, top=4_900_020)
AREA = transform_bounds("EPSG:32631", "EPSG:4326", *TILE[60:188, 60:188].boundingbox.bbox)
XML = "<tile><HORIZONTAL_CS_CODE>EPSG:32631</HORIZONTAL_CS_CODE></tile>"


def plane(x: np.ndarray, y: np.ndarray, band: int) -> np.ndarray:
    """A factor that rises evenly over the tile, another for each band."""
    return 1 + 0.01 * band + (x - 300_000) * 1e-6 - (y - 4_900_020) * 2e-6


@pytest.fixture
def sen2nbar(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name whose factors are the plane, every 5 km, with a hole far away."""

    def c_factor_from_metadata(metadata: str) -> xr.DataArray:
        x, y = 297_500 + 5000 * np.arange(23), 4_902_520 - 5000 * np.arange(23)
        values = np.stack([plane(*np.meshgrid(x, y), band) for band in range(5)])
        values[:, 15:, 15:] = np.nan
        return xr.DataArray(values, dims=("band", "y", "x"), coords={"band": ["B02", "B03", "B04", "B08", "B12"], "x": x, "y": y})

    package, module = ModuleType("sen2nbar"), ModuleType("sen2nbar.c_factor")
    module.c_factor_from_metadata = c_factor_from_metadata  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sen2nbar", package)
    monkeypatch.setitem(sys.modules, "sen2nbar.c_factor", module)


def publish(server: Loopback, xml: str | None = XML) -> None:
    numbers = np.random.default_rng(1).integers(1100, 5000, (4, *TILE.shape)).astype(np.uint16)
    one = MadeProduct(numbers, TILE, np.full(coarser(TILE).shape, 4, np.uint8), offset=-0.1, applied=False)
    made = item(one, server.hrefs(write(one, server.folder)))
    if xml is not None:
        (server.folder / "MTD_TL.xml").write_text(xml)
        made["assets"]["granule_metadata"] = {"href": f"{server.url}/files/MTD_TL.xml", "type": "application/xml"}
    server.items.append(made)


def test_reflectance_is_multiplied_by_what_the_angles_of_each_product_give(server: Loopback, sen2nbar: None) -> None:
    publish(server)
    source = f"stac:{server.url}#sentinel-2-l2a"
    plain, level = sources.open(source, area=AREA), sources.open(source, area=AREA, nbar=True)
    x, y = np.meshgrid(plain["x"].values, plain["y"].values)
    for band in range(4):
        np.testing.assert_allclose(level["reflectance"][0, band], plain["reflectance"][0, band] * plane(x, y, band), rtol=1e-5)
    assert "Roy" in level.attrs["view"] and level.attrs["identity"] != plain.attrs["identity"]
    server.forget()
    sources.open(source, area=AREA, nbar=True).load()
    assert server.requests == []


def test_any_window_has_the_factors_of_the_whole_and_holes_those_beside_them() -> None:
    values = np.random.default_rng(1).uniform(0.9, 1.1, (4, 23, 23)).astype(np.float32)
    factors = nbar.Factors(values, GeoBox((23, 23), Affine(5000, 0, 300_000, 0, -5000, 4_900_020), "EPSG:32631"))
    whole = factors.on(TILE, Window(0, 0, 256, 256))
    np.testing.assert_array_equal(factors.on(TILE, Window(30, 40, 90, 100)), whole[:, 30:90, 40:100])
    holed = values.copy()
    holed[:, 5:, 7:] = np.nan
    filled = nbar._filled(holed)
    assert np.isfinite(filled).all() and np.isin(filled[0, 5:, 7:], values[0]).all()
    np.testing.assert_array_equal(filled[:, :5], values[:, :5])


def test_what_it_needs_and_does_not_find_is_told(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(server, None)
    with pytest.raises(BadSource, match="names no metadata of its granule"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, nbar=True)
    server.items.clear()
    publish(server)
    monkeypatch.setitem(sys.modules, "sen2nbar.c_factor", None)
    with pytest.raises(DioneError, match=r"dione\[nbar\]"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, nbar=True)


def test_real_angles_give_factors_near_one_and_l1c_has_none(shared_data: Path) -> None:
    pytest.importorskip("sen2nbar.c_factor")
    for xml in sorted((shared_data / "safe-metadata").glob("*/GRANULE/*/MTD_TL.xml")):
        if "L1C" in str(xml):
            with pytest.raises(BadSource, match="angles of an L2A product"):
                nbar.of_granule(xml)
            continue
        factors = nbar.of_granule(xml)
        assert factors.values.shape == (4, 23, 23) and 0.9 < factors.values.min() < factors.values.max() < 1.1
        corner = [float(re.search(rf"<{name}>(-?\d+)<", xml.read_text())[1]) for name in ("ULX", "ULY")]
        assert [factors.grid.affine.c, factors.grid.affine.f] == corner and factors.grid.affine.a == 5000
