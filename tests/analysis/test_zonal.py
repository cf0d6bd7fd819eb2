"""Parcels: means over trusted pixels, how sure they are, files there and back."""

import csv
import datetime
import json
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS

import dione
import dione.accessor
from dione.analysis.indices import indices
from dione.analysis.parcels import Parcels, read
from dione.analysis.zonal import ZonalRule, zonal
from dione.base import stack as stacks
from dione.base.crs import turn
from dione.base.errors import BadRecipe, CannotWrite
from dione.testing import Sensor, landscape, series

LEFT, TOP = 355_000, 4_832_000
QUARTERS = [shapely.box(LEFT + x, TOP - y - 100, LEFT + x + 100, TOP - y) for y in (0, 100) for x in (0, 100)]


@pytest.fixture
def parcels():
    outside = shapely.box(LEFT + 5000, TOP, LEFT + 5100, TOP + 100)
    return Parcels((*QUARTERS, outside), {"name": np.array(["a", "b", "c", "d", "far"], object)}, "EPSG:32631")


def test_the_mean_of_a_parcel_is_over_its_trusted_pixels(sharp, parcels):
    made = zonal(sharp, parcels)
    assert list(made.columns["name"]) == ["a", "b", "c", "d", "far"]
    assert made.columns["NDVI_2024-05-01_mean"][0] == pytest.approx(0.8, abs=0.01)
    assert list(made.columns["NDVI_2024-05-01_n"]) == [1600, 1575, 1600, 1500, 0]
    assert made.columns["NDVI_2024-05-01_trusted"][3] == pytest.approx(1500 / 1600)
    assert np.isnan(made.columns["NDVI_2024-07-01_mean"][4])


@pytest.mark.parametrize("left", [179.999, -180.001, 199.999])
def test_parcels_in_degrees_are_found_in_a_scene_that_runs_on_beyond_the_antimeridian(sharp, left):
    grid = GeoBox((80, 80), Affine(2.5e-5, 0, left, 0, -2.5e-5, -16), "EPSG:4326")
    placed = stacks.make(sharp["reflectance"].values, sharp["valid"].values, list(sharp["time"].values), grid)
    turns = [360 if middle > 180 else -360 if middle < -180 else 0 for middle in (left + 0.0005, left + 0.0015)]
    boxes = [shapely.box(west - turn, -16.001, west + 0.001 - turn, -16) for west, turn in zip((left, left + 0.001), turns, strict=True)]
    made = zonal(placed, Parcels((*boxes, shapely.MultiPolygon(boxes)), {}, "EPSG:4326")).columns
    assert list(made["NDVI_2024-05-01_n"]) == [1600, 1575, 3175]
    assert made["NDVI_2024-05-01_mean"][:2] == pytest.approx([0.8, 0.24], abs=0.01)


def test_large_parcels_are_worked_on_date_by_date_and_small_ones_all_dates_at_once(sharp, parcels, monkeypatch):
    looked_at = []
    spied = lambda part, *names, **how: looked_at.append(part.sizes["time"]) or indices(part, *names, **how)  # noqa: E731
    monkeypatch.setattr("dione.analysis.zonal.indices", spied)
    together = zonal(sharp, parcels).columns
    assert set(looked_at) == {sharp.sizes["time"]} and len(looked_at) == 4
    monkeypatch.setattr("dione.analysis.zonal.AT_ONCE_PX", 1600)
    apart = zonal(sharp, parcels).columns
    assert set(looked_at[4:]) == {1} and all(np.array_equal(apart[name], together[name], equal_nan=name != "name") for name in together)


def test_parcels_may_be_whatever_speaks_geojson_by_the_crs_that_it_names(sharp, parcels, tmp_path):
    known = sharp.dione.zonal(parcels)
    columns = {"sown": np.array(["2024-03-01"] * len(parcels), "datetime64[D]"), "number": np.arange(len(parcels))}
    table = SimpleNamespace(__geo_interface__=Parcels(parcels.geometries, columns, parcels.crs).__geo_interface__, crs=CRS(parcels.crs))
    table.__geo_interface__["features"][0]["properties"]["number"] = np.int64(0)  # as a GeoDataFrame may have it
    in_degrees = parcels.to_crs("EPSG:4326").__geo_interface__
    for given in (table, in_degrees, parcels.write(tmp_path / "parcels.geojson")):
        found = sharp.dione.zonal(given)
        for name in known.columns.keys() - {"name"}:
            np.testing.assert_allclose(found.columns[name], known.columns[name], rtol=1e-6)
    assert sharp.dione.zonal(table).crs == "EPSG:32631" and sharp.dione.zonal(table).columns["number"].tolist() == [*range(len(parcels))]


def test_metres_that_nobody_calls_so_are_not_taken_for_degrees(sharp, parcels, tmp_path):
    (tmp_path / "utm.geojson").write_text(json.dumps(parcels.__geo_interface__))
    for given in (tmp_path / "utm.geojson", SimpleNamespace(__geo_interface__=parcels.__geo_interface__, crs=None)):
        with pytest.raises(BadRecipe, match=r"corners lie over \(355000\.0, .*which are no degrees"):
            sharp.dione.zonal(given)


def test_parcels_of_which_none_lies_in_the_scene_are_told_with_where_it_is(sharp, parcels, caplog):
    swapped = Parcels((shapely.box(43.623, 1.206, 43.624, 1.207),), {}, "EPSG:4326")
    assert list(zonal(sharp, swapped).columns["NDVI_2024-05-01_n"]) == [0]
    assert "the parcel does not lie in the scene, which reaches over 1.20" in caplog.text
    caplog.clear()
    zonal(sharp, parcels)
    assert not caplog.text


def test_of_a_parcel_that_reaches_beyond_the_scene_what_lies_outside_is_not_trusted(sharp):
    mostly = Parcels((shapely.box(LEFT - 900, TOP - 100, LEFT + 100, TOP), shapely.box(LEFT - 10, TOP - 10, LEFT + 10, TOP + 10)), {}, "EPSG:32631")
    made = zonal(sharp, mostly).columns
    assert list(made["NDVI_2024-05-01_n"]) == [1600, 16] and list(made["NDVI_2024-05-01_trusted"]) == pytest.approx([0.1, 0.25])


@pytest.mark.parametrize("length", [4, 10])
def test_the_mean_is_as_sure_as_correlated_errors_allow(sharp, parcels, length):
    """Errors drawn with an exponential correlation: the deviation of the means of many draws."""
    told = zonal(sharp, Parcels(tuple(QUARTERS[:1]), {}, "EPSG:32631"), ZonalRule(correlation_m=length)).columns["NDVI_2024-05-01_sigma"][0]
    rows, columns = np.mgrid[:40, :40]
    places = np.column_stack([rows.ravel(), columns.ravel()]) * 2.5
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    one = zonal(sharp, Parcels(tuple(QUARTERS[:1]), {}, "EPSG:32631"), ZonalRule(correlation_m=0)).columns["NDVI_2024-05-01_sigma"][0] * np.sqrt(1600)
    exact = one * np.sqrt(np.exp(-apart / length).mean())
    assert exact <= told < 1.35 * exact  # the formula is that of endless ground: on a field of 100 m a little too careful


def test_the_sigma_of_a_sharpened_parcel_holds_the_truth_and_is_not_many_times_its_error():
    made, side = series(landscape((48, 48), seed=4), days=4, seed=4, sensor=Sensor(gain=0, shift_px=0)), 16
    made_sharp, (red, nir) = dione.predict(made.stack), made.truth[-1, 2:]
    corners, affine = [(top, left) for top in range(8, 160, side) for left in range(8, 160, side)], stacks.grid_of(made_sharp).affine
    boxes = tuple(shapely.box(*(affine * (left, top + side)), *(affine * (left + side, top))) for top, left in corners)
    mean, sigma, count, _ = zonal(made_sharp, Parcels(boxes, {}, "EPSG:32631")).columns.values()
    true = np.array([((nir - red) / (nir + red))[top : top + side, left : left + side].mean() for top, left in corners])
    error, sigma = (mean - true)[count == side**2], sigma[count == side**2]
    assert error.size > 50 and (np.abs(error) <= 1.645 * sigma).mean() >= 0.9 and np.square(sigma).mean() < 8**2 * np.square(error).mean()


def test_small_parcels_gain_nothing_by_their_number_of_pixels(sharp):
    small = Parcels((shapely.box(LEFT + 20, TOP - 40, LEFT + 30, TOP - 30),), {}, "EPSG:32631")
    made = zonal(sharp, small).columns
    assert made["NDVI_2024-05-01_n"][0] == 16 and made["NDVI_2024-05-01_sigma"][0] == pytest.approx(0.036, abs=0.004)


@pytest.mark.parametrize("ending", [".gpkg", ".geojson"])
def test_parcels_come_back_from_files_at_their_place(parcels, tmp_path, ending):
    if ending == ".gpkg":
        pytest.importorskip("pyogrio")
    back = read(parcels.write(tmp_path / f"parcels{ending}")).to_crs("EPSG:32631")
    assert list(back.columns["name"]) == list(parcels.columns["name"])
    assert all(shapely.hausdorff_distance(one, other) < 1e-3 for one, other in zip(back.geometries, parcels.geometries, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == [f"parcels{ending}"]


@pytest.mark.parametrize("ending", [".gpkg", ".geojson"])
def test_whole_numbers_of_which_some_are_missing_come_back_as_numbers(tmp_path, ending):
    if ending == ".gpkg":
        pytest.importorskip("pyogrio")
    columns = {"number": np.array([12, None, 7, 0], object), "mown": np.array([True, False, None, True], object)}
    back = read(Parcels(tuple(QUARTERS), columns, "EPSG:32631").write(tmp_path / f"parcels{ending}"))
    assert {name: list(values) for name, values in back.columns.items()} == {name: list(values) for name, values in columns.items()}


@pytest.mark.parametrize("values", [[7, 7, 8, 9], [7.5, 1.0, 2.0, 3.0], ["a", "b", "a", "c"], [2**70, 1, 2, None]])
def test_a_geopackage_takes_columns_that_are_called_as_its_own_or_as_one_another(tmp_path, values):
    pytest.importorskip("pyogrio")
    columns = {name: np.array(values, object if None in values or "a" in values else None) for name in ("fid", "geom", "ID", "id")}
    back = read(Parcels(tuple(QUARTERS), columns, "EPSG:32631").write(tmp_path / "parcels.gpkg"))
    wanted = [str(value) if 2**70 in values and value is not None else value for value in values]
    assert list(back.columns) == ["fid", "geom", "ID", "id_2"] and all(list(found) == wanted for found in back.columns.values())


@pytest.mark.parametrize("ending", [".csv", ".geojson", ".gpkg"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (["é", None], '["é", null]'),
        ({"sown": datetime.date(2024, 5, 1), "kg": np.array([1, 2])}, '{"sown": "2024-05-01", "kg": [1, 2]}'),
        (datetime.date(2024, 5, 1), "2024-05-01"),
        (b"\x00ab", "006162"),
    ],
)
def test_lists_dates_and_bytes_are_written_as_json_has_them(tmp_path, ending, value, told):
    if ending == ".gpkg":
        pytest.importorskip("pyogrio")
    column = np.empty(4, object)
    column[0] = value
    file = Parcels(tuple(QUARTERS), {"crop": column}, "EPSG:32631").write(tmp_path / f"parcels{ending}")
    if ending == ".csv":
        assert [row["crop"] for row in csv.DictReader(file.read_text("utf-8").splitlines())] == [told, "", "", ""]
    else:
        found = read(file).columns["crop"][0]
        assert (found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)) == told


def test_of_an_outline_that_crosses_itself_what_it_encloses_is_taken_and_told(sharp, tmp_path, caplog):
    bow = shapely.Polygon([(LEFT, TOP), (LEFT + 100, TOP - 100), (LEFT + 100, TOP), (LEFT, TOP - 100)])
    beyond = shapely.transform(bow, lambda points: points - (50, 0))
    parcels = read(Parcels((bow, beyond, QUARTERS[0]), {}, "EPSG:32631").write(tmp_path / "bows.gpkg"))
    assert "bows.gpkg: the outline of feature 1, 2 crosses itself" in caplog.text
    assert [one.area for one in parcels.geometries] == [5000, 5000, 10000] and all(one.is_valid for one in parcels.geometries)
    made = zonal(sharp, parcels).columns
    assert list(made["NDVI_2024-05-01_n"]) == [800, 380, 1600]
    assert list(made["NDVI_2024-05-01_trusted"]) == pytest.approx([1, 0.5, 1], abs=0.04)


@pytest.mark.parametrize("corner", ["NaN", "Infinity", "1e999"])
def test_a_parcel_with_a_corner_that_is_nowhere_is_told(tmp_path, corner):
    (tmp_path / "odd.geojson").write_text(f'{{"type": "Polygon", "coordinates": [[[1, 43], [{corner}, 43], [1.1, 43.1], [1, 43.1], [1, 43]]]}}')
    with pytest.raises(BadRecipe, match=r"odd\.geojson cannot be used:\s+- feature 1 has a corner that is nowhere"):
        read(tmp_path / "odd.geojson")


def test_parcels_across_the_antimeridian_are_written_in_halves(tmp_path):
    across = shapely.transform(shapely.box(-500, -500, 500, 500), lambda points: points + turn(180.0, -17.0, source="EPSG:4326", target="EPSG:32760"))
    (back,) = read(Parcels((across,), {}, "EPSG:32760").write(tmp_path / "fiji.geojson")).geometries
    assert len(back.geoms) == 2 and back.area < 1e-3 and {-180.0, 180.0} <= {side for part in back.geoms for side in part.bounds}


def test_what_is_no_parcel_is_told(parcels, tmp_path):
    with pytest.raises(CannotWrite, match=r"\.gpkg"):
        parcels.write(tmp_path / "parcels.xyz")
    (tmp_path / "point.geojson").write_text(json.dumps({"type": "Point", "coordinates": [0, 0]}))
    with pytest.raises(BadRecipe, match="feature 1 is a Point, needs a polygon"):
        read(tmp_path / "point.geojson")
    (tmp_path / "line.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}))
    with pytest.raises(BadRecipe, match="feature 1 encloses no ground"):
        read(tmp_path / "line.geojson")


def test_the_mean_of_what_other_dates_filled_is_no_surer_than_one_pixel(sharp):
    """Errors of what the date saw vanish in a large parcel's mean; under a cloud all of them lean to one side."""
    seen = np.ones(sharp["valid"].shape, bool)
    seen[0, :, :20] = False
    known = sharp.assign(seen=(sharp["valid"].dims, seen))
    left, both = shapely.box(LEFT, TOP - 200, LEFT + 50, TOP - 100), shapely.box(LEFT, TOP - 200, LEFT + 100, TOP - 100)
    parcels = Parcels((left, both), {}, "EPSG:32631")
    plain, told = (zonal(stack, parcels).columns["NDVI_2024-05-01_sigma"] for stack in (sharp, known))
    one = np.sqrt(np.square(indices(sharp, "NDVI")["NDVI_sigma"].values[0, 40:80, :20], dtype=float).mean())
    own = zonal(sharp, Parcels((shapely.box(LEFT + 50, TOP - 200, LEFT + 100, TOP - 100),), {}, "EPSG:32631")).columns["NDVI_2024-05-01_sigma"][0]
    assert told == pytest.approx([one, np.hypot(one, own) / 2], rel=0.01) and (told > 1.4 * plain).all()
    assert np.array_equal(zonal(known, parcels).columns["NDVI_2024-07-01_sigma"], zonal(sharp, parcels).columns["NDVI_2024-07-01_sigma"])
