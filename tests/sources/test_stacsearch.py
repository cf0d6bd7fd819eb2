"""Searching a catalogue: pages, filters, what is said when nothing is found, and what is not followed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import shapely
from rasterio.warp import transform_bounds
from shapely.geometry import mapping

from dione import sources, testing
from dione.base import when
from dione.base.errors import BadRecipe, BadSource, DioneError, NotFound
from dione.base.vectors import antimeridian
from dione.sources.archives import stacsearch
from dione.testing import loopback
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

TILE = testing.grid_at((64, 64), left=300_000, top=4_900_020)
AREA = transform_bounds("EPSG:32631", "EPSG:4326", *TILE[10:50, 10:50].boundingbox.bbox)


@pytest.fixture
def stocked(server: Loopback) -> Loopback:
    """Five dates, cloudier by the day."""
    for day in range(1, 6):
        one = MadeProduct(
            np.full((4, 64, 64), 2000, np.uint16), TILE, np.full(coarser(TILE).shape, 4, np.uint8), start=f"2024050{day}T105031", offset=-0.1, applied=False
        )
        server.items.append(item(one.changed(cloud=20.0 * day - 10), server.hrefs(write(one, server.folder))))
    return server


def source(server: Loopback, collection: str = "sentinel-2-l2a") -> str:
    return f"stac:{server.url}#{collection}"


def test_all_pages_are_turned(stocked: Loopback) -> None:
    assert sources.open(source(stocked), area=AREA).sizes["time"] == 5
    assert len(stocked.searches) == 3


def test_two_passes_within_a_second_have_names_of_their_own(stocked: Loopback) -> None:
    for stands, told in zip(stocked.items, ("31.024Z", "31.824Z"), strict=False):
        stands["properties"]["datetime"] = f"2024-05-01T10:50:{told}"
    found = sources.open(source(stocked), area=AREA)
    assert [when.label(found, date) for date in range(3)] == ["2024-05-01T105031", "2024-05-01T105032", "2024-05-03"]


def test_cloudy_scenes_can_be_left_out(stocked: Loopback) -> None:
    assert sources.open(source(stocked), area=AREA, max_scene_cloud=0.5).sizes["time"] == 3


@pytest.mark.parametrize("east", [0.0, 180.0])
def test_an_area_of_many_points_is_asked_for_in_few_and_finds_what_it_touches_alone(server: Loopback, east: float) -> None:
    comb = shapely.union_all([shapely.box(0, 0, 3, 0.1), *(shapely.box(x, 0, x + 0.001, 2) for x in np.linspace(0, 2.9, 700))])
    area = shapely.affinity.translate(comb, east - 1.5, 44)
    area = antimeridian.halves(area) if east else area
    around = stacsearch._around(area)
    assert shapely.get_num_coordinates(around) <= 20 < 2000 < shapely.get_num_coordinates(area)
    assert around.buffer(1e-9).covers(area) and around.area < 1.1 * 6

    hoop = shapely.Point(0, 0).buffer(2, 1000).union(shapely.Point(9, 0).buffer(2, 1000))
    assert shapely.get_num_coordinates(stacsearch._around(hoop)) == 5


def test_what_only_the_surroundings_of_such_an_area_touch_is_no_date(stocked: Loopback) -> None:
    west, south, east, north = AREA
    far = shapely.Point(west - 1, south - 1).buffer(0.01, 400).union(shapely.Point(east + 1, north + 1).buffer(0.01, 400))
    with pytest.raises(NotFound, match="touches the area"):
        sources.open(source(stocked), area=mapping(far))
    assert all(len(json.dumps(asked)) < 1e5 for asked in stocked.searches)
    assert sources.open(source(stocked), area=mapping(shapely.box(*AREA).segmentize((east - west) / 1000))).sizes["time"] == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"area": AREA, "max_scene_cloud": 0.05}, r"(?s)5 match, the clearest is S2A_MSIL2A_20240501.* with 10% cloud.*--max-scene-cloud 0\.11"),
        ({"area": AREA, "dates": ("2023-01", "2023-02")}, r"(?s)from 2023-01-01/2023-02-28.*there are 5, among them 2024-05-01 and 2024-05-05.*--dates"),
        ({"area": (-30.0, 10.0, -29.9, 10.1)}, r"(?s)touches the area -30\.0000, 10\.0000.*on any date"),
    ],
    ids=["clouds", "dates", "the sea"],
)
def test_when_nothing_is_found_the_filter_that_emptied_it_is_named(stocked: Loopback, options: dict[str, object], words: str) -> None:
    with pytest.raises(NotFound, match=words):
        sources.open(source(stocked), **options)


def test_an_empty_collection_says_so(stocked: Loopback) -> None:
    with pytest.raises(NotFound, match="sentinel-2-l1c has no items at all"):
        sources.open(source(stocked, "sentinel-2-l1c"), area=AREA)


def test_a_catalogue_without_a_collection_lists_them(stocked: Loopback) -> None:
    with pytest.raises(BadSource, match=r"(?s)sentinel-2-c1-l2a, sentinel-2-l1c, sentinel-2-l2a.*name one: stac:http"):
        sources.open(f"stac:{stocked.url}", area=AREA)


def test_a_catalogue_that_pages_for_ever_is_found_out(stocked: Loopback) -> None:
    stocked.circles = True
    with pytest.raises(BadSource, match="pages for ever"):
        sources.open(source(stocked), area=AREA)


def test_an_archive_wants_an_area(stocked: Loopback) -> None:
    with pytest.raises(BadRecipe, match="--area"):
        sources.open(source(stocked))


def test_collections_that_page_for_ever_are_listed_once(stocked: Loopback) -> None:
    stocked.circles = True
    with pytest.raises(BadSource, match=r"has the collections sentinel-2-c1-l2a, sentinel-2-l1c, sentinel-2-l2a\n"):
        sources.open(f"stac:{stocked.url}", area=AREA)


@pytest.mark.parametrize("name", ["stac:earthsearch", "stac:"])
def test_a_name_that_is_no_catalogue_lists_those_that_are(name: str) -> None:
    with pytest.raises(BadSource, match="earth-search, planetary-computer, cdse"):
        sources.open(name, area=AREA)


def test_a_file_that_is_not_there_says_what_is(server: Loopback) -> None:
    (server.folder / "catalog.json").write_text("{}")
    with pytest.raises(NotFound, match=r"catalog\.json"):
        sources.open(f"stac:{server.folder}/catalogue.json", area=AREA)


def test_what_is_no_catalogue_is_said_to_be_none(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("<html>")
    with pytest.raises(BadSource, match="not JSON"):
        sources.open(f"stac:{tmp_path / 'x.json'}", area=AREA)
    with pytest.raises(DioneError, match="cannot be searched: the connection was refused"):
        sources.open("stac:http://127.0.0.1:9/v1#x", area=AREA)


def test_a_catalogue_leads_to_no_file_of_this_machine(stocked: Loopback) -> None:
    for href in ("/etc/hostname", "file:///etc/hostname", "/vsicurl/http://example.com/x.tif", "ftp://example.com/x.tif"):
        stocked.items[0]["assets"]["red"]["href"] = href
        with pytest.raises(BadSource, match="cannot be followed"):
            sources.open(source(stocked), area=AREA)


def test_no_asset_leads_into_the_network_of_this_machine_unless_allowed(stocked: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "1")
    for host in ("169.254.169.254", "10.0.0.1", "[::1]", "127.0.0.1:1", "localhost:1"):
        stocked.items[0]["assets"]["red"]["href"] = f"http://{host}/latest/meta-data?token=verysecret"
        stack = sources.open(source(stocked), area=AREA)
        allowed = host.startswith("127.0.0.1")
        words = "cannot be read" if allowed else "an address of this machine or its own network, and is not followed"
        with pytest.raises(BadSource, match=words) as error:
            stack.isel(time=0).load()
        assert "verysecret" not in str(error.value)


def test_no_further_page_leads_there(stocked: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, led = loopback.Handler._json, []

    def elsewhere(handler: loopback.Handler, answer: dict[str, Any], status: int = 200) -> None:
        for link in answer.get("links", []):
            if link["rel"] == "next":
                led.append(link["href"])
                link["href"] = "http://169.254.169.254/search"
        answered(handler, answer, status)

    monkeypatch.setattr(loopback.Handler, "_json", elsewhere)
    stocked.page = 1
    with pytest.raises(BadSource, match=r"169\.254\.169\.254, an address of this machine"):
        sources.open(source(stocked), area=AREA)
    assert len(led) == 1


def test_no_redirect_leads_there_either(stocked: Loopback) -> None:
    stack = sources.open(source(stocked), area=AREA)
    stocked.fault = lambda path, number: "http://169.254.169.254/latest/meta-data?token=verysecret"
    with pytest.raises(BadSource, match=r"169\.254\.169\.254, an address of this machine") as error:
        stack.isel(time=0).load()
    assert "verysecret" not in str(error.value)
    stocked.fault = lambda path, number: "file:///etc/passwd?token=verysecret"
    with pytest.raises(BadSource, match=r"file:///etc/passwd.* is no http or https address, and is not followed") as error:
        stack.isel(time=0).load()
    assert "verysecret" not in str(error.value)
    stocked.fault = lambda path, number: f"{stocked.url}/files/{path}" if number % 2 else ""
    assert stack.isel(time=0)["valid"].all()


def static(server: Loopback, *links: dict[str, str], **more: object) -> str:
    """A catalogue of files, on the server."""
    for number, one in enumerate(server.items):
        (server.folder / f"item{number}.json").write_text(json.dumps({**one, "links": [{"rel": "root", "href": "http://169.254.169.254/root.json"}]}))
    children = [{"rel": "item", "href": f"./item{number}.json"} for number in range(len(server.items))]
    made = {"type": "Catalog", "id": "x", "description": "x", "stac_version": "1.0.0", "links": [*children, *links], **more}
    (server.folder / "catalog.json").write_text(json.dumps(made))
    return f"stac:{server.url}/files/catalog.json"


def test_a_static_catalogue_from_afar_is_walked_through(stocked: Loopback) -> None:
    assert sources.open(static(stocked), area=AREA, dates=("2024-05-02", "2024-05-03")).sizes["time"] == 2


def test_a_page_or_a_collection_of_an_api_is_not_taken_for_all_there_is(stocked: Loopback) -> None:
    with pytest.raises(BadSource, match=r"(?s)/search is one page of several of an API\n.*#sentinel-2-l2a$"):
        sources.open(f"stac:{stocked.url}/search?collections=sentinel-2-l2a", area=AREA)
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    links = [{"rel": "root", "href": stocked.url}, {"rel": "items", "href": f"{stocked.url}/collections/s2/items"}]
    made = {"type": "Collection", "stac_version": "1.0.0", "id": "s2", "description": "x", "license": "x", "extent": extent, "links": links}
    (stocked.folder / "s2.json").write_text(json.dumps(made))
    with pytest.raises(BadSource, match=rf"s2\.json is a collection of an API\n.*stac:{stocked.url}#s2"):
        sources.open(f"stac:{stocked.url}/files/s2.json", area=AREA)
    stocked.page = 5  # all on one page
    assert sources.open(f"stac:{stocked.url}/search?collections=sentinel-2-l2a", area=AREA).sizes["time"] == 5


def test_a_static_catalogue_that_names_itself_or_goes_round_is_walked_through_once(stocked: Loopback) -> None:
    links = [{"rel": "child", "href": f"./{name}.json"} for name in ("catalog", "round")]
    place = static(stocked, *links)
    back = {"type": "Catalog", "id": "y", "description": "y", "stac_version": "1.0.0", "links": [{"rel": "child", "href": "./catalog.json"}]}
    (stocked.folder / "round.json").write_text(json.dumps(back))
    for source in (place, f"stac:{stocked.folder / 'catalog.json'}"):
        assert sources.open(source, area=AREA).sizes["time"] == 5


def test_a_static_catalogue_without_an_end_is_found_out(stocked: Loopback) -> None:
    place = static(stocked, {"rel": "child", "href": "./0.json"})
    for number in range(40):
        one = {"type": "Catalog", "id": f"{number}", "description": "x", "stac_version": "1.0.0", "links": [{"rel": "child", "href": f"./{number + 1}.json"}]}
        (stocked.folder / f"{number}.json").write_text(json.dumps(one))
    with pytest.raises(BadSource, match=r"(?s)catalog\.json leads ever deeper.*name the one"):
        sources.open(place, area=AREA)


OF_A_PERIOD = {"datetime": None, "start_datetime": "2024-05-03T10:50:31Z", "end_datetime": "2024-05-04T10:50:31Z"}


@pytest.mark.parametrize("told", [{"datetime": "2024-05-04T01:50:31+09:00"}, OF_A_PERIOD])
def test_the_day_of_an_item_is_that_in_utc_or_when_its_period_began(stocked: Loopback, told: dict[str, str | None]) -> None:
    del stocked.items[1:]
    stocked.items[0]["properties"] |= told
    assert sources.open(static(stocked), area=AREA, dates=("2024-05-03", "2024-05-03")).sizes["time"] == 1
    with pytest.raises(NotFound, match=r"among them 2024-05-03 and 2024-05-03"):
        sources.open(static(stocked), area=AREA, dates=("2019", "2019"))


@pytest.mark.parametrize("here", [False, True])
def test_a_static_catalogue_leads_through_its_collections(stocked: Loopback, here: bool) -> None:
    catalogue = json.loads((stocked.folder / static(stocked).rpartition("/")[2]).read_text())
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    elsewhere = {"rel": "root", "href": "http://169.254.169.254/root.json"}
    collection = {**catalogue, "type": "Collection", "id": "sentinel-2-l2a", "license": "x", "extent": extent, "links": [elsewhere, *catalogue["links"]]}
    (stocked.folder / "collection.json").write_text(json.dumps(collection))
    for name, child in (("middle", "collection"), ("catalog", "middle")):
        (stocked.folder / f"{name}.json").write_text(json.dumps({**catalogue, "links": [{"rel": "child", "href": f"./{child}.json"}]}))
    for name in ("collection", "catalog"):
        place = stocked.folder / f"{name}.json" if here else f"{stocked.url}/files/{name}.json"
        assert sources.open(f"stac:{place}", area=AREA, dates=("2024-05-02", "2024-05-03")).sizes["time"] == 2


@pytest.mark.parametrize("written", [str, quote])
@pytest.mark.parametrize("before", ["file://", ""])
def test_addresses_of_files_on_this_disk_may_have_spaces_written_out_or_not(tmp_path: Path, before: str, written: Callable[[str], str]) -> None:
    made = MadeProduct(np.full((4, 64, 64), 2000, np.uint16), TILE, np.full(coarser(TILE).shape, 4, np.uint8), offset=-0.1, applied=False)
    folder = tmp_path / "my fields"
    files = write(made, folder / "May 2024")
    place, link = folder / "May 2024" / "item.json", {"rel": "item", "href": written("./May 2024/item.json")}
    if before:
        link["href"] = before + written(str(place))
    place.write_text(json.dumps(item(made, {band: before + written(str(file)) for band, file in files.items()})))
    (folder / "catalog.json").write_text(json.dumps({"type": "Catalog", "id": "x", "description": "x", "stac_version": "1.0.0", "links": [link]}))
    for name in (str(folder), "file://" + quote(str(folder))):
        np.testing.assert_allclose(sources.open(f"stac:{name}/catalog.json")["reflectance"].values, 0.1, atol=1e-6)


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "an address of this machine or its own network"),
        ("file:///etc/hostname", "is not followed"),
        ("/etc/hostname", "is not followed"),
    ],
)
def test_a_static_catalogue_leads_nowhere_that_is_not_allowed(stocked: Loopback, href: str, words: str) -> None:
    link = {"rel": "child", "href": href}
    parent = {"rel": "root", "href": "http://169.254.169.254/root.json"}
    with pytest.raises(DioneError, match=words):
        sources.open(static(stocked, link, parent), area=AREA)


def spoiled(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The item with each of its fields, and those of its first asset, replaced by something else, one at a time."""
    key = next(iter(made["assets"]))
    for path in [(one,) for one in made] + [("properties", one) for one in made["properties"]] + [("assets", key, one) for one in made["assets"][key]]:
        for other in (None, "", [], {}, -1, "x", [None], {"type": "Polygon"}):
            changed = json.loads(json.dumps(made))
            at = changed
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = other
            yield f"{'/'.join(path)} = {other!r}", changed


@pytest.mark.slow
def test_whatever_an_item_holds_only_our_own_errors_come_out(stocked: Loopback, tmp_path: Path) -> None:
    opened, strange = 0, []
    for what, made in spoiled(stocked.items[0]):
        (tmp_path / "item.json").write_text(json.dumps(made))
        try:
            opened += sources.open(f"stac:{tmp_path / 'item.json'}", area=AREA, max_scene_cloud=0.9).sizes["time"]
        except DioneError:
            continue
        except Exception as error:
            strange.append(f"{what}: {type(error).__name__} {error}")
    assert strange == [] and opened > 20


@pytest.mark.parametrize("outline", [{"type": "X"}, {"type": "Polygon", "coordinates": [[[float("nan"), 0], [0, 0], [0, 1], [1, 1]]]}])
def test_an_outline_that_is_none_is_told(tmp_path: Path, outline: dict[str, Any]) -> None:
    one = {
        "type": "Feature",
        "id": "x",
        "stac_version": "1.0.0",
        "geometry": outline,
        "properties": {"datetime": "2024-01-01T00:00:00Z"},
        "links": [],
        "assets": {},
    }
    (tmp_path / "item.json").write_text(json.dumps(one))
    with pytest.raises(BadSource, match=r"item\.json is no STAC catalogue that can be read"):
        sources.open(f"stac:{tmp_path / 'item.json'}", area=AREA)
