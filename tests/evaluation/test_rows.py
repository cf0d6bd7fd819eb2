import numpy as np
import pytest

from dione.evaluation.statistics import rows
from dione.evaluation.statistics.interval import intervals


def made():
    return rows.Rows(
        {"site": np.array(["b", "a", "b"]), "dates": np.array([1, 1, 2]), "hidden": np.zeros(3)},
        {"n": np.array([1.0, 2, 3]), "list": np.arange(6.0).reshape(3, 2)},
    )


def test_what_agrees_is_added():
    found = made().pooled("site")
    assert found.keys["site"].tolist() == ["a", "b"] and found.sums["n"].tolist() == [2, 4] and found.sums["list"].tolist() == [[2, 3], [4, 6]]


def test_rows_come_back_as_written(tmp_path):
    one = made()
    other = rows.read(rows.write(tmp_path / "rows.parquet", one))
    assert all((one.keys[name] == other.keys[name]).all() for name in one.keys) and all((one.sums[name] == other.sums[name]).all() for name in one.sums)


def test_order_changes_nothing():
    one = made()
    other = one.take(np.array([2, 0, 1]))
    assert (one.pooled("site", "dates").sums["list"] == other.pooled("site", "dates").sums["list"]).all()


def interval(values, sites):
    return intervals({"x": np.array(values, float)}, np.array(sites))["x"]


def test_sites_count_alike_however_many_places_they_have():
    found = interval([1, 1, 1, 3], ["a", "a", "a", "b"])
    assert found.mean == 2 and 1 <= round(found.low, 9) < found.high <= 3 and found.places == 4


def test_a_place_alone_has_no_interval():
    found = interval([1.5], ["a"])
    assert found.mean == found.low == found.high == 1.5


def test_the_interval_of_one_site_is_that_of_its_mean():
    values = np.random.default_rng(0).normal(0, 1, 400)
    found = interval(values, ["a"] * 400)
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_few_sites_that_differ_allow_no_narrow_claim():
    values = np.concatenate([np.full(100, 0.0), np.full(100, 1.0)])
    assert interval(values, ["a"] * 100 + ["b"] * 100).low == 0


def test_places_without_a_value_are_left_out():
    assert interval([1, np.nan], ["a", "a"]).places == 1 and interval([np.nan], ["a"]) is None
