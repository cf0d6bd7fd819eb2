"""Many areas out of one file."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import mapping

from dione.base import area as areas
from dione.base.errors import BadRecipe, NotFound
from dione.prepare.fields import fields

SQUARE = shapely.box(0.6, 43.6, 0.61, 43.61)


def written(path: Path, *names: object, **more: object) -> Path:
    features = [{"type": "Feature", "properties": {"id": name}, "geometry": mapping(SQUARE)} for name in names]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
    return path


def test_features_are_named_by_their_property_or_their_number(tmp_path: Path) -> None:
    assert list(fields(written(tmp_path / "f.geojson", "a", None, 7), name="id")) == ["a", "0002", "7"]
    assert list(fields(written(tmp_path / "f.geojson", "a", "b"))) == ["0001", "0002"]


def test_names_that_cannot_be_used_are_told_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"(?s)a is the id of 2 features.*'\.\./b' cannot be a file's name"):
        fields(written(tmp_path / "f.geojson", "a", "a", "../b"), name="id")
    with pytest.raises(BadRecipe, match="no feature"):
        fields(written(tmp_path / "f.geojson"))
    with pytest.raises(NotFound, match="no file of areas"):
        fields(tmp_path / "none.geojson")
    (tmp_path / "list.geojson").write_text("[]")
    with pytest.raises(BadRecipe, match="no GeoJSON of features"):
        fields(tmp_path / "list.geojson")


def test_other_vector_files_are_read_in_their_own_crs(tmp_path: Path) -> None:
    pyogrio = pytest.importorskip("pyogrio.raw")
    metres = areas.reprojected(SQUARE, areas.DEGREES, "EPSG:2154")
    columns, names = [np.array(["one", "two"], object)], ["id"]
    pyogrio.write(tmp_path / "f.gpkg", np.array(shapely.to_wkb([metres, metres]), object), columns, names, crs="EPSG:2154", geometry_type="Polygon")
    made = fields(tmp_path / "f.gpkg", name="id")
    assert list(made) == ["one", "two"] and shapely.geometry.shape(made["one"]).symmetric_difference(SQUARE).area < 1e-8
