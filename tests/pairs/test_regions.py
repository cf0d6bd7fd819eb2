"""Regions of interest come in the file that a user has."""

import json
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import LineString, Polygon, box

from dione.base.errors import BadRecipe, NotFound
from dione.base.vectors.features import Features, collection
from dione.pairs import areas, regions

WEST, EAST = box(1.20, 43.60, 1.22, 43.62), box(1.25, 43.60, 1.27, 43.62)
LINE, BOW = LineString([(1.2, 43.6), (1.3, 43.6)]), Polygon([(0, 0), (1, 1), (1, 0), (0, 2)])


def test_a_file_gives_areas_with_what_it_knows_of_them(tmp_path: Path) -> None:
    columns = {"name": np.array(["west", "east"]), "number": np.array([3, 4])}
    (tmp_path / "regions.geojson").write_text(json.dumps(collection([WEST, EAST], columns)))
    made = areas.areas(regions.read(str(tmp_path / "regions.geojson")))
    assert {(area.site, area.facts["number"]) for area in made} == {("west", 3), ("east", 4)}
    with pytest.raises(NotFound, match="file of regions"):
        regions.read(str(tmp_path / "absent.gpkg"))


def test_a_region_that_is_none_is_told_and_stops_no_other() -> None:
    found = Features((LINE, EAST, BOW, box(4e5, 4e6, 5e5, 5e6)), {"name": np.array(["line", "east", None, "metres"], object)})
    good, wrong = regions.usable(found)
    assert good.geometries == (EAST,) and [row["name"] for row in good.rows()] == ["east"]
    assert list(wrong) == ["region line", "region 2", "region metres"] and "crosses itself" in wrong["region 2"]


def test_where_no_feature_is_a_region_all_are_told() -> None:
    with pytest.raises(BadRecipe, match=r"(?s)no region of interest.*region 0 is a LineString.*region 1 crosses itself"):
        regions.usable(Features((LINE, BOW), {}))
