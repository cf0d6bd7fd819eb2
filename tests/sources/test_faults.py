"""A network that fails: the run ends right, or says what it lacks; nothing wrong is ever kept."""

import json
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import requests
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from dione import sources, testing
from dione.base import stack as stacks
from dione.base.errors import BadSource, DioneError, NotFound
from dione.sources.remote import clock, patience, remotefile, sessions, shelf
from dione.sources.remote.httpfaults import asked_pause_s
from dione.sources.remote.web import Web
from dione.testing import loopback
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback
from dione.testing.serving import Quiet, Serving

TILE = testing.grid_at((256, 256), left=300_000, top=4_900_020)
LARGE = testing.grid_at((768, 768), left=300_000, top=4_900_020)


def fill(server: Loopback, days: int, tile: GeoBox = TILE) -> list[MadeProduct]:
    """Dates of one tile, in an archive."""
    made = []
    for day in range(1, days + 1):
        numbers = np.random.default_rng(day).integers(1100, 5000, (4, *tile.shape)).astype(np.uint16)
        one = MadeProduct(numbers, tile, np.full(coarser(tile).shape, 4, np.uint8), start=f"202405{day:02}T105031", offset=-0.1, applied=False)
        server.items.append(item(one, server.hrefs(write(one, server.folder, block=128))))
        made.append(one)
    return made


def opened(server: Loopback, tile: GeoBox = TILE) -> xr.Dataset:
    """All of a tile but its rim."""
    area = transform_bounds("EPSG:32631", "EPSG:4326", *tile[32:-32, 32:-32].boundingbox.bbox)
    return sources.open(f"stac:{server.url}#sentinel-2-l2a", area=area)


@pytest.mark.slow
def test_of_a_thousand_requests_some_fail_are_cut_or_hang_and_the_pixels_are_right(server: Loopback) -> None:
    fill(server, 7, LARGE)
    right = opened(server, LARGE).load()
    asked = len(server.requests)
    assert asked > 1000
    for file in (shelf.folder() or Path()).rglob("*.block"):
        file.unlink()
    sessions.close()
    server.forget()
    rng = np.random.default_rng(0)
    faults = rng.choice(["", "fail", "cut", "hang", "other"], 20 * asked, p=[0.926, 0.05, 0.01, 0.004, 0.01])
    seen: Counter[str] = Counter()

    def fault(path: str, number: int) -> str:
        seen[faults[number]] += 1
        return str(faults[number])

    server.fault = fault
    remotefile.heads.forget()
    troubled = opened(server, LARGE).load()
    xr.testing.assert_identical(troubled, right)
    assert seen["fail"] > 30 and seen["cut"] > 5 and seen["other"] > 5 and seen["hang"] > 0
    server.fault = lambda path, number: ""
    server.forget()
    xr.testing.assert_identical(opened(server, LARGE).load(), right)
    assert server.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fail", r"HTTP 503, after 3 tries"),
        ("cut", r"bytes, \d+ were asked for|connection was lost, after 3 tries"),
        ("other", r"other bytes than were asked for, after 3 tries"),
        ("hang", r"no answer in time, after 3 tries"),
        ("whole", r"gives no parts of files"),
        ("refused", r"(?s)HTTP 403.*credentials are missing or have expired"),
        ("missing", r"HTTP 404.*moved or removed"),
    ],
)
def test_what_does_not_come_is_told_with_its_item_and_window_and_the_rest_is_kept(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "3")
    one = fill(server, 1)[0]
    server.fault = lambda path, number: fault if path.endswith("B04.tif") else ""
    with pytest.raises(DioneError, match=words) as error:
        opened(server).load()
    assert isinstance(error.value, NotFound if fault == "missing" else BadSource)
    assert f"item {one.name} lacks rows" in str(error.value) and "_B04.tif" in str(error.value)
    server.fault = lambda path, number: ""
    server.forget()
    stack = opened(server)
    grid = stacks.grid_of(stack)
    top, left = round((TILE.affine.f - grid.affine.f) / 10), round((grid.affine.c - TILE.affine.c) / 10)
    numbers = one.numbers[:, top : top + grid.shape[0], left : left + grid.shape[1]].astype(np.float32) * np.float32(1e-4) - np.float32(0.1)
    np.testing.assert_array_equal(stack["reflectance"][0], numbers)
    assert {name[-7:-4] for name in server.requests} <= {"B02", "B03", "B04", "B08", "SCL"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>please log in</html>", "neither GeoTIFF nor JPEG 2000"),
        (b"<VRTDataset/>", "neither GeoTIFF"),
        (b"II*\0" + bytes(5000), "no GeoTIFF or JPEG 2000 that can be read"),
    ],
)
def test_an_asset_that_is_something_else_is_not_opened(server: Loopback, body: bytes, words: str) -> None:
    fill(server, 1)
    next(server.folder.glob("*B04.tif")).write_bytes(body)
    with pytest.raises(BadSource, match=words):
        opened(server).load()


def test_an_asset_of_another_size_is_not_read(server: Loopback) -> None:
    fill(server, 1)
    small = testing.grid_at((64, 64), left=300_000, top=4_900_020)
    other = MadeProduct(np.full((4, 64, 64), 1500, np.uint16), small)
    write(other, server.folder / "other")["red"].rename(next(server.folder.glob("*B04.tif")))
    with pytest.raises(BadSource, match="has 64×64 px, its metadata says 256×256"):
        opened(server).load()


def test_a_cache_that_cannot_be_written_is_told_once_and_no_fault(server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "file"))
    fill(server, 2)
    assert opened(server).load()["valid"].any()
    told = [record.getMessage() for record in caplog.records if "nothing is kept" in record.getMessage()]
    assert told == [f"nothing is kept in {tmp_path / 'file'}: Not a directory"]


def test_it_is_told_once_however_many_threads_find_it_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []
    monkeypatch.setattr(shelf.log, "warning", lambda *words: (time.sleep(0.05), told.append(words[0])))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: shelf._tell_not_kept(tmp_path, "no room"), range(8)))
    assert len(told) == 1


@pytest.mark.parametrize("far", [True, False])
@pytest.mark.parametrize(
    ("lies", "words"),
    [
        (GeoBox(TILE.shape, TILE.affine, "EPSG:32632"), "has EPSG:32632 and begins at 300000, 4900020"),
        (testing.grid_at((256, 256), left=300_010, top=4_900_020), "has EPSG:32631 and begins at 300010, 4900020"),
    ],
)
def test_an_asset_that_lies_elsewhere_than_its_item_says_is_not_read(server: Loopback, lies: GeoBox, words: str, far: bool) -> None:
    one = fill(server, 1)[0]
    testing.rasters.write(next(server.folder.glob("*B04.tif")), one.numbers[2], lies, nodata=0)
    here = server.folder / "item.json"
    here.write_text(json.dumps(server.items[0]).replace(f"{server.url}/files/", "./"))
    with pytest.raises(BadSource, match=f"B04.tif {words}, its metadata says EPSG:32631 and begins at 300000, 4900020"):
        (opened(server) if far else sources.open(f"stac:{here}")).load()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_asset_that_tells_no_place_lies_where_its_item_says(server: Loopback) -> None:
    one = fill(server, 1)[0]
    testing.rasters.write(next(server.folder.glob("*B04.tif")), one.numbers[2], GeoBox(TILE.shape, Affine.identity(), None), nodata=0)
    red = opened(server, TILE.pad(32))["reflectance"].sel(band="red")[0].values
    np.testing.assert_allclose(red[(red != 0).any(1)][:, (red != 0).any(0)], one.numbers[2] * 1e-4 - 0.1, atol=1e-6)


def test_a_file_that_was_made_anew_in_its_place_is_read_by_its_own_head(server: Loopback) -> None:
    """Not compressed, so that nothing but its numbers tells it from the one before."""
    one = fill(server, 1)[0]
    path = next(server.folder.glob("*B04.tif"))
    for gain, updated in ((1, "2024-06-01"), (2, "2024-07-01")):
        testing.rasters.write(path, one.numbers[2] * gain, TILE, nodata=0)
        server.items[0]["properties"]["updated"] = f"{updated}T00:00:00Z"
        red = opened(server, TILE.pad(32))["reflectance"].sel(band="red", time="2024-05-01").values[0]
        seen = red[(red != 0).any(1)][:, (red != 0).any(0)]
        np.testing.assert_allclose(seen, one.numbers[2] * (gain * 1e-4) - 0.1, atol=1e-6)


@pytest.mark.parametrize("of", ["a file", "a search"])
def test_an_answer_that_comes_drop_by_drop_is_not_waited_for(server: Loopback, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    fill(server, 1)
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", "0.3")
    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    if of == "a file":
        server.fault = lambda path, number: "drip"
    else:
        server.refuse = lambda: "drip"
    with pytest.raises(BadSource, match="cannot be read: an answer of .* bytes" if of == "a file" else "does not come to an end"):
        opened(server).load()
    assert server.dropped < loopback.DROPS - 1


def test_files_of_an_item_that_tells_no_age_are_read_anew_when_they_changed(server: Loopback) -> None:
    one = fill(server, 1)[0]
    for key in ("updated", "created", "s2:generation_time"):
        server.items[0]["properties"].pop(key, None)
    before, again = opened(server), opened(server)
    assert before.attrs["identity"] == again.attrs["identity"] and before.load()["valid"].any()
    write(one.changed(numbers=one.numbers[..., ::-1].copy()), server.folder, block=128)
    after = opened(server)
    assert after.attrs["identity"] != before.attrs["identity"]
    mirrored = after["reflectance"].values[0, :, :, ::-1]
    np.testing.assert_array_equal(mirrored[:, 10:-10, 10:-10], before["reflectance"].values[0, :, 10:-10, 10:-10])


@pytest.mark.parametrize("band", ["B04", "SCL"])
def test_each_file_of_such_an_item_is_asked_whether_it_changed(server: Loopback, band: str) -> None:
    one = fill(server, 1)[0]
    server.items[0]["properties"].pop("s2:generation_time")
    before = opened(server).load()
    path = next(server.folder.glob(f"*{band}.tif"))
    numbers = np.full_like(one.scl, 9) if band == "SCL" else one.numbers[2, ::-1].copy()
    testing.rasters.write(path, numbers, coarser(TILE) if band == "SCL" else TILE, nodata=0)
    after = opened(server).load()
    assert after.attrs["identity"] != before.attrs["identity"]
    assert (after["valid"] != before["valid"]).any() == (band == "SCL")
    assert (after["reflectance"].sel(band="red") != before["reflectance"].sel(band="red")).any() == (band == "B04")


def test_a_file_that_is_replaced_while_it_is_read_gives_pixels_of_one_state(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    """Not compressed, and as large as it was: nothing but its server tells it from the one before."""
    one = fill(server, 1, LARGE)[0]
    path = next(server.folder.glob("*B04.tif"))
    testing.rasters.write(path, one.numbers[2], LARGE, nodata=0)
    asked = count(1)

    def replaced(name: str, number: int) -> str:
        if name.endswith("B04.tif") and next(asked) == 4:
            testing.rasters.write(path, one.numbers[2, ::-1].copy(), LARGE, nodata=0)
        return ""

    server.fault = replaced
    red = opened(server, LARGE.pad(32))["reflectance"].sel(band="red")[0].values
    np.testing.assert_allclose(red[(red != 0).any(1)][:, (red != 0).any(0)], one.numbers[2, ::-1] * 1e-4 - 0.1, atol=1e-6)
    assert "B04.tif was replaced since its header was read" in caplog.text and next(asked) > 5


def test_what_was_kept_of_a_file_is_not_put_together_with_what_it_is_now(server: Loopback) -> None:
    one = fill(server, 1, LARGE)[0]
    path = next(server.folder.glob("*B04.tif"))
    testing.rasters.write(path, one.numbers[2], LARGE, nodata=0)
    opened(server, TILE).load()  # some of it is kept
    testing.rasters.write(path, one.numbers[2, ::-1].copy(), LARGE, nodata=0)
    remotefile.heads.forget()
    red = opened(server, LARGE.pad(32))["reflectance"].sel(band="red")[0].values
    np.testing.assert_allclose(red[(red != 0).any(1)][:, (red != 0).any(0)], one.numbers[2, ::-1] * 1e-4 - 0.1, atol=1e-6)


def test_a_tile_whose_bytes_are_wrong_is_fetched_again_and_never_kept(server: Loopback) -> None:
    one = fill(server, 1)[0]
    path = next(server.folder.glob("*B04.tif"))
    sound = path.read_bytes()
    spoiled = bytearray(sound)
    spoiled[len(sound) // 2 : len(sound) // 2 + 4000] = bytes(4000)
    path.write_bytes(spoiled)
    with pytest.raises(BadSource, match=f"(?s)item {one.name} lacks rows.*damaged"):
        opened(server).load()
    path.write_bytes(sound)
    numbers = opened(server)["reflectance"][0].values
    assert numbers.min() > 0 and len(np.unique(numbers[2])) > 2000


def test_secrets_in_addresses_are_never_told(server: Loopback, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dione")
    monkeypatch.setenv("DIONE_HTTP_TRIES", "2")
    fill(server, 1)
    for asset in server.items[0]["assets"].values():
        asset["href"] = asset["href"].replace("http://", "http://user:verysecret@") + "?sig=verysecret"
    for fault in ("fail", "cut", "hang", "refused", "missing"):
        server.fault = lambda path, number, fault=fault: fault
        with pytest.raises(DioneError) as error:
            opened(server).load()
        assert "verysecret" not in str(error.value)
    stack = opened(server)
    assert "verysecret" not in repr(stack.attrs) + repr(stack["item"].values) and "verysecret" not in caplog.text


def test_a_file_that_is_removed_after_its_header_was_read_is_told_without_a_traceback(server: Loopback, capfd: pytest.CaptureFixture[str]) -> None:
    fill(server, 1)
    stack = opened(server)
    server.fault = lambda path, number: "missing" if path.endswith("B04.tif") and path in server.requests[:-1] else ""
    with pytest.raises(NotFound, match=r"HTTP 404.*moved or removed"):
        stack.load()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(("hours", "words"), [(-26, "26 hours behind"), (3, "3 hours ahead of"), (0, "credentials are missing or have expired$")])
def test_a_refusal_says_whether_the_clock_of_this_machine_is_wrong(server: Loopback, monkeypatch: pytest.MonkeyPatch, hours: int, words: str) -> None:
    fill(server, 1)
    server.fault = lambda path, number: "refused"
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(hours=hours))
    with pytest.raises(BadSource, match=f"(?s)may not be read .HTTP 403.*{words}"):
        opened(server).load()


def test_a_search_that_fails_is_made_again_and_its_address_not_told(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fill(server, 1)
    failures = iter(["503", "503", ""] + [""] * 20)
    server.refuse = lambda: next(failures)
    source = f"stac:{server.url.replace('http://', 'http://user:verysecret@')}?token=verysecret#sentinel-2-l2a"
    assert sources.open(source, area=(0.0, 43.0, 1.0, 45.0)).sizes["time"] == 1
    assert "HTTP 503; try 2 of 6" in caplog.text
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert told and not any("verysecret" in line for line in told)


@pytest.mark.parametrize(
    ("status", "words"), [("429", "try again later"), ("503", "try again later"), ("407", "put USER:PASSWORD@ before"), ("302", "check the address")]
)
def test_a_status_that_ends_a_search_says_what_to_do(server: Loopback, monkeypatch: pytest.MonkeyPatch, status: str, words: str) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    server.refuse = lambda: status
    with pytest.raises(BadSource, match=f"HTTP {status}.*\\n{words}"):
        opened(server)


def test_certificates_that_are_not_there_are_no_fault_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(BadSource, match=r"no safe connection.*REQUESTS_CA_BUNDLE"):
        sources.open("stac:https://127.0.0.1:9/v1#sentinel-2-l2a", area=(0.0, 43.0, 1.0, 45.0))


def test_a_certificate_that_is_not_trusted_is_told_at_once_since_no_further_try_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def expired(self: object, request: requests.PreparedRequest, *_: object, **__: object) -> None:
        asked.append(str(request.url))
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired")

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", expired)
    monkeypatch.setattr(patience.Patience, "wait", lambda *_: pytest.fail("it waits"))
    with pytest.raises(BadSource, match="no safe connection"):
        sources.open("stac:https://127.0.0.1:9/v1#sentinel-2-l2a", area=(0.0, 43.0, 1.0, 45.0))
    with pytest.raises(BadSource, match=r"127.0.0.1:9/b.tif cannot be read: no safe connection"):
        Web(trusted=frozenset({"127.0.0.1"})).read("https://127.0.0.1:9/b.tif", 0, 10)
    assert len(asked) == 2


def test_a_search_waits_as_long_as_the_server_asks(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server, 1)
    answers, waited = iter(["", "429", "503", "429"] + [""] * 20), []
    server.refuse = lambda: next(answers)
    monkeypatch.setattr(patience.Patience, "wait", lambda self, tried, asked_s: waited.append(asked_s))
    assert opened(server).sizes["time"] == 1
    assert waited == [loopback.RETRY_AFTER_S, 0, loopback.RETRY_AFTER_S]


@pytest.mark.parametrize(("asked", "date", "s"), [("7", "", 7), ("{later}", "{now}", 40), ("{later}", "", 40), ("{now}", "{later}", 0), ("soon", "", 0)])
def test_how_long_a_server_asks_to_wait_may_be_told_as_a_time(asked: str, date: str, s: float) -> None:
    times = {"now": format_datetime(datetime.now(UTC), usegmt=True), "later": format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)}
    answer = requests.Response()
    answer.headers.update({"Retry-After": asked.format(**times), "Date": date.format(**times)})
    assert asked_pause_s(answer) == pytest.approx(s, abs=5 if s == 40 else 0)


def test_an_answer_of_a_search_that_is_cut_short_is_asked_for_again(server: Loopback) -> None:
    fill(server, 1)
    answers = iter(["cut", "", "cut", "cut"] + [""] * 20)
    server.refuse = lambda: next(answers)
    assert opened(server).sizes["time"] == 1


def test_all_goes_through_a_proxy_where_there_is_one(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.url = "http://archive.example"
    one = fill(server, 1)[0]
    stack = opened(server).load()
    assert server.sent > 0 and str(stack["item"].values[0]) == one.name
    server.items[0]["assets"]["red"]["href"] = "http://10.0.0.1/x.tif"
    with pytest.raises(BadSource, match="an address of this machine or its own network"):
        opened(server).load()


def test_a_proxy_that_refuses_is_named(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://user:verysecret@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(BadSource, match=r"proxy|refused") as error:
        opened(server)
    assert "verysecret" not in str(error.value)


def test_a_proxy_that_wants_a_password_for_a_safe_connection_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asks(Quiet):
        def do_CONNECT(self) -> None:
            self.send_error(407)

    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    monkeypatch.setenv("NO_PROXY", "")
    with Serving(Asks) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(BadSource, match=r"wants a password .put USER:PASSWORD@ before"):
            sources.open("stac:https://archive.example/v1#sentinel-2-l2a", area=(0.0, 43.0, 1.0, 45.0))


def test_what_is_kept_does_not_grow_for_ever(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server, 1)
    opened(server).load()
    base = shelf.folder() or Path()
    before = sum(file.stat().st_size for file in base.rglob("*.block"))
    monkeypatch.setenv("DIONE_CACHE_GB", str(before / 2e9))
    shelf.prune()
    assert 0 < sum(file.stat().st_size for file in base.rglob("*.block")) <= before / 2


def test_what_other_users_keep_in_a_folder_that_is_shared_is_left_to_them(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    fill(server, 1)
    first = opened(server)["reflectance"].values
    kept = [*(shelf.folder() or Path()).rglob("*.block")]
    kept[0].write_bytes(b"damaged meanwhile, as long as its digest and longer")
    monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.setenv("DIONE_CACHE_GB", "0")
    shelf.prune()
    np.testing.assert_array_equal(opened(server)["reflectance"].values, first)
    monkeypatch.setattr("os.replace", lambda *_: refused(kept[0]))
    shelf.put(("a", "b"), np.zeros(3))
    assert len(kept) == len([*(shelf.folder() or Path()).rglob("*.block")])


@pytest.mark.parametrize(("name", "text"), [("DIONE_CACHE_GB", "20G"), ("DIONE_CACHE_GB", "-1"), ("DIONE_HTTP_TIMEOUT", "0"), ("DIONE_HTTP_TIMEOUT", "inf")])
def test_a_variable_that_is_no_number_is_named_at_once(server: Loopback, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    fill(server, 1)
    monkeypatch.setenv(name, text)
    with pytest.raises(BadSource, match=f"{name} is '?{text}.*needs"):
        opened(server).load()


def test_nothing_is_kept_on_disk_if_that_is_off(server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fill(server, 1)
    monkeypatch.setenv("DIONE_CACHE", "off")
    opened(server).load()
    assert not (tmp_path / "kept").exists()


def test_what_a_killed_run_left_half_counts_and_what_another_run_removes_meanwhile_is_no_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path))
    monkeypatch.setenv("DIONE_CACHE_GB", "0.000001")
    half = tmp_path / "ab" / ".half.block.1234"
    half.parent.mkdir()
    half.write_bytes(bytes(2000))
    (tmp_path / "ab" / "gone.block").symlink_to(tmp_path / "nowhere")  # listed, and not there any more when it is looked at
    shelf.prune()
    assert not half.exists()
