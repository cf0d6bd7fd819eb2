"""Periods as people write them."""

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
    ],
)
def test_months_and_years_are_whole(text: str, days: tuple[str, str]) -> None:
    assert period.parse(text) == days


@pytest.mark.parametrize("text", ["may", "2024-13", "2024-02-30", "2024-08/2024-05", "2024-05-01-02"])
def test_what_is_no_period_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadRecipe, match="START/END"):
        period.parse(text)
