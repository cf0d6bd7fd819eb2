"""STAC items: valid, on the right spot, the same each time."""

import json
from dataclasses import replace

import numpy as np
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from pystac.validation import JsonSchemaSTACValidator

from dione.prediction.files import item
from dione.testing import grid_at


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_run):
    return make_run(tmp_path_factory.mktemp("out"), shape=(13, 17))


def written(out, run):
    return json.loads(item.write(out, run, run.targets[0])[0].read_text())


def test_the_item_is_valid_stac(tmp_path, run):
    made = written(tmp_path, run)
    core = {**made, "stac_extensions": []}  # the core's schemas come with pystac, the extensions' would be fetched
    assert JsonSchemaSTACValidator().validate(core, pystac.STACObjectType.ITEM, made["stac_version"], []) is not None
    assert pystac.Item.from_dict(made).id == "2024-05-21"


def test_the_item_says_where_the_file_lies(tmp_path, run):
    made = written(tmp_path, run)
    with rasterio.open(run.targets[0].sr) as file:
        assert made["properties"]["proj:shape"] == list(file.shape)
        assert made["properties"]["proj:transform"] == list(file.transform)[:6]
        assert made["properties"]["proj:code"] == str(file.crs) == "EPSG:32631"
    west, south, east, north = made["bbox"]
    assert 1.20 < west < east < 1.21 and 43.62 < south < north < 43.63
    assert made["properties"]["gsd"] == 2.5 and made["properties"]["datetime"] == "2024-05-21T10:30:00Z"


def test_assets_are_relative_and_carry_bands_scale_and_provenance(tmp_path, run):
    made = written(tmp_path, run)
    assert {key: asset["href"] for key, asset in made["assets"].items()} == {kind: f"./2024-05-21_{kind}.tif" for kind in ("sr", "sigma", "support")}
    for asset in (made["assets"][kind] for kind in ("sr", "sigma")):
        assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
        assert [band["name"] for band in asset["bands"]] == ["blue", "green", "red", "nir"]
        assert all((band["raster:scale"], band["raster:offset"], band["nodata"]) == (1e-4, 0, 0) for band in asset["bands"])
    properties = made["properties"]
    assert properties["dione:model"]["sha256"] == "0" * 64
    assert properties["dione:supports"] == ["2024-05-16", "2024-05-11", "2024-05-06", "2024-05-01"]
    assert properties["dione:sources"]["target"] == ["2024-05-21.tif"]


def test_the_same_run_gives_the_same_bytes(tmp_path, run):
    (tmp_path / "b").mkdir()
    a, b = (item.write(folder, run, run.targets[0])[0].read_bytes() for folder in (tmp_path, tmp_path / "b"))
    assert a == b


def test_without_a_crs_there_is_no_place(tmp_path, run):
    made = written(tmp_path, replace(run, coarse=GeoBox(run.coarse.shape, run.coarse.affine, None)))
    assert made["geometry"] is None and "bbox" not in made and made["properties"]["proj:code"] is None and "gsd" not in made["properties"]
    assert JsonSchemaSTACValidator().validate({**made, "stac_extensions": []}, pystac.STACObjectType.ITEM, made["stac_version"], []) is not None


def test_a_scene_across_the_antimeridian_is_split():
    shape, box = item.footprint(grid_at((1000, 1000), crs="EPSG:32760", left=815_000, top=8_100_000))
    assert shape["type"] == "MultiPolygon"
    longitudes = [point[0] for polygon in shape["coordinates"] for point in polygon[0]]
    assert min(longitudes) >= -180 and max(longitudes) <= 180
    assert box[0] > 179 and box[2] < -179


def test_the_outline_follows_curved_sides_counter_clockwise():
    shape, _ = item.footprint(grid_at((10980, 10980), left=300_000, top=8_000_040, crs="EPSG:32633"))
    ring = np.array(shape["coordinates"][0])
    assert len(ring) > 40
    x, y = ring.T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0


def test_paths_of_the_machine_stay_out(tmp_path, run):
    target = run.targets[0]
    dates = tuple(replace(use, item=f"/home/someone/private/{use.item}") for use in target.choice.dates)
    text = json.dumps(written(tmp_path, replace(run, targets=(replace(target, choice=replace(target.choice, dates=dates)),))))
    assert "someone" not in text and "2024-05-21.tif" in text


def test_the_measured_date_has_a_grid_of_its_own(tmp_path, run):
    target = replace(run.targets[0], input=run.targets[0].sr)
    asset = written(tmp_path, replace(run, targets=(target,)))["assets"]["input"]
    assert asset["gsd"] == 10 and asset["proj:shape"] == [*run.coarse.shape] and asset["proj:transform"] == [*run.coarse.affine][:6]


@pytest.mark.parametrize(("left", "west"), [(190, -170), (359.999, -0.001), (-190, 170), (540, -180)])
def test_longitudes_that_run_round_the_earth_are_brought_back(left, west):
    shape, box = item.footprint(grid_at((100, 100), crs="EPSG:4326", left=left, top=10, pixel=1e-6))
    assert shape["type"] == "Polygon" and box[0] == pytest.approx(west, abs=1e-6) and -180 <= box[0] < box[2] <= 180


def test_a_grid_that_lies_nowhere_on_earth_has_no_place():
    assert item.footprint(grid_at((100, 100), left=5e7, top=5e7)) == (None, None)
