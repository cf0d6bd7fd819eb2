"""Vector files: the same features from every format, and what is wrong with one said in full."""

import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from dione.base.area import DEGREES, reprojected
from dione.base.errors import BadRecipe, DioneError, NotFound
from dione.base.vectors.features import Features, collection
from dione.base.vectors.vectorfile import read

SQUARES = (box(1.20, 43.60, 1.22, 43.62), box(1.25, 43.60, 1.27, 43.62))
COLUMNS = {"area_ha": np.array([1.5, np.nan]), "name": np.array(["west", "east"], object), "number": np.array([3, 4])}
TRIAL = """{"type": "FeatureCollection", "features": [%s]}"""


def placed(shape: BaseGeometry, crs: str | None) -> BaseGeometry:
    return shape if crs in (None, DEGREES) else reprojected(shape, DEGREES, crs)


def geojson(path: Path, *, crs: str | None = None) -> Path:
    said = {} if crs is None else {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs.replace(':', '::')}"}}}
    path.write_text(json.dumps(collection([placed(one, crs) for one in SQUARES], COLUMNS) | said))
    return path


def vectors(path: Path, *, crs: str | None = None, shapes: tuple[BaseGeometry | None, ...] = SQUARES, **more: object) -> Path:
    raw = pytest.importorskip("pyogrio.raw", reason="needs pyogrio: pip install 'dione[vector]'")
    made = np.array([one and placed(one, crs).wkb for one in shapes], object)
    columns = [values[: len(shapes)] for values in COLUMNS.values()]
    raw.write(path, made, columns, list(COLUMNS), geometry_type="Polygon", crs=crs, **more)
    return path


@pytest.mark.parametrize(
    ("name", "crs"),
    [("f.geojson", None), ("f.json", "EPSG:2154"), ("f.gpkg", "EPSG:2154"), ("f.gpkg", "EPSG:4326"), ("f.shp", "EPSG:32631")],
)
def test_every_format_and_crs_gives_the_same_features(tmp_path: Path, name: str, crs: str | None) -> None:
    found = (geojson if name.endswith("json") else vectors)(tmp_path / name, crs=crs)
    here = read(found).in_degrees()
    assert here.crs == DEGREES and not here.wrong
    assert all(one.symmetric_difference(square).area < 1e-9 for one, square in zip(here.geometries, SQUARES, strict=True))
    rows = [{"area_ha": 1.5, "name": "west", "number": 3}, {"area_ha": None, "name": "east", "number": 4}]
    assert here.rows() == rows
    assert crs in (None, DEGREES) or read(found).crs != DEGREES


def test_whole_numbers_stay_whole_where_one_of_them_is_missing(tmp_path: Path) -> None:
    raw = pytest.importorskip("pyogrio.raw", reason="needs pyogrio: pip install 'dione[vector]'")
    shapes, missing = np.array([one.wkb for one in SQUARES], object), np.array([False, True])
    columns = [np.array([12, 0]), np.array([True, False])]
    raw.write(tmp_path / "f.gpkg", shapes, columns, ["parcel", "mown"], field_mask=[missing, missing], geometry_type="Polygon", crs=DEGREES)
    rows = read(tmp_path / "f.gpkg").rows()
    assert rows == [{"parcel": 12, "mown": True}, {"parcel": None, "mown": None}] and str(rows[0]["parcel"]) == "12"


@pytest.mark.parametrize(
    "text", [json.dumps(mapping(SQUARES[0])), json.dumps({"type": "Feature", "geometry": mapping(SQUARES[0])}), TRIAL % json.dumps(mapping(SQUARES[0]))]
)
def test_a_geometry_by_itself_is_a_feature(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.geojson").write_text(text)
    found = read(tmp_path / "f.geojson")
    assert found.geometries == SQUARES[:1] and found.rows() == [{}]


@pytest.mark.parametrize("name", ["field", "field.geojson.txt", "31TCJ"])
def test_geojson_is_known_by_how_it_begins_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('\ufeff\n {"type": "Point", "coordinates": [1, 2]}', "utf-8")
    assert read(tmp_path / name).geometries == (shapely.Point(1, 2),)


@pytest.mark.parametrize(("name", "before", "after"), [("f.geojsonl", "", "\n"), ("f.geojsonl", "", "\r\n\r\n"), ("F.GEOJSONS", "\x1e", "\n ")])
def test_features_after_one_another_are_those_of_a_collection(tmp_path: Path, name: str, before: str, after: str) -> None:
    lines = [json.dumps({"type": "Feature", "properties": {"name": one}, "geometry": mapping(SQUARES[0])}) for one in "ab"]
    (tmp_path / name).write_text("".join(f"{before}{line}{after}" for line in lines), newline="")
    assert [row["name"] for row in read(tmp_path / name).rows()] == ["a", "b"]


def test_a_feature_without_a_geometry_is_told_and_stops_no_other(tmp_path: Path) -> None:
    wrong = [{"type": "Feature", "geometry": None}, {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0]]]}}, 7]
    members = [{"type": "Feature", "properties": {"name": "good"}, "geometry": mapping(SQUARES[0])}, *wrong]
    (tmp_path / "f.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": members}))
    found = read(tmp_path / "f.geojson")
    good, told = found.parted()
    assert good.rows() == [{"name": "good"}] and good.geometries == SQUARES[:1] and not good.wrong
    assert list(told) == [1, 2, 3] and told[1] == "has no shape" and "is no GeoJSON geometry" in told[2]
    with pytest.raises(BadRecipe, match=r"(?s)f.geojson cannot be used:.*feature 1 is small.*feature 2 has no shape.*feature 4 is no GeoJSON"):
        found.whole(lambda _: "is small")


def test_a_row_without_a_geometry_is_told_too(tmp_path: Path) -> None:
    found = read(vectors(tmp_path / "f.gpkg", crs=DEGREES, shapes=(None, SQUARES[1])))
    assert found.wrong == {0: "has no shape"} and found.in_degrees().parted()[0].rows()[0]["name"] == "east"


def test_columns_keep_what_numbers_and_texts_are(tmp_path: Path) -> None:
    told = {"id": [7, None], "mixed": ["a", 7], "real": [2, 0.5], "lists": [[1], [1, 2]], "true": [True, False]}
    members = [{"type": "Feature", "properties": {name: two[at] for name, two in told.items()}, "geometry": mapping(SQUARES[at])} for at in (0, 1)]
    (tmp_path / "f.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": members}))
    found = read(tmp_path / "f.geojson")
    assert found.columns["real"].dtype == float and found.columns["true"].dtype == bool
    assert found.rows() == [{name: two[at] for name, two in sorted(told.items())} for at in (0, 1)]


def test_a_time_is_written_as_text(tmp_path: Path) -> None:
    when = Features(SQUARES, {"when": np.array(["2024-05-01", "NaT"], "datetime64[D]")})
    assert [row["when"] for row in when.rows()] == ["2024-05-01", None]


def test_tables_without_shapes_are_told(tmp_path: Path) -> None:
    file = vectors(tmp_path / "f.gpkg", crs=DEGREES)
    with closing(sqlite3.connect(file)) as base, base:
        base.execute("UPDATE gpkg_contents SET data_type = 'attributes'")
        base.execute("DELETE FROM gpkg_geometry_columns")
    with pytest.raises(BadRecipe, match="no shapes, only tables: f"):
        read(file)


@pytest.mark.parametrize(
    ("name", "how"), [("f.fgb", {}), ("f.gdb", {"driver": "OpenFileGDB", "layer_options": {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"}})]
)
def test_other_forms_that_name_nothing_but_themselves_are_read(tmp_path: Path, name: str, how: dict[str, object]) -> None:
    assert len(read(vectors(tmp_path / name, crs=DEGREES, **how))) == 2


ELSEWHERE = {
    "virtual.gpkg": '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
    "service.shp": "<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
    "schema.gml": '<?xml version="1.0"?><FeatureCollection xsi:schemaLocation="http://127.0.0.1:9/a.xsd"/>',
}


@pytest.mark.parametrize("name", [*ELSEWHERE, "packed.zip"])
def test_a_vector_file_that_leads_elsewhere_is_not_opened(tmp_path: Path, name: str) -> None:
    text = ELSEWHERE.get(name, ELSEWHERE["virtual.gpkg"]).format(vectors(tmp_path / "secret.fgb", crs=DEGREES))
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.vrt", text)
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadRecipe, match="other forms may name any file or server"):
        read(tmp_path / name)


@pytest.mark.parametrize("kept", ["{}", "CAST({} AS BLOB)"])
@pytest.mark.parametrize("begins", ["CREATE VIRTUAL TABLE", "create/* */virtual -- \n table"])
def test_a_geopackage_whose_table_is_another_file_is_not_opened(tmp_path: Path, begins: str, kept: str) -> None:
    (tmp_path / "secret.csv").write_text("name\nsecret\n")
    file = vectors(tmp_path / "f.gpkg", crs=DEGREES)
    with closing(sqlite3.connect(file)) as base, base:
        base.execute("PRAGMA writable_schema = 1")
        made = f"{begins} other USING VirtualText('{tmp_path / 'secret.csv'}', 'UTF-8', 1)"
        base.execute(f"INSERT INTO sqlite_master(type, name, tbl_name, rootpage, sql) VALUES ('table', 'other', 'other', 0, {kept.format('?')})", (made,))
    with pytest.raises(BadRecipe, match="a table that reads other files"):
        read(file)


@pytest.mark.parametrize("named", ["[rtree_f_x]", "`rtree_f_x`", '"rtree_of ""f""_x"', "rtree_f_x\n "])
def test_a_geopackage_may_write_its_index_in_every_way_of_sqlite(tmp_path: Path, named: str) -> None:
    file = vectors(tmp_path / "f.gpkg", crs=DEGREES)
    with closing(sqlite3.connect(file)) as base, base:
        base.execute(f"CREATE VIRTUAL TABLE {named} USING rtree(id, minx, maxx, miny, maxy)")
    assert len(read(file)) == 2


def test_a_name_that_is_taken_for_an_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine!").mkdir()
    file = vectors(tmp_path / "f.gpkg", crs=DEGREES).rename(tmp_path / "mine!" / "f.gpkg")
    with pytest.raises(BadRecipe, match="has a '!' in its name"):
        read(file)


def test_one_of_several_layers_has_to_be_named(tmp_path: Path) -> None:
    file = vectors(tmp_path / "f.gpkg", crs=DEGREES, layer="parcels")
    assert read(file).rows() == read(f"{file}#parcels").rows()
    vectors(file, crs=DEGREES, shapes=SQUARES[:1], layer="roads", append=True)
    with pytest.raises(BadRecipe, match=r"(?s)several layers: parcels, roads.*behind the name of the file: #parcels"):
        read(file)
    with pytest.raises(BadRecipe, match="no layer 'rivers': parcels, roads"):
        read(f"{file}#rivers")
    assert (len(read(f"{file}#parcels")), len(read(f"{file}#roads"))) == (2, 1)


def test_a_file_may_have_a_number_sign_in_its_name(tmp_path: Path) -> None:
    assert len(read(geojson(tmp_path / "field.v#2.geojson"))) == 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("f.geojson", "", "is empty, 0 bytes"),
        ("f.gpkg", "", "is empty, 0 bytes"),
        ("f.geojson", "{", "is not GeoJSON: Expecting property name"),
        ("f.geojson", "[1]", "is not GeoJSON: it holds a list"),
        ("f.geojson", "{}", "is not GeoJSON: it holds no type"),
        ("f.geojson", '{"type": "FeatureCollection"}', "its collection has no features"),
        ("f.geojson", TRIAL % "", "holds no feature"),
        ("f.geojson", '{"type":"Feature","geometry":' * 100_000, "nested too deeply"),
        ("f.geojson", '{"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "EPSG:0"}}}', "a CRS that is not known: 'EPSG:0'"),
        ("f.gpkg", "nothing", "no vectors that are read: it begins with b'nothing', needs GeoPackage, Shapefile, FlatGeobuf, File Geodatabase, KML or GeoJSON"),
        ("f.gpkg", "SQLite format 3\0", "no vectors that GDAL can read"),
        ("f.csv", "a,b\n1,2\n", r"other forms(?s:.*)ogr2ogr -t_srs EPSG:4326 f.geojson f.csv"),
    ],
)
def test_what_is_no_vector_file_says_why(tmp_path: Path, name: str, text: str, says: str) -> None:
    if name.endswith((".gpkg", ".csv")) and text:
        pytest.importorskip("pyogrio")
    (tmp_path / name).write_text(text)
    with pytest.raises(BadRecipe, match=f"(?s)fields of mine .*{says}"):
        read(tmp_path / name, source="fields of mine")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("f.geojson", "f.gpkg", "f.gpkg#parcels"):
        with pytest.raises(NotFound, match=rf"{name} cannot be read: No such file(?s:.*)GeoPackage"):
            read(tmp_path / name)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_file_that_tells_no_crs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"does not tell its CRS \(f.prj, beside it, would\)"):
        read(vectors(tmp_path / "f.shp"))


def test_a_layer_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="holds no feature"):
        read(vectors(tmp_path / "f.gpkg", crs=DEGREES, shapes=()))


def test_ground_out_of_the_reach_of_its_crs_is_told() -> None:
    with pytest.raises(BadRecipe, match="the features cannot be placed by its CRS 'EPSG:0'"):
        Features(SQUARES, {}, "EPSG:0").in_degrees()


def test_without_pyogrio_the_error_says_how_to_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fields.gpkg").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(DioneError, match=r"dione\[vector\](?s:.*)ogr2ogr -t_srs EPSG:4326 fields.geojson fields.gpkg"):
        read(tmp_path / "fields.gpkg")
    assert len(read(geojson(tmp_path / "fields.geojson"))) == 2
