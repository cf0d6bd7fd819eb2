"""The collection of a run: valid, and read as one thing."""

import json
from pathlib import Path

import pystac
import pytest
from pystac.validation import JsonSchemaSTACValidator

from dione.prediction.files import collection, item


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_run) -> Path:
    out = tmp_path_factory.mktemp("out")
    run = make_run(out, shape=(13, 17), targets=2)
    for target in run.targets:
        item.write(out, run, target)
    collection.write(out, run)
    return out


def test_the_collection_and_its_items_are_valid_stac(folder: Path) -> None:
    made = json.loads((folder / "collection.json").read_text())
    core = {**made, "stac_extensions": []}  # the core's schemas come with pystac, the extensions' would be fetched
    assert JsonSchemaSTACValidator().validate(core, pystac.STACObjectType.COLLECTION, made["stac_version"], []) is not None
    for path in folder.glob("2024-*.json"):
        one = json.loads(path.read_text())
        assert one["collection"] == made["id"]
        assert JsonSchemaSTACValidator().validate({**one, "stac_extensions": []}, pystac.STACObjectType.ITEM, one["stac_version"], []) is not None


def test_pystac_walks_from_the_collection_to_the_files_and_back(folder: Path) -> None:
    opened = pystac.Collection.from_file(str(folder / "collection.json"))
    items = sorted(opened.get_items(), key=lambda one: one.id)
    assert [one.id for one in items] == ["2024-05-16", "2024-05-21"]
    assert all(Path(asset.get_absolute_href()).is_file() for one in items for asset in one.assets.values())
    assert pystac.Item.from_file(str(folder / "2024-05-21.json")).get_collection().id == opened.id
    west, south, east, north = opened.extent.spatial.bboxes[0]
    assert all(west <= one.bbox[0] and south <= one.bbox[1] and east >= one.bbox[2] and north >= one.bbox[3] for one in items)
    first, last = opened.extent.temporal.intervals[0]
    assert (first, last) == (items[0].datetime, items[1].datetime)


def test_it_says_nothing_of_this_machine(folder: Path) -> None:
    made = json.loads((folder / "collection.json").read_text())
    assert {link["href"] for link in made["links"]} == {"./collection.json", "./2024-05-16.json", "./2024-05-21.json"}
