"""Pieces add up to the whole, exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dione.base.errors import BadValues
from dione.prepare.reference.histogram import Histogram


@given(arrays(np.uint16, st.tuples(st.just(2), st.integers(1, 6), st.integers(1, 7))), st.integers(1, 6))
def test_median_mean_and_deviation_are_numpy_s_for_any_numbers_and_any_cut(numbers: np.ndarray, cut: int) -> None:
    where = np.ones(numbers.shape[1:], bool)
    made = Histogram.of(numbers[:, :cut], where[:cut]) + Histogram.of(numbers[:, cut:], where[cut:])
    flat = numbers.reshape(2, -1).astype(float)
    np.testing.assert_array_equal(made.median(), np.median(flat, 1))
    np.testing.assert_allclose(made.mean(), flat.mean(1))
    np.testing.assert_allclose(made.deviation(), flat.std(1), atol=1e-6)
    assert made.total == flat.shape[1]


def test_only_the_pixels_asked_for_count() -> None:
    numbers = np.array([[[1, 2], [3, 60_000]]], np.uint16)
    assert Histogram.of(numbers, numbers[0] < 100).median() == [2]


def test_nothing_has_no_median() -> None:
    empty = Histogram.empty(4)
    assert np.isnan([empty.median(), empty.mean(), empty.deviation()]).all()


def test_numbers_of_more_than_16_bits_are_refused() -> None:
    with pytest.raises(BadValues, match="float32 numbers; statistics need uint8 or uint16"):
        Histogram.of(np.ones((1, 2, 2), np.float32), np.ones((2, 2), bool))
