"""A cloud next door makes an area suspect."""

import pytest
from shapely.affinity import translate
from shapely.geometry import box

from dione.base.errors import NotFound
from dione.prepare.reference.neighbours import suspects, touching

SIDE = 2000.0
AREAS = {f"{row}{column}": box(column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE) for row in range(3) for column in range(4)}


def test_areas_that_share_a_side_or_a_corner_touch() -> None:
    beside = touching(AREAS)
    assert beside["11"] == {"00", "01", "02", "10", "12", "20", "21", "22"}
    assert beside["00"] == {"01", "10", "11"}
    assert all(name not in found for name, found in beside.items())


def test_only_neighbours_are_suspect_and_only_on_that_date() -> None:
    assert suspects(AREAS, [("00", "2024-05-01")]) == {("01", "2024-05-01"), ("10", "2024-05-01"), ("11", "2024-05-01")}


def test_a_cloudy_area_is_suspect_itself_only_if_a_neighbour_was_cloudy_too() -> None:
    found = suspects(AREAS, [("00", "a"), ("01", "a"), ("23", "b")])
    assert {("00", "a"), ("01", "a")} <= found
    assert ("23", "b") not in found


def test_a_gap_of_rounding_and_an_overlap_touch_and_a_street_between_does_not() -> None:
    areas = {"a": box(0, 0, 1, 1), "b": translate(box(0, 0, 1, 1), 1 + 1e-9), "c": translate(box(0, 0, 1, 1), 1.8), "d": box(0, 1.01, 1, 2)}
    assert touching(areas) == {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}, "d": frozenset()}
    assert touching({}) == {}


def test_an_unknown_area_is_told() -> None:
    with pytest.raises(NotFound, match="nowhere"):
        suspects(AREAS, [("nowhere", "2024-05-01")])
