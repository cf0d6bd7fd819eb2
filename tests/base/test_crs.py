"""From one CRS to another."""

import numpy as np
import pytest
from shapely.geometry import box

from dione.base.crs import DEGREES, turn, turned, utm


@pytest.mark.parametrize(
    ("longitude", "latitude", "code"),
    [(1.2, 43.6, 32631), (-70.1, -33.5, 32719), (179.85, 1, 32660), (180.5, -17, 32701), (-180, 0, 32601), (6, 50, 32632), (-0.001, 50, 32630)],
)
def test_a_point_lies_in_the_zone_of_its_meridian_and_half_of_the_earth(longitude: float, latitude: float, code: int) -> None:
    assert utm(longitude, latitude) == code


def test_longitude_stands_first_whatever_the_authority_says() -> None:
    assert turn(3, 0, source=DEGREES, target="EPSG:32631") == pytest.approx((500_000, 0))
    longitude, latitude = turn(np.array([500_000.0]), np.array([0.0]), source="EPSG:32631", target=DEGREES)
    assert (longitude, latitude) == (pytest.approx([3]), pytest.approx([0]))


def test_a_geometry_keeps_its_corners() -> None:
    made = turned(box(2, 44, 3, 45), source=DEGREES, target="EPSG:32631")
    assert len(made.exterior.coords) == 5
    assert turned(made, source="EPSG:32631", target=DEGREES).equals_exact(box(2, 44, 3, 45), 1e-9)
