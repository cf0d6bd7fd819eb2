"""Areas cut from a scene, and how much of them is clear."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rasterio.warp import transform_bounds, transform_geom
from shapely.geometry import MultiPolygon, box, mapping

from dione import testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadGrid, BadRecipe, NotFound
from dione.prepare import area
from dione.prepare.area import clear_fractions, crop
from dione.prepare.naming import parse
from dione.sources import geotiff


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    return testing.series(testing.landscape((40, 60), seed=1), days=2, cloud=0.3, seed=2).stack


def degrees(stack: xr.Dataset, rows: slice, columns: slice) -> tuple[float, float, float, float]:
    """The box in degrees that lies inside of these pixels' own."""
    grid = stacks.grid_of(stack.isel(y=rows, x=columns))
    return transform_bounds(str(grid.crs), "EPSG:4326", *grid.boundingbox.bbox)


def triangle(stack: xr.Dataset) -> dict[str, object]:
    """The lower left half of the scene, in degrees."""
    grid = stacks.grid_of(stack)
    corners = [grid.affine * corner for corner in ((0, 0), (0, 40), (60, 40), (0, 0))]
    return dict(transform_geom(str(grid.crs), "EPSG:4326", {"type": "Polygon", "coordinates": [corners]}))


def test_fractions_are_exact(stack: xr.Dataset) -> None:
    np.testing.assert_allclose(clear_fractions(stack), stack["valid"].mean(("y", "x")).values)


def test_a_large_scene_is_sampled_not_read(stack: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(area, "EXACT_PX", 1000)
    np.testing.assert_allclose(clear_fractions(stack), stack["valid"].mean(("y", "x")).values)
    spread = area.sample((10_000, 7_000))
    assert len(spread) == 64 and {window.shape for window in spread} == {(256, 256)}
    assert max(w.bottom for w in spread) == 10_000 and max(w.right for w in spread) == 7_000


def test_fields_that_lie_far_apart_are_all_looked_at() -> None:
    side, places = 5000, ((300, 1900), (2600, 300), (4700, 3100), (1900, 4700))
    grid = testing.grid_at((side, side))
    numbers = np.broadcast_to(np.float32(0.2), (2, 4, side, side))
    made = stacks.make(numbers, np.broadcast_to(True, (2, side, side)), ["2024-06-01", "2024-06-11"], grid)
    fields = [box(*grid[row : row + 30, column : column + 30].boundingbox.bbox) for row, column in places]
    part = crop(made, transform_geom(str(grid.crs), "EPSG:4326", mapping(MultiPolygon(fields))))
    assert part.sizes["y"] * part.sizes["x"] > area.EXACT_PX
    assert clear_fractions(part) == [1, 1]
    hidden = part.assign(valid=part["valid"] & (part["x"] < float(part["x"][2000])))
    assert clear_fractions(hidden) == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_box_takes_the_pixels_it_touches_and_keeps_their_place(stack: xr.Dataset) -> None:
    west, south, east, north = degrees(stack, slice(10, 20), slice(15, 40))
    part = stacks.check(crop(stack, (west, south, east, north)))
    assert 10 <= part.sizes["y"] <= 12 and 25 <= part.sizes["x"] <= 27
    top = when.days(stack) and int(np.flatnonzero(stack["y"].values == part["y"].values[0])[0])
    left = int(np.flatnonzero(stack["x"].values == part["x"].values[0])[0])
    same = stack.isel(y=slice(top, top + part.sizes["y"]), x=slice(left, left + part.sizes["x"]))
    xr.testing.assert_identical(part.compute(), same)
    assert stacks.grid_of(part) == stacks.grid_of(same)


def test_a_box_on_pixel_edges_in_degrees_takes_no_pixel_more() -> None:
    made = testing.series(testing.landscape((40, 60)), days=1, grid=testing.grid_at((40, 60), crs="EPSG:4326", left=1.5, top=43.25, pixel=1e-4)).stack
    part = crop(made, degrees(made, slice(10, 20), slice(15, 40)))
    assert (part.sizes["y"], part.sizes["x"]) == (10, 25)


def test_outside_a_polygon_nothing_is_valid_and_fractions_are_of_the_polygon(stack: xr.Dataset) -> None:
    clear = stack.assign(valid=xr.ones_like(stack["valid"]))
    for wrapped in (triangle(stack), {"type": "Feature", "properties": {}, "geometry": triangle(stack)}):
        part = stacks.check(crop(clear, wrapped))
        assert not part["valid"].values[0, 2, 30:].any() and part["valid"].values[0, -3, :40].all()
        assert 0.5 < part["valid"].values.mean() < 0.56
        assert clear_fractions(part) == [1, 1]


def test_a_collection_of_features_is_an_area(stack: xr.Dataset) -> None:
    collection = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": triangle(stack)}]}
    np.testing.assert_array_equal(crop(stack, collection)["valid"], crop(stack, triangle(stack))["valid"])


def test_cropping_twice_keeps_the_first_polygon(stack: xr.Dataset) -> None:
    part = crop(crop(stack, triangle(stack)), degrees(stack, slice(0, 40), slice(20, 60)))
    assert not part["valid"].values[0, 2, 10:].any()


def test_a_lazy_stack_stays_lazy_and_reads_windows_of_the_part_only(stack: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = geotiff.open(testing.write_geotiffs(stack, tmp_path / "series"))
    seen = []
    decode = geotiff.Files.read
    monkeypatch.setattr(geotiff.Files, "read", lambda self, date, window: (seen.append(window.shape), decode(self, date, window))[1])
    part = crop(lazy, degrees(lazy, slice(5, 35), slice(5, 50)))
    assert not seen
    part.isel(time=0, y=slice(3, 9), x=slice(4, 14)).compute()
    assert seen == [(6, 10)]


def test_of_a_scene_that_counts_longitudes_beyond_180_the_part_there_is_found() -> None:
    grid = testing.grid_at((40, 60), crs="EPSG:4326", left=179.999, top=-16, pixel=1e-4)
    stack = testing.series(testing.landscape((40, 60), seed=1), days=2, grid=grid).stack
    assert crop(stack, (-179.999, -16.002, -179.996, -16.001)).sizes == {"time": 2, "band": 4, "y": 10, "x": 30}


def test_no_overlap_says_where_the_scene_is(stack: xr.Dataset) -> None:
    west, *_ = degrees(stack, slice(None), slice(None))
    with pytest.raises(NotFound, match=f"does not touch the scene, which covers {west:.4f}"):
        crop(stack, (10.0, 50.0, 11.0, 51.0))


@pytest.mark.parametrize(
    "wrong", [(1.0, 2.0, 3.0), (3.0, 2.0, 1.0, 4.0), (1.0, 2.0, float("nan"), 4.0), {"type": "Polygon"}, {"type": "Point", "coordinates": [1.2, 43.6]}, {}]
)
def test_an_area_that_is_none_is_told(stack: xr.Dataset, wrong: object) -> None:
    with pytest.raises(BadRecipe, match="area"):
        crop(stack, wrong)


def test_a_scene_without_a_crs_cannot_be_cropped_in_degrees() -> None:
    made = testing.series(testing.landscape((8, 9)), days=1, grid=testing.grid_at((8, 9), crs=None)).stack
    with pytest.raises(BadGrid, match="without a CRS"):
        crop(made, (1.0, 2.0, 3.0, 4.0))


def test_areas_are_parsed_as_people_write_them(tmp_path: Path) -> None:
    assert parse("1.2,43.6, 1.3,43.7") == (1.2, 43.6, 1.3, 43.7)
    assert parse("-1.5 -43.6 1.3 43.7") == (-1.5, -43.6, 1.3, 43.7)
    point = {"type": "Point", "coordinates": (1.2, 43.6)}
    (tmp_path / "a.geojson").write_text(json.dumps(point))
    assert parse(str(tmp_path / "a.geojson")) == point
    for text, error in (("1,2,3", NotFound), ("none.geojson", NotFound), ("a,b,c,d", NotFound)):
        with pytest.raises(error, match="west,south,east,north"):
            parse(text)
