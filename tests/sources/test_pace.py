"""Tokens that come back at a steady rate."""

import pytest

from dione.base.errors import BadSource
from dione.sources.remote import pace


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.mark.parametrize("cost", [0.2, 1, 7])
def test_no_minute_holds_more_than_a_tenth_above_the_rate(cost: float) -> None:
    clock = Clock()
    bucket = pace.Bucket(60, clock.now, clock.sleep)
    taken = []
    for _ in range(400):
        bucket.take(cost)
        taken.append(clock.time)
    busiest = max(sum(start <= time < start + 60 for time in taken) * cost for start in taken)
    assert busiest <= 66 + 2 * cost and clock.time == pytest.approx((400 * cost - 6), rel=0.05)


def test_what_is_not_used_is_saved_up_for_a_few_seconds_only() -> None:
    clock = Clock()
    bucket = pace.Bucket(60, clock.now, clock.sleep)
    clock.sleep(3600)
    for _ in range(10):
        bucket.take(1)
    assert clock.time == 3600 + 4


def test_a_picture_costs_by_its_pixels_bands_and_bits() -> None:
    assert pace.cost(512, 512, 3) == 2 and pace.cost(512, 1024, 6) == 8 and pace.cost(2, 2, 3) == pace.cost(64, 64, 3)


def test_a_pace_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pace.of.cache_clear()
    monkeypatch.setenv("DIONE_HUB_UNITS", "fast")
    with pytest.raises(BadSource, match="DIONE_HUB_UNITS is 'fast', needs how many a minute"):
        pace.of("mine")
