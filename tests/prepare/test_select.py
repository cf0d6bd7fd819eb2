"""Which date becomes the target, and which dates help it."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dione import testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadRecipe, NotFound, NothingClear
from dione.prepare.select import between, choose
from dione.sources import geotiff


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    """Ten dates, five days apart, all clear."""
    return testing.series(testing.landscape((8, 9)), days=10).stack


CLEAR = [1.0, 0.9, 0.0, 0.6, 0.4, 1.0, 0.2, 0.8, 0.7, 0.1]


def test_latest_is_the_latest_that_is_clear_enough(stack: xr.Dataset) -> None:
    (choice,) = choose(stack, clear=CLEAR)
    assert choice.target == 8 and choice.day == "2024-06-10"
    assert choose(stack, max_cloud=0.95, clear=CLEAR)[0].target == 9
    assert choose(stack, max_cloud=0, clear=CLEAR)[0].target == 5


def test_all_gives_each_usable_date_its_own_choice_and_a_reason_for_the_others(stack: xr.Dataset) -> None:
    choices = choose(stack, target="all", clear=CLEAR)
    assert [choice.target for choice in choices] == [0, 1, 3, 5, 7, 8]
    for choice in choices:
        assert [use.role for use in choice.dates].count("target") == 1
        assert choice.dates[2].role == "left out" and "cloudy over the whole area" in choice.dates[2].reason


def test_supports_are_the_clearest_and_nearest_from_newest_to_oldest(stack: xr.Dataset) -> None:
    (choice,) = choose(stack, target="2024-05-26", views=4, clear=CLEAR)
    assert choice.target == 5
    assert choice.supports == tuple(sorted(choice.supports, reverse=True)) and len(choice.supports) == 3
    scores = {at: CLEAR[at] * 0.5 ** (abs(at - 5) * 5 / 60) for at in range(10) if at != 5}
    assert set(choice.supports) == set(sorted(scores, key=lambda at: -scores[at])[:3])
    assert choice.views == (5, *choice.supports)


def test_of_two_equally_clear_dates_the_nearer_helps(stack: xr.Dataset) -> None:
    (choice,) = choose(stack, target="2024-05-26", views=3, clear=[1.0] * 10)
    assert choice.supports == (6, 4)


def test_dates_without_a_clear_pixel_never_help(stack: xr.Dataset) -> None:
    assert 2 not in choose(stack, views=10, clear=CLEAR)[0].views


def test_reasons_are_plain_words(stack: xr.Dataset) -> None:
    (choice,) = choose(stack, views=3, clear=CLEAR)
    assert choice.dates[8].reason == "clear over 70 % of the area"
    assert choice.dates[7].reason == "clear over 80 % of the area, 5 days from the target"
    assert choice.dates[9].reason == "clear over 10 % of the area, 5 days from the target; 2 others are clearer or nearer"


def test_a_single_date_works(stack: xr.Dataset) -> None:
    (choice,) = choose(stack.isel(time=[3]))
    assert choice.views == (0,) and choice.dates[0].clear == 1


def test_a_cloudy_target_that_is_named_is_filled_from_the_others(stack: xr.Dataset) -> None:
    (choice,) = choose(stack, target="2024-05-11", clear=CLEAR)
    assert choice.target == 2 and len(choice.supports) == 7
    assert "to be filled" in choice.dates[2].reason


def test_nothing_clear_anywhere_lists_every_date(stack: xr.Dataset) -> None:
    for target in ("latest", "all", "2024-05-11"):
        with pytest.raises(NothingClear) as error:
            choose(stack, target=target, clear=[0.0] * 10)
        assert all(day in str(error.value) for day in when.days(stack))
    with pytest.raises(NothingClear, match=r"(?s)40 %.*--max-cloud"):
        choose(stack.isel(time=[0, 1]), clear=[0.4, 0.3])
    with pytest.raises(NothingClear, match="with one view"):
        choose(stack, target="2024-05-11", views=1, clear=CLEAR)


def test_a_day_not_in_the_series_lists_the_three_nearest(stack: xr.Dataset) -> None:
    with pytest.raises(NotFound, match="2024-05-06, 2024-05-11, 2024-05-16"):
        choose(stack, target="2024-05-12", clear=CLEAR)


@pytest.mark.parametrize("options", [{"target": "lastest"}, {"target": "12.5.2024"}, {"views": 0}, {"max_cloud": 50}])
def test_wishes_that_make_no_sense_are_told(stack: xr.Dataset, options: dict[str, object]) -> None:
    with pytest.raises(BadRecipe):
        choose(stack, clear=CLEAR, **options)


def test_of_two_passes_on_one_day_the_clearer_is_the_target(stack: xr.Dataset) -> None:
    times = stack["time"].values.copy()
    times[4] = times[3] + np.timedelta64(10, "s")
    assert choose(stack.assign_coords(time=times), target="2024-05-16", clear=CLEAR)[0].target == 3


def test_of_two_passes_on_one_day_either_is_named_by_its_time(stack: xr.Dataset) -> None:
    times = stack["time"].values.copy()
    times[4] = times[3] + np.timedelta64(10, "s")
    twice = stack.assign_coords(time=times)
    names = [when.label(twice, at) for at in (3, 4)]
    assert [choose(twice, target=name, clear=CLEAR)[0].target for name in names] == [3, 4]
    with pytest.raises(NotFound, match=f"that day has {names[0]}, {names[1]}"):
        choose(twice, target="2024-05-16T235959", clear=CLEAR)


def test_between_keeps_both_ends_and_open_sides(stack: xr.Dataset) -> None:
    assert when.days(between(stack, "2024-05-06", "2024-05-16")) == ["2024-05-06", "2024-05-11", "2024-05-16"]
    assert when.days(between(stack, None, "2024-05-01")) == ["2024-05-01"]
    assert between(stack, "", "").sizes["time"] == 10
    stacks.check(between(stack, "2024-06-01", None))


def test_between_tells_when_nothing_is_left(stack: xr.Dataset) -> None:
    with pytest.raises(NotFound, match="from 2024-05-01 to 2024-06-15"):
        between(stack, "2023-01-01", "2023-12-31")
    with pytest.raises(BadRecipe, match="starts"):
        between(stack, "2024-06-01", "2024-05-01")
    with pytest.raises(BadRecipe, match="YYYY-MM-DD"):
        between(stack, "June", None)


def test_real_clouds_leave_the_cloudy_dates_out(shared_data: Path) -> None:
    stack = geotiff.open(shared_data / "s2-series" / "cloudy-33TWL")
    assert [choice.day for choice in choose(stack, target="all")] == ["2023-08-13", "2023-08-15", "2023-08-20"]
    assert choose(stack, target="latest")[0].views == (4, 3, 2, 1, 0)


def test_supports_of_the_past_are_the_latest_clear_dates_before_the_target():
    made = testing.series(testing.landscape((8, 8)), days=8).stack
    clear = [1.0, 1.0, 0.5, 1.0, 0.97, 1.0, 0.2, 1.0]
    found = choose(made, target="all", views=4, supports="past", max_cloud=0.9, clear=clear)
    assert [choice.supports for choice in found] == [(), (0,), (1, 0), (1, 0), (3, 1, 0), (4, 3, 1), (5, 4, 3), (5, 4, 3)]
    assert "latest clear ones before it" in found[-1].dates[0].reason
