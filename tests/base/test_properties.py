"""What holds of every period, every area and every grid."""

from datetime import date, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from dione import testing
from dione.base import area, period
from dione.base.crs import utm
from dione.base.errors import BadRecipe
from dione.prepare import naming

DAYS = st.dates(date(1972, 1, 1), date(2999, 12, 31))


@given(DAYS, DAYS)
def test_any_two_days_in_order_are_a_period_and_out_of_order_none(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert period.parse(f"{first}/{last}") == (str(first), str(last))
    if first != last:
        with pytest.raises(BadRecipe, match="after it ends"):
            period.parse(f"{last}/{first}")


@given(DAYS)
def test_a_month_ends_the_day_before_the_next_begins(day: date) -> None:
    first, last = map(date.fromisoformat, period.parse(f"{day:%Y-%m}"))
    assert first.day == 1 and (last + timedelta(days=1)).day == 1 and first <= day <= last and (last - first).days < 31
    assert period.parse(f"{day:%Y}") == (f"{day:%Y}-01-01", f"{day:%Y}-12-31")


@given(st.text(max_size=30))
def test_any_text_is_a_period_of_days_or_is_refused(text: str) -> None:
    try:
        found = period.parse(text)
    except BadRecipe:
        return
    assert all(not day or date.fromisoformat(day) for day in found)


@settings(max_examples=40)
@given(st.floats(-179, 178), st.floats(-79, 82), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_the_window_of_any_area_covers_it_and_no_row_or_column_more(west: float, south: float, width: float, height: float) -> None:
    made = area.geometry((west, south, west + width, south + height))
    crs = f"EPSG:{utm(west + width / 2, south + height / 2)}"
    placed = area.reprojected(made, area.DEGREES, crs)
    left, bottom, right, top = placed.bounds
    grid = testing.grid_at((10, 10), crs=crs, left=round(left, -1) - 50, top=round(top, -1) + 70)
    window = area.touched(grid, placed)
    assert window is not None
    upper, lower = grid.affine * (window.left, window.top), grid.affine * (window.right, window.bottom)
    assert upper[0] <= left + 1e-4 < upper[0] + 10.001 and upper[1] >= top - 1e-4 > upper[1] - 10.001
    assert lower[0] >= right - 1e-4 > lower[0] - 10.001 and lower[1] <= bottom + 1e-4 < lower[1] + 10.001


@settings(max_examples=40)
@given(st.floats(-79, 83), st.floats(-179.9, 179.9), st.floats(10, 20_000))
def test_a_square_around_any_point_holds_it_in_its_middle(latitude: float, longitude: float, size_m: float) -> None:
    made = area.geometry(naming.parse(f"{latitude},{longitude}", size_m=size_m))
    crs = f"EPSG:{utm(longitude, latitude)}"
    x, y = Transformer.from_crs(area.DEGREES, crs, always_xy=True).transform(longitude, latitude)
    left, bottom, right, top = area.reprojected(made, area.DEGREES, crs).bounds
    assert abs((left + right) / 2 - x) < 5.01 + size_m * 1e-3 and abs((bottom + top) / 2 - y) < 5.01 + size_m * 1e-3
    assert abs(right - left - round(size_m / 10) * 10) < 1 + size_m * 1e-3


@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=0, max_size=6))
def test_any_ring_of_numbers_is_an_area_on_the_earth_or_is_refused(ring: list[tuple[float, float]]) -> None:
    try:
        made = area.geometry({"type": "Polygon", "coordinates": [[list(point) for point in [*ring, *ring[:1]]]]})
    except BadRecipe:
        return
    assert made.area > 0 and shapely.is_valid(made) and np.isfinite(made.bounds).all() and np.abs(made.bounds).max() <= 360
