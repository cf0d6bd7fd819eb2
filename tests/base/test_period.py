"""Periods as people write them."""

from inspect import unwrap

import pytest

from dione.base import period
from dione.base.errors import BadRecipe


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2024-05-01/2024-08-31", ("2024-05-01", "2024-08-31")),
        ("2024-05/2024-08", ("2024-05-01", "2024-08-31")),
        ("2024-02", ("2024-02-01", "2024-02-29")),
        ("2023/2024", ("2023-01-01", "2024-12-31")),
        ("2024-05-03", ("2024-05-03", "2024-05-03")),
        ("2024-12/", ("2024-12-01", "")),
        ("/2024", ("", "2024-12-31")),
        ("2024-12/..", ("2024-12-01", "")),
    ],
)
def test_months_and_years_are_whole(text: str, days: tuple[str, str]) -> None:
    assert period.parse(text) == days


@pytest.mark.parametrize("text", ["may", "2024-13", "2024-02-30", "2024-08/2024-05", "2024-05-01-02", "2024-05.."])
def test_what_is_no_period_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadRecipe, match="START/END"):
        period.parse(text)


def test_none_leaves_a_side_open() -> None:
    assert period.whole(("2018-07", None)) == ("2018-07-01", "") and period.whole((None, "2018-07")) == ("", "2018-07-31")


@pytest.mark.parametrize("dates", [("2018-07-01",), ("2018-07-01", "2018-07-02", "2018-07-03")])
def test_a_period_has_two_sides(dates: tuple[str, ...]) -> None:
    with pytest.raises(BadRecipe, match="START/END"):
        unwrap(period.whole)(dates)
