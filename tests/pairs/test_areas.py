"""Regions become boxes that nest."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from shapely.geometry import box

from dione.base.errors import BadRecipe, BadSource
from dione.base.grid import finer
from dione.base.vectors.features import Features
from dione.pairs.areas import areas, neighbours, of_table, read, write

SQUARE = box(1.20, 43.60, 1.26, 43.64)  # about 4.8 × 4.4 km


def regions(*shapes, **facts):
    return Features(shapes, {key: np.full(len(shapes), value) for key, value in facts.items()})


def test_cores_tile_the_ground_and_grids_nest_with_each_other_and_with_both_pixels():
    found = areas(regions(SQUARE, name="field"))
    assert len(found) >= 9 and {area.site for area in found} == {"field"}
    first = found[0]
    assert first.grid.shape == (240, 240) and first.buffer_m == 200
    for one, other in pairwise(found):
        for grid, another in ((one.grid, other.grid), (finer(one.grid, 4), finer(other.grid, 4))):
            offset = np.array(~grid.affine * (another.affine.c, another.affine.f))
            assert np.allclose(offset, offset.round(), atol=1e-6)
    left, bottom, right, top = first.core
    assert (right - left, top - bottom) == (2000, 2000) and left % 2000 == bottom % 2000 == 0


def test_every_spot_of_a_region_lies_in_exactly_one_core():
    from pyproj import Transformer

    found = areas(regions(SQUARE), size_m=500)
    turn = Transformer.from_crs(4326, found[0].epsg, always_xy=True)
    rng = np.random.default_rng(1)
    x, y = turn.transform(rng.uniform(1.2001, 1.2599, 300), rng.uniform(43.6001, 43.6399, 300))
    inside = [[left <= a < right and bottom <= b < top for left, bottom, right, top in (area.core for area in found)] for a, b in zip(x, y, strict=True)]
    assert all(sum(one) == 1 for one in inside)


def test_neighbours_are_told_also_across_regions_zones_and_corners(tmp_path: Path):
    found = areas(regions(box(5.97, 43.60, 6.03, 43.62)), size_m=1000)
    assert {area.epsg for area in found} == {32631} or {area.epsg for area in found} == {32632}
    west, east = areas(regions(box(5.97, 43.60, 5.9999, 43.62)), size_m=1000), areas(regions(box(6.0001, 43.60, 6.03, 43.62)), size_m=1000)
    both = (*west, *east)
    assert {area.epsg for area in both} == {32631, 32632}
    beside = neighbours(both)
    assert any(name.startswith("32632") for area in west for name in beside[area.name])
    middle = next(area for area in found if len(neighbours(found)[area.name]) >= 5)
    assert any(other.column == middle.column + 1 and other.row == middle.row + 1 for other in found if other.name in neighbours(found)[middle.name])
    again, table = read(write(tmp_path / "areas.parquet", found))
    assert again == found and table == neighbours(found)


def test_areas_of_two_zones_whose_buffers_share_ground_are_neighbours():
    west, east = (areas(regions(box(left, 58.13, left + 0.03, 58.15)), size_m=1000) for left in (5.95, 6.0101))
    apart = [(one, other) for one in west for other in east if one.epsg != other.epsg and not one.outline.intersects(other.outline)]
    shared = [(one, other) for one, other in apart if one.ground.intersects(other.ground)]
    beside = neighbours((*west, *east))
    assert shared and all(other.name in beside[one.name] for one, other in shared)
    assert all((other.name in beside[one.name]) is ((one, other) in shared) for one, other in apart)


def test_an_area_of_two_regions_belongs_to_the_first_and_keeps_its_facts():
    found = areas(Features((SQUARE, SQUARE), {"name": np.array(["a", "b"]), "country": np.array(["A", None])}))
    assert {area.site for area in found} == {"a"} and {area.facts["country"] for area in found} == {"A"}


def test_a_name_that_no_region_has_is_refused_not_taken_for_numbers():
    assert {area.site for area in areas(regions(SQUARE, parcel="p7"), name="parcel")} == {"p7"}
    with pytest.raises(BadRecipe, match="no region has a property 'parcell' to name it; there are parcel"):
        areas(regions(SQUARE, parcel="p7"), name="parcell")


def test_a_property_that_only_some_regions_have_is_a_column_of_all(tmp_path: Path):
    shapes, columns = (SQUARE, box(1.40, 43.60, 1.42, 43.62)), {"country": np.array([None, "B"], object)}
    found = areas(Features(shapes, columns))
    again, _ = read(write(tmp_path / "areas.parquet", found))
    assert again == found and {area.site: area.facts for area in again} == {"region0": {"country": None}, "region1": {"country": "B"}}


def test_a_buffer_of_whole_pixels_is_one_whatever_its_fraction_is_rounded_to():
    assert {area.buffer_m for area in areas(regions(SQUARE), size_m=3000, buffer=0.14)} == {210}
    with pytest.raises(BadRecipe, match="buffer on each side is 205 m, needs a multiple of 10"):
        areas(regions(SQUARE), size_m=2050, buffer=0.2)


def test_a_property_that_is_a_number_here_and_a_text_there_is_a_text_everywhere(tmp_path: Path):
    columns = {"code": np.array([7, "B2", None], object), "yes": np.array([True, 1, 0], object), "size": np.array([1, 2.5, 3], object)}
    shapes = (SQUARE, box(1.40, 43.60, 1.42, 43.62), box(1.50, 43.60, 1.52, 43.62))
    again, _ = read(write(tmp_path / "areas.parquet", areas(Features(shapes, columns))))
    assert {(area.facts["code"], area.facts["yes"], area.facts["size"]) for area in again} == {("7", "True", 1.0), ("B2", "1", 2.5), (None, "0", 3.0)}


def test_a_property_that_is_called_as_a_column_of_the_index_gets_a_name_of_its_own_and_that_is_said(caplog: pytest.LogCaptureFixture):
    (first, *_) = areas(regions(SQUARE, name="field", kept="no", site="mine", country="A"))
    assert first.site == "field" and first.facts == {"region_kept": "no", "region_site": "mine", "country": "A"}
    assert "property 'kept' has the name of a column" in caplog.text and "'region_kept'" in caplog.text and "country" not in caplog.text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(regions=regions(SQUARE), size_m=2005), "multiple of 10"),
        (dict(regions=regions(SQUARE), size_m=100, buffer=0.1), "the buffer on each side is 5 m"),
        (dict(regions=regions(box(5e5, 4e6, 5.1e5, 4.1e6))), "needs a polygon in longitude and latitude"),
        (dict(regions=regions()), "no polygon"),
    ],
)
def test_what_cannot_be_cut_is_told(wrong, says):
    with pytest.raises(BadRecipe, match=says):
        areas(wrong.pop("regions"), **wrong)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "../../elsewhere"}, "needs the name of one folder"),
        ({"name": ""}, "needs the name of one folder"),
        ({"epsg": "x"}, "'epsg' is 'x', needs int"),
    ],
)
def test_a_table_whose_areas_lead_elsewhere_or_are_none_is_refused(changed: dict[str, Any], told: str):
    rows = [{"name": "a", "site": "s", "epsg": 32631, "column": 1, "row": 1, "size_m": 160, "buffer_m": 40, "neighbours": ["b"]}]
    assert of_table(pa.Table.from_pylist(rows), "here")[0][0].name == "a"
    with pytest.raises(BadSource, match=f"(?s)here is no table of areas.*{told}"):
        of_table(pa.Table.from_pylist([rows[0] | changed]), "here")
