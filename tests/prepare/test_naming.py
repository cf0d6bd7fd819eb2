"""Areas as people write them."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import mapping

from dione.base import area as areas
from dione.base.errors import BadRecipe, NotFound
from dione.base.vectors.features import collection
from dione.prepare import mgrs
from dione.prepare.naming import parse

BOX = (0.60, 43.65, 0.75, 43.75)
POLYGON = shapely.box(*BOX)


def bounds(text: str, **options: float) -> tuple[float, ...]:
    return tuple(areas.geometry(parse(text, **options)).bounds)


@pytest.mark.parametrize(
    "text",
    [
        "0.60,43.65,0.75,43.75",
        " 0.6 43.65 0.75 43.75 ",
        POLYGON.wkt,
        f"multi{POLYGON.wkt.replace('((', '(((').replace('))', ')))')}",
        json.dumps(mapping(POLYGON)),
    ],
)
def test_a_box_is_the_same_in_every_way_of_writing(text: str) -> None:
    np.testing.assert_allclose(bounds(text), BOX)


def test_a_point_is_a_square_of_whole_pixels_around_it() -> None:
    for text in ("43.7,0.68", "POINT (0.68 43.7)"):
        made = areas.reprojected(areas.geometry(parse(text, size_m=1280)), areas.DEGREES, "EPSG:32631")
        west, south, east, north = made.bounds
        np.testing.assert_allclose((east - west, north - south), (1280, 1280), atol=1e-4)
        np.testing.assert_allclose(np.array(made.bounds) % 10 / 10 % 1 % 0.9999999, 0, atol=1e-4)
        centre = areas.reprojected(shapely.Point((west + east) / 2, (south + north) / 2).buffer(1), "EPSG:32631", areas.DEGREES).centroid
        assert abs(centre.x - 0.68) < 1e-4 and abs(centre.y - 43.7) < 1e-4


@pytest.mark.parametrize(
    ("tile", "crs", "box"),
    [
        ("06VVN", "EPSG:32606", (399960, 6690240, 509760, 6800040)),
        ("34VEL", "EPSG:32634", (499980, 6490200, 609780, 6600000)),
        ("T07HFE", "EPSG:32707", (600000, 6390220, 709800, 6500020)),
        ("01WCP", "EPSG:32601", (300000, 7290240, 409800, 7400040)),
        ("46RER", "EPSG:32646", (499980, 2990220, 609780, 3100020)),
        ("22HBD", "EPSG:32722", (199980, 5790220, 309780, 5900020)),
        ("33XWJ", "EPSG:32633", (499980, 8790240, 609780, 8900040)),
    ],
)
def test_tiles_lie_where_their_products_do(tile: str, crs: str, box: tuple[int, ...]) -> None:
    assert mgrs.crs_of(tile) == crs and mgrs.box_of(tile) == box
    np.testing.assert_allclose(areas.reprojected(areas.geometry(parse(tile)), areas.DEGREES, crs).bounds, box, atol=1e-3)


def test_all_features_of_a_file_are_one_area(tmp_path: Path) -> None:
    parts = [shapely.box(0.60, 43.65, 0.70, 43.75), shapely.box(0.70, 43.65, 0.75, 43.75)]
    (tmp_path / "fields.geojson").write_text(json.dumps(collection(parts, {})))
    assert areas.geometry(parse(str(tmp_path / "fields.geojson"))).equals(POLYGON)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("43.7,0.68", "no area: give the side"),
        ("91,0", "needs latitude,longitude"),
        ("0.75,43.65,0.60,43.75", "(?s)over 359.85 degrees across the antimeridian.*is west below east"),
        ("MULTIPOLYGON (((-100 0, -99 0, -99 1, -100 0)), ((100 0, 101 0, 101 1, 100 0)))", "(?s)over 161 degrees.*runs of their own"),
        ("POLYGON ((179 0, -179 1, -179 0, 179 1, 179 0))", "crosses itself"),
        ("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", r"(?s)Self-intersection\[0\.5 0\.5\].*crosses itself"),
        ("POLYGON ((0 0, 1 1, 0 0))", "no size|crosses itself"),
        ("0.6,43.65,0.6,43.75", "west below east"),
        ("POLYGON ((560000 6280000, 570000 6280000, 570000 6290000, 560000 6280000))", "no degrees"),
        ("POLYGON ((0 0", "no WKT"),
        ("61TCJ", "zone from 1 to 60"),
        ("31TZZ", "neither|no tile"),
        ('{"type": "Polygon"}', "no GeoJSON geometry"),
    ],
)
def test_what_is_no_area_says_why(text: str, words: str) -> None:
    with pytest.raises((BadRecipe, NotFound), match=words):
        areas.geometry(parse(text))


@pytest.mark.parametrize(
    "name", ["polygon.geojson", "POINTS.json", "multipolygon_2024.geojson", "polygon-7/field.geojson", "polygon (1).geojson", "Point 3.json"]
)
def test_a_file_that_is_named_after_a_geometry_is_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(json.dumps(mapping(POLYGON)))
    assert bounds(name) == pytest.approx(BOX)


@pytest.mark.parametrize("kind", ["Z", " Z", "z "])
def test_corners_with_heights_are_written_in_more_ways_than_one(kind: str) -> None:
    text = f"POLYGON{kind}(({', '.join(f'{x} {y} 120' for x, y in POLYGON.exterior.coords)}))"
    assert bounds(text) == pytest.approx(BOX)


def test_a_size_goes_with_a_point_only() -> None:
    for text in ("0.60,43.65,0.75,43.75", "31TCJ", POLYGON.wkt):
        with pytest.raises(BadRecipe, match="a point only"):
            parse(text, size_m=100)
