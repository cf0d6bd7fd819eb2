"""`.dione` on a Dataset: pictures, words, files; and what is no Stack is told so."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import dione.accessor
from dione.accessor import glance
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadRecipe, NotAStack, NotFound
from dione.testing import landscape, series, write_geotiffs


@pytest.fixture(scope="module")
def stack():
    return series(landscape((20, 30), seed=1), days=3, cloud=0.25, seed=1).stack


def test_a_picture_is_grey_where_nothing_was_seen_and_keeps_the_places(stack):
    drawn = stack.dione.rgb("2024-05-06")
    hidden = ~stack["valid"].values[1]
    assert drawn.dims == ("y", "x", "rgb") and drawn.dtype == np.uint8
    assert (drawn.values[hidden] == 128).all() and (drawn.values[~hidden] != 128).any()
    assert np.array_equal(drawn["x"], stack["x"]) and str(drawn["time"].values)[:10] == "2024-05-06"


def test_false_colour_shows_vegetation_red(stack):
    meadow = series(np.broadcast_to(np.array([0.03, 0.06, 0.03, 0.42], np.float32)[:, None, None], (4, 32, 32)).copy(), days=1).stack
    meadow["reflectance"][:, :, :4] = 0.2
    red, green, blue = meadow.dione.rgb(colours="false").values[6, 4].astype(int)
    assert red > 200 and green < 60 and blue < 60


def test_only_the_date_that_is_drawn_is_read(stack):
    chunked = stack.chunk({"time": 1})
    read = []
    spied = chunked.assign(
        reflectance=chunked["reflectance"].copy(data=chunked["reflectance"].data.map_blocks(lambda part: (read.append(1), part)[1], dtype="float32"))
    )
    read.clear()
    spied.dione.rgb("2024-05-01")
    assert len(read) == 1


def test_summary_and_the_page_of_a_notebook_tell_each_date(stack):
    said, page = stack.dione.summary(), stack.dione._repr_html_()
    assert said.splitlines()[0] == "3 dates, 20×30 px of 10 m, EPSG:32631" and repr(stack.dione) == said
    for day in ("2024-05-01", "2024-05-06", "2024-05-11"):
        assert day in said and f"<td>{day}</td>" in page
    assert "75 % clear" in said and "data:image/webp;base64," in page


def test_of_a_result_it_is_not_said_that_what_other_dates_filled_was_seen_clear(stack):
    sharp = dione.predict(stack)
    for said in (sharp.dione.summary(), sharp.dione._repr_html_()):
        assert "sharpened" in said and "clear" not in said


@given(st.text())
def test_what_comes_from_files_cannot_become_markup(text):
    page = glance.page(glance.Glance(text, (("2024-05-01", 1.0),), ((text, text),)), "data:,")
    assert page.count("<script") == 0 and page.count("<") == glance.page(glance.Glance("", (("2024-05-01", 1.0),), (("", ""),)), "data:,").count("<")


def held(stack, at):
    """A date of a Stack as Python, NumPy, pandas and xarray hold it."""
    moment = stack["time"].values[at]
    day, tokyo = pd.Timestamp(moment).normalize(), pd.Timestamp(moment, tz="UTC").tz_convert("Asia/Tokyo")
    return str(moment)[:10], moment, pd.Timestamp(moment), day.date(), stack["time"][at], day, day.to_datetime64(), tokyo


def test_a_date_may_be_named_by_whatever_holds_it(stack, tmp_path):
    sharp = dione.predict(stack, model="bicubic", target="all", max_cloud=0.9)
    folder = write_geotiffs(stack, tmp_path)
    for first, second in zip(held(stack, 0), held(stack, 1), strict=True):
        assert str(stack.dione.rgb(second)["time"].values)[:10] == "2024-05-06"
        assert str(dione.predict(stack, model="bicubic", target=second)["time"].values[0])[:10] == "2024-05-06"
        assert sharp.dione.change(first, second).attrs["after"] == "2024-05-06"
        assert when.days(dione.open(folder, dates=second)) == ["2024-05-06"]
        for period in ((first, second), slice(first, second)):
            assert when.days(dione.open(folder, dates=period)) == ["2024-05-01", "2024-05-06"]


def test_midnight_is_the_moment_where_a_date_has_it_and_else_the_day(stack):
    twice = xr.concat([stack.isel(time=[0]).assign_coords(time=stack["time"][:1].dt.floor("D")), stack.isel(time=[0, 1])], "time")
    assert when.passes(twice, twice["time"][0]) == [0] and when.passes(twice, "2024-05-01") == [0, 1]
    assert when.passes(twice, pd.Timestamp("2024-05-06")) == [2] and when.passes(twice, "2024-05-06T09:00:00") == []


def test_what_is_no_one_date_is_told(stack):
    for wrong in (stack["time"], np.datetime64("NaT")):
        with pytest.raises(BadRecipe, match=r"is no one date; name it YYYY-MM-DD or stack\.time\[3\]"):
            stack.dione.rgb(wrong)


def test_an_unknown_date_lists_those_there_are(stack):
    with pytest.raises(NotFound, match="2024-05-06"):
        stack.dione.plot("2019-01-01")


def test_a_dataset_that_is_no_stack_is_told_so_and_only_when_asked():
    other = xr.Dataset({"temperature": ("x", [1.0])})
    offered = other.dione
    with pytest.raises(NotAStack, match="reflectance"):
        offered.summary()
    assert "no variable 'reflectance'" in repr(offered) and offered._repr_html_() is None


def test_what_was_taken_for_a_stack_is_told_what_is_missing(stack, tmp_path):
    with pytest.raises(NotAStack, match=r"one date alone has lost its dimension: take one date as isel\(time=\[0\]\)"):
        stack.isel(time=1).dione.plot()
    with pytest.raises(NotAStack, match=r"'item' has dims \(\), needs \('time',\): take one date as isel\(time=\[0\]\)"):
        stacks.check(stack.isel(time=0).expand_dims("time"))
    stack.isel(time=[0]).dione.plot(), stack.sel(time=slice("2024-05-06", "2024-05-06")).dione.plot()
    mask = stack["x"] > float(stack["x"].mean())
    with pytest.raises(NotAStack, match=r"'valid' is float64, needs bool; where\(\) makes numbers of it: .*assign\(valid=stack\.valid & mask\)"):
        stacks.check(stack.where(mask).transpose(*stack["reflectance"].dims))
    assert not stacks.check(stack.assign(valid=stack.valid & mask))["valid"].values[..., :15].any()
    for found in (tmp_path, stack["reflectance"]):
        with pytest.raises(NotAStack, match=rf"found a {type(found).__name__}\nwrite one with dione\.open"):
            stacks.check(found)


def test_a_stack_is_kept_as_a_store(stack, tmp_path):
    stack.dione.save(tmp_path / "kept.zarr")
    np.testing.assert_array_equal(dione.open(tmp_path / "kept.zarr")["valid"], stack["valid"])
