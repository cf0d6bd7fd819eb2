"""What is told of a finished date."""

import numpy as np
import pytest
from shapely.geometry import Polygon, mapping

import dione
from dione.base import stack as stacks
from dione.base.crs import DEGREES, turn
from dione.nets.resolver import load
from dione.prediction.check import Measured
from dione.prediction.job import predict_to
from dione.prepare.area import crop
from dione.testing import landscape, series


def test_fractions_are_of_the_polygon_that_was_asked_for(tmp_path):
    made = series(landscape((40, 40)), days=2).stack
    left, bottom, right, top = stacks.grid_of(made).boundingbox.bbox
    corners = turn(np.array([left, right, left]), np.array([bottom, bottom, top]), source=stacks.grid_of(made).crs.to_wkt(), target=DEGREES)
    target = predict_to(crop(made, mapping(Polygon(zip(*corners, strict=True)))), tmp_path, resolver=load("nearest")).targets[0]
    assert target.clear == pytest.approx(target.choice.dates[target.choice.target].clear) == 1
    assert target.filled == 0 and not target.warnings


def test_a_person_is_told_of_what_was_not_measured():
    assert Measured(0.5, 0.3, 0.001).warnings(1, learned=True) == (
        "one date only: all added detail comes from what the model learned, none from other dates",
        "30% of the area was under cloud and is filled from other dates; its sigma is larger",
        "20% of the area was not seen on this date, nor filled from another, and is nodata",
    )
    assert Measured(0.995, 0.0, None).warnings(2, learned=True) == ()


def test_nothing_is_said_of_a_method_without_weights_that_holds_of_models_only(tmp_path):
    made = series(landscape((20, 24)), days=2).stack
    made["valid"].values[1, :6] = False  # seen on the other date
    named = dione.load("bicubic")
    told = [*predict_to(made, tmp_path / "two", resolver=named).alarms, *predict_to(made.isel(time=[0]), tmp_path / "one", resolver=named).alarms]
    assert told == ["2024-05-06: 30% of the area was not seen on this date, nor filled from another, and is nodata"]
