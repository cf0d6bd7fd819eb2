"""Areas across the antimeridian, however they are written."""

import json

import numpy as np
import pytest
import shapely
from shapely.geometry import mapping

from dione.base import area as areas
from dione.base.vectors.antimeridian import crosses, halves, through
from dione.prepare.naming import parse

BOX = "179.9,-17,-179.8,-16"
WAYS = {
    "a box": BOX,
    "a polygon that jumps": "POLYGON ((179.9 -17, -179.8 -17, -179.8 -16, 179.9 -16, 179.9 -17))",
    "a polygon that runs on": "POLYGON ((179.9 -17, 180.2 -17, 180.2 -16, 179.9 -16, 179.9 -17))",
    "the same from the other side": "POLYGON ((-180.1 -17, -179.8 -17, -179.8 -16, -180.1 -16, -180.1 -17))",
    "two halves": "MULTIPOLYGON (((179.9 -17, 180 -17, 180 -16, 179.9 -16, 179.9 -17)), ((-180 -17, -179.8 -17, -179.8 -16, -180 -16, -180 -17)))",
    "GeoJSON": json.dumps(mapping(shapely.Polygon([(179.9, -17), (-179.8, -17), (-179.8, -16), (179.9, -16)]))),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_it_is_the_same_two_halves(way: str) -> None:
    made = areas.geometry(parse(WAYS[way]))
    assert made.equals_exact(areas.geometry(parse(BOX)), 1e-9, normalize=True)
    assert [round(part.area, 6) for part in made.geoms] == [0.1, 0.2] and areas.words(made) == "179.9000, -17.0000, -179.8000, -16.0000"


@pytest.mark.parametrize("crs", ["EPSG:32760", "EPSG:32701"])
def test_in_either_zone_it_is_one_piece_and_comes_back_in_halves(crs: str) -> None:
    made = areas.geometry(parse(BOX))
    placed = areas.reprojected(made, areas.DEGREES, crs)
    west, _, east, _ = placed.bounds
    assert placed.geom_type == "Polygon" and 31_000 < east - west < 34_000
    back = areas.reprojected(placed, crs, areas.DEGREES)
    assert crosses(back) and back.symmetric_difference(made).area < 1e-4 * made.area


def test_counted_through_and_cut_into_halves_again_nothing_changes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        whole = shapely.MultiPoint(rng.uniform((170, -60), (190, 60), (9, 2))).convex_hull
        assert through(halves(whole)).symmetric_difference(whole).area < 1e-9
