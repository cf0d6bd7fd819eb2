"""Regions of interest come in the file that a user has."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import box, mapping, shape

from dione.base import area as areas_of
from dione.base.errors import BadRecipe, DioneError, NotFound
from dione.pairs import areas, regions

SQUARES = {"west": box(1.20, 43.60, 1.22, 43.62), "east": box(1.25, 43.60, 1.27, 43.62)}


def written(path: Path, crs: str | None) -> Path:
    raw = pytest.importorskip("pyogrio.raw", reason="needs pyogrio: pip install 'dione[vector]'")
    placed = [shapely.segmentize(square, 0.001) for square in SQUARES.values()]
    placed = [areas_of.reprojected(one, areas_of.DEGREES, crs) if crs else one for one in placed]
    fields = [np.array(list(SQUARES), object), np.array([3, 4], np.int64)]
    raw.write(path, np.array([one.wkb for one in placed], object), fields, ["name", "number"], geometry_type="Polygon", crs=crs)
    return path


@pytest.mark.parametrize(("file", "crs"), [("regions.gpkg", "EPSG:2154"), ("regions.shp", "EPSG:32631"), ("regions.gpkg", "EPSG:4326")])
def test_a_vector_file_in_any_crs_gives_the_areas_of_its_geojson(tmp_path: Path, file: str, crs: str) -> None:
    features = [{"type": "Feature", "geometry": mapping(one), "properties": {"name": name}} for name, one in SQUARES.items()]
    (tmp_path / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    told, found = (regions.read(str(path)) for path in (tmp_path / "regions.geojson", written(tmp_path / file, crs)))
    for one, other in zip(told["features"], found["features"], strict=True):
        assert shape(one["geometry"]).symmetric_difference(shape(other["geometry"])).area < 1e-9
    made = areas.areas(found)
    assert [area.name for area in made] == [area.name for area in areas.areas(told)]
    assert {area.facts["number"] for area in made if area.site == "west"} == {3}


def test_what_is_no_vector_file_or_tells_no_crs_is_refused_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("pyogrio.raw", reason="needs pyogrio: pip install 'dione[vector]'")
    (tmp_path / "regions.gpkg").write_text("nothing")
    with pytest.raises(BadRecipe, match="no vectors that GDAL can read"):
        regions.read(str(tmp_path / "regions.gpkg"))
    with pytest.raises(NotFound, match="no regions of interest"):
        regions.read(str(tmp_path / "absent.gpkg"))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_file_without_a_crs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="does not tell its CRS"):
        regions.read(str(written(tmp_path / "regions.shp", None)))


def test_without_pyogrio_the_error_says_how_to_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyogrio", "pyogrio.raw"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DioneError, match=r"dione\[vector\](?s:.*)ogr2ogr -t_srs EPSG:4326 regions.geojson fields.gpkg"):
        regions.read(str(tmp_path / "fields.gpkg"))
