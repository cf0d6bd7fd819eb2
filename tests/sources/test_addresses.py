"""Which addresses and files a catalogue may lead to."""

import ipaddress
import json
import socket
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from rasterio.warp import transform_bounds

from dione import sources, testing
from dione.base.errors import BadSource
from dione.sources.remote import addresses, sessions
from dione.testing import loopback
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

TILE = testing.grid_at((64, 64), left=300_000, top=4_900_020)
AREA = transform_bounds("EPSG:32631", "EPSG:4326", *TILE[10:50, 10:50].boundingbox.bbox)


@pytest.fixture
def stocked(server: Loopback) -> Loopback:
    """One date."""
    one = MadeProduct(np.full((4, 64, 64), 2000, np.uint16), TILE, np.full(coarser(TILE).shape, 4, np.uint8), offset=-0.1, applied=False)
    server.items.append(item(one, server.hrefs(write(one, server.folder))))
    return server


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(("8.8.8.8", True), ("2001:4860:4860::8888", True)),
        *((address, False) for address in ("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1")),
        *((address, False) for address in ("::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254")),
        *((address, False) for address in ("2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe")),
    ],
)
def test_an_address_is_of_the_open_internet_or_not_whatever_it_is_dressed_as(address: str, public: bool) -> None:
    assert addresses.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
def test_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(BadSource, match="not followed"):
        addresses.check(f"http://{host}/latest", frozenset())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://8.8.8.8/a", "gopher://8.8.8.8/", "http:///a", "//8.8.8.8/a", "https://"])
def test_only_web_addresses_are_followed(url: str) -> None:
    with pytest.raises(BadSource, match="is not followed"):
        addresses.check(url, frozenset())


def test_a_host_of_a_private_network_is_followed_once_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for names, followed in (("", False), ("10.1.2.4, other", False), ("other, 10.1.2.3", True), ("10.1.2.3:8080", True), ("10.1.2.3:81", False), ("*", True)):
        monkeypatch.setenv("DIONE_PRIVATE_HOSTS", names)
        for asked in (lambda url: addresses.check(url, frozenset()), lambda url: addresses.check_peer(url, "10.1.2.3", frozenset())):
            with nullcontext() if followed else pytest.raises(BadSource, match=r"DIONE_PRIVATE_HOSTS=10\.1\.2\.3:8080"):
                asked("http://10.1.2.3:8080/x")


def test_a_password_is_not_handed_on_to_where_an_answer_leads(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str | None]] = []
    answered = loopback.Handler.do_GET

    def listening(handler: loopback.Handler) -> None:
        heard.append((handler.service.url, handler.headers.get("Authorization")))
        answered(handler)

    monkeypatch.setattr(loopback.Handler, "do_GET", listening)
    (tmp_path / "other").mkdir()
    for folder in (server.folder, tmp_path / "other"):
        (folder / "x").write_bytes(b"here")
    with Loopback(tmp_path / "other") as other:
        server.fault = lambda path, number: f"{other.url}/files/x"
        asked = f"{server.url}/files/x".replace("http://", "http://user:verysecret@")
        assert sessions.session(frozenset({"127.0.0.1"})).get(asked, timeout=2).content == b"here"
    (first, told), (second, nothing) = heard
    assert (first, second) == (server.url, other.url) and told and nothing is None


def test_a_name_that_stands_for_this_machine_once_it_is_reached_is_refused(stocked: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    port, looked_up, asked = stocked.url.rpartition(":")[2], socket.getaddrinfo, []

    def other(host: str, *args: object, **options: object) -> object:
        """A public address when it is looked at, this machine when it is reached."""
        if host != "evil.test":
            return looked_up(host, *args, **options)  # type: ignore[arg-type]
        asked.append(host)
        return looked_up("93.184.216.34" if len(asked) == 1 else "127.0.0.1", *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", other)
    with pytest.raises(BadSource, match=r"evil\.test.* leads to 127\.0\.0\.1"):
        sessions.session(frozenset()).get(f"http://evil.test:{port}/files/x", timeout=2)
    assert len(asked) > 1 and stocked.requests == []


def test_an_answer_that_does_not_end_is_cut_off(stocked: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LARGEST_ANSWER", 1000)
    with pytest.raises(BadSource, match="or does not come to an end"):
        sources.open(f"stac:{stocked.url}#sentinel-2-l2a", area=AREA)


def test_a_catalogue_on_this_disk_leads_to_its_own_folder_and_to_those_that_are_allowed(
    stocked: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "item").mkdir()
    one = stocked.items[0]
    files = {key: str(stocked.folder / asset["href"].rpartition("/")[2]) for key, asset in one["assets"].items()}
    for key, path in files.items():
        one["assets"][key]["href"] = path
    (tmp_path / "item" / "item.json").write_text(json.dumps(one))
    source = f"stac:{tmp_path / 'item' / 'item.json'}"
    with pytest.raises(BadSource, match=r"lies outside of .*\n.*DIONE_LOCAL_FOLDERS="):
        sources.open(source)
    monkeypatch.setenv("DIONE_LOCAL_FOLDERS", f"{tmp_path / 'none'}:{stocked.folder}")
    assert sources.open(source).sizes["time"] == 1


@pytest.mark.parametrize("by_link", [False, True])
def test_a_catalogue_on_this_disk_leads_to_no_other_json_of_it_either(
    stocked: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_link: bool
) -> None:
    (tmp_path / "catalogue").mkdir()
    (stocked.folder / "item.json").write_text(json.dumps(stocked.items[0]))
    outside = stocked.folder / "item.json"
    if by_link:
        (tmp_path / "catalogue" / "item.json").symlink_to(outside)
    links = [{"rel": "item", "href": "./item.json" if by_link else str(outside)}]
    root = tmp_path / "catalogue" / "catalog.json"
    root.write_text(json.dumps({"type": "Catalog", "id": "x", "description": "x", "stac_version": "1.0.0", "links": links}))
    with pytest.raises(BadSource, match=r"leads to '.*item\.json', which is not followed: it lies outside of .*catalogue\n.*DIONE_LOCAL_FOLDERS="):
        sources.open(f"stac:{root}")
    monkeypatch.setenv("DIONE_LOCAL_FOLDERS", str(stocked.folder))
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "*")
    assert sources.open(f"stac:{root}").sizes["time"] == 1
