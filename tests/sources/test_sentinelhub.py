"""Sentinel Hub on this machine: what is asked, what comes, and what is done when it does not."""

import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dione import sources
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadRecipe, BadSource, DioneError, NotFound
from dione.sources.archives import hubclient
from dione.sources.remote import pace, patience
from dione.testing import hub as made
from dione.testing.hub import MadeHub

sentinelhub = pytest.importorskip("sentinelhub")

AREA = (0.60, 43.65, 0.612, 43.658)
DATES = ("2024-05", "2024-05")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeHub]:
    """A service with two passes, one of them on two tiles, and a profile of sentinelhub-py that leads to it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SH_CLIENT_ID", "SH_CLIENT_SECRET", "SH_PROFILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", "0.3")
    monkeypatch.setenv("DIONE_HTTP_TRIES", "3")
    monkeypatch.setattr(patience.Patience, "pause_s", 0.02)
    monkeypatch.setattr(pace, "USUAL", 1e6)
    pace.of.cache_clear()
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(sentinelhub.SHConfig, "get_config_location", classmethod(lambda cls: str(tmp_path / "config.toml")))
    monkeypatch.setattr(sentinelhub.SentinelHubDownloadClient, "_CACHED_SESSIONS", {})
    with MadeHub() as service:
        lines = [f'sh_base_url = "{service.url}"', f'sh_token_url = "{service.url}/oauth/token"', 'sh_client_id = "me"']
        text = "\n".join(["[mine]", *lines, f'sh_client_secret = "{service.secret}"', "[expired]", *lines, 'sh_client_secret = "oldsecret"', "[empty]", ""])
        (tmp_path / "config.toml").write_text(text)
        service.add("20240503T105031", "31TCJ", "31TCH", cloud=20)
        service.add("20240508T105031", "31TCJ", cloud=80)
        yield service


@pytest.mark.parametrize("collection", ["sentinel-2-l2a", "byoc-00000000-0000-0000-0000-000000000000"])
def test_threads_that_ask_for_a_collection_first_at_the_same_time_all_get_it(collection: str) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(30):
            asking, config = hubclient.Hub("", collection, patience.USUAL), SimpleNamespace(sh_base_url=f"https://{number}.example.com")
            with ThreadPoolExecutor(8) as pool:
                assert len(set(pool.map(asking._data, [config] * 8))) == 1
    finally:
        sys.setswitchinterval(before)


def test_dates_bands_and_masks_are_those_of_the_service(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=AREA, dates=DATES).load()
    assert when.days(stack) == ["2024-05-03", "2024-05-08"] and [str(one) for one in stack["platform"].values] == ["sentinel-2a"] * 2
    grid = stacks.grid_of(stack)
    assert grid.crs == "EPSG:32631" and grid.affine.c % 10 == 0 and grid.affine.f % 10 == 0
    x, y = np.meshgrid(stack["x"].values, stack["y"].values)
    for at, day in enumerate((3, 8)):
        clear = ~made.cloud(x, y, day)
        np.testing.assert_array_equal(stack["valid"][at], clear)
        for band, name in zip(stack["band"].values, made.BANDS, strict=True):
            np.testing.assert_allclose(stack["reflectance"][at].sel(band=band), made.ground(x, y, day, name), atol=1e-6)


def test_what_is_asked_is_one_picture_a_pass_harmonised_and_within_its_minutes(hub: MadeHub) -> None:
    sources.open("sentinelhub:mine#sentinel-2-l1c", area=AREA, dates=DATES).load()
    assert len(hub.asked) == 2 and hub.tokens == 1
    data = hub.asked[0]["input"]["data"][0]
    assert data["type"] == "sentinel-2-l1c" and data["processing"] == {"harmonizeValues": True}
    spans = sorted((one["input"]["data"][0]["dataFilter"]["timeRange"]["from"], one["input"]["data"][0]["dataFilter"]["timeRange"]["to"]) for one in hub.asked)
    assert spans[0] == ("2024-05-03T10:50:30Z", "2024-05-03T10:50:33Z")
    script = hub.asked[0]["evalscript"]
    assert json.dumps(["B02", "B03", "B04", "B08", "dataMask", "CLM", "CLP"]) in script and "REFLECTANCE" in script and "FLOAT32" in script


def test_a_second_run_asks_for_no_picture_and_a_large_area_for_pieces(hub: MadeHub) -> None:
    wide = (0.60, 43.65, 0.69, 43.658)
    first = sources.open("sentinelhub:mine", area=wide, dates=DATES).load()
    assert first.sizes["x"] > 512 and len(hub.asked) == 4 and max(one["output"]["width"] for one in hub.asked) == 512
    hub.asked.clear()
    np.testing.assert_array_equal(sources.open("sentinelhub:mine", area=wide, dates=DATES)["reflectance"], first["reflectance"])
    assert hub.asked == []


def test_a_longer_period_asks_for_the_further_passes_alone(hub: MadeHub) -> None:
    first = sources.open("sentinelhub:mine", area=AREA, dates=("2024-05-05", "2024-05-31")).load()
    assert len(hub.asked) == 1
    longer = sources.open("sentinelhub:mine", area=AREA, dates=DATES).load()
    assert len(hub.asked) == 2 and longer.sizes["time"] == 2
    np.testing.assert_array_equal(longer["reflectance"][1], first["reflectance"][0])
    sources.open("sentinelhub:mine#sentinel-2-l1c", area=AREA, dates=DATES).load()
    assert len(hub.asked) == 4


def test_many_readers_at_a_time_ask_for_each_picture_once(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=AREA, dates=DATES).chunk({"y": 10, "x": 10})
    assert stack["reflectance"].compute().sizes["time"] == 2 and len(hub.asked) == 2


def test_an_area_across_the_antimeridian_is_one_grid(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=(179.998, -17.01, -179.998, -17.005), dates=DATES)
    grid = stacks.grid_of(stack)
    assert grid.crs in ("EPSG:32760", "EPSG:32701") and 40 <= grid.shape[1] <= 50 and stack.sizes["time"] == 2


def fields_file(folder: Path) -> Path:
    """Three fields, one of them without a name."""
    features = []
    for number, name in enumerate(("north", "south", None)):
        west, south = 0.60 + 0.002 * number, 43.65
        ring = [[west, south], [west + 0.001, south], [west + 0.001, south + 0.001], [west, south]]
        features.append({"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    path = folder / "fields.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_many_areas_are_fetched_one_that_fails_stops_no_other_and_the_same_command_goes_on(hub: MadeHub, run, tmp_path: Path) -> None:
    command = ("fetch", "sentinelhub:mine", "--areas", fields_file(tmp_path), "--dates", "2024-05", "-o", tmp_path / "out")
    places: list[float] = []

    def of_the_second(number: int) -> str:
        west = hub.asked[number - 1]["input"]["bounds"]["bbox"][0]
        places.extend([west] * (west not in places))
        return "refused" if west in places[1:2] else ""

    hub.fault = of_the_second
    code, out, fault = run(*command)
    assert code == 1 and "2 areas fetched, 0 were there, 1 failed" in out
    assert "south" in fault and "HTTP 403" in fault and "the same command goes on" in fault and hub.secret not in fault
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0003.zarr", "north.zarr"]
    hub.fault, before = lambda number: "", len(hub.asked)
    code, out, _ = run(*command)
    assert code == 0 and "1 areas fetched, 2 were there, 0 failed" in out and 1 <= len(hub.asked) - before <= 2
    kept = sources.open(tmp_path / "out" / "south.zarr")
    whole = sources.open("sentinelhub:mine", area=(0.602, 43.65, 0.603, 43.651), dates=DATES)
    assert stacks.grid_of(kept) == stacks.grid_of(whole) and not kept["valid"].values.all()
    np.testing.assert_array_equal(kept["reflectance"].values, whole["reflectance"].values)
    code, _, fault = run(*command, "--max-scene-cloud", "0.5")
    assert code == 1 and fault.count("fetched with another area, period or option") == 3
    assert run(*command, "--area", "0,0,1,1")[0] == 2


def test_an_account_is_asked_at_its_own_pace(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    slow = pace.Pace(*(pace.Bucket(rate, now=lambda: 0.0, sleep=waited.append) for rate in (20, 10)))
    monkeypatch.setattr(pace, "of", lambda account: slow)
    sources.open("sentinelhub:mine", area=(0.60, 43.65, 0.66, 43.66), dates=DATES).load()
    asked = len(hub.asked) + 1
    assert asked == 3 and slow.requests.left == 2 - asked
    spent = sum(pace.cost(one["output"]["height"], one["output"]["width"], 6) for one in hub.asked)
    assert slow.units.left == pytest.approx(1 - spent) and len(waited) in (2, 3) and max(waited) == pytest.approx(6 * (spent - 1))


def test_cloudy_passes_can_be_left_out(hub: MadeHub) -> None:
    assert when.days(sources.open("sentinelhub:mine", area=AREA, dates=DATES, max_scene_cloud=0.5)) == ["2024-05-03"]
    with pytest.raises(NotFound, match=r"(?s)no pass.*2 are there, cloudy by 20% or more"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES, max_scene_cloud=0.1)
    with pytest.raises(NotFound, match="no pass of sentinel-2-l2a over"):
        sources.open("sentinelhub:mine", area=AREA, dates=("2023", "2023"))


@pytest.mark.parametrize("fault", ["limit", "fail", "hang", "cut", "png", "small", "bytes"])
def test_what_fails_once_is_asked_for_again(hub: MadeHub, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.fault = lambda number: fault if number == 1 else ""
    monkeypatch.setattr(made, "HANG_S", 1.5)
    stack = sources.open("sentinelhub:mine", area=AREA, dates=("2024-05-03", "2024-05-03")).load()
    assert len(hub.asked) == 2 and float(stack["reflectance"].max()) > 0.2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("limit", "used up its rate"),
        ("fail", r"does not give the picture of S2A_20240503T105031 \(HTTP 500\)"),
        ("cut", r"(?s)picture of S2A_20240503T105031: an answer of \d+ bytes that is no whole GeoTIFF, after 3 tries"),
        ("png", "no whole GeoTIFF"),
        ("small", "was asked for, after 3 tries"),
        ("bytes", "uint8.* float32 .* was asked for"),
        ("refused", r"(?s)HTTP 403.*is the account still valid"),
        ("wrong", r"HTTP 400.*script is wrong"),
    ],
)
def test_what_never_comes_is_told_without_secrets_and_not_kept(hub: MadeHub, fault: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dione")
    hub.fault = lambda number: fault
    stack = sources.open("sentinelhub:mine", area=AREA, dates=("2024-05-03", "2024-05-03"))
    with pytest.raises(BadSource, match=words) as error:
        stack.load()
    assert "verysecret" not in str(error.value) + caplog.text + repr(stack.attrs)
    hub.fault = lambda number: ""
    assert float(sources.open("sentinelhub:mine", area=AREA, dates=("2024-05-03", "2024-05-03"))["reflectance"].max()) > 0.2


@pytest.mark.parametrize(
    ("profile", "words"),
    [("nobody", "no profile 'nobody'"), ("empty", "holds no credentials"), ("expired", r"does not accept the credentials of profile 'expired'")],
)
def test_credentials_that_are_missing_or_expired_say_how_to_set_them(hub: MadeHub, profile: str, words: str) -> None:
    with pytest.raises(BadSource, match=f"(?s){words}.*sentinelhub.config --profile") as error:
        sources.open(f"sentinelhub:{profile}", area=AREA, dates=DATES)
    assert "oldsecret" not in str(error.value)


HTML = b"<html>Maintenance</html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, HTML, {}), "sh_token_url of profile 'mine' answers without a token .*after 3 tries\ntry again later"),
        ((400, b'{"error": "temporarily_unavailable"}', {}), "without a token .temporarily_unavailable., after 3 tries\ntry again later"),
        ((503, HTML, {}), r"\(HTTP 503\): http://127.0.0.1:\d+/oauth/token gives no reason"),
        ((404, HTML, {}), r"\(HTTP 404\): http://127.0.0.1:\d+/oauth/token gives no reason"),
        ((429, b"{}", {}), "HTTP 429, after 3 tries"),
        ((0, b"", {}), "no answer in time"),
    ],
)
def test_a_server_of_tokens_that_fails_is_not_told_as_wrong_credentials_and_not_waited_for_without_end(
    hub: MadeHub, answer: tuple[int, bytes, dict[str, str]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", "0.05")
    hub.instead["token"] = answer
    with pytest.raises(BadSource, match=f"(?s){words}") as error:
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    assert "credentials" not in str(error.value)


def test_a_token_that_does_not_say_how_long_it_holds_is_asked_for_each_time(hub: MadeHub) -> None:
    hub.instead["token"] = (200, json.dumps({"access_token": f"token-{hub.secret}", "token_type": "Bearer"}).encode(), {})
    assert sources.open("sentinelhub:mine", area=AREA, dates=DATES).load().sizes["time"] == 2


def test_a_token_that_was_taken_back_before_its_time_is_renewed(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    stack["reflectance"][0].load()
    hub.token = "another"
    assert stack["valid"][1].load().any() and hub.tokens == 2


def test_threads_whose_token_was_taken_back_share_one_new_one(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    hub.token = "another"
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(lambda at: stack["valid"][at % 2].load().any(), range(4)))
    assert all(shown) and hub.tokens == 2


def test_a_token_that_is_refused_from_the_start_is_asked_for_once_more_and_no_longer(hub: MadeHub) -> None:
    stack = sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    hub.instead["process"] = (401, b'{"error": {"message": "not yours"}}', {})
    with pytest.raises(BadSource, match=r"\(HTTP 401\): not yours"):
        stack["reflectance"][0].load()
    assert hub.tokens == 2


def test_a_token_is_not_asked_for_without_encryption(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT")
    with pytest.raises(BadSource, match="sh_token_url of profile 'mine' needs https://"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    assert hub.tokens == 0


@pytest.mark.parametrize("answer", [HTML, b"{}", b"[]", b'{"features": []}', b'{"features": [7], "context": {}}'])
def test_a_catalogue_that_answers_with_something_else_is_told(hub: MadeHub, answer: bytes) -> None:
    hub.instead["search"] = (200, answer, {})
    with pytest.raises(BadSource, match=r"does not give its catalogue: an answer .* after 3 tries"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)


def test_a_pass_whose_clouds_are_no_number_is_taken_as_one_of_which_they_are_not_known(hub: MadeHub) -> None:
    hub.features[0]["properties"]["eo:cloud_cover"] = hub.features[1]["properties"]["eo:cloud_cover"] = "n/a"
    assert when.days(sources.open("sentinelhub:mine", area=AREA, dates=DATES, max_scene_cloud=0.5)) == ["2024-05-03"]


@pytest.mark.parametrize("kind", ["search", "process"])
def test_a_pause_of_hours_is_told_and_not_waited_for(hub: MadeHub, kind: str) -> None:
    hub.instead[kind] = (429, b"{}", {"Retry-After": "86400000"})
    with pytest.raises(BadSource, match=r"has used up what it may ask for, and is to wait 24\.0 hours"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES).load()


@pytest.mark.parametrize("pause", ["Wed, 21 Oct 2099 07:28:00 GMT", "0.5"])
def test_a_pause_that_is_no_whole_number_is_the_usual_one(hub: MadeHub, pause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.instead["search"] = (429, b"{}", {"Retry-After": pause})
    waited: list[float] = []
    monkeypatch.setattr("sentinelhub.download.sentinelhub_client.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr("sentinelhub.download.rate_limit.time", SimpleNamespace(monotonic=lambda: 30.0 * len(waited)))
    with pytest.raises(BadSource, match="has used up its rate of requests for its catalogue"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)
    assert waited == [30.0, 30.0]


def test_a_quota_that_is_used_up_is_told_in_the_words_of_the_service(hub: MadeHub) -> None:
    message = "You have insufficient processing units or requests available in your account."
    hub.instead["process"] = (403, json.dumps({"error": {"message": message}}).encode(), {})
    with pytest.raises(BadSource, match=message):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES).load()


def test_a_collection_of_ones_own_is_pansharpened(hub: MadeHub) -> None:
    options = {"area": (0.60, 43.65, 0.603, 43.652), "dates": ("2024-05-03", "2024-05-03"), "bands": ("B", "G", "R", "NIR", "PAN"), "scale": 1e-4}
    stack = sources.open("sentinelhub:mine#byoc-0f3c1b7e-aaaa-bbbb-cccc-1234567890ab", **options).load()
    assert stacks.grid_of(stack).affine.a == 2.5 and hub.asked[0]["input"]["data"][0]["type"] == "byoc-0f3c1b7e-aaaa-bbbb-cccc-1234567890ab"
    x, y = np.meshgrid(stack["x"].values, stack["y"].values)
    np.testing.assert_allclose(stack["reflectance"][0, 1], 2 * made.ground(x, y, 3, "B03"), rtol=1e-5)
    script = hub.asked[0]["evalscript"]
    assert "0.0001 * (4 * s.PAN / (s.B + s.G + s.R + s.NIR))" in script and "harmonizeValues" not in json.dumps(hub.asked[0])


def test_what_is_missing_or_makes_no_sense_is_told(hub: MadeHub) -> None:
    with pytest.raises(BadRecipe, match="where and when"):
        sources.open("sentinelhub:mine", area=AREA)
    with pytest.raises(BadSource, match="known are sentinel-2-l2a, sentinel-2-l1c, and byoc"):
        sources.open("sentinelhub:mine#sentinel-3", area=AREA, dates=DATES)
    with pytest.raises(BadSource, match="--bands B,G,R,NIR,PAN"):
        sources.open("sentinelhub:mine#byoc-1", area=AREA, dates=DATES)
    with pytest.raises(BadBands, match="names of blue, green, red, nir"):
        sources.open("sentinelhub:mine#byoc-1", area=AREA, dates=DATES, bands=("B", "G", "R; fetch('x')", "N"), scale=1.0)
    with pytest.raises(BadSource, match="knows its bands"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES, scale=1.0)


def test_without_its_package_the_extra_is_named(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hubclient._package.cache_clear()
    monkeypatch.setitem(sys.modules, "sentinelhub", None)
    with pytest.raises(DioneError, match=r"dione\[sentinelhub\]"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)


def test_a_catalogue_that_pages_for_ever_is_found_out(hub: MadeHub) -> None:
    answer = {"type": "FeatureCollection", "features": hub.features, "context": {"next": 1}}
    hub.instead["search"] = (200, json.dumps(answer).encode(), {})
    with pytest.raises(BadSource, match="pages for ever"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)


def test_a_catalogue_that_has_more_than_anybody_can_use_is_told(hub: MadeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubclient, "MOST_ITEMS", 2)
    with pytest.raises(BadSource, match=r"(?s)more than 2 items there.*shorter period"):
        sources.open("sentinelhub:mine", area=AREA, dates=DATES)
