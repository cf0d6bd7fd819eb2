"""Known distances of the sun, and reflectance by hand."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from dione.base import radiance
from dione.base.errors import BadValues


@pytest.mark.parametrize(
    ("time", "distance"),
    [
        # Perihelion and aphelion of 2020 (US Naval Observatory), and an equinox.
        (datetime(2020, 1, 5, 8), 0.98324),
        (datetime(2020, 7, 4, 12), 1.01669),
        (datetime(2018, 9, 23, 2), 1.00331),
    ],
)
def test_the_sun_is_as_far_as_the_almanac_says(time: datetime, distance: float) -> None:
    assert radiance.earth_sun_distance_au(time) == pytest.approx(distance, abs=3e-4)


def test_a_time_zone_changes_nothing() -> None:
    time = datetime(2020, 3, 1, 12, tzinfo=UTC)
    east = time.astimezone(timezone(timedelta(hours=9)))
    assert radiance.earth_sun_distance_au(time) == radiance.earth_sun_distance_au(east) == radiance.earth_sun_distance_au(datetime(2020, 3, 1, 12))


def test_a_white_surface_under_a_sun_at_30_degrees() -> None:
    np.testing.assert_allclose(radiance.white([2000.0, 1000.0], 30, 1.0), np.array([1000, 500]) / np.pi)


def test_radiance_takes_each_band_by_its_own_gain_and_bias() -> None:
    numbers = np.array([[[100, 200]], [[100, 200]]], np.uint16)
    np.testing.assert_allclose(radiance.radiance(numbers, [0.1, 2], [1, -3]), [[[11, 21]], [[197, 397]]])


@pytest.mark.parametrize(("elevation", "distance", "says"), [(-5, 1, "stands at -5"), (0, 1, "stands at 0"), (40, 150e6, "1.5e\\+08 AU away")])
def test_a_sun_that_cannot_be_is_refused(elevation: float, distance: float, says: str) -> None:
    with pytest.raises(BadValues, match=says):
        radiance.white([2000.0], elevation, distance)
