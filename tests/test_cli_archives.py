"""The verbs on an archive: `info`, `fetch`, areas as they are typed."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from rasterio.warp import transform

from dione import sources, testing
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

TILE = testing.grid_at((128, 128), left=300_000, top=4_900_020)


@pytest.fixture
def stocked(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Two dates, the second half under cloud, in the place of Earth Search."""
    monkeypatch.setenv("DIONE_STAC_EARTH_SEARCH", server.url)
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    for day in (3, 8):
        scl = np.full(coarser(TILE).shape, 4, np.uint8)
        scl[:, : 32 * (day == 8)] = 9
        numbers = np.random.default_rng(day).integers(1100, 3000, (4, *TILE.shape)).astype(np.uint16)
        one = MadeProduct(numbers, TILE, scl, start=f"2024050{day}T105031", offset=-0.1, applied=False)
        server.items.append(item(one, server.hrefs(write(one, server.folder))))
    return server


def middle() -> str:
    """The tile's middle as latitude,longitude."""
    (longitude,), (latitude,) = transform("EPSG:32631", "EPSG:4326", [300_640], [4_899_380])
    return f"{latitude},{longitude}"


def test_info_tells_dates_clouds_offset_and_satellites(stocked: Loopback, run) -> None:
    code, told, fault = run("info", "stac:earth-search", "--area", middle(), "--size", "1280", "--dates", "2024-05", "--json")
    assert code == 0, fault
    facts = json.loads(told)
    assert facts["grid"]["shape"] == [128, 128] and [date["clear"] for date in facts["dates"]] == [1.0, 0.5]
    assert facts["notes"]["radiometry"] == "number × 0.0001 - 0.1 (raster:bands)" and facts["notes"]["platforms"] == "sentinel-2a"


def test_fetch_keeps_what_the_archive_holds_and_tells_how_much_came(stocked: Loopback, run, tmp_path: Path) -> None:
    words = ["fetch", "stac:earth-search", "--area", middle(), "--size", "640", "--dates", "2024-05-01/2024-05-05", "-o", tmp_path / "kept.zarr"]
    code, _, told = run(*words)
    assert code == 0 and "MB from the network" in told
    kept = sources.open(tmp_path / "kept.zarr")
    assert dict(kept.sizes) == {"time": 1, "band": 4, "y": 64, "x": 64} and list(kept.data_vars) == ["reflectance", "valid"]
    assert [str(one) for one in kept["platform"].values] == ["sentinel-2a"]


def test_a_property_that_names_areas_is_refused_where_there_is_one_area(run, tmp_path: Path) -> None:
    folder = testing.write_geotiffs(testing.series(testing.landscape((16, 16)), days=1).stack, tmp_path / "in")
    code, _, told = run("fetch", folder, "-o", tmp_path / "kept.zarr", "--name", "parcel")
    assert code == 2 and "--name" in told and "--areas" in told and not (tmp_path / "kept.zarr").exists()


def test_areas_are_fetched_on_with_another_token_in_the_address(stocked: Loopback, run, tmp_path: Path) -> None:
    latitude, longitude = map(float, middle().split(","))
    ring = [[longitude, latitude], [longitude + 0.002, latitude], [longitude, latitude + 0.002], [longitude, latitude]]
    (tmp_path / "field.geojson").write_text(
        json.dumps({"type": "Feature", "properties": {"name": "a"}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    for token, words in (("monday", "1 areas fetched, 0 were there"), ("tuesday", "0 areas fetched, 1 were there")):
        source = f"stac:{stocked.url}?token={token}#sentinel-2-l2a"
        code, out, fault = run("fetch", source, "--areas", tmp_path / "field.geojson", "--dates", "2024-05", "-o", tmp_path / "out")
        assert code == 0 and words in out, fault
    code, _, fault = run("fetch", source.replace("token", "v"), "--areas", tmp_path / "field.geojson", "--dates", "2024-05", "-o", tmp_path / "out")
    assert code == 1 and "another area, period or option" in fault


def test_clouds_are_found_where_nobody_masked_them(stocked: Loopback, run, monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("ukis_csmask"), ModuleType("ukis_csmask.mask")
    module.CSmask = lambda img, **options: SimpleNamespace(valid=np.arange(img.shape[1])[None, :, None].repeat(img.shape[0], 0) >= 16)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ukis_csmask", package)
    monkeypatch.setitem(sys.modules, "ukis_csmask.mask", module)
    for one in stocked.items:
        del one["assets"]["scl"]
    code, told, fault = run("info", "stac:earth-search", "--area", middle(), "--size", "1280", "--find-clouds", "l1c", "--json")
    assert code == 0, fault
    assert [date["clear"] for date in json.loads(told)["dates"]] == [0.75, 0.75]
    assert run("info", "stac:earth-search", "--area", middle(), "--size", "1280", "--find-clouds", "maybe")[0] == 2


def test_an_error_ends_with_one_and_no_traceback(stocked: Loopback, run) -> None:
    code, _, told = run("predict", "stac:earth-search", "--area", middle(), "--size", "640", "--dates", "2019", "-o", "out")
    assert code == 1 and told.startswith("error: no item of") and "--dates" in told and "Traceback" not in told
