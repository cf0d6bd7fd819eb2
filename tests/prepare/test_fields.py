"""Many areas out of one file."""

import json
from pathlib import Path

import pytest
import shapely
from shapely.geometry import mapping

from dione.base.errors import BadRecipe
from dione.prepare.fields import fields

SQUARE = shapely.box(0.6, 43.6, 0.61, 43.61)


def written(path: Path, *names: object, geometry: object = mapping(SQUARE)) -> Path:
    features = [{"type": "Feature", "properties": {"id": name}, "geometry": geometry} for name in names]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_features_are_named_by_their_property_or_their_number(tmp_path: Path) -> None:
    found, wrong = fields(written(tmp_path / "f.geojson", "a", None, 7), name="id")
    assert list(found) == ["a", "0002", "7"] and found["7"] == mapping(SQUARE) and not wrong
    assert list(fields(written(tmp_path / "f.geojson", "a", "b"))[0]) == ["0001", "0002"]


def test_a_property_that_no_feature_has_is_refused_not_taken_for_numbers(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"no feature .* has a property 'idd'; there are id\n"):
        fields(written(tmp_path / "f.geojson", "a", "b"), name="idd")


def test_names_that_cannot_be_used_are_told_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"(?s)a is the id of 2 features.*'\.\./b' cannot be a file's name"):
        fields(written(tmp_path / "f.geojson", "a", "a", "../b"), name="id")


def test_an_area_that_is_none_stops_no_other(tmp_path: Path) -> None:
    both = json.loads(written(tmp_path / "f.geojson", "none", geometry=None).read_text())["features"]
    both += json.loads(written(tmp_path / "f.geojson", "good").read_text())["features"]
    (tmp_path / "f.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": both}))
    found, wrong = fields(tmp_path / "f.geojson", name="id")
    assert found == {"good": mapping(SQUARE)} and wrong == {"none": "it has no shape"}
