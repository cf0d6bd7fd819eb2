"""KML: what Google Earth writes is read as GDAL reads it, and nothing that it names is followed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from dione.base.errors import BadRecipe
from dione.base.vectors.vectorfile import read
from dione.prepare.naming import parse

FIELD = "0.60,43.60,0 0.62,43.60,0\n 0.62,43.62,0 0.60,43.62,0 0.60,43.60,0"
HOLE = "0.605,43.605 0.605,43.61 0.61,43.61 0.605,43.605"
DOCUMENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>farm</name>
<Folder><Placemark><name>north field</name><ExtendedData><Data name="crop"><value>maize</value></Data></ExtendedData>
 <Polygon><outerBoundaryIs><LinearRing><coordinates>{FIELD}</coordinates></LinearRing></outerBoundaryIs>
 <innerBoundaryIs><LinearRing><coordinates>{HOLE}</coordinates></LinearRing></innerBoundaryIs></Polygon></Placemark></Folder>
<Placemark><name>well</name><Point><coordinates>0.7,43.7</coordinates></Point></Placemark>
<Placemark><MultiGeometry><LineString><coordinates>0,1 2,3</coordinates></LineString><Point><coordinates>4,5,6</coordinates></Point></MultiGeometry></Placemark>
</Document></kml>"""
SHAPES = (
    Polygon(box(0.60, 43.60, 0.62, 43.62).exterior, [[(0.605, 43.605), (0.605, 43.61), (0.61, 43.61)]]),
    Point(0.7, 43.7),
    shapely.GeometryCollection([LineString([(0, 1), (2, 3)]), Point(4, 5)]),
)


def kml(path: Path, text: str) -> Path:
    if path.suffix == ".kmz":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("doc.kml", text)
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["farm.kml", "farm.kmz", "FARM.KML"])
def test_placemarks_are_features(tmp_path: Path, name: str) -> None:
    found = read(kml(tmp_path / name, DOCUMENT))
    assert all(one.equals(shape) for one, shape in zip(found.geometries, SHAPES, strict=True)) and not found.wrong
    assert found.rows() == [{"crop": "maize", "name": "north field"}, {"crop": None, "name": "well"}, {"crop": None, "name": None}]


def test_gdal_reads_the_same(tmp_path: Path) -> None:
    raw = pytest.importorskip("pyogrio.raw", reason="needs pyogrio: pip install 'dione[vector]'")
    layer = DOCUMENT.replace("<Folder>", "").replace("</Folder>", "")
    shapes = raw.read(kml(tmp_path / "farm.kml", layer), force_2d=True)[2]
    theirs = shapely.from_wkb(shapes)
    assert all(np.isclose(one.symmetric_difference(other).area, 0) for one, other in zip(SHAPES, theirs, strict=True))


def test_a_field_drawn_in_google_earth_is_an_area(tmp_path: Path) -> None:
    text = DOCUMENT.split("<Placemark><name>well")[0] + "</Document></kml>"
    assert parse(str(kml(tmp_path / "field.kmz", text)))["type"] == "Polygon"


def test_a_field_in_parts_is_polygons_as_parcels_need_them(tmp_path: Path) -> None:
    polygon = "<Polygon>" + DOCUMENT.split("<Polygon>")[1].split("</Polygon>")[0] + "</Polygon>"
    both = f"<kml><Placemark><MultiGeometry>{polygon}{polygon.replace('43.', '44.')}</MultiGeometry></Placemark></kml>"
    assert read(kml(tmp_path / "farm.kml", both)).geometries[0].geom_type == "MultiPolygon"


def test_spaces_behind_commas_are_no_other_corners(tmp_path: Path) -> None:
    spaced = DOCUMENT.replace("0.60,43.60,0 0.62,43.60,0\n", "0.60, 43.60, 0 0.62 ,43.60,\n0")
    assert read(kml(tmp_path / "farm.kml", spaced)).geometries[0].equals(SHAPES[0])


def test_a_kmz_whose_document_only_links_is_what_else_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "farm.kmz", "w") as archive:  # as GDAL and QGIS write it, and macOS zips it
        archive.writestr("__MACOSX/._doc.kml", b"\0\5\x16\7")
        archive.writestr("doc.kml", "<kml><NetworkLink><Link><href>layers/farm.kml</href></Link></NetworkLink></kml>")
        archive.writestr("layers/farm.kml", DOCUMENT)
    assert len(read(tmp_path / "farm.kmz")) == len(SHAPES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DOCUMENT.replace("<kml", "<!DOCTYPE kml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><kml"), "declares a document type"),
        ("<OGRVRTDataSource/>", "is a document of 'OGRVRTDataSource'"),
        ("<kml><NetworkLink><Link><href>http://127.0.0.1:9/</href></Link></NetworkLink></kml>", "only links to other files, which are not followed"),
        ("<kml><Placemark>", "is no XML"),
        ("<kml/>", "holds no placemark; needs at least one"),
    ],
)
def test_what_is_none_or_leads_elsewhere_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRecipe, match=said):
        read(kml(tmp_path / "farm.kml", text))


def test_a_placemark_without_a_shape_is_told_and_stops_no_other(tmp_path: Path) -> None:
    bad = "<Placemark><name>a</name></Placemark><Placemark><Point><coordinates>east,north</coordinates></Point></Placemark><Placemark><Point/></Placemark>"
    found = read(kml(tmp_path / "farm.kml", DOCUMENT.replace("</Document>", bad + "</Document>")))
    assert found.wrong[3] == "has no shape" and all("has coordinates that are none" in found.wrong[at] for at in (4, 5)) and len(found.parted()[0]) == 3


def test_a_zip_without_a_document_or_a_damaged_one_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("picture.png", b"")
    with pytest.raises(BadRecipe, match="a zip without a KML"):
        read(tmp_path / "a.kmz")
    whole = kml(tmp_path / "b.kmz", DOCUMENT).read_bytes()
    (tmp_path / "b.kmz").write_bytes(whole[:60] + b"\xff" * 60 + whole[120:])
    with pytest.raises(BadRecipe, match="a damaged zip"):
        read(tmp_path / "b.kmz")
