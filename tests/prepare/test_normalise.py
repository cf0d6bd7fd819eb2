"""Scenes on their own scale."""

import numpy as np
import pytest

from dione.base.errors import BadValues, NotFound
from dione.prepare.reference import scenestatistics
from dione.prepare.reference.brightness import without_clouds
from dione.prepare.reference.normalise import Normalisation, radiance
from dione.sources import vhr
from dione.sources.delivered import deliveries, scenetable
from dione.testing.delivery import Delivered


def test_radiance_is_number_times_gain_plus_bias(delivery: Delivered) -> None:
    planted = delivery.scenes[1]
    product = vhr.read(planted.ms)
    numbers, there = vhr.Numbers(product).read(next(iter(scenestatistics.statistics.lattice((60, 75), 100))))
    expected = numbers * planted.gain[:, None, None] + planted.bias[:, None, None]
    np.testing.assert_allclose(radiance(vhr.open(product)).values[0][:, there], expected[:, there], rtol=1e-5)


def test_a_normalised_scene_has_zero_median_and_unit_deviation_and_comes_back(delivery: Delivered) -> None:
    rows = [scenetable.row(product) for product in deliveries.scan(delivery.folder).products]
    made = scenestatistics.add(rows, scenestatistics.Opener(scenetable.numbers, scenetable.stack), sharpen=None)
    for planted, row in zip(delivery.scenes[2:], made.rows[4::2], strict=True):
        stack = vhr.open(planted.ms)
        clear = without_clouds(stack)["valid"].values[0]
        scale = Normalisation.of_row(row)
        values = scale.apply(radiance(stack))
        np.testing.assert_allclose(np.median(values.values[0][:, clear], 1), 0, atol=1e-2)
        np.testing.assert_allclose(values.values[0][:, clear].std(1), 1, atol=1e-2)
        np.testing.assert_allclose(scale.undo(values).values, radiance(stack).values, atol=1e-3)


def test_a_row_without_statistics_and_a_flat_scene_are_refused() -> None:
    with pytest.raises(NotFound, match="dione vhr statistics"):
        Normalisation.of_row({"scene": "a"})
    row = {"scene": "a"} | {f"{band}_clear_{what}_radiance": 0.0 for band in ("blue", "green", "red", "nir") for what in ("median", "std")}
    with pytest.raises(BadValues, match="deviations above 0"):
        Normalisation.of_row(row)


def test_a_stack_without_radiance_is_refused(delivery: Delivered) -> None:
    with pytest.raises(BadValues, match="does not tell the radiance"):
        radiance(delivery.series.stack)
