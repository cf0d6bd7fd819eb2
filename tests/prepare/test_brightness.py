"""Clouds by the radiance of blue."""

import numpy as np
import pytest

from dione.base.errors import BadValues, NothingClear
from dione.prepare.reference.brightness import CloudRule, cloudy, without_clouds
from dione.sources import vhr
from dione.testing.delivery import Delivered


def test_planted_clouds_are_found(delivery: Delivered) -> None:
    for planted in delivery.scenes[1:]:
        found, true = cloudy(vhr.open(planted.ms)).values[0], planted.cloud & planted.seen
        assert (found & true).sum() / (found | true).sum() > 0.9
    assert not cloudy(vhr.open(delivery.scenes[0].ms)).values.any()


def test_what_is_left_is_data_without_cloud(delivery: Delivered) -> None:
    stack = vhr.open(delivery.scenes[3].ms)
    clear = without_clouds(stack)
    np.testing.assert_array_equal(clear["valid"].values, stack["valid"].values & ~cloudy(stack).values)
    np.testing.assert_array_equal(clear["reflectance"].values, stack["reflectance"].values)


def test_the_rule_is_told_in_radiance(delivery: Delivered) -> None:
    planted = delivery.scenes[0]
    stack = vhr.open(planted.ms)
    radiance = stack["reflectance"].values[0, 0] * stack["white"].values[0, 0]
    np.testing.assert_array_equal(cloudy(stack, CloudRule(blue_above=40)).values[0], (radiance > 40) & planted.seen)


def test_a_scene_that_is_all_cloud_is_refused_with_its_date(delivery: Delivered) -> None:
    with pytest.raises(NothingClear, match=r"all cloud.* 2024-05-12 \(4440 pixels with data\)"):
        without_clouds(vhr.open(delivery.scenes[0].ms), CloudRule(blue_above=-1))


def test_a_scene_that_does_not_tell_its_radiance_is_refused(delivery: Delivered) -> None:
    with pytest.raises(BadValues, match="ukis-csmask"):
        cloudy(delivery.series.stack)
