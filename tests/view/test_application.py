"""What `dione view` serves: the right pixels, to the right people, and nothing else."""

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio.transform import from_bounds
from rasterio.warp import reproject, transform

from dione.base.errors import BadGrid, BadRecipe, BadSource, NotFound
from dione.prediction.files.canvas import Canvas
from dione.prediction.files.form import REFLECTANCE, SUPPORT
from dione.prediction.files.tiles import Tiles

pytest.importorskip("rio_tiler")

DAY = "2024-05-16"


@pytest.fixture(scope="module")
def shown(out):
    from dione.view.folder import gallery

    return gallery(out)


@pytest.fixture(scope="module")
def asked(shown):
    """`asked(path, host=...)`: an answer of the application."""
    from starlette.testclient import TestClient

    from dione.view.app import application

    client = TestClient(application(shown), base_url="http://127.0.0.1:8765")
    return lambda path, host="127.0.0.1:8765": client.get(path, headers={"Host": host})


def tile_at(longitude, latitude, zoom):
    """XYZ and bounds (metres, web Mercator) of the tile that holds a point."""
    half = 20037508.342789244
    (x,), (y,) = transform("EPSG:4326", "EPSG:3857", [longitude], [latitude])
    side = 2 * half / 2**zoom
    across, down = int((x + half) / side), int((half - y) / side)
    return (zoom, across, down), (across * side - half, half - (down + 1) * side, (across + 1) * side - half, half - down * side)


def middle(shown):
    west, south, east, north = shown.bounds
    return (west + east) / 2, (south + north) / 2


def expected(path, bounds):
    """The file's numbers on the tile, straight from GDAL's warper: reflectance, NaN where nodata."""
    with rasterio.open(path) as file:
        numbers = np.zeros((4, 256, 256), np.uint16)
        reproject(rasterio.band(file, (1, 2, 3, 4)), numbers, dst_transform=from_bounds(*bounds, 256, 256), dst_crs="EPSG:3857", dst_nodata=0, tolerance=0)
    return np.where(numbers > 0, numbers * np.float32(1e-4), np.nan).astype(np.float32)


@pytest.mark.parametrize(("layer", "zoom"), [("sr", 17), ("sr", 16), ("input", 17), ("input", 18)])
def test_tiles_are_the_pixels_of_the_file(asked, shown, layer, zoom):
    (z, x, y), bounds = tile_at(*middle(shown), zoom)
    pixels = np.asarray(Image.open(io.BytesIO(asked(f"/tiles/{DAY}/{layer}/true/{z}/{x}/{y}.png").content)).convert("RGBA"))
    values = expected(getattr(shown.dates[DAY], layer), bounds)
    painted, seen = shown.dates[DAY].tones["true"].paint(values), np.isfinite(values).all(0)
    assert seen.any()
    # The warper places pixels to an eighth of one, so some at edges come from their neighbour.
    assert (pixels[..., :3][seen] == painted[seen]).all(-1).mean() > 0.97 and ((pixels[..., 3] == 255) == seen).mean() > 0.99


def test_tiles_of_support_are_the_colours_of_its_classes(asked, shown):
    west, south, east, north = shown.bounds
    for across, colour in ((0.25, (171, 217, 233)), (0.75, (253, 174, 97))):
        (z, x, y), (left, bottom, right, top) = tile_at(west + across * (east - west), (south + north) / 2, 17)
        pixels = np.asarray(Image.open(io.BytesIO(asked(f"/tiles/{DAY}/support/true/{z}/{x}/{y}.png").content)))
        (easting,), (northing,) = transform("EPSG:4326", "EPSG:3857", [west + across * (east - west)], [(south + north) / 2])
        row, column = int((top - northing) / (top - bottom) * 256), int((easting - left) / (right - left) * 256)
        assert tuple(pixels[row, column]) == (*colour, 150)
    assert np.asarray(Image.open(io.BytesIO(asked(f"/tiles/{DAY}/support/true/15/0/0.png").content)))[..., 3].max() == 0


def test_where_nothing_is_a_tile_is_see_through(asked, shown):
    far = asked(f"/tiles/{DAY}/sr/true/15/0/0.png")
    assert far.status_code == 200 and np.asarray(Image.open(io.BytesIO(far.content)))[..., 3].max() == 0
    world = asked(f"/tiles/{DAY}/sr/true/0/0/0.png")  # would be a dot, and take minutes
    assert np.asarray(Image.open(io.BytesIO(world.content)))[..., 3].max() == 0
    west, _, _, north = shown.bounds
    (z, x, y), _ = tile_at(west + 0.0004, north - 0.0004, 18)
    holed = np.asarray(Image.open(io.BytesIO(asked(f"/tiles/{DAY}/sr/true/{z}/{x}/{y}.png").content)))
    whole = np.asarray(Image.open(io.BytesIO(asked(f"/tiles/2024-05-21/sr/true/{z}/{x}/{y}.png").content)).convert("RGBA"))
    assert (holed[..., 3] == 0).mean() > (whole[..., 3] == 0).mean() + 0.3


def test_a_point_tells_every_date_in_order_with_its_sigma(asked, shown):
    longitude, latitude = middle(shown)
    told = asked(f"/point?lon={longitude}&lat={latitude}").json()
    assert [one["date"] for one in told] == ["2024-05-16", "2024-05-21"]
    with rasterio.open(shown.dates[DAY].sr) as file:
        (x,), (y,) = transform("EPSG:4326", file.crs, [longitude], [latitude])
        numbers = next(file.sample([(x, y)]))
    assert told[0]["sr"] == pytest.approx(numbers * 1e-4, abs=1e-6) and told[0]["sigma"] == pytest.approx(numbers * 1e-5, abs=2e-4)
    assert len(told[0]["input"]) == 4
    west, _, east, _ = shown.bounds
    assert [asked(f"/point?lon={west + part * (east - west)}&lat={latitude}").json()[0]["support"] for part in (0.3, 0.7)] == [
        "confirmed by other dates",
        "learned",
    ]
    west, _, _, north = shown.bounds
    corner = asked(f"/point?lon={west + 0.0004}&lat={north - 0.0004}").json()
    assert corner[0]["sr"] is None and corner[0]["input"] is None and corner[1]["sr"] is not None
    assert {one["sr"] for one in asked("/point?lon=100&lat=-10").json()} == {None}
    assert {asked(f"/point?{where}").json()[0]["sr"] for where in ("lon=1&lat=1000", "lon=1e308&lat=5")} == {None}
    assert asked("/point?lon=here").status_code == 400 and asked("/point?lon=nan&lat=inf").json()[0]["sr"] is None


TILES = f"/tiles/{DAY}"
ELSEWHERE = ["/tiles/../../etc/sr/true/1/0/0.png", "/tiles/%2e%2e%2fsecret/sr/true/1/0/0.png", "/run.json", f"/{DAY}_sr.tif", "/..%2f..%2fetc/passwd"]
WRONG = [f"{TILES}/secret/true/1/0/0.png", f"{TILES}/sr/x/1/0/0.png", f"{TILES}/sr/true/1/2/0.png", f"{TILES}/sr/true/99/0/0.png"]


@pytest.mark.parametrize("path", ELSEWHERE + WRONG)
def test_nothing_else_is_served(asked, path):
    assert asked(path).status_code == 404


OURS = ("127.0.0.1:8765", "localhost", "[::1]:8765")
FOREIGN = ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.1.5", "")


@pytest.mark.parametrize(("host", "status"), [(host, 200) for host in OURS] + [(host, 421) for host in FOREIGN])
def test_on_loopback_only_its_own_names_are_answered(asked, host, status):
    assert asked("/", host=host).status_code == status


def test_elsewhere_addresses_are_answered_but_no_foreign_name(shown):
    from dione.view.app import application

    open_to_all = application(shown, host="0.0.0.0")
    assert open_to_all.ours("192.168.1.5:8765") and open_to_all.ours("localhost") and not open_to_all.ours("evil.example:8765")


def test_the_page_may_ask_this_server_alone_unless_a_base_map_is_asked_for(shown):
    from dione.view.app import application, page

    def policy(text):
        return re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]

    assert "http" not in policy(page(shown)) and "openstreetmap" not in page(shown)
    assert "img-src data: 'self' https://tile.openstreetmap.org;" in policy(page(shown, base_map="https://tile.openstreetmap.org/{z}/{x}/{y}.png"))
    for wrong in ("http://a.example/{z}/{x}/{y}", "https://a.example/", "https://a'; script-src *//{z}{x}{y}", "nowhere"):
        with pytest.raises(BadRecipe, match="base map"):
            application(shown, base_map=wrong)


def test_files_that_links_bring_from_elsewhere_are_not_shown(tmp_path, out):
    from dione.view.folder import gallery

    (tmp_path / "2024-05-21_sr.tif").symlink_to(out / "2024-05-21_sr.tif")
    with pytest.raises(NotFound, match="no results"):
        gallery(tmp_path)


def test_a_file_that_is_no_geotiff_is_refused(tmp_path, out):
    from dione.view.folder import gallery

    virtual = (
        f"<VRTDataset><VRTRasterBand><SimpleSource><SourceFilename>{out / '2024-05-21_sr.tif'}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "2024-05-21_sr.tif").write_text(virtual)
    with pytest.raises(BadSource, match="neither GeoTIFF"):
        gallery(tmp_path)


@pytest.mark.parametrize(
    ("ending", "count", "dtype", "needed"),
    [
        ("sr", 2, "uint16", "4 bands"),
        ("sigma", 1, "uint16", "4 bands"),
        ("input", 3, "uint8", "4 bands"),
        ("sr", 4, "complex64", "4 bands of real"),
        ("support", 1, "float32", "whole"),
    ],
)
def test_a_file_that_is_called_as_one_of_ours_and_holds_something_else_is_told(tmp_path, out, ending, count, dtype, needed):
    from dione.view.folder import gallery

    file = shutil.copytree(out, tmp_path / "copied") / f"{DAY}_{ending}.tif"
    with rasterio.open(file) as was:
        form = dict(driver="GTiff", count=count, dtype=dtype, height=was.height, width=was.width, crs=was.crs, transform=was.transform)
    with rasterio.open(file, "w", **form) as made:
        made.write(np.ones((count, *made.shape), dtype))
    with pytest.raises(BadSource, match=f"{file.name} is no file of `dione predict`: its numbers are {count} × {dtype}, needs .*{needed}"):
        gallery(file.parent)


def test_a_file_whose_pixels_have_no_size_is_told(tmp_path, out):
    from dione.view.folder import gallery

    file = shutil.copytree(out, tmp_path / "copied") / f"{DAY}_sr.tif"
    with rasterio.open(file, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as changed:
        changed.transform = Affine(0, 0, 1, 0, 0, 1)
    with pytest.raises(BadSource, match=r"_sr\.tif is no file of `dione predict`: its pixels have no size"):
        gallery(file.parent)


@pytest.mark.parametrize("become", [None, b"no raster at all", b"II*\0 and no more"])
def test_a_file_that_was_removed_or_replaced_meanwhile_is_told_without_its_place(tmp_path, out, become):
    from starlette.testclient import TestClient

    from dione.view.app import application
    from dione.view.folder import gallery

    copied = shutil.copytree(out, tmp_path / "copied")
    client = TestClient(application(gallery(copied)), base_url="http://127.0.0.1:8765")
    file = next(copied.glob("*_sr.tif"))
    file.unlink()
    if become:
        file.write_bytes(become)
    answer = client.get(f"/tiles/{file.stem.removesuffix('_sr')}/sr/true/0/0/0.png")
    assert answer.status_code == 500 and "removed or damaged" in answer.text and str(tmp_path) not in answer.text


def test_results_in_tiles_look_like_those_in_one_file(tmp_path, make_results):
    from dione.view.folder import gallery
    from dione.view.tiles import spectra, tile

    whole = make_results(tmp_path / "whole", shape=(150, 150))
    for path in whole.glob("*.tif"):
        with rasterio.open(path) as file:
            form = next(form for form in (SUPPORT, REFLECTANCE) if len(form.bands) == file.count)
            grid, values = GeoBox(file.shape, file.transform, str(file.crs)), file.read().astype(np.float32) * np.float32(form.scale)
        made = Tiles(Canvas(tmp_path / "tiled", path.stem, grid=grid, block=256, form=form), side=256)
        for window in made.windows():
            made.paint(window, values[:, *window.slices], valid=values[0][window.slices] > 0)
        made.finish()
    one, many = gallery(whole), gallery(tmp_path / "tiled")
    assert many.bounds == one.bounds and many.worst == one.worst and list(many.dates) == list(one.dates)
    place = tile_at(*middle(one), 15)[0]
    for layer in ("input", "sr", "sigma", "support"):
        assert tile(one, one.dates[DAY], layer, "true", place) == tile(many, replace(many.dates[DAY], tones=one.dates[DAY].tones), layer, "true", place)
    assert spectra(many, *middle(one)) == spectra(one, *middle(one))


def test_without_a_place_on_earth_there_is_no_map(tmp_path, make_results):
    from dione.view.folder import gallery

    with pytest.raises(BadGrid, match=r"2024-05-16_sr.tif has no CRS[\s\S]*report.html"):
        gallery(make_results(tmp_path / "nowhere", shape=(16, 16), crs=None))


def test_hostile_names_of_folders_are_only_text(tmp_path, make_results):
    from dione.view.app import page
    from dione.view.folder import gallery

    text = page(gallery(make_results(tmp_path / "<img src=x onerror=alert(1)>", shape=(16, 16))))
    assert "<img" not in text and "&lt;img" in text


def test_the_command_serves_on_loopback_and_ends_with_an_interrupt(out, run):
    command = [sys.executable, "-c", "from dione.cli import main; main()", "view", str(out), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        address = served.stdout.readline().split()[2]
        assert address.startswith("http://127.0.0.1:")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert b"A pixel over time" in opener.open(address, timeout=30).read()
        port = address.rstrip("/").rpartition(":")[2]
        code, _, said = run("view", out, "--port", port)
        assert code == 1 and f"port {port}" in said and "--port" in said
        served.send_signal(signal.SIGINT)
        late = threading.Timer(60, served.kill)  # a failure is not for ever
        late.start()
        code = served.wait()
        late.cancel()
        assert code == 0 and served.stderr.read() == ""


def test_the_benchmark_tells_first_tile_and_rate(out):
    from pathlib import Path

    benchmark = Path(__file__).resolve().parents[2] / "benchmarks" / "viewing.py"
    told = json.loads(subprocess.run([sys.executable, benchmark, str(out), "--tiles", "8"], capture_output=True, text=True, timeout=120, check=True).stdout)
    assert told["tiles"] == 8 and told["first_tile_ms"] > 0 and told["tiles_per_cpu_s"] > 0 and 0 < told["share_of_cores"] <= 1.1
