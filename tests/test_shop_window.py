"""The names that `dione` shows: three lines from a place to a picture, and every example in their words runs."""

import doctest
import importlib
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from pyproj import CRS
from rasterio.warp import transform
from shapely.geometry import box, mapping

import dione
from dione import testing
from dione.analysis.parcels import Parcels
from dione.base import when
from dione.base.errors import BadRecipe
from dione.testing.archive import MadeProduct, coarser, item, write

TILE = testing.grid_at((128, 128), left=300_000, top=4_900_020)
SHOWN = [*(f"{where}:{name}" for name, where in dione._WHERE.items()), "dione.accessor:Accessor"]


@pytest.fixture
def archive(server, monkeypatch):
    """Two dates in the place of Earth Search; the middle of their tile as latitude and longitude."""
    monkeypatch.setenv("DIONE_STAC_EARTH_SEARCH", server.url)
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    made = testing.series(testing.landscape((128, 128), seed=1), days=2, grid=TILE, seed=1).stack
    for day, reflectance in zip((3, 8), made["reflectance"].values, strict=True):
        numbers = np.clip(reflectance * 1e4 + 1000, 1, 65535).astype(np.uint16)
        one = MadeProduct(numbers, TILE, np.full(coarser(TILE).shape, 4, np.uint8), start=f"2024050{day}T105031", offset=-0.1, applied=False)
        server.items.append(item(one, server.hrefs(write(one, server.folder))))
    (longitude,), (latitude,) = transform("EPSG:32631", "EPSG:4326", [300_640], [4_899_380])
    return latitude, longitude


def test_three_lines_from_a_place_to_a_picture(archive, tmp_path):
    stack = dione.open("stac:earth-search", area=archive, size_m=640, dates="2024-05/2024-08")
    sharp = dione.predict(stack)
    files = sharp.dione.save(tmp_path / "out")
    assert dict(sharp.sizes) == {"time": 1, "band": 4, "y": 256, "x": 256}
    assert {"2024-05-08_sr.tif", "2024-05-08_sigma.tif"} <= {file.name for file in files}
    assert "2 dates, 64×64 px of 10 m" in stack.dione.summary()


def test_an_area_can_be_a_geometry_of_shapely_and_cuts_files_too(tmp_path):
    made = testing.series(testing.landscape((40, 40)), days=3).stack
    folder = testing.write_geotiffs(made, tmp_path)
    (west, east), (south, north) = transform("EPSG:32631", "EPSG:4326", [355_100, 355_200], [4_831_800, 4_831_900])
    cut = dione.open(folder, area=box(west, south, east, north), dates="2024-05-06/2024-05-11")
    assert when.days(cut) == ["2024-05-06", "2024-05-11"] and 10 <= cut.sizes["x"] <= 12
    with pytest.raises(BadRecipe, match="side of a square"):
        dione.open(folder, area=(43.6, 1.2))


def test_an_area_that_names_its_crs_is_placed_by_it(tmp_path):
    made = testing.series(testing.landscape((40, 40)), days=1).stack
    folder = testing.write_geotiffs(made, tmp_path)
    square = box(355_100, 4_831_800, 355_200, 4_831_900)
    parcel = Parcels((square,), {"sown": np.array(["2024-03-01"], "datetime64[D]")}, "EPSG:32631")
    old = mapping(square) | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}}
    for area in (parcel, SimpleNamespace(__geo_interface__=parcel.__geo_interface__, crs=CRS("EPSG:32631")), old):
        cut = dione.open(folder, area=area)
        assert 10 <= cut.sizes["x"] <= 12 and abs(float(cut["x"].mean()) - 355_150) <= 10


@pytest.mark.parametrize("shown", SHOWN)
def test_every_public_name_has_words_whose_example_runs(shown):
    """Of a class, its methods too."""
    where, name = shown.split(":")
    found = getattr(importlib.import_module(where), name)
    parts = [part for part in doctest.DocTestFinder(recurse=True).find(found, name) if part.examples]
    assert found.__doc__ and parts, f"{name} shows no example"
    for part in parts:
        said: list[str] = []
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(part, out=said.append).failed == 0, "".join(said)
    if isinstance(found, type):
        public = {f"{name}.{method}" for method, value in vars(found).items() if not method.startswith("_") and callable(value)}
        assert public <= {part.name for part in parts} | {f"{name}.{field}" for field in getattr(found, "model_fields", {})}


def test_the_first_use_offers_dione_on_every_dataset_without_torch():
    said = "import sys, dione, xarray; dione.open; assert hasattr(xarray.Dataset, 'dione'); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", said], check=True)


def test_names_that_are_not_there_are_told():
    with pytest.raises(AttributeError, match="predict"):
        getattr(dione, "sharpen")  # noqa: B009 - an attribute that mypy knows is not there
    assert {"open", "predict"} <= set(dir(dione))
