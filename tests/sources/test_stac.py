"""A STAC catalogue on this machine: what is searched, read and kept, and whether it is what the files hold."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.warp import transform_bounds

from dione import sources, testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadGrid, BadSource, BadValues
from dione.base.masks import valid_from_scl
from dione.prepare import fingerprint
from dione.prepare.area import crop
from dione.sources.remote import shelf
from dione.testing import archive
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback
from dione.testing.safe import write_safe

TILE = testing.grid_at((1200, 1200), left=300_000, top=4_900_020)
PART = (slice(300, 556), slice(40, 296))


def degrees(grid: GeoBox) -> tuple[float, float, float, float]:
    west, south, east, north = transform_bounds(str(grid.crs), "EPSG:4326", *grid.boundingbox.bbox)
    return west, south, east, north


AREA = degrees(TILE[PART])


def product(seed: int = 0, grid: GeoBox = TILE, **parts: object) -> MadeProduct:
    """Land as numbers with an offset of 1000, some of it under cloud."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(1100, 5000, (4, *grid.shape)).astype(np.uint16)
    scl = rng.choice(np.array([4, 5, 9], np.uint8), coarser(grid).shape)
    return MadeProduct(numbers, grid, scl, offset=-0.1, applied=False).changed(**parts)


def publish(server: Loopback, *products: MadeProduct, collection: str = "sentinel-2-l2a") -> list[dict[str, Path]]:
    files = [write(one, server.folder) for one in products]
    server.items += [item(one, server.hrefs(paths), collection) for one, paths in zip(products, files, strict=True)]
    return files


def cut(numbers: NDArray[np.generic], grid: GeoBox, made: GeoBox) -> NDArray[np.generic]:
    """The numbers of `grid` that lie on `made`."""
    top, left = round((grid.affine.f - made.affine.f) / 10), round((made.affine.c - grid.affine.c) / 10)
    return numbers[..., top : top + made.shape[0], left : left + made.shape[1]]


def test_pixels_are_those_of_the_files(server: Loopback) -> None:
    days = [product(day, start=f"2024050{day}T105031") for day in (3, 5, 8)]
    publish(server, *days)
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, dates=("2024-05", "2024-05"))
    grid = stacks.grid_of(stack)
    assert when.days(stack) == ["2024-05-03", "2024-05-05", "2024-05-08"] and grid.crs == "EPSG:32631"
    assert [str(one) for one in stack["platform"].values] == ["sentinel-2a"] * 3
    for at, one in enumerate(days):
        numbers = cut(one.numbers, TILE, grid).astype(np.float32)
        np.testing.assert_array_equal(stack["reflectance"][at], numbers * np.float32(1e-4) + np.float32(-0.1))
        np.testing.assert_array_equal(stack["valid"][at], valid_from_scl(cut(one.scl.repeat(2, 0).repeat(2, 1), TILE, grid)))
        np.testing.assert_array_equal(stack["clear"][at], stack["valid"][at])


@pytest.mark.parametrize("side", [512, 1024])
def test_few_bytes_more_are_read_than_the_windows_need_and_none_twice(server: Loopback, side: int) -> None:
    one = product(1, start="20240503T105031")
    files = [write(one, server.folder, block=side)]
    server.items.append(item(one, server.hrefs(files[0])))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    grid = stacks.grid_of(stack)
    stack.load()
    needed = 0
    for path in files[0].values():
        with rasterio.open(path) as file:
            rows, columns = rasterio.windows.from_bounds(*grid.boundingbox.bbox, transform=file.transform).toranges()
            assert file.block_shapes[0][0] == side
            tiles = {(int(row) // side, int(column) // side) for row in (rows[0], rows[1] - 1) for column in (columns[0], columns[1] - 1)}
            needed += sum(file.block_size(1, row, column) for row, column in tiles)
    assert needed < server.sent <= 1.3 * needed
    server.forget()
    again = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    again.load()
    assert server.sent == 0 and server.requests == []
    np.testing.assert_array_equal(again["reflectance"], stack["reflectance"])


def test_files_that_an_address_names_after_its_question_mark_are_not_taken_for_each_other(server: Loopback) -> None:
    one = product(3)
    publish(server, one)
    for asset in server.items[0]["assets"].values():
        asset["href"] = asset["href"].replace("/files/", "/get?file=")
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    numbers = cut(one.numbers, TILE, stacks.grid_of(stack)).astype(np.float32)
    np.testing.assert_array_equal(stack["reflectance"][0], numbers * np.float32(1e-4) - np.float32(0.1))


def test_many_readers_at_a_time_fetch_each_tile_once(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(server, product(1))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=degrees(TILE[100:1100, 100:1100]))
    stack.load()
    alone = server.sent
    for cache in ("", "off"):
        monkeypatch.setenv("DIONE_CACHE", cache or str(server.folder.parent / "other"))
        server.forget()
        again = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=degrees(TILE[100:1100, 100:1100]))
        np.testing.assert_array_equal(again.chunk({"band": 4, "y": 200, "x": 200})["reflectance"].compute(), stack["reflectance"])
        assert server.sent <= 1.01 * alone


def test_a_prediction_from_the_catalogue_is_that_from_the_files(server: Loopback, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_STAC_EARTH_SEARCH", server.url)
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    for day in (3, 5):
        one = product(day, start=f"2024050{day}T105031")
        for band, path in publish(server, one)[0].items():
            name = archive.BANDS.get(band, "SCL")
            (tmp_path / "series").mkdir(exist_ok=True)
            (tmp_path / "series" / f"2024-05-0{day}T105031_{name}.tif").write_bytes(path.read_bytes())
    (tmp_path / "field.geojson").write_text(json.dumps(dict(rasterio.warp.transform_geom("EPSG:32631", "EPSG:4326", TILE[PART].extent.json))))
    words = ["--area", tmp_path / "field.geojson", "--model", "bicubic", "--device", "cpu", "--precision", "float32"]
    code, _, told = run("predict", "stac:earth-search", "--dates", "2024-05/2024-08", "-o", tmp_path / "far", *words)
    assert code == 0, told
    code, _, told = run("predict", tmp_path / "series", "--offset", "-0.1", "-o", tmp_path / "near", *words)
    assert code == 0, told
    for name in ("2024-05-05_sr.tif", "2024-05-05_sigma.tif"):
        with rasterio.open(tmp_path / "far" / name) as far, rasterio.open(tmp_path / "near" / name) as near:
            assert far.transform == near.transform and far.read().any()
            np.testing.assert_array_equal(far.read(), near.read())


def test_of_many_dates_the_bands_of_few_are_read(server: Loopback, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_STAC_EARTH_SEARCH", server.url)
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    small = testing.grid_at((96, 96), left=300_000, top=4_900_020)
    publish(server, *(product(day, small, start=f"202405{day:02}T105031") for day in range(1, 21)))
    area = ",".join(map(str, degrees(small[8:88, 8:88])))
    code, _, told = run("predict", "stac:earth-search", "--area", area, "-o", tmp_path / "out", "--model", "bicubic", "--views", "3", "--max-cloud", "1")
    assert code == 0, told
    names = {name for name in server.requests if name.endswith("_B02.tif")}
    assert {name for name in server.requests if name.endswith("_SCL.tif")} != names and len(names) <= 7
    assert len({name for name in server.requests if name.endswith("_SCL.tif")}) == 20


def test_a_series_is_known_by_its_products_until_its_pixels_are_in_memory(server: Loopback) -> None:
    publish(server, product(3))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    server.forget()
    known = fingerprint.of(stack)
    assert server.requests == [] and fingerprint.of(sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)) == known
    west, south, east, north = AREA
    triangle = {"type": "Polygon", "coordinates": [[(west, south), (east, south), (east, north), (west, south)]]}
    square = {"type": "Polygon", "coordinates": [[(west, south), (east, south), (east, north), (west, north), (west, south)]]}
    assert fingerprint.of(crop(stack, triangle)) != fingerprint.of(crop(stack, square))
    assert fingerprint.of(stack.assign(valid=~stack["valid"])) != known
    brighter = stack.assign(reflectance=stack["reflectance"] * np.float32(1.1))
    assert fingerprint.of(brighter) != fingerprint.of(stack.load())
    server.items[0]["properties"]["updated"] = "2025-01-01T00:00:00Z"
    assert fingerprint.of(sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)) != known


@pytest.mark.parametrize("packed", ["item", "folder", "zip"])
def test_products_on_this_disk_that_were_made_anew_in_their_place_are_known_as_others(tmp_path: Path, packed: str) -> None:
    def made(one: MadeProduct) -> str:
        if packed == "item":
            paths = write(one, tmp_path)
            (tmp_path / "item.json").write_text(json.dumps(item(one, {band: f"./{path.name}" for band, path in paths.items()})))
            return f"stac:{tmp_path / 'item.json'}"
        pytest.importorskip("stactools.sentinel2")
        folder = write_safe(tmp_path, one)
        return shutil.make_archive(str(folder), "zip", tmp_path, folder.name) if packed == "zip" else str(folder)

    one = product(1, testing.grid_at((120, 120)))
    source = made(one)
    known = fingerprint.of(sources.open(source))
    assert fingerprint.of(sources.open(source)) == known
    assert fingerprint.of(sources.open(made(one.changed(numbers=one.numbers + np.uint16(500))))) != known


def test_the_newest_processing_of_a_pass_counts_and_the_other_is_told(server: Loopback) -> None:
    old = product(1, baseline="02.14", made="20240504T000000", offset=0.0)
    new = product(2, baseline="05.10", made="20240601T000000", offset=-0.1)
    publish(server, new, old)
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    assert stack.sizes["time"] == 1 and "N0510" in str(stack["item"].values[0]) and "1 products" in stack.attrs["left_out"]
    np.testing.assert_array_equal(
        stack["reflectance"][0], cut(new.numbers, TILE, stacks.grid_of(stack)).astype(np.float32) * np.float32(1e-4) - np.float32(0.1)
    )


@pytest.mark.parametrize("name", ["s2:datastrip_id", "eopf:datastrip_id"])
def test_a_pass_that_was_received_in_two_parts_is_one_date(server: Loopback, name: str) -> None:
    whole = product(1)
    upper, lower = whole.numbers.copy(), whole.numbers.copy()
    upper[:, 400:] = 0
    lower[:, :400] = 0
    parts = whole.changed(numbers=upper), whole.changed(numbers=lower, made="20240503T170000")
    publish(server, *parts)
    for one, start in zip(server.items, ("20240503T105030", "20240503T105700"), strict=True):
        del one["properties"]["s2:datastrip_id"]
        one["properties"][name] = f"S2A_OPER_MSI_L2A_DS_2APS_20240503T160000_S{start}_N05.10"
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    assert stack.sizes["time"] == 1
    np.testing.assert_array_equal(
        stack["reflectance"][0], cut(whole.numbers, TILE, stacks.grid_of(stack)).astype(np.float32) * np.float32(1e-4) - np.float32(0.1)
    )


def test_where_no_datastrip_is_named_both_parts_of_a_pass_are_told_from_what_was_processed_again(server: Loopback) -> None:
    whole = product(1, baseline="02.14", offset=None, applied=None)
    upper, lower = whole.numbers.copy(), whole.numbers.copy()
    upper[:, 400:] = 0
    lower[:, :400] = 0
    parts = whole.changed(numbers=upper), whole.changed(numbers=lower, made="20240503T170000"), product(2, baseline="02.13", offset=None, applied=None)
    publish(server, *parts)
    for sequence, (one, made) in enumerate(zip(server.items, parts, strict=True)):  # as Earth Search wrote them before v1
        told = {key: value for key, value in one["properties"].items() if not key.startswith("s2:")}
        one |= {"id": f"S2A_31TCJ_20240503_{sequence}_L2A", "properties": told | {"sentinel:product_id": made.name, "sentinel:sequence": str(sequence)}}
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    assert stack.sizes["time"] == 1 and "1 products" in stack.attrs["left_out"] and stack.attrs["baselines"] == "02.14"
    np.testing.assert_array_equal(stack["reflectance"][0], cut(whole.numbers, TILE, stacks.grid_of(stack)).astype(np.float32) * np.float32(1e-4))


def ground(grid: GeoBox) -> NDArray[np.float64]:
    """A landscape that is the same from every tile: waves over longitude and latitude, some 600 m long."""
    rows, columns = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    a = grid.affine
    x, y = a.a * columns + a.c, a.e * rows + a.f
    longitude, latitude = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True).transform(x, y)
    return 0.2 + 0.1 * np.sin((longitude % 360) * 1000) * np.cos(latitude * 1200)


def test_an_area_across_the_antimeridian_is_one_seamless_grid(server: Loopback) -> None:
    west, north = Transformer.from_crs("EPSG:4326", "EPSG:32760", always_xy=True).transform(179.99, -17.0)
    east, other = Transformer.from_crs("EPSG:4326", "EPSG:32701", always_xy=True).transform(-180.0, -17.0)
    grids = {
        "60KZF": testing.grid_at((400, 300), crs="EPSG:32760", left=round(west / 60) * 60 - 1800, top=round(north / 60) * 60 + 1800),
        "01KAB": testing.grid_at((400, 300), crs="EPSG:32701", left=round(east / 60) * 60 - 1200, top=round(other / 60) * 60 + 1800),
    }
    for tile, grid in grids.items():
        numbers = np.stack([np.round(ground(grid) * 1e4)] * 4).astype(np.uint16) + 1000
        publish(server, MadeProduct(numbers, grid, np.full(coarser(grid).shape, 4, np.uint8), tile=tile, offset=-0.1, applied=False))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=(179.985, -17.01, -179.985, -16.995)).load()
    assert stack.sizes["time"] == 1 and "1 more" in str(stack["item"].values[0])
    assert 3000 < stack.sizes["x"] * 10 < 3500 and stack["valid"].values.all()
    assert np.abs(stack["reflectance"][0, 0].values - ground(stacks.grid_of(stack))).max() < 1e-3
    assert all(asked["intersects"]["type"] == "MultiPolygon" for asked in server.searches if "intersects" in asked)


def test_four_tiles_of_two_zones_make_one_seamless_grid(server: Loopback) -> None:
    east, north = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True).transform(0.0, 44.2)
    left, middle = round(east / 60) * 60, round(north / 60) * 60
    seam = Transformer.from_crs("EPSG:4326", "EPSG:32630", always_xy=True).transform(0.0, 44.2)
    other = round(seam[0] / 60) * 60 - 3600, round(seam[1] / 60) * 60
    grids = {
        "31TBJ": testing.grid_at((400, 400), left=left - 600, top=middle + 3900),
        "31TBH": testing.grid_at((400, 400), left=left - 600, top=middle + 300),
        "30TYP": testing.grid_at((400, 420), crs="EPSG:32630", left=other[0], top=other[1] + 3900),
        "30TYN": testing.grid_at((400, 420), crs="EPSG:32630", left=other[0], top=other[1] + 300),
    }
    for tile, grid in grids.items():
        numbers = np.stack([np.round(ground(grid) * 1e4)] * 4).astype(np.uint16) + 1000
        publish(server, MadeProduct(numbers, grid, np.full(coarser(grid).shape, 4, np.uint8), tile=tile, offset=-0.1, applied=False))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=(-0.02, 44.185, 0.025, 44.215)).load()
    assert stack.sizes["time"] == 1 and stacks.grid_of(stack).crs in ("EPSG:32630", "EPSG:32631")
    assert "3 more" in str(stack["item"].values[0]) and stack["valid"].values.all()
    assert np.abs(stack["reflectance"][0, 0].values - ground(stacks.grid_of(stack))).max() < 1e-3
    parts = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=(-0.02, 44.185, 0.025, 44.215)).isel(y=slice(60, 171), x=slice(70, 211))
    np.testing.assert_array_equal(parts["reflectance"], stack["reflectance"].isel(y=slice(60, 171), x=slice(70, 211)))


@pytest.mark.parametrize(("style", "unaltered"), [("planetary-computer", True), ("cdse", True), ("earth-search", False)])
def test_bands_are_found_by_the_names_of_each_catalogue(server: Loopback, style: archive.Style, unaltered: bool) -> None:
    publish(server, product(1, style=style, offset=None if unaltered else -0.1, applied=None if unaltered else False))
    told = {"offset": -0.1} if unaltered else {}
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, **told)
    assert stack["valid"].any() and float(stack["reflectance"].min()) == pytest.approx(0.01, abs=1e-6)


def test_assets_without_a_grid_are_placed_by_their_files_and_found_by_their_bands(server: Loopback) -> None:
    one = product(1)
    publish(server, one)
    made = server.items[0]
    del made["properties"]["proj:epsg"]
    made["assets"] = {
        f"asset{number}" if key != "scl" else key: {name: value for name, value in asset.items() if not name.startswith("proj:")}
        for number, (key, asset) in enumerate(made["assets"].items())
    }
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    numbers = cut(one.numbers, TILE, stacks.grid_of(stack)).astype(np.float32)
    np.testing.assert_array_equal(stack["reflectance"][0], numbers * np.float32(1e-4) + np.float32(-0.1))


def test_the_flag_of_earth_search_goes_before_its_bands_and_no_other_catalogue_may_contradict_itself(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_STAC_EARTH_SEARCH", server.url)
    publish(server, product(1, applied=True, offset=-0.1))
    stack = sources.open("stac:earth-search", area=AREA)
    assert float(stack["reflectance"].min()) == pytest.approx(0.11, abs=1e-6) and "boa_offset_applied" in stack.attrs["radiometry"]
    with pytest.raises(BadValues, match=r"(?s)contradict.*-0\.1.*boa_offset_applied.*--offset"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)


def test_a_stack_of_an_archive_may_be_sent_to_other_processes_and_chunked(server: Loopback) -> None:
    publish(server, product(1))
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    sent = pickle.loads(pickle.dumps(stack))
    chunked = stack.chunk({"time": 1, "y": 100, "x": 100})
    for other in (sent, chunked):
        np.testing.assert_array_equal(other["reflectance"], stack["reflectance"])


def test_files_that_are_catalogue_and_item_open_without_an_area(server: Loopback) -> None:
    one = product(1)
    paths = write(one, server.folder)
    made = item(one, {band: f"./{path.name}" for band, path in paths.items()})
    (server.folder / "item.json").write_text(json.dumps(made))
    links = [{"rel": "item", "href": "./item.json"}]
    (server.folder / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "x", "description": "x", "stac_version": "1.0.0", "links": links}))
    for name in ("item.json", "catalog.json"):
        stack = sources.open(f"stac:{server.folder / name}")
        assert stacks.grid_of(stack) == TILE
        np.testing.assert_array_equal(stack["reflectance"][0], one.numbers.astype(np.float32) * np.float32(1e-4) - np.float32(0.1))
    assert server.requests == []
    (server.folder / "afar.json").write_text(json.dumps(item(one, server.hrefs(paths))))
    assert stacks.grid_of(sources.open(f"stac:{server.url}/files/afar.json?token=verysecret")) == TILE


@pytest.mark.parametrize("transform", [[10, 0, 300_000, 0, 10, 4_900_020], [10, 5, 300_000, 5, -10, 4_900_020]])
def test_an_item_of_a_rotated_or_flipped_grid_is_refused(server: Loopback, transform: list[float]) -> None:
    publish(server, product(1))
    for asset in server.items[0]["assets"].values():
        asset["proj:transform"] = transform
    with pytest.raises(BadGrid, match=r"blue of item S2A_.* has a rotated or flipped grid"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)


@pytest.mark.parametrize(("key", "number"), [("scale", "NaN"), ("scale", "Infinity"), ("scale", "-0.0001"), ("scale", "0"), ("offset", "NaN")])
def test_an_item_whose_numbers_cannot_become_reflectance_is_refused_and_may_be_told(server: Loopback, key: str, number: str) -> None:
    publish(server, product(1, applied=None))
    for asset in server.items[0]["assets"].values():
        asset["raster:bands"][0][key] = float(number)
    with pytest.raises(BadValues, match=rf"the blue band of item S2A_.* cannot become reflectance:\n.*{key} is .*, needs a number(.|\n)*--scale"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    assert sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, scale=0.0001, offset=-0.1)["valid"].any()


@pytest.mark.parametrize(("key", "other"), [("offset", 0), ("scale", 0.001)])
def test_old_and_new_names_of_scale_and_offset_that_differ_are_refused_and_may_be_told(server: Loopback, key: str, other: float) -> None:
    publish(server, product(1))
    for asset in server.items[0]["assets"].values():
        asset["bands"] = [{f"raster:{key}": other}]
    with pytest.raises(BadValues, match=rf"(?s)item S2A_.* contradict each other.*raster:bands of its blue say {key}.*raster:{key} says {other}.*--{key}"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA, **{key: {"scale": 0.0001, "offset": -0.1}[key]})
    assert float(stack["reflectance"].min()) == pytest.approx(0.01, abs=1e-6)


def test_assets_of_a_size_and_a_place_without_a_crs_are_placed_by_their_files(server: Loopback) -> None:
    one = product(1)
    publish(server, one)
    del server.items[0]["properties"]["proj:epsg"]
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)
    numbers = cut(one.numbers, TILE, stacks.grid_of(stack)).astype(np.float32)
    np.testing.assert_array_equal(stack["reflectance"][0], numbers * np.float32(1e-4) + np.float32(-0.1))


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -999), ("int16", -1000), ("uint16", 65535), ("float32", np.nan)])
def test_a_file_whose_own_number_for_no_data_is_another_is_empty_there(server: Loopback, dtype: str, nodata: float, far: bool) -> None:
    one = product(1, testing.grid_at((120, 120)), offset=0.0, baseline="02.14")
    assert one.scl is not None
    paths = write(one, server.folder)
    testing.rasters.write(paths["scl"], np.full_like(one.scl, 4), coarser(one.grid), nodata=4)  # what classes say is said by classes
    for path, numbers in zip(paths.values(), one.numbers, strict=False):
        numbers = numbers.astype(dtype)
        numbers[:, :60] = nodata
        testing.rasters.write(path, numbers, one.grid, nodata=nodata)
    made = server.folder / "item.json"
    made.write_text(json.dumps(item(one, server.hrefs(paths) if far else {band: f"./{path.name}" for band, path in paths.items()})))
    stack = sources.open(f"stac:{server.url}/files/item.json" if far else f"stac:{made}")
    assert stack["valid"][0, :, 60:].all() and not stack["valid"][0, :, :60].any() and not stack["reflectance"][0, :, :, :60].any()


def test_an_item_that_names_a_file_by_a_name_too_long_is_told_when_it_is_read(server: Loopback) -> None:
    one = product(1, testing.grid_at((60, 60)))
    made = item(one, {band: f"./{path.name}" for band, path in write(one, server.folder).items()})
    made["assets"]["blue"]["href"] = f"./{'x' * 300}.tif"
    (server.folder / "item.json").write_text(json.dumps(made))
    with pytest.raises(BadSource, match="cannot be read"):
        sources.open(f"stac:{server.folder / 'item.json'}")["reflectance"].load()


def test_a_product_without_classes_says_that_clouds_are_in(server: Loopback) -> None:
    publish(server, product(1, scl=None), collection="sentinel-2-l1c")
    stack = sources.open(f"stac:{server.url}#sentinel-2-l1c", area=AREA)
    assert "no cloud mask" in stack.attrs["clouds"] and stack["valid"].all() and "clear" not in stack


def test_an_item_without_a_band_says_what_it_has(server: Loopback) -> None:
    publish(server, product(1))
    del server.items[0]["assets"]["nir"]
    server.items[0]["assets"]["nir08"] = dict(server.items[0]["assets"]["red"])
    server.items[0]["assets"]["nir08"]["eo:bands"] = [{"name": "B8A", "common_name": "nir08"}]
    with pytest.raises(BadBands, match=r"no nir band \(B08\).*nir08"):
        sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)


def test_what_was_kept_and_damaged_since_is_read_again(server: Loopback) -> None:
    publish(server, product(1))
    first = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)["reflectance"].values
    for file in (shelf.folder() or Path()).rglob("*.block"):
        data = bytearray(file.read_bytes())
        data[-40] ^= 1
        file.write_bytes(data)
    server.forget()
    np.testing.assert_array_equal(sources.open(f"stac:{server.url}#sentinel-2-l2a", area=AREA)["reflectance"], first)
    assert server.sent > 0


@pytest.mark.parametrize("name", ["S2A_T07HFE_20190212T192646_L2A", "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531", "S2A_T34VEL_20240108_L2A"])
def test_real_items_are_read_as_their_catalogues_mean_them(server: Loopback, shared_data: Path, name: str) -> None:
    real = json.loads((shared_data / "stac-items" / f"{name}.json").read_text())
    keys = next(keys for keys in archive.KEYS.values() if keys["blue"] in real["assets"])
    crs = real["properties"].get("proj:code") or f"EPSG:{real['properties']['proj:epsg']}"
    corner = real["assets"][keys["blue"]]["proj:transform"]
    one = product(1, testing.grid_at((600, 600), crs=crs, left=corner[2], top=corner[5]))
    files = server.hrefs(write(one, server.folder))
    for band, key in keys.items():
        shape, pixel = ([300, 300], 20) if band == "scl" else ([600, 600], 10)
        real["assets"][key] |= {"href": files[band], "proj:shape": shape, "proj:transform": [pixel, 0, corner[2], 0, -pixel, corner[5]]}
    real["links"] = []
    real["geometry"] = item(one, files)["geometry"]
    server.items.append(real | {"collection": "sentinel-2-l2a"})
    stack = sources.open(f"stac:{server.url}#sentinel-2-l2a", area=degrees(one.grid[PART]))
    offset = -0.1 if "34VEL" in name else 0.0
    numbers = cut(one.numbers, one.grid, stacks.grid_of(stack)).astype(np.float32)
    np.testing.assert_allclose(stack["reflectance"][0], numbers * 1e-4 + offset, atol=1e-6)
